"""Messenger's window, from the customer's phone to the agent's page and back."""

import json
import re
from collections.abc import Iterator

import pytest

from tests.scenarios.agent import Agent
from tests.scenarios.installation import Installation, eventually

PRIVATE = "où est ma commande ? elle n'est jamais arrivée"


@pytest.fixture
def parvis(parvis: Installation) -> Iterator[Installation]:
    """What could not be sent is dropped after the test, so that others find an empty list."""
    yield parvis
    for one in _dead_letters(parvis):
        parvis.parvis("dead-letters", "drop", one["id"])


@pytest.fixture
def agent(parvis: Installation, user: str) -> Iterator[Agent]:
    agent = Agent(parvis, f"lea.{user}@maison-lumen.example", "Léa Martin")
    yield agent
    agent.close()


def test_after_a_day_a_person_answers_under_the_tag_and_the_assistant_does_not(
    parvis: Installation, agent: Agent, user: str
):
    parvis.write("messenger", user, PRIVATE, hours_ago=30)
    reference = eventually(lambda: _ticket_of(parvis, user))
    eventually(lambda: _given_up_by_the_assistant(parvis))
    assert parvis.replies("messenger", user) == []

    agent.reply(reference, "Bonjour, ici Léa : votre colis part ce soir.")
    eventually(lambda: parvis.replies("messenger", user))
    [said] = [message for message in parvis.conversation("messenger", user) if message["from"] == "brand"]
    assert said["text"] == "Bonjour, ici Léa : votre colis part ce soir."
    assert (said["messaging_type"], said["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")


def test_within_a_day_nobody_needs_the_tag(parvis: Installation, agent: Agent, user: str):
    parvis.write("messenger", user, PRIVATE, hours_ago=20)
    reference = eventually(lambda: _ticket_of(parvis, user))
    by_the_assistant = eventually(lambda: parvis.replies("messenger", user))
    agent.reply(reference, "Bonjour, ici Léa.")
    eventually(lambda: "Bonjour, ici Léa." in parvis.replies("messenger", user))
    said = [message for message in parvis.conversation("messenger", user) if message["from"] == "brand"]
    assert len(said) > len(by_the_assistant)
    assert {(message["messaging_type"], message["tag"]) for message in said} == {("RESPONSE", None)}


def test_after_eight_days_there_is_no_box_to_write_in(parvis: Installation, agent: Agent, user: str):
    parvis.write("messenger", user, PRIVATE, hours_ago=8 * 24)
    reference = eventually(lambda: _ticket_of(parvis, user))
    eventually(lambda: _given_up_by_the_assistant(parvis))
    page = agent.page_of(reference)
    assert 'class="notice bad" id="window-state"' in page
    assert "où est ma commande" in page
    assert 'id="reply"' not in page
    assert parvis.replies("messenger", user) == []


def _ticket_of(parvis: Installation, user: str) -> str | None:
    mails = [mail for mail in parvis.mailbox() if f":{user}" in mail["text"]]
    found = re.search(r"\bML-\w{3}-\w{3}\b", mails[0]["subject"]) if mails else None
    return found[0] if found else None


def _given_up_by_the_assistant(parvis: Installation) -> bool:
    return any("24 h since the customer's message" in one["reason"] for one in _dead_letters(parvis))


def _dead_letters(parvis: Installation) -> list[dict[str, str]]:
    listed: list[dict[str, str]] = json.loads(parvis.parvis("dead-letters", "list", "--json").stdout)
    return listed
