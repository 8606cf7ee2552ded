"""The learnt part of the intent classifier, on a small bot."""

from pathlib import Path

import numpy as np
import pytest

from parvis_nlu.confidence import HANDOVER_CONFIDENCE, Options, Scale, Scales
from parvis_nlu.head import IntentHead
from parvis_nlu.noise import noisy_copies

EXAMPLES = {
    "faq_opening_hours": [
        "vous ouvrez à quelle heure ?",
        "quels sont vos horaires",
        "le magasin est ouvert le dimanche ?",
        "jusqu'à quelle heure êtes-vous ouverts",
        "what time do you open",
        "opening hours please",
        "are you open on sunday",
        "when does the shop close",
    ],
    "private_order_status": [
        "où est ma commande ?",
        "je n'ai pas reçu mon colis",
        "suivi de ma commande",
        "ma livraison n'est pas arrivée",
        "where is my order",
        "my parcel has not arrived",
        "track my package",
        "I still have not received my delivery",
    ],
    "human_agent": [
        "je veux parler à quelqu'un",
        "un humain s'il vous plaît",
        "passez-moi un conseiller",
        "je préfère parler à une vraie personne",
        "can I talk to a person",
        "a real human please",
        "let me speak to an agent",
        "put me through to someone",
    ],
}
TEXTS = [text for texts in EXAMPLES.values() for text in texts]
LABELS = [intent for intent, texts in EXAMPLES.items() for _ in texts]


@pytest.fixture(scope="module")
def head() -> IntentHead:
    return IntentHead.learn(TEXTS, LABELS, Options(), noisy_copies)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("A quelle heure fermez vous samedi", "faq_opening_hours"),
        ("HORAIRES SVP", "faq_opening_hours"),
        ("my order never showed up", "private_order_status"),
        ("ou en est mon coli", "private_order_status"),
        ("could I speak with somebody real", "human_agent"),
    ],
)
def test_unseen_wording_finds_its_intent(head: IntentHead, text: str, intent: str) -> None:
    assert head.predict(text, 3).intent == intent


def test_what_the_bot_knows_is_above_the_hand_over_point_and_nonsense_below(head: IntentHead) -> None:
    known = [head.predict(text, 1).confidence for text in TEXTS]
    strange = ["quelle est la capitale du Pérou", "xk qzv wprt", "il pleut des grenouilles violettes"]
    assert np.mean([confidence >= HANDOVER_CONFIDENCE for confidence in known]) >= 0.95
    assert np.mean([head.predict(text, 1).confidence for text in strange]) < np.mean(known)


def test_ranking_starts_with_the_prediction_and_falls(head: IntentHead) -> None:
    prediction = head.predict("where is my order", 3)
    confidences = [confidence for _, confidence in prediction.ranking]
    assert prediction.ranking[0] == (prediction.intent, prediction.confidence)
    assert confidences == sorted(confidences, reverse=True)
    assert len(head.predict("where is my order", 2).ranking) == 2


def test_a_stored_head_predicts_exactly_as_before(head: IntentHead, tmp_path: Path) -> None:
    head.save(tmp_path, Options())
    restored = IntentHead.load(tmp_path)
    for text in (*TEXTS, "et le samedi ?", "zzz"):
        before, after = head.predict(text, 3), restored.predict(text, 3)
        assert after.intent == before.intent
        assert after.confidence == pytest.approx(before.confidence, abs=1e-5)


def test_the_same_examples_make_the_same_model(head: IntentHead) -> None:
    again = IntentHead.learn(TEXTS, LABELS, Options(), noisy_copies)
    assert again.predict("mon colis", 3) == head.predict("mon colis", 3)


def test_a_bot_with_a_single_intent_can_be_trained() -> None:
    head = IntentHead.learn(["bonjour", "salut"], ["chitchat_greet"] * 2, Options())
    assert head.predict("hello", 5).intent == "chitchat_greet"


def test_two_intents_are_told_apart() -> None:
    texts = EXAMPLES["faq_opening_hours"] + EXAMPLES["human_agent"]
    head = IntentHead.learn(texts, ["hours"] * 8 + ["human"] * 8, Options())
    assert head.predict("quelle heure ouvrez-vous", 2).intent == "hours"
    assert head.predict("parler à un conseiller", 2).intent == "human"


def test_an_intent_with_one_example_does_not_stop_the_training() -> None:
    head = IntentHead.learn([*TEXTS, "vendez-vous des bons cadeaux"], [*LABELS, "faq_gift_card"], Options())
    assert head.predict("vendez vous des cadeaux ?", 4).intent == "faq_gift_card"


def test_nothing_to_learn_from_is_an_error() -> None:
    with pytest.raises(ValueError, match="no example"):
        IntentHead.learn([], [], Options())


