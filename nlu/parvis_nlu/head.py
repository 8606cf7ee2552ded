"""The learnt part of the intent classifier: how a text is seen, how intents are ranked, and what the confidence means.

**Seen.** A sentence vector (meaning, across languages) beside words and letter groups (names, spelling). Misspelt words
are guessed (``parvis_nlu.spelling``) and both readings count: vectors are averaged, letter groups united.

**Ranked.** Two judges are added up: a logistic regression over all of that, and the nearest example of each intent, by
the angle between sentence vectors after whitening (directions in which examples of one intent differ anyway count
less). Where an intent has few examples, a second regression, over sentence vectors alone, has a share in the first
one's verdict. The name of an intent is one more example of it. A text in a language that the examples do not hold is
judged by its sentence vector alone: the letter groups of other languages mislead.

**Confidence.** A regression is certain even of nonsense, so certainty is not asked: the sum over the intents of what
both judges found, however it is shared among them (its log-sum-exp), less half of what speaks for an intent that is out
of scope. The result is stretched so that 0.5 is the hand-over point: the score under which ``handover`` of the
trainers' own examples fall when a model judges them that has not seen them. 0.9 is the median example. So one threshold
fits every bot, however many intents it has. Intents that take the matter to a person anyway have a scale of their own,
with ``grave_handover`` instead. Noisy copies of the examples count, too, so that a slip of the finger is no reason to
hand over. In the same way ``ambiguity`` is the share of examples whose first two intents are
called too close.

Everything is kept as arrays and JSON: a model file holds no pickle.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logsumexp
from sklearn.model_selection import StratifiedKFold

from parvis_nlu.encoder import SentenceEncoder, load_encoder
from parvis_nlu.features import Grams
from parvis_nlu.gravity import gravity_of, plain_name
from parvis_nlu.regression import fit
from parvis_nlu.spelling import Speller

HANDOVER_CONFIDENCE = 0.5
MEDIAN_CONFIDENCE = 0.9
_FOLDS = 5
# The hand-over point is a quantile: of so many judged examples it is good to a percentage point or less, and each fold
# costs as much as the model itself.
_ENOUGH_JUDGED = 2000
_SEED = 0
# Customers mistype some of their messages: where the hand-over point is set, noisy copies together count as much as so
# many examples for each one.
_COPIES_PER_EXAMPLE = 0.6
# How much a noisy copy counts in learning, beside an example.
_WEIGHT_OF_COPIES = 0.4

_REGULARISATION = 20.0
_VECTOR_WEIGHT = 2.0
# With so many examples an intent, the regression that knows sentence vectors alone counts as much as the one that also
# knows letter groups: those of few examples mislead.
_FEW_EXAMPLES = 5
_WHITENING_SHRINKAGE = 0.6
# Cosines are divided by this to weigh as much as the logits of the regression.
_COSINE_SCALE = 0.15
_OUT_OF_SCOPE_WEIGHT = 0.5
# Copies of examples are a help, not the data: a bot that has many examples needs few.
_MOST_COPIES = 6_000
_MOST_NEIGHBOURS = 6_000
# The third intent must be this many times less likely than the second (as a logarithm) when two are called close.
_CLEAR_OF_THE_REST = 1.0

Copies = Callable[[str], list[str]]


@dataclass(frozen=True)
class Options:
    """``handover``: how often the bot may hand over a question it could have answered, as a share of all.

    ``grave_handover``: how often it may take a message for out of scope that belongs to an intent of ``human_``,
    ``private_`` or ``contentious_``: there a person reads along, so doubt costs less than not being heard.
    ``ambiguity``: how often it may ask which of two was meant. ``encoder``: a class, see ``parvis_nlu.encoder``.
    """

    handover: float = 0.05
    grave_handover: float = 0.02
    ambiguity: float = 0.03
    encoder: str = "parvis_nlu.encoder.UniversalSentenceEncoder"


@dataclass(frozen=True)
class Prediction:
    """``ambiguous``: the first two of the ranking are too close to choose between, and worth a question."""

    intent: str
    confidence: float
    ranking: list[tuple[str, float]]
    ambiguous: bool = False


@dataclass(frozen=True)
class Seen:
    """Texts as rows: sentence vectors, and letter groups."""

    vectors: np.ndarray
    grams: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> Seen:
        return Seen(self.vectors[rows], self.grams[rows])

    @property
    def all(self) -> np.ndarray:
        return np.hstack([self.meaning, self.grams])

    @property
    def meaning(self) -> np.ndarray:
        return self.vectors * np.float32(_VECTOR_WEIGHT)


class Eye:
    """Turns texts into what the judges see."""

    def __init__(self, encoder: SentenceEncoder, speller: Speller, grams: Grams) -> None:
        self._encoder = encoder
        self._speller = speller
        self._grams = grams

    @classmethod
    def learn(cls, texts: Sequence[str], owners: Sequence[str], encoder: SentenceEncoder) -> tuple[Eye, Seen]:
        """``owners``: for each text the example that it is a copy of. An example is corrected as if its own words were
        not known, since those of a customer's message may not be either."""
        speller = Speller.learn(list(dict.fromkeys(owners)), encoder.words())
        meant = [speller.correct(text, unseen=owner) for text, owner in zip(texts, owners, strict=True)]
        grams, rows = Grams.learn([_both(*pair) for pair in zip(texts, meant, strict=True)])
        eye = cls(encoder, speller, grams)
        return eye, Seen(eye._vectors(texts, meant), rows)

    def see(self, texts: Sequence[str]) -> Seen:
        meant = [self._speller.correct(text) for text in texts]
        grams = self._grams.rows([_both(*pair) for pair in zip(texts, meant, strict=True)])
        return Seen(self._vectors(texts, meant), grams)

    def meaning(self, texts: Sequence[str]) -> np.ndarray:
        """The sentence vectors of texts as they are."""
        return self._encoder.encode(list(texts))

    def _vectors(self, texts: Sequence[str], meant: Sequence[str]) -> np.ndarray:
        guessed = [at for at, (text, guess) in enumerate(zip(texts, meant, strict=True)) if text != guess]
        vectors = self._encoder.encode([*texts, *(meant[at] for at in guessed)])
        own, of_guesses = vectors[: len(texts)], vectors[len(texts) :]
        own[guessed] = _unit(own[guessed] + of_guesses)
        return own

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        groups, weights = self._grams.state()
        return {"groups": groups, "spelling": self._speller.state()}, {"group_weights": weights}

    @classmethod
    def restore(cls, facts: dict[str, Any], arrays: dict[str, np.ndarray], encoder: SentenceEncoder) -> Eye:
        speller = Speller.restore(facts["spelling"], encoder.words())
        return cls(encoder, speller, Grams(facts["groups"], arrays["group_weights"]))


