"""What a turn serves, and in which order."""

from typing import Any

import pytest
from rasa.shared.core.events import ActiveLoop, BotUttered, Event, SessionStarted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from parvis_nlu.agenda import agenda, with_topic

Entity = dict[str, Any]


def entity(kind: str, value: str, start: int = 0) -> Entity:
    return {"entity": kind, "value": value, "start": start, "end": start + len(value)}


def parsed(text: str, intent: str, *entities: Entity, **properties: Any) -> dict[str, Any]:
    return {"text": text, "intent": {"name": intent, "confidence": 0.8}, "entities": list(entities), **properties}


def said(intent: str, *entities: Entity) -> UserUttered:
    return UserUttered("…", {"name": intent, "confidence": 0.9}, list(entities))


def conversation(*events: Event) -> DialogueStateTracker:
    return DialogueStateTracker.from_events("someone", list(events))


def further(text: str, intent: str) -> list[dict[str, Any]]:
    return [{"text": text, "intent": intent, "confidence": 0.9}]


def names(requests: list[dict[str, Any]]) -> list[str]:
    return [request["intent"]["name"] for request in requests]


BOTH = "my lamp broke. Are you open on Sundays in Lyon?"
QUESTION = further("Are you open on Sundays in Lyon?", "faq_opening_hours")


def test_an_answer_comes_before_what_asks_for_a_number() -> None:
    message = parsed(BOTH, "contentious_damaged_item", further_requests=QUESTION)
    requests = agenda(message, conversation())
    assert names(requests) == ["faq_opening_hours", "contentious_damaged_item"]
    assert requests[1]["text"] == BOTH


def test_danger_is_answered_alone() -> None:
    message = parsed(BOTH, "contentious_safety", entity("sign", "injury"), further_requests=QUESTION)
    assert agenda(message, conversation()) == [message]


def test_a_question_has_only_the_entities_of_its_words() -> None:
    at = BOTH.index("Lyon")
    store, language, product = (
        entity("store", "lyon", at),
        entity("language", "en"),
        entity("product_family", "lamp", 3),
    )
    message = parsed(BOTH, "contentious_damaged_item", store, language, product, further_requests=QUESTION)
    assert agenda(message, conversation())[0]["entities"] == [store, language]


def test_two_questions_are_answered_as_they_came() -> None:
    text = "how much is delivery? Are you open on Sundays in Lyon?"
    message = parsed(text, "faq_delivery_cost", further_requests=QUESTION)
    assert names(agenda(message, conversation())) == ["faq_delivery_cost", "faq_opening_hours"]
    text = "Are you open on Sundays in Lyon? how much is delivery?"
    message = parsed(text, "faq_delivery_cost", further_requests=QUESTION)
    assert names(agenda(message, conversation())) == ["faq_opening_hours", "faq_delivery_cost"]


def test_of_two_things_taken_inside_the_graver_is_served() -> None:
    message = parsed("…", "contentious_fraud", further_requests=further("where is my parcel", "private_order_status"))
    assert names(agenda(message, conversation())) == ["contentious_fraud"]


def test_at_most_two_are_served() -> None:
    more = [*QUESTION, *further("how much is delivery", "faq_delivery_cost")]
    assert len(agenda(parsed("…", "private_order_status", further_requests=more), conversation())) == 2


def test_a_contact_answers_the_form_first() -> None:
    tracker = conversation(ActiveLoop("contact_form"))
    message = parsed("06… and are you open?", "human_contact_details", further_requests=QUESTION)
    assert names(agenda(message, tracker)) == ["human_contact_details", "faq_opening_hours"]


def test_a_follow_up_has_the_topic_of_the_question_before() -> None:
    tracker = conversation(
        said("faq_opening_hours", entity("store", "lyon"), entity("weekday", "monday")), BotUttered("…")
    )
    message = with_topic(parsed("et dimanche ?", "nlu_fallback", entity("weekday", "sunday"), elliptic=True), tracker)
    assert message["intent"]["name"] == "faq_opening_hours"
    assert {(e["entity"], e["value"]) for e in message["entities"]} == {("weekday", "sunday"), ("store", "lyon")}


@pytest.mark.parametrize(
    ("before", "intent"),
    [
        ([], "nlu_fallback"),
        ([said("private_order_status")], "nlu_fallback"),
        ([said("faq_opening_hours"), said("private_order_status")], "nlu_fallback"),
        ([said("faq_opening_hours"), SessionStarted()], "nlu_fallback"),
        ([said("faq_opening_hours"), ActiveLoop("contact_form")], "nlu_fallback"),
        ([said("faq_opening_hours"), *[said("chitchat_thanks")] * 3], "nlu_fallback"),
        ([said("faq_opening_hours")], "chitchat_bye"),
        ([said("faq_opening_hours")], "human_contact_later"),
        ([said("faq_opening_hours")], "contentious_complaint"),
    ],
)
def test_a_follow_up_of_nothing_stays_what_it_is(before: list[Event], intent: str) -> None:
    message = parsed("et dimanche ?", intent, elliptic=True)
    assert with_topic(message, conversation(*before)) == message


def test_a_message_with_a_topic_keeps_it() -> None:
    message = parsed("et la livraison ?", "faq_delivery_time")
    assert with_topic(message, conversation(said("faq_opening_hours"))) == message


def test_small_talk_does_not_end_a_topic() -> None:
    tracker = conversation(said("faq_delivery_cost"), said("chitchat_thanks"))
    assert (
        with_topic(parsed("et la Suisse ?", "faq_jobs", elliptic=True), tracker)["intent"]["name"]
        == "faq_delivery_cost"
    )
