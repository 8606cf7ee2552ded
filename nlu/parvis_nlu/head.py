"""The learnt part of the intent classifier: features, a linear model over them, and a confidence that means something.

Features are the sentence vector (meaning, across languages) beside tf-idf of words and characters (names, spelling).
The model is a logistic regression. Two numbers are kept apart:

- the **rank** of the intents is by probability;
- the **confidence** of the first says whether the message is about anything the assistant knows. A logistic regression
  is certain even of nonsense, so its logits are softened (divided by a temperature) first, and the result is stretched
  so that 0.5 is the hand-over point: the score under which ``handover`` of the trainers' own examples fall in
  cross-validation. 0.9 is the median example. So one threshold fits every bot, however many intents it has.

Everything is kept as arrays and JSON: a model file holds no pickle.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import sparse
from scipy.special import log_softmax, softmax
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedKFold

from parvis_nlu.encoder import encode
from parvis_nlu.regression import fit

HANDOVER_CONFIDENCE = 0.5
MEDIAN_CONFIDENCE = 0.9
_FOLDS = 5
_GROWN = 500
_SEED = 0

Copies = Callable[[str], list[str]]


@dataclass(frozen=True)
class Options:
    """``handover``: how often the bot may hand over a question it could have answered, as a share of all."""

    regularisation: float = 20.0
    vector_weight: float = 2.0
    temperature: float = 4.0
    handover: float = 0.05


@dataclass(frozen=True)
class Prediction:
    intent: str
    confidence: float
    ranking: list[tuple[str, float]]


class Features:
    """Turns texts into rows: the sentence vector (dense) and the n-grams (sparse)."""

    def __init__(self, words: TfidfVectorizer, characters: TfidfVectorizer, vector_weight: float) -> None:
        self._words = words
        self._characters = characters
        self._weight = vector_weight

    @classmethod
    def learn(cls, texts: Sequence[str], vector_weight: float) -> Features:
        words = _word_grams()
        # In a grown bot, what occurs once tells nothing and is a third of all.
        characters = _character_grams(at_least=2 if len(texts) >= _GROWN else 1)
        words.fit(texts)
        characters.fit(texts)
        return cls(words, characters, vector_weight)

    def dense(self, vectors: np.ndarray) -> np.ndarray:
        return vectors * self._weight

    def sparse(self, texts: Sequence[str]) -> sparse.csr_matrix:
        parts = [self._words.transform(texts), self._characters.transform(texts)]
        return sparse.hstack(parts, format="csr", dtype=np.float32)

    def state(self) -> tuple[dict[str, list[str]], dict[str, np.ndarray]]:
        vocabularies = {"words": _vocabulary(self._words), "characters": _vocabulary(self._characters)}
        return vocabularies, {"words_idf": self._words.idf_, "characters_idf": self._characters.idf_}

    @classmethod
    def restore(
        cls, vocabularies: dict[str, list[str]], arrays: dict[str, np.ndarray], vector_weight: float
    ) -> Features:
        words, characters = _word_grams(vocabularies["words"]), _character_grams(vocabularies["characters"])
        words.idf_ = arrays["words_idf"]
        characters.idf_ = arrays["characters_idf"]
        return cls(words, characters, vector_weight)


def _word_grams(vocabulary: list[str] | None = None) -> TfidfVectorizer:
    return TfidfVectorizer(
        ngram_range=(1, 2),
        token_pattern=r"(?u)\b\w+\b",  # noqa: S106 - "I", "j", "a" and digits tell much in short messages
        strip_accents="unicode",
        sublinear_tf=True,
        vocabulary=vocabulary,
        dtype=np.float32,
    )


def _character_grams(vocabulary: list[str] | None = None, at_least: int = 1) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(2, 5),
        strip_accents="unicode",
        sublinear_tf=True,
        min_df=at_least,
        vocabulary=vocabulary,
        dtype=np.float32,
    )


def _vocabulary(vectorizer: TfidfVectorizer) -> list[str]:
    return sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)


class LinearModel:
    """Logits of every intent for a row of features."""

    def __init__(self, intents: list[str], weights: np.ndarray, bias: np.ndarray, dense_width: int) -> None:
        self.intents = intents
        self.weights = weights
        self.bias = bias
        self._dense, self._sparse = weights[:dense_width], weights[dense_width:]

    @classmethod
    def learn(cls, dense: np.ndarray, grams: sparse.csr_matrix, labels: Sequence[str], c: float) -> LinearModel:
        intents, truth = np.unique(np.array(labels, dtype=str), return_inverse=True)
        weights, bias = fit(dense, grams, truth, c)
        return cls(intents.tolist(), weights, bias, dense.shape[1])

    def logits(self, dense: np.ndarray, grams: sparse.csr_matrix) -> np.ndarray:
        return dense @ self._dense + grams @ self._sparse + self.bias


@dataclass(frozen=True)
class Scale:
    """Stretches a softened score, without changing any order, so that 0.5 is the hand-over point."""

    handover_score: float
    median_score: float

    @classmethod
    def of(cls, scores: np.ndarray, handover: float) -> Scale:
        low, median = np.quantile(scores, [handover, 0.5])
        low = float(np.clip(low, 1e-6, 0.98))
        return cls(low, float(np.clip(median, low + 1e-6, 0.99)))

    def confidence(self, score: float) -> float:
        scores = (0.0, self.handover_score, self.median_score, 1.0)
        return float(np.interp(score, scores, (0.0, HANDOVER_CONFIDENCE, MEDIAN_CONFIDENCE, 1.0)))


class IntentHead:
    """Learns from labelled texts and predicts. Deterministic: the same examples make the same model."""

    def __init__(self, features: Features, model: LinearModel, scale: Scale, options: Options) -> None:
        self._features = features
        self._model = model
        self._scale = scale
        self._options = options

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
        corpus = _Corpus.of(texts, labels, copies)
        scores = _cross_validated_scores(corpus, options, frozenset(out_of_scope))
        features, model = _fit(corpus, np.arange(len(texts)), options)
        return cls(features, model, Scale.of(scores, options.handover), options)

    def predict(self, text: str, ranking_length: int) -> Prediction:
        return self.predict_all([text], ranking_length)[0]

    def predict_all(self, texts: list[str], ranking_length: int) -> list[Prediction]:
        """Of several texts at once, which costs far less than one after the other."""
        logits = self._model.logits(self._features.dense(encode(texts)), self._features.sparse(texts)).astype(float)
        return [self._prediction(row, ranking_length) for row in logits]

    def _prediction(self, logits: np.ndarray, ranking_length: int) -> Prediction:
        order = np.argsort(-logits, kind="stable")[:ranking_length]
        confidence = self._scale.confidence(_softened(logits[None, :], self._options.temperature)[0])
        # Runners-up keep their distance to the first in probability, under the first one's confidence.
        shares = np.exp(log_softmax(logits)[order] - log_softmax(logits)[order[0]]) * confidence
        ranking = [(self._model.intents[i], float(share)) for i, share in zip(order, shares, strict=True)]
        return Prediction(ranking[0][0], confidence, ranking)

    @property
    def intents(self) -> list[str]:
        return self._model.intents

    def save(self, folder: Path) -> None:
        vocabularies, idf = self._features.state()
        facts = {
            "intents": self._model.intents,
            "vocabularies": vocabularies,
            "options": vars(self._options),
            "scale": vars(self._scale),
        }
        (folder / "head.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        np.savez(folder / "head.npz", weights=self._model.weights, bias=self._model.bias, **idf)

    @classmethod
    def load(cls, folder: Path) -> IntentHead:
        """Raises FileNotFoundError when nothing was saved there."""
        facts = json.loads((folder / "head.json").read_text(encoding="utf-8"))
        with np.load(folder / "head.npz", allow_pickle=False) as stored:
            arrays = dict(stored)
        options = Options(**facts["options"])
        features = Features.restore(facts["vocabularies"], arrays, options.vector_weight)
        grams = sum(len(vocabulary) for vocabulary in facts["vocabularies"].values())
        width = arrays["weights"].shape[0] - grams
        model = LinearModel(facts["intents"], arrays["weights"], arrays["bias"], width)
        return cls(features, model, Scale(**facts["scale"]), options)


@dataclass(frozen=True)
class _Corpus:
    """Examples, their noisy copies, and the sentence vectors of both. ``owner[i]`` is the example behind row i."""

    texts: list[str]
    labels: np.ndarray
    owner: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str], labels: Sequence[str], copies: Copies | None) -> _Corpus:
        all_texts, owner = list(texts), list(range(len(texts)))
        for index, text in enumerate(texts) if copies else ():
            variants = copies(text)
            all_texts += variants
            owner += [index] * len(variants)
        owners = np.array(owner)
        return cls(all_texts, np.array(labels, dtype=object)[owners], owners, encode(all_texts))

    @property
    def examples(self) -> int:
        return int(self.owner.max()) + 1

    def rows_of(self, examples: np.ndarray) -> np.ndarray:
        return np.flatnonzero(np.isin(self.owner, examples))


def _fit(corpus: _Corpus, examples: np.ndarray, options: Options) -> tuple[Features, LinearModel]:
    rows = corpus.rows_of(examples)
    texts = [corpus.texts[row] for row in rows]
    features = Features.learn(texts, options.vector_weight)
    dense, grams = features.dense(corpus.vectors[rows]), features.sparse(texts)
    return features, LinearModel.learn(dense, grams, list(corpus.labels[rows]), options.regularisation)


def _softened(logits: np.ndarray, temperature: float) -> np.ndarray:
    return softmax(logits / temperature, axis=1).max(axis=1)


def _cross_validated_scores(corpus: _Corpus, options: Options, out_of_scope: frozenset[str]) -> np.ndarray:
    """Softened top scores of examples by models that have seen neither them nor their copies.

    Intents with a single example are always learnt and never judged: left out, they could only be mistaken.
    """
    labels = corpus.labels[: corpus.examples]
    counts = Counter(labels)
    judged = np.array([i for i, label in enumerate(labels) if counts[label] > 1], dtype=int)
    folds = min([_FOLDS, *(counts[label] for label in labels[judged])])
    if folds < 2 or len(counts) < 2:
        return np.ones(1)
    always = np.setdiff1d(np.arange(corpus.examples), judged)
    scores: list[np.ndarray] = []
    splitter = StratifiedKFold(folds, shuffle=True, random_state=_SEED)
    for learnt, held_out in splitter.split(judged, labels[judged]):
        features, model = _fit(corpus, np.concatenate([judged[learnt], always]), options)
        asked = np.array([i for i in judged[held_out] if labels[i] not in out_of_scope], dtype=int)
        if len(asked):
            grams = features.sparse([corpus.texts[i] for i in asked])
            logits = model.logits(features.dense(corpus.vectors[asked]), grams)
            scores.append(_softened(logits, options.temperature))
    return np.concatenate(scores) if scores else np.ones(1)