class Neighbours:
    """The nearest example of each intent."""

    def __init__(self, middle: np.ndarray, whitening: np.ndarray, examples: np.ndarray, starts: np.ndarray) -> None:
        self._middle = middle
        self._whitening = whitening
        self._examples = examples
        self._starts = starts

    @classmethod
    def learn(cls, vectors: np.ndarray, classes: np.ndarray) -> Neighbours:
        count = int(classes.max()) + 1
        means = np.stack([vectors[classes == one].mean(axis=0) for one in range(count)])
        middle = means.mean(axis=0)
        whitening = _whitening(vectors - means[classes])
        kept = _evenly(classes, _MOST_NEIGHBOURS)
        kept = kept[np.argsort(classes[kept], kind="stable")]
        starts = np.searchsorted(classes[kept], np.arange(count))
        return cls(middle, whitening, _unit((vectors[kept] - middle) @ whitening), starts)

    def logits(self, vectors: np.ndarray) -> np.ndarray:
        cosines = _unit((vectors - self._middle) @ self._whitening) @ self._examples.T
        return np.maximum.reduceat(cosines, self._starts, axis=1) / np.float32(_COSINE_SCALE)

    def state(self) -> dict[str, np.ndarray]:
        return {
            "middle": self._middle,
            "whitening": self._whitening,
            "examples": self._examples,
            "starts": self._starts,
        }


