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
from actions.titles import read_titles, title_of
from bot.desk import Disposition, Priority, Stage, load_routing, open_desk
from bot.settings import BrandSettings

ROOT = Path(__file__).resolve().parents[3]
DOMAIN: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
NLU: list[dict[str, str]] = yaml.safe_load((ROOT / "data" / "nlu.yml").read_text(encoding="utf-8"))["nlu"]
RULES: list[dict[str, Any]] = yaml.safe_load((ROOT / "data" / "rules.yml").read_text(encoding="utf-8"))["rules"]
RESPONSES: dict[str, list[dict[str, Any]]] = DOMAIN["responses"]
# What actions put into a response besides the slots (see the comment above the responses).
FACTS = {
    *("reference", "contact", "due_day", "due_time", "preferred_time"),
    *("store", "hours", "day", "next_day", "time", "address", "phone", "list", "countries"),
    *("first", "second"),
}
LANGUAGES: list[str] = DOMAIN["slots"]["language"]["values"]
# Of the classifier's own making, so that there is nothing to learn.
LEARNT = [intent for intent in DOMAIN["intents"] if not intent.startswith("nlu_")]
SOBER = "_sober"
# As in parvis_nlu.manner, roughly: this Python does not have what makes it exact.
EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]")


def variations(response: str, language: str, channel: str | None = None) -> list[dict[str, Any]]:
    return [
        variation
        for variation in RESPONSES[response]
        if {"type": "slot", "name": "language", "value": language} in variation["condition"]
        and variation.get("channel") == channel
    ]


def steps(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for outer in rule["steps"] for step in outer.get("or", [outer])]


def test_examples_are_of_known_intents() -> None:
    assert {block["intent"] for block in NLU if "intent" in block} == set(LEARNT)


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


@pytest.mark.parametrize("response", RESPONSES)
def test_to_the_upset_something_is_left_without_emoji(response: str) -> None:
    """A response that is only an emoji needs a sober sibling, which has none."""
    sober = response if response.endswith(SOBER) or response + SOBER not in RESPONSES else response + SOBER
    for variation in RESPONSES[sober]:
        assert re.search(r"\w", EMOJI.sub("", variation["text"]))
        assert not (sober.endswith(SOBER) and EMOJI.search(variation["text"]))


def test_whoever_complains_is_taken_to_be_upset() -> None:
    [complaints] = [one for one in DOMAIN["slots"]["mood"]["mappings"] if one.get("value") == "complaint"]
    assert set(complaints["intent"]) == {
        intent for intent in DOMAIN["intents"] if disposition_of(intent) is Disposition.ESCALATE_CONTENTIOUS
    }


@pytest.mark.parametrize("intent", LEARNT)
def test_every_intent_has_a_title_in_each_language(intent: str) -> None:
    for language in LANGUAGES:
        assert 0 < len(title_of(intent, language) or "") <= 20  # of a quick reply on Messenger


def test_no_two_intents_share_a_title() -> None:
    for language in LANGUAGES:
        titles = [names[language] for names in read_titles().values()]
        assert len(titles) == len(set(titles))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_in_distress_is_told_who_can_help_at_once(language: str) -> None:
    lines = {"{emergency_number}", "{helpline_fr}", "{helpline_be}", "{helpline_ch}"}
    for variation in variations("utter_contentious_distress", language):
        assert lines <= set(re.findall(r"\{\w+}", variation["text"]))


def test_what_cannot_wait_is_promised_within_two_hours() -> None:
    routing = load_routing(ROOT / "routing.yml")
    for topic in ("safety", "distress", "minors", "discrimination", "fraud"):
        route = routing.route(Disposition.ESCALATE_CONTENTIOUS, topic)
        assert route.priority is Priority.URGENT
        assert route.promise_hours <= 2


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
    built |= {response for response in RESPONSES if response.removesuffix(SOBER) in RESPONSES}
    # The turn channel, the worker, Rasa itself.
    elsewhere = {"utter_introduction", "utter_sorry_for_language", "utter_holding", "utter_default"}
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
