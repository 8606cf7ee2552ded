"""A message that could mean two things: asked about, never guessed, and taken for a complaint where it may be one."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions.intake import Intake
from actions.which import AskWhich, OffTopic
from actions.yes_no import Affirm, Deny
from bot.desk import Desk, Disposition, load_routing, migrate, open_desk
from bot.settings import BrandSettings

ROUTING = Path(__file__).resolve().parents[3] / "routing.yml"
CONVERSATION = "messenger:PAGE:1"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    address = f"sqlite+aiosqlite:///{tmp_path / 'desk.db'}"
    await migrate(address)
    desk = open_desk(address, load_routing(ROUTING))
    yield desk
    await desk.close()


def heard(*candidates: str, text: str = "ça met combien de temps ?", **entities: str) -> dict[str, Any]:
    """A message as the classifier gives it when two intents are near."""
    ranking = [{"name": name, "confidence": 0.4} for name in ("nlu_ambiguous", *candidates, "faq_jobs")]
    found = [{"entity": entity, "value": value} for entity, value in entities.items()]
    return {"text": text, "intent": ranking[0], "intent_ranking": ranking, "entities": found}


def understood(intent: str, text: str = "…") -> dict[str, Any]:
    return {"text": text, "intent": {"name": intent}, "intent_ranking": [{"name": intent}], "entities": []}


def after(message: dict[str, Any], *before: tuple[dict[str, Any], str], language: str = "fr") -> Tracker:
    """The conversation up to ``message``; ``before`` are earlier messages with the response to each."""
    events: list[dict[str, Any]] = []
    for earlier, response in before:
        events.append({"event": "user", "text": earlier["text"], "parse_data": earlier})
        events.append({"event": "bot", "metadata": {"utter_action": response}})
    events.append({"event": "user", "text": message["text"], "parse_data": message, "message_id": "m_1"})
    return Tracker(CONVERSATION, {"language": language}, message, events, False, None, {}, "action_listen")


async def run(action: Any, tracker: Tracker) -> tuple[list[str], list[dict[str, str]], dict[str, Any]]:
    """The responses, the buttons under the last, and the slots set."""
    dispatcher = CollectingDispatcher()
    events = await action.run(dispatcher, tracker, {})
    buttons = dispatcher.messages[-1]["buttons"] if dispatcher.messages else []
    slots = {event["name"]: event["value"] for event in events if event["event"] == "slot"}
    return [message["response"] for message in dispatcher.messages], buttons, slots


@pytest.mark.parametrize(
    ("language", "titles"),
    [
        ("fr", ["Délais de livraison", "Délai remboursement", "Autre chose"]),
        ("en", ["Delivery times", "Refund times", "Something else"]),
    ],
)
async def test_both_are_offered_and_something_else(desk: Desk, language: str, titles: list[str]) -> None:
    message = heard("faq_delivery_time", "faq_refund_delay")
    said, buttons, slots = await run(AskWhich(Intake(desk, BrandSettings())), after(message, language=language))
    assert said == ["utter_ask_which"]
    assert [button["title"] for button in buttons] == titles
    assert [button["payload"] for button in buttons][:2] == ["/faq_delivery_time", "/faq_refund_delay"]
    assert slots == {"contact_needed": False}


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_what_may_be_a_complaint_is_one(desk: Desk, language: str) -> None:
    message = heard("faq_delivery_time", "contentious_delivery_late")
    said, _, slots = await run(AskWhich(Intake(desk, BrandSettings())), after(message, language=language))
    assert said == ["utter_contentious_delivery_late"]
    assert slots["contact_needed"] is True
    ticket = await desk.find_ticket(CONVERSATION)
    assert ticket is not None
    assert ticket.disposition is Disposition.ESCALATE_CONTENTIOUS


async def test_nobody_is_asked_three_times(desk: Desk) -> None:
    message = heard("faq_delivery_time", "faq_refund_delay")
    ask = AskWhich(Intake(desk, BrandSettings()))
    once = (message, "utter_ask_which")
    assert (await run(ask, after(message, once)))[0] == ["utter_ask_which"]
    assert (await run(ask, after(message, once, once)))[0] == ["utter_off_topic_again"]
    fallen_back = (understood("nlu_fallback"), "utter_off_topic")
    assert (await run(ask, after(message, once, fallen_back)))[0] == ["utter_off_topic_again"]
    answered = (understood("faq_jobs"), "utter_faq_jobs")
    assert (await run(ask, after(message, once, once, answered)))[0] == ["utter_ask_which"], "only tries in a row count"


async def test_the_third_time_a_matter_for_a_person_gets_one(desk: Desk) -> None:
    message = heard("faq_refund_delay", "private_refund_status")
    once = (message, "utter_ask_which")
    said, _, _ = await run(AskWhich(Intake(desk, BrandSettings())), after(message, once, once))
    assert said == ["utter_private_refund_status"]
    assert await desk.find_ticket(CONVERSATION)


async def test_something_else_is_met_with_help_before_a_person_is_offered() -> None:
    message = heard("faq_delivery_time", "faq_refund_delay")
    tapped = understood("off_topic_other", "/off_topic_other")
    once = (message, "utter_ask_which")
    assert (await run(OffTopic(), after(tapped, once)))[0] == ["utter_off_topic"]
    assert (await run(OffTopic(), after(tapped, once, once)))[0] == ["utter_off_topic_again"]
    assert (await run(OffTopic(), after(tapped, once, (tapped, "utter_off_topic"))))[0] == ["utter_off_topic_again"]


async def test_yes_to_this_or_that_is_asked_again_and_no_is_met_with_help(desk: Desk) -> None:
    once = (heard("faq_delivery_time", "faq_refund_delay"), "utter_ask_which")
    said, buttons, _ = await run(Affirm(Intake(desk, BrandSettings())), after(understood("chitchat_affirm"), once))
    assert said == ["utter_ask_which"]
    assert len(buttons) == 3
    assert (await run(Deny(), after(understood("chitchat_deny"), once)))[0] == ["utter_off_topic"]


async def test_what_has_nothing_to_choose_from_is_met_with_help(desk: Desk) -> None:
    message = {**heard(), "intent_ranking": [{"name": "nlu_ambiguous"}]}
    assert (await run(AskWhich(Intake(desk, BrandSettings())), after(message)))[0] == ["utter_off_topic"]