class Judges:
    """Logits of every intent for what was seen. ``meaning_*`` judge sentence vectors alone."""

    def __init__(self, weights: dict[str, np.ndarray], neighbours: Neighbours) -> None:
        self._weights = weights
        self._neighbours = neighbours

    @classmethod
    def learn(cls, seen: Seen, classes: np.ndarray, are_examples: np.ndarray) -> Judges:
        """``are_examples``: which rows are examples rather than noisy copies of one."""
        own, examples = classes[are_examples], seen[are_examples]
        counts = np.where(are_examples, 1.0, _WEIGHT_OF_COPIES)
        meaning = fit(examples.meaning, own, _REGULARISATION, np.ones(len(own)))
        weights, bias = fit(seen.all, classes, _REGULARISATION, counts)
        share = _FEW_EXAMPLES / (_FEW_EXAMPLES + len(own) / (own.max() + 1))
        weights *= 1 - share
        weights[: len(meaning[0])] += share * meaning[0]
        bias = (1 - share) * bias + share * meaning[1]
        arrays = {"weights": weights, "bias": bias, "meaning_weights": meaning[0], "meaning_bias": meaning[1]}
        neighbours = Neighbours.learn(examples.vectors, own)
        return cls(arrays, neighbours)

    def logits(self, seen: Seen) -> np.ndarray:
        near = self._neighbours.logits(seen.vectors)
        return (seen.all @ self._weights["weights"] + self._weights["bias"] + near).astype(np.float64)

    def logits_of_meaning(self, vectors: np.ndarray) -> np.ndarray:
        own = vectors * np.float32(_VECTOR_WEIGHT) @ self._weights["meaning_weights"] + self._weights["meaning_bias"]
        return (own + self._neighbours.logits(vectors)).astype(np.float64)

    def state(self) -> dict[str, np.ndarray]:
        return self._weights | self._neighbours.state()

    @classmethod
    def restore(cls, arrays: dict[str, np.ndarray]) -> Judges:
        names = ("weights", "bias", "meaning_weights", "meaning_bias")
        near = ("middle", "whitening", "examples", "starts")
        return cls({name: arrays[name] for name in names}, Neighbours(**{name: arrays[name] for name in near}))


@dataclass(frozen=True)
class Scope:
    """Which intents are out of scope; says how much a message is in it (or out of it, when its first intent is)."""

    out: np.ndarray

    def score(self, logits: np.ndarray) -> np.ndarray:
        """One number a row of logits."""
        if not self.out.any() or self.out.all():
            return logsumexp(logits, axis=1)
        within, without = logsumexp(logits[:, ~self.out], axis=1), logits[:, self.out].max(axis=1)
        is_out = self.out[logits.argmax(axis=1)]
        return np.where(is_out, without - _OUT_OF_SCOPE_WEIGHT * within, within - _OUT_OF_SCOPE_WEIGHT * without)


@dataclass(frozen=True)
class Scale:
    """Turns a score into a confidence without changing any order, so that 0.5 is the hand-over point."""

    handover_score: float
    median_score: float

    @classmethod
    def of(cls, scores: np.ndarray, weights: np.ndarray, handover: float) -> Scale:
        if not len(scores):  # nothing could be judged: every message passes
            return cls(-100.0, 0.0)
        order = np.argsort(scores, kind="stable")
        shares = (np.cumsum(weights[order]) - weights[order] / 2) / weights.sum()
        low, median = np.interp([handover, 0.5], shares, scores[order])
        return cls(float(low), float(max(median, low + 1e-3)))

    def confidence(self, score: float) -> float:
        steepness = np.log(MEDIAN_CONFIDENCE / (1 - MEDIAN_CONFIDENCE)) / (self.median_score - self.handover_score)
        return float(expit(steepness * (score - self.handover_score)))


@dataclass(frozen=True)
class Scales:
    """``grave`` is for intents that take the matter to a person."""

    ordinary: Scale
    grave: Scale

    @classmethod
    def of(cls, scores: np.ndarray, weights: np.ndarray, are_grave: np.ndarray, options: Options) -> Scales:
        """``are_grave`` tells of which kind the intent of each scored message is. A kind without one has the other's
        scale."""

        def scale(rows: np.ndarray, share: float) -> Scale:
            rows = rows if rows.any() else np.ones_like(rows)
            return Scale.of(scores[rows], weights[rows], share)

        return cls(scale(~are_grave, options.handover), scale(are_grave, options.grave_handover))

    @classmethod
    def restore(cls, state: dict[str, dict[str, float]]) -> Scales:
        return cls(Scale(**state["ordinary"]), Scale(**state["grave"]))

    def confidence(self, score: float, is_grave: bool) -> float:
        return (self.grave if is_grave else self.ordinary).confidence(score)


