"""The domain, the rules and the actions fit together; what a trainer forgets is found here."""

import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml

from actions.answers import ANSWERED_BY
from actions.policy import disposition_of, is_taken_inside
from actions.server import actions_of
from actions.stores import read_stores
from bot.desk import Disposition, Stage, load_routing, open_desk
from bot.settings import BrandSettings

ROOT = Path(__file__).resolve().parents[3]
DOMAIN: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
NLU: list[dict[str, str]] = yaml.safe_load((ROOT / "data" / "nlu.yml").read_text(encoding="utf-8"))["nlu"]
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "data" / "rules.yml").read_text(encoding="utf-8"))["rules"]
RESPONSES: dict[str, list[dict[str, Any]]] = DOMAIN["responses"]
EXAMPLES = {
    block["intent"]: [line.removeprefix("- ") for line in block["examples"].splitlines()]
    for block in NLU
    if "intent" in block
}
# What actions put into a response besides the slots (see the comment above the responses).
FACTS = {
    *("reference", "contact", "due_day", "due_time", "preferred_time"),
    *("store", "hours", "day", "time", "address", "phone", "list", "countries"),
}
LANGUAGES: list[str] = DOMAIN["slots"]["language"]["values"]


def variations(response: str, language: str, channel: str | None = None) -> list[dict[str, Any]]:
    return [
        variation
        for variation in RESPONSES[response]
        if {"type": "slot", "name": "language", "value": language} in variation["condition"]
        and variation.get("channel") == channel
    ]


def steps(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for outer in rule["steps"] for step in outer.get("or", [outer])]


@pytest.mark.parametrize("intent", DOMAIN["intents"])
def test_every_intent_has_enough_examples_in_each_language(intent: str) -> None:
    assert len(EXAMPLES[intent]) >= 15 * len(LANGUAGES)


def test_no_example_teaches_two_intents() -> None:
    seen: dict[str, str] = {}
    for intent, examples in EXAMPLES.items():
        for example in examples:
            plain = re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", example).casefold()
            assert seen.setdefault(plain, intent) == intent, example


def test_examples_are_of_known_intents() -> None:
    assert EXAMPLES.keys() == set(DOMAIN["intents"])


@pytest.mark.parametrize("response", RESPONSES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_response_has_two_variations_in_each_language(response: str, language: str) -> None:
    assert len(variations(response, language)) >= 2


@pytest.mark.parametrize("response", RESPONSES)
def test_a_variation_for_a_channel_exists_in_every_language(response: str) -> None:
    channels = {variation["channel"] for variation in RESPONSES[response] if "channel" in variation}
    assert all(variations(response, language, channel) for channel in channels for language in LANGUAGES)


@pytest.mark.parametrize("response", RESPONSES)
def test_braces_hold_only_what_is_known(response: str) -> None:
    for variation in RESPONSES[response]:
        named = {name for _, name, _, _ in Formatter().parse(variation["text"]) if name}
        assert named <= DOMAIN["slots"].keys() | FACTS, variation["text"]


@pytest.mark.parametrize("response", RESPONSES)
def test_quick_replies_fit_the_platforms_and_lead_somewhere(response: str) -> None:
    for variation in RESPONSES[response]:
        buttons = variation.get("buttons", [])
        assert len(buttons) <= 13  # Messenger's limit, as is the title's length
        for button in buttons:
            assert len(button["title"]) <= 20
            assert button["payload"].partition("{")[0].removeprefix("/") in DOMAIN["intents"]


@pytest.mark.parametrize("intent", [intent for intent in DOMAIN["intents"] if is_taken_inside(intent)])
def test_what_is_taken_inside_names_its_reference(intent: str) -> None:
    assert all("{reference}" in variation["text"] for variation in RESPONSES[f"utter_{intent}"])


@pytest.mark.parametrize(
    "intent",
    [intent for intent in DOMAIN["intents"] if disposition_of(intent) is Disposition.ESCALATE_CONTENTIOUS],
)
def test_a_contentious_matter_gets_an_apology(intent: str) -> None:
    for variation in RESPONSES[f"utter_{intent}"]:
        assert re.search(r"désolé|excuses|sorry|apolog", variation["text"], re.IGNORECASE)


def test_every_answerable_intent_has_an_answer() -> None:
    for intent in DOMAIN["intents"]:
        if disposition_of(intent) is Disposition.ANSWER:
            assert f"utter_{intent}" in RESPONSES or intent in ANSWERED_BY


def test_every_intent_has_a_rule() -> None:
    ruled = {step["intent"] for rule in RULES for step in steps(rule) if "intent" in step}
    assert set(DOMAIN["intents"]) <= ruled


def test_exactly_what_opens_a_ticket_is_ruled_to_do_so() -> None:
    escalating = [rule for rule in RULES if {"action": "action_escalate"} in rule["steps"]]
    assert len(escalating) == 2
    for rule in escalating:
        assert {step["intent"] for step in steps(rule) if "intent" in step} == {
            intent for intent in DOMAIN["intents"] if is_taken_inside(intent)
        }


def test_every_ticket_status_can_be_told() -> None:
    assert {f"utter_ticket_status_{status}" for status in Stage} <= RESPONSES.keys()


def test_no_response_is_left_unsaid() -> None:
    """Said by a rule, named in an action, or built there from an intent, a status or a problem."""
    ruled = {step["action"] for rule in RULES for step in steps(rule) if "action" in step}
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "actions").glob("*.py"))
    named = set(re.findall(r"utter_\w+", code))
    built = {f"utter_{intent}" for intent in DOMAIN["intents"]}
    built |= {f"utter_ticket_status_{status}" for status in [*Stage, "late"]}
    built |= {"utter_contact_phone_invalid", "utter_contact_email_invalid"}
    elsewhere = {"utter_introduction", "utter_holding", "utter_default"}  # the turn channel, the worker, Rasa itself
    assert RESPONSES.keys() <= ruled | named | built | elsewhere


def test_no_response_is_missing() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "actions").glob("*.py"))
    assert set(re.findall(r'"(utter_\w+)"', code)) - {"utter_action"} <= RESPONSES.keys()


async def test_every_action_of_the_domain_is_served(tmp_path: Path) -> None:
    desk = open_desk(f"sqlite+aiosqlite:///{tmp_path / 'desk.db'}", load_routing(ROOT / "routing.yml"))
    served = {action.name() for action in actions_of(desk, BrandSettings())}
    await desk.close()
    assert served == set(DOMAIN["actions"])


def test_the_stores_can_be_read() -> None:
    stores = read_stores(DOMAIN["slots"]["stores"]["initial_value"])
    assert set(stores) == {"paris", "lyon", "bruxelles", "geneve"}
    assert all(store.name(language) for store in stores.values() for language in LANGUAGES)


def test_every_store_can_be_named_by_a_customer() -> None:
    synonyms = {block["synonym"] for block in NLU if "synonym" in block}
    assert synonyms == set(DOMAIN["slots"]["stores"]["initial_value"])


def test_every_route_is_of_a_topic_that_exists() -> None:
    """A renamed intent must not quietly lose its team and its promise."""
    topics = {intent.partition("_")[2] for intent in DOMAIN["intents"]}
    routes = yaml.safe_load((ROOT / "routing.yml").read_text(encoding="utf-8"))["routes"]
    assert {topic for route in routes.values() for topic in route if topic != "default"} <= topics
