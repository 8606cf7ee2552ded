"""The learnt part of the intent classifier: texts are seen (``seeing``), intents ranked (``intent_judges``), and the
verdict gets a confidence (``confidence``).

The name of an intent is one more example of it. Noisy copies of the examples count, too, so that a slip of the finger
is no reason to hand over. Everything is kept as arrays and JSON: a model file holds no pickle.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from parvis_nlu.confidence import Options, Scales, Scope, are_grave_intents, closeness_of, distance
from parvis_nlu.corpus import Copies, Corpus, learn_and_validate
from parvis_nlu.encoder import load_encoder
from parvis_nlu.intent_judges import Judges, leanings_of
from parvis_nlu.seeing import Eye


@dataclass(frozen=True)
class Prediction:
    """``ambiguous``: the first two of the ranking are too close to choose between, and worth a question."""

    intent: str
    confidence: float
    ranking: list[tuple[str, float]]
    ambiguous: bool = False


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
        self._grave = are_grave_intents(intents)
        self._leanings = leanings_of(intents)
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
        corpus = Corpus.of(texts, labels, intents, scope, copies)
        eye, seen = Eye.learn(corpus.texts, corpus.owners, options.encoder, options.processes)
        judges, judged = learn_and_validate(corpus, seen, scope, options.processes)
        grave = are_grave_intents(intents)[judged.classes]
        leanings = leanings_of(intents)
        chosen, chosen_by_meaning = (
            (logits + leanings).argmax(axis=1) for logits in (judged.logits, judged.logits_of_meaning)
        )
        return cls(
            intents,
            scope,
            eye,
            judges,
            Scales.of(scope.score(judged.logits, chosen), judged.weights, grave, options),
            Scales.of(scope.score(judged.logits_of_meaning, chosen_by_meaning), judged.weights, grave, options),
            closeness_of(judged.logits[judged.are_examples] + leanings, intents, options.ambiguity),
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
        leant = logits + self._leanings
        chosen = leant.argmax(axis=1)
        scores = self._scope.score(logits, chosen)
        return [
            self._prediction(row, scales.confidence(score, self._grave[intent]), ranking_length)
            for row, score, intent in zip(leant, scores, chosen, strict=True)
        ]

    def _prediction(self, logits: np.ndarray, confidence: float, ranking_length: int) -> Prediction:
        order = np.argsort(-logits, kind="stable")[: max(3, ranking_length)]
        # Runners-up keep their distance to the first in probability, under the first one's confidence.
        shares = np.exp(logits[order] - logits[order[0]]) * confidence
        ranking = [(self.intents[i], float(share)) for i, share in zip(order, shares, strict=True)]
        ambiguous = distance(logits, order, self.intents) < self._too_close
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