class IntentHead:
    """Learns from labelled texts and predicts. Deterministic: the same examples make the same model."""

    def __init__(
        self,
        intents: list[str],
        scope: Scope,
        eye: Eye,
        judges: Judges,
        scales: Scales,
        meaning_scales: Scales,
        too_close: float,
    ) -> None:
        self.intents = intents
        self._scope = scope
        self._eye = eye
        self._judges = judges
        self._scales = scales
        self._meaning_scales = meaning_scales
        self._grave = _are_grave(intents)
        self._too_close = too_close

    @classmethod
    def learn(
        cls,
        texts: Sequence[str],
        labels: Sequence[str],
        options: Options,
        copies: Copies | None = None,
        out_of_scope: Sequence[str] = (),
    ) -> IntentHead:
        """``copies`` makes noisy variants of an example. ``out_of_scope`` labels are learnt but not scaled by.

        Raises ValueError when there is no example at all.
        """
        if not texts:
            raise ValueError("there is no example to learn from")
        intents = sorted(set(labels))
        scope = Scope(np.array([intent in out_of_scope for intent in intents]))
        corpus = _Corpus.of(texts, labels, intents, scope, copies)
        eye, seen = Eye.learn(corpus.texts, corpus.owners, load_encoder(options.encoder))
        judged = _cross_validate(corpus, seen, scope)
        judges = Judges.learn(seen, corpus.classes, corpus.are_examples)
        grave = _are_grave(intents)[judged.classes]
        return cls(
            intents,
            scope,
            eye,
            judges,
            Scales.of(scope.score(judged.logits), judged.weights, grave, options),
            Scales.of(scope.score(judged.of_meaning), judged.weights, grave, options),
            _closeness_of(judged.logits[judged.are_examples], intents, options.ambiguity),
        )

    def predict(self, text: str, ranking_length: int) -> Prediction:
        return self.predict_all([text], ranking_length)[0]

    def predict_all(self, texts: list[str], ranking_length: int, unlearnt_language: bool = False) -> list[Prediction]:
        """Of several texts at once, which costs far less than one after the other.

        ``unlearnt_language``: the texts are in a language that the examples do not hold.
        """
        if unlearnt_language:
            logits, scales = self._judges.logits_of_meaning(self._eye.meaning(texts)), self._meaning_scales
        else:
            logits, scales = self._judges.logits(self._eye.see(texts)), self._scales
        scores = self._scope.score(logits)
        return [
            self._prediction(row, scales.confidence(score, self._grave[row.argmax()]), ranking_length)
            for row, score in zip(logits, scores, strict=True)
        ]

    def _prediction(self, logits: np.ndarray, confidence: float, ranking_length: int) -> Prediction:
        order = np.argsort(-logits, kind="stable")[: max(3, ranking_length)]
        # Runners-up keep their distance to the first in probability, under the first one's confidence.
        shares = np.exp(logits[order] - logits[order[0]]) * confidence
        ranking = [(self.intents[i], float(share)) for i, share in zip(order, shares, strict=True)]
        ambiguous = _distance(logits, order, self.intents) < self._too_close
        return Prediction(ranking[0][0], confidence, ranking[:ranking_length], ambiguous)

    def save(self, folder: Path, options: Options) -> None:
        seen, arrays = self._eye.state()
        facts = {
            "intents": self.intents,
            "out_of_scope": self._scope.out.tolist(),
            "encoder": options.encoder,
            "scales": asdict(self._scales),
            "meaning_scales": asdict(self._meaning_scales),
            "too_close": self._too_close,
            **seen,
        }
        (folder / "head.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        np.savez(folder / "head.npz", **arrays, **self._judges.state())

    @classmethod
    def load(cls, folder: Path) -> IntentHead:
        """Raises FileNotFoundError when nothing was saved there."""
        facts = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        with np.load(folder / "head.npz", allow_pickle=False) as stored:
            arrays = dict(stored)
        return cls(
            facts["intents"],
            Scope(np.array(facts["out_of_scope"])),
            Eye.restore(facts, arrays, load_encoder(facts["encoder"])),
            Judges.restore(arrays),
            Scales.restore(facts["scales"]),
            Scales.restore(facts["meaning_scales"]),
            facts["too_close"],
        )


@dataclass(frozen=True)
class _Corpus:
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
    ) -> _Corpus:
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
class _Judged:
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