def test_the_scale_puts_the_asked_share_of_examples_under_the_hand_over_point() -> None:
    scores = np.linspace(-3, 9, 1001)
    scale = Scale.of(scores, np.ones(1001), 0.05)
    confidences = np.array([scale.confidence(score) for score in scores])
    assert np.mean(confidences < HANDOVER_CONFIDENCE) == pytest.approx(0.05, abs=0.002)
    assert (np.diff(confidences) > 0).all()
    assert scale.confidence(float(np.median(scores))) == pytest.approx(0.9)


def test_what_counts_less_moves_the_hand_over_point_less() -> None:
    scores, weights = np.array([0.0] * 10 + [5.0] * 90), np.array([0.1] * 10 + [1.0] * 90)
    assert Scale.of(scores, weights, 0.05).handover_score == 5.0
    assert Scale.of(scores, np.ones(100), 0.05).handover_score == 0.0


def test_a_misspelt_question_is_read_as_it_was_meant(head: IntentHead) -> None:
    assert head.predict("whre is myo rder", 3).intent == "private_order_status"
    assert head.predict("quels snot vos horiares", 3).intent == "faq_opening_hours"


def test_a_language_without_examples_is_judged_by_its_meaning(head: IntentHead) -> None:
    for text, intent in (
        ("¿dónde está mi pedido?", "private_order_status"),
        ("Wann habt ihr sonntags geöffnet?", "faq_opening_hours"),
        ("vorrei parlare con una persona", "human_agent"),
    ):
        assert head.predict_all([text], 3, unlearnt_language=True)[0].intent == intent


def test_two_near_intents_are_called_ambiguous_and_small_talk_never() -> None:
    texts = ["refund my order", "money back please", "refund me now", "I want my money back"]
    texts += ["cancel my order", "stop my order please", "cancel it now", "I want to cancel the order"]
    labels = ["private_refund_status"] * 4 + ["private_order_cancel"] * 4
    asking = IntentHead.learn(texts, labels, Options(ambiguity=0.5))
    assert any(asking.predict(text, 2).ambiguous for text in ("order money", "cancel refund order", "my order please"))
    silent = IntentHead.learn(texts, labels, Options(ambiguity=0.0))
    assert not any(silent.predict(text, 2).ambiguous for text in texts)
    chatty = IntentHead.learn(texts, ["chitchat_greet"] * 4 + ["chitchat_bye"] * 4, Options(ambiguity=0.5))
    assert not any(chatty.predict(text, 2).ambiguous for text in ("order money", "cancel refund order"))


def test_examples_of_the_out_of_scope_intent_do_not_move_the_hand_over_point() -> None:
    odd = ["la lune est rousse", "deux et deux font cinq", "chante une chanson", "what is love", "sing me a song"]
    texts, labels = [*TEXTS, *odd], [*LABELS, *["off_topic"] * len(odd)]
    with_odd = IntentHead.learn(texts, labels, Options(), out_of_scope=["off_topic"])
    assert with_odd.predict("where is my order", 1).confidence > HANDOVER_CONFIDENCE
    assert "off_topic" in with_odd.intents


def test_an_intent_that_goes_to_a_person_has_a_hand_over_point_of_its_own() -> None:
    scores, weights, are_grave = np.linspace(0, 10, 1001), np.ones(1001), np.arange(1001) % 2 == 0
    scales = Scales.of(scores, weights, are_grave, Options(handover=0.10, grave_handover=0.02))
    assert scales.ordinary.handover_score == pytest.approx(1.0, abs=0.05)
    assert scales.grave.handover_score == pytest.approx(0.2, abs=0.05)
    assert scales.confidence(0.5, is_grave=True) > HANDOVER_CONFIDENCE > scales.confidence(0.5, is_grave=False)


def test_labels_without_a_grave_prefix_know_one_hand_over_point() -> None:
    plain = [label.partition("_")[2] for label in LABELS]
    strict, lenient = (
        IntentHead.learn(TEXTS, plain, Options(grave_handover=share), noisy_copies) for share in (0.01, 0.4)
    )
    for text in (*TEXTS[::5], "zzz", "quelle est la capitale du Pérou"):
        assert strict.predict(text, 2) == lenient.predict(text, 2)


def test_the_number_of_processes_does_not_change_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parvis_nlu.seeing.BATCH", 10)
    stored = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        IntentHead.learn(TEXTS, LABELS, Options(processes=processes), noisy_copies).save(folder, Options())
        with np.load(folder / "head.npz") as arrays:
            stored.append(((folder / "head.json").read_text(encoding="utf-8"), dict(arrays)))
    (facts, arrays), (other_facts, other_arrays) = stored
    assert facts == other_facts
    assert all(np.array_equal(arrays[name], other_arrays[name]) for name in arrays)
