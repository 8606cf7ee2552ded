"""What the intent classifier learns from, and how it would judge each of it without having seen it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold

from parvis_nlu.confidence import Scope
from parvis_nlu.gravity import plain_name
from parvis_nlu.intent_judges import Judges, Opinions
from parvis_nlu.parallel import run_all
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
_MOST_COPIES = 6_500
# Starting processes takes two or three seconds: as long as learning so many rows.
_WORTH_PROCESSES = 3000

Copies = Callable[[str], list[str]]


@dataclass(frozen=True)
class Corpus:
    """Rows to learn from: first the ``given`` examples, then the intents' names, then noisy copies of the examples.

    ``origin[i]`` is the number of the row whose copy row i is, or i.
    """

    texts: list[str]
    classes: np.ndarray
    intents: list[str]
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
        return cls(rows, np.array(classes), intents, np.array(origin), len(texts))

    @property
    def owners(self) -> list[str]:
        return [self.texts[at] for at in self.origin]

    @property
    def are_examples(self) -> np.ndarray:
        return self.origin == np.arange(len(self.origin))


@dataclass(frozen=True)
class Judged:
    """What judges make of examples and copies that they have not seen; ``classes`` tells what each is."""

    logits: np.ndarray
    logits_of_meaning: np.ndarray
    classes: np.ndarray
    are_examples: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """How much each counts."""
        examples = np.count_nonzero(self.are_examples)
        copies = len(self.are_examples) - examples
        return np.where(self.are_examples, 1.0, _COPIES_PER_EXAMPLE * examples / max(1, copies))


def learn_and_validate(corpus: Corpus, seen: Seen, scope: Scope, processes: int | None) -> tuple[Judges, Judged]:
    """The judges who have learnt from everything, and what others made of what they had not seen."""
    splits = _splits(corpus, scope)
    everything = np.arange(len(corpus.classes))
    jobs = [(corpus, seen, everything, everything[:0]), *((corpus, seen, *split) for split in splits)]
    if processes is None and len(everything) < _WORTH_PROCESSES:
        processes = 1
    (judges, *_), *_ = learnt = run_all(_learn_and_judge, jobs, processes)
    opinions = _joined([of_all for _, of_all, _ in learnt])
    of_meaning = _joined([of_meaning for _, _, of_meaning in learnt])
    judged = np.concatenate([asked for *_, asked in jobs])
    classes, are_examples = corpus.classes[judged], corpus.are_examples[judged]
    scale = opinions[are_examples].best_scale(classes[are_examples])
    logits, logits_of_meaning = opinions.together(scale), of_meaning.together(scale)
    return judges.scaled(scale), Judged(logits, logits_of_meaning, classes, are_examples)


def _splits(corpus: Corpus, scope: Scope) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows to learn from and rows to judge, as many as are enough.

    Examples that are alone in their intent are always learnt and never judged: left out, they could only be
    mistaken."""
    classes = corpus.classes[: corpus.given]
    counts = Counter(classes)
    judged = np.array([at for at, one in enumerate(classes) if counts[one] > 1], dtype=int)
    folds = min([_FOLDS, *(counts[one] for one in classes[judged])])
    if folds < 2 or len(counts) < 2:
        return []
    splits: list[tuple[np.ndarray, np.ndarray]] = []
    splitter = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    for _, held_out in splitter.split(judged, classes[judged]):
        is_held_out = np.isin(corpus.origin, judged[held_out])
        # Their noisy copies are judged, too: what customers mistype shall not be handed over for that.
        asked = np.flatnonzero(is_held_out & ~scope.out[corpus.classes])
        if len(asked):
            splits.append((np.flatnonzero(~is_held_out), asked))
        if sum(len(asked) for _, asked in splits) >= _ENOUGH_JUDGED:
            break  # enough for the quantile
    return splits


def _learn_and_judge(
    corpus: Corpus, seen: Seen, learnt: np.ndarray, asked: np.ndarray
) -> tuple[Judges, Opinions, Opinions]:
    """Also the opinions of the judges on what is ``asked``, of everything that is seen and of its meaning alone."""
    classes, are_examples = corpus.classes, corpus.are_examples
    judges = Judges.learn(seen[learnt], classes[learnt], are_examples[learnt], corpus.intents)
    return judges, judges.opinions(seen[asked]), judges.opinions_of_meaning(seen.vectors[asked])


def _joined(parts: Sequence[Opinions]) -> Opinions:
    return Opinions(np.concatenate([part.logits for part in parts]), np.concatenate([part.cosines for part in parts]))


def _thinned(made: list[tuple[str, int]], most: int) -> list[tuple[str, int]]:
    if len(made) <= most:
        return made
    kept = np.random.RandomState(_SEED).permutation(len(made))[:most]
    return [made[at] for at in sorted(kept)]