def _cross_validate(corpus: _Corpus, seen: Seen, scope: Scope) -> _Judged:
    """Examples that are alone in their intent are always learnt and never judged: left out, they could only be
    mistaken."""
    classes = corpus.classes[: corpus.given]
    counts = Counter(classes)
    judged = np.array([at for at, one in enumerate(classes) if counts[one] > 1], dtype=int)
    folds = min([_FOLDS, *(counts[one] for one in classes[judged])])
    no_logits = np.zeros((0, len(scope.out)))
    nothing = _Judged(no_logits, no_logits, np.zeros(0, int), np.zeros(0, bool))
    if folds < 2 or len(counts) < 2:
        return nothing
    found: list[_Judged] = []
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
        found.append(_Judged(judges.logits(seen[asked]), of_meaning, corpus.classes[asked], corpus.are_examples[asked]))
        if sum(len(one.logits) for one in found) >= _ENOUGH_JUDGED:
            break  # enough for the quantile
    if not found:
        return nothing
    return _Judged(
        np.concatenate([one.logits for one in found]),
        np.concatenate([one.of_meaning for one in found]),
        np.concatenate([one.classes for one in found]),
        np.concatenate([one.are_examples for one in found]),
    )


def _are_grave(intents: Sequence[str]) -> np.ndarray:
    return np.array([gravity_of(intent) >= gravity_of("human_") for intent in intents])


def _closeness_of(logits: np.ndarray, intents: list[str], share: float) -> float:
    """The distance under which the first two intents of ``share`` of these messages are."""
    if not len(logits) or len(intents) < 2 or share <= 0:
        return 0.0
    orders = np.argsort(-logits, axis=1, kind="stable")[:, :3]
    distances = [_distance(row, order, intents) for row, order in zip(logits, orders, strict=True)]
    return max(0.0, float(np.quantile(distances, share, method="lower")))


def _distance(logits: np.ndarray, order: np.ndarray, intents: list[str]) -> float:
    """Between the first two intents, as a log-ratio; infinite where the question "which?" would not help: when they
    are of very different gravity, small talk, or not clear of the third."""
    if len(order) < 2:
        return np.inf
    gravities = [gravity_of(intents[at]) for at in order[:2]]
    gap = float(logits[order[0]] - logits[order[1]])
    if abs(gravities[0] - gravities[1]) > 1 or gravity_of("chitchat_") in gravities:
        return np.inf
    if len(order) > 2 and logits[order[1]] - logits[order[2]] < _CLEAR_OF_THE_REST:
        return np.inf
    return gap


def _both(text: str, guess: str) -> str:
    return text if text == guess else f"{text} {guess}"


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-9))


def _whitening(differences: np.ndarray) -> np.ndarray:
    """Inverse square root of the covariance, shrunk towards a sphere."""
    size = differences.shape[1]
    covariance = differences.T.astype(np.float64) @ differences / len(differences)
    mean = max(float(np.trace(covariance)) / size, 1e-9)
    covariance = (1 - _WHITENING_SHRINKAGE) * covariance + _WHITENING_SHRINKAGE * mean * np.eye(size)
    values, directions = np.linalg.eigh(covariance)
    return ((directions / np.sqrt(values)) @ directions.T).astype(np.float32)


def _evenly(classes: np.ndarray, most: int) -> np.ndarray:
    """At most so many rows, the same number of each class where it has them; the first ones of a fixed shuffle."""
    if len(classes) <= most:
        return np.arange(len(classes))
    shuffled = np.random.RandomState(_SEED).permutation(len(classes))
    turn: Counter[int] = Counter()
    turns = []
    for at in shuffled:
        turns.append(turn[classes[at]])
        turn[classes[at]] += 1
    return np.sort(shuffled[np.argsort(turns, kind="stable")[:most]])


def _thinned(made: list[tuple[str, int]], most: int) -> list[tuple[str, int]]:
    if len(made) <= most:
        return made
    kept = np.random.RandomState(_SEED).permutation(len(made))[:most]
    return [made[at] for at in sorted(kept)]
