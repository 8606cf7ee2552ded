"""Scores of labelled messages, computed by hand here."""

from pathlib import Path

import pytest

from bot.trainer.evaluation import (
    EvaluationFailed,
    Labelled,
    Reading,
    disposition_of,
    read_labelled,
    score,
    topic_of,
)


def reading(intent: str, language: str | None = "fr", milliseconds: float = 4.0) -> Reading:
    return Reading(intent, 0.8, language, milliseconds)


@pytest.mark.parametrize(
    ("intent", "disposition", "topic"),
    [
        ("faq_opening_hours", "answer", "opening_hours"),
        ("chitchat_greet", "answer", "greet"),
        ("private_order_status", "escalate_private", "order_status"),
        ("contentious_double_charge", "escalate_contentious", "double_charge"),
        ("human_agent", "human", "agent"),
        ("off_topic", "off_topic", "off_topic"),
        ("off_topic_attachment", "off_topic", "attachment"),
        ("nlu_fallback", "off_topic", "nlu_fallback"),
        ("contact_inform", "other", "contact_inform"),
    ],
)
def test_the_prefix_of_an_intent_is_its_disposition(intent: str, disposition: str, topic: str) -> None:
    assert disposition_of(intent) == disposition
    assert topic_of(intent) == topic


LABELLED = [
    Labelled("a", "fr", "answer", topic="opening_hours"),
    Labelled("b", "en", "answer"),
    Labelled("c", "fr", "escalate_private", topic="order_status"),
    Labelled("d", "fr", "escalate_contentious", acceptable=("escalate_private",)),
    Labelled("e", "en"),
]
READINGS = [
    reading("faq_opening_hours", milliseconds=3.0),
    reading("private_order_status", "en", 4.0),
    reading("private_refund_status", None, 5.0),
    reading("private_order_status", "en", 6.0),
    reading("nlu_fallback", None, 40.0),
]


def test_scores_are_those_computed_by_hand() -> None:
    scores = score(LABELLED, READINGS, default="fr")
    assert scores["n"] == 5
    assert scores["disposition_accuracy"] == 0.75
    assert scores["by_disposition"]["answer"] == {"n": 2, "precision": 1.0, "recall": 0.5, "f1": 0.6667}
    assert scores["by_disposition"]["escalate_private"] == {"n": 1, "precision": 0.5, "recall": 1.0, "f1": 0.6667}
    assert scores["by_lang"] == {
        "en": {"n": 1, "disposition_accuracy": 0.0},
        "fr": {"n": 3, "disposition_accuracy": 1.0},
    }
    assert scores["topic_accuracy"] == 0.5
    assert scores["confusion"]["answer"] == {"answer": 1, "escalate_private": 1}
    assert scores["latency_ms"] == {"p50": 5.0, "p95": 6.0}


def test_an_acceptable_prediction_counts_as_the_expected_one() -> None:
    scores = score(LABELLED, READINGS, default="fr")
    assert scores["by_disposition"]["escalate_contentious"] == {"n": 1, "precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert [mistake["text"] for mistake in scores["mistakes"]] == ["b"]
    assert scores["mistakes"][0] == {
        "text": "b",
        "expected": "answer",
        "predicted": "escalate_private",
        "intent": "private_order_status",
        "confidence": 0.8,
    }


def test_where_the_model_is_unsure_the_assistant_speaks_its_first_language() -> None:
    # a fr/fr, b en/en, c fr/unsure, d fr/en, e en/unsure
    assert score(LABELLED, READINGS, default="fr")["language_accuracy"] == 0.6


def test_without_labels_there_is_no_score() -> None:
    scores = score([Labelled("a")], [reading("faq_x")], default="fr")
    assert scores["disposition_accuracy"] is None
    assert scores["language_accuracy"] is None
    assert scores["mistakes"] == []


def test_fields_that_we_do_not_know_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text('{"text": "où ?", "lang": "fr", "urgency": 3, "source": "x"}\n\n{"text": "hi"}\n', encoding="utf-8")
    assert read_labelled(path) == [Labelled("où ?", "fr"), Labelled("hi")]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{text: 1}", "no JSON"),
        ('{"lang": "fr"}', "a text is needed"),
        ('{"text": " "}', "a text is needed"),
        ('["text"]', "a text is needed"),
        ('{"text": "a", "lang": 1}', "lang must be"),
        ('{"text": "a", "acceptable": "answer"}', "acceptable must be"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text(f'{{"text": "fine"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(EvaluationFailed, match=rf"messages\.jsonl:2: .*{problem}"):
        read_labelled(path)


def test_an_empty_file_is_no_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    path.write_text("\n")
    with pytest.raises(EvaluationFailed, match="holds no message"):
        read_labelled(path)


def test_where_the_assistant_would_ask_the_likelier_of_the_two_counts() -> None:
    asks = Reading("nlu_ambiguous", 0.8, "fr", 4.0, ["nlu_ambiguous", "private_invoice", "faq_invoice"])
    assert asks.disposition == "escalate_private"
    assert asks.topic == "invoice"


def test_a_language_that_is_not_served_is_right_when_it_was_named() -> None:
    spanish = Reading("faq_opening_hours", 0.8, "en", 4.0, other_language="es")
    german = Reading("faq_opening_hours", 0.8, "en", 4.0)
    labelled = [Labelled("a qué hora", "es"), Labelled("wann", "de")]
    assert score(labelled, [spanish, german], default="fr")["language_accuracy"] == 0.5


def test_severity_is_scored_only_for_a_model_that_says_one() -> None:
    labelled = [Labelled("a", severity="critical"), Labelled("b", severity="low"), Labelled("c", severity="high")]
    silent = [reading("faq_x")] * 3
    assert score(labelled, silent, default="fr")["severity"] is None
    speaking = [Reading("x", 0.8, "fr", 4.0, severity=said) for said in ("critical", None, "critical")]
    assert score(labelled, speaking, default="fr")["severity"] == {"accuracy": 0.6667, "urgent_recall": 1.0}
