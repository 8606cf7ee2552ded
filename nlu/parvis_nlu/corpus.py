"""What the intent classifier learns from, and how it would judge each of it without having seen it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold

from parvis_nlu.confidence import Scope
from parvis_nlu.gravity import plain_name
from parvis_nlu.intent_judges import Judges
from parvis_nlu.seeing import Seen

_FOLDS = 5
# The hand-over point is a quantile: of so many judged examples it is good to a percentage point or less, and each fold
# costs as much as the model itself.
_ENOUGH_JUDGED = 2000
_SEED = 0
# Customers mistype some of their messages: where the hand-over point is set, noisy copies together count as much as so
# many examples for each one.
_COPIES_PER_EXAMPLE = 0.6
# Copies of examples are a help, not the data: a bot that has many examples needs few.
_MOST_COPIES = 6_000

Copies = Callable[[str], list[str]]


@dataclass(frozen=True)
class Corpus:
    """Rows to learn from: first the ``given`` examples, then the intents' names, then noisy copies of the examples.

    ``origin[i]`` is the number of the row whose copy row i is, or i.
    """

    texts: list[str]
    classes: np.ndarray
    origin: np.ndarray
    given: int

    @classmethod
    def of(
        cls, texts: Sequence[str], labels: Sequence[str], intents: list[str], scope: Scope, copies: Copies | None
    ) -> Corpus:
        number = {intent: at for at, intent in enumerate(intents)}
        rows = list(texts)
        classes = [number[label] for label in labels]
        for intent, is_out in zip(intents, scope.out, strict=True):
            name = plain_name(intent)
            if not is_out and any(letter.isalpha() for letter in name):
                rows.append(name)
                classes.append(number[intent])
        origin = list(range(len(rows)))
        made = [(copy, at) for at, text in enumerate(texts) for copy in (copies(text) if copies else ())]
        for copy, at in _thinned(made, _MOST_COPIES):
            rows.append(copy)
            classes.append(classes[at])
            origin.append(at)
        return cls(rows, np.array(classes), np.array(origin), len(texts))

    @property
    def owners(self) -> list[str]:
        return [self.texts[at] for at in self.origin]

    @property
    def are_examples(self) -> np.ndarray:
        return self.origin == np.arange(len(self.origin))


@dataclass(frozen=True)
class Judged:
    """Logits of examples and copies by judges that have seen neither; ``classes`` tells what each is."""

    logits: np.ndarray
    of_meaning: np.ndarray
    classes: np.ndarray
    are_examples: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """How much each counts."""
        examples = np.count_nonzero(self.are_examples)
        copies = len(self.are_examples) - examples
        return np.where(self.are_examples, 1.0, _COPIES_PER_EXAMPLE * examples / max(1, copies))


def cross_validate(corpus: Corpus, seen: Seen, scope: Scope) -> tuple[Judged, Judges | None]:
    """Also gives the last judges, who have learnt from most of the rows.

    Examples that are alone in their intent are always learnt and never judged: left out, they could only be
    mistaken."""
    classes = corpus.classes[: corpus.given]
    counts = Counter(classes)
    judged = np.array([at for at, one in enumerate(classes) if counts[one] > 1], dtype=int)
    folds = min([_FOLDS, *(counts[one] for one in classes[judged])])
    no_logits = np.zeros((0, len(scope.out)))
    nothing = Judged(no_logits, no_logits, np.zeros(0, int), np.zeros(0, bool))
    if folds < 2 or len(counts) < 2:
        return nothing, None
    found: list[Judged] = []
    judges: Judges | None = None
    splitter = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    for _, held_out in splitter.split(judged, classes[judged]):
        is_held_out = np.isin(corpus.origin, judged[held_out])
        learnt = np.flatnonzero(~is_held_out)
        # Their noisy copies are judged, too: what customers mistype shall not be handed over for that.
        asked = np.flatnonzero(is_held_out & ~scope.out[corpus.classes])
        if not len(asked):
            continue
        judges = Judges.learn(seen[learnt], corpus.classes[learnt], corpus.are_examples[learnt])
        of_meaning = judges.logits_of_meaning(seen.vectors[asked])
        found.append(Judged(judges.logits(seen[asked]), of_meaning, corpus.classes[asked], corpus.are_examples[asked]))
        if sum(len(one.logits) for one in found) >= _ENOUGH_JUDGED:
            break  # enough for the quantile
    if not found:
        return nothing, None
    all_judged = Judged(
        np.concatenate([one.logits for one in found]),
        np.concatenate([one.of_meaning for one in found]),
        np.concatenate([one.classes for one in found]),
        np.concatenate([one.are_examples for one in found]),
    )
    return all_judged, judges


def _thinned(made: list[tuple[str, int]], most: int) -> list[tuple[str, int]]:
    if len(made) <= most:
        return made
    kept = np.random.RandomState(_SEED).permutation(len(made))[:most]
    return [made[at] for at in sorted(kept)]
