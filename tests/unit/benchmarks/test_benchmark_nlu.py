"""Labelled sets of others, and scores computed by hand."""

import json
from pathlib import Path

import pytest

from benchmarks.nlu import (
    OUT_OF_SCOPE,
    Labelled,
    Reading,
    UnusableSet,
    macro_f1,
    project_pipeline,
    rasa_names,
    read_set,
    score,
    training_data,
)

NAMES = {"card lost": "card_lost", "top/up": "top_up"}


def test_a_set_is_read_with_its_out_of_scope_messages(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text('{"text": "my card", "intent": "card"}\n{"text": "rain?", "intent": null}\n', encoding="utf-8")
    assert read_set(path) == [Labelled("my card", "card"), Labelled("rain?", None)]


@pytest.mark.parametrize(
    "line", ["no json", '{"text": "a"}', '{"text": " ", "intent": "x"}', '{"text": "a", "intent": 3}']
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(f'{{"text": "fine", "intent": "x"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(UnusableSet, match=r"set\.jsonl:2: "):
        read_set(path)


def test_names_that_rasa_would_take_apart_stay_whole_and_apart() -> None:
    learnt = [Labelled("a", "top/up"), Labelled("b", "top_up"), Labelled("c", OUT_OF_SCOPE)]
    names = rasa_names(learnt)
    assert all("/" not in name for name in names.values())
    assert len(set(names.values())) == 3
    assert OUT_OF_SCOPE not in names.values()


def test_no_text_can_break_the_training_data() -> None:
    odd = 'a [link](x), "quotes", - dash\nline {"entity": 1} # é €'
    data = training_data([Labelled(odd, "card lost"), Labelled("rain?", None)], NAMES)
    examples = json.loads(json.dumps(data))["rasa_nlu_data"]["common_examples"]
    assert [(one["text"], one["intent"]) for one in examples] == [(odd, "card_lost"), ("rain?", OUT_OF_SCOPE)]


def test_scores_are_those_computed_by_hand() -> None:
    messages = [
        Labelled("1", "card lost"),
        Labelled("2", "card lost"),
        Labelled("3", "top/up"),
        Labelled("4", "top/up"),
        Labelled("5", None),
        Labelled("6", None),
    ]
    readings = [
        Reading(["card_lost", "top_up"], 1.0),
        Reading(["nlu_fallback", "card_lost"], 2.0),  # right, but given up
        Reading(["nlu_ambiguous", "top_up", "card_lost"], 3.0),
        Reading(["contentious_fraud", "card_lost"], 4.0),  # an intent that the set does not have, then a wrong one
        Reading(["nlu_fallback", "top_up"], 5.0),
        Reading(["top_up"], 6.0),
    ]
    scores = score(messages, readings, NAMES)
    assert scores["in_scope_accuracy"] == 0.75
    assert scores["in_scope_answered"] == 0.5
    assert scores["in_scope_rejected"] == 0.25
    assert scores["oos_recall"] == 0.5
    assert scores["oos_precision"] == 0.5
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2, abs=1e-4)
    assert scores["parse_ms"] == {"p50": 3.0, "p95": 6.0}


def test_a_set_without_out_of_scope_messages_has_no_such_scores() -> None:
    scores = score([Labelled("1", "card lost")], [Reading(["nlu_fallback", "card_lost"], 1.0)], NAMES)
    assert scores["oos_recall"] is None
    assert scores["oos_precision"] is None


def test_an_intent_that_is_never_found_counts_as_nothing() -> None:
    assert macro_f1([("a", "a"), ("b", "a")]) == pytest.approx((2 / 3) / 2, abs=1e-4)


def test_the_projects_own_pipeline_is_measured_as_it_is() -> None:
    names = [component["name"] for component in project_pipeline()["pipeline"]]
    assert "parvis_nlu.classifier.SentenceIntentClassifier" in names
