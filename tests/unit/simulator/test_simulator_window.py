"""Until when Messenger lets the brand write to a customer, and messages that are dated back so that it can be seen."""

import time
from dataclasses import replace

import pytest

from simulator.settings import SimulatorSettings
from tests.unit.simulator.conftest import RESPONSE
from tests.unit.simulator.test_simulator_messenger import error_of

UPDATE = {"messaging_type": "UPDATE"}
HUMAN_AGENT = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
OUTSIDE = (10, 2018278)


@pytest.mark.parametrize(
    ("hours_ago", "kind", "refusal"),
    [
        (23.9, RESPONSE, None),
        (24.1, RESPONSE, OUTSIDE),
        (24.1, UPDATE, OUTSIDE),
        (1, HUMAN_AGENT, None),
        (24.1, HUMAN_AGENT, None),
        (167.9, HUMAN_AGENT, None),
        (168.1, HUMAN_AGENT, OUTSIDE),
    ],
)
async def test_the_window_is_a_day_and_seven_under_the_tag_for_people(client, hours_ago, kind, refusal):
    await client.write("messenger", "42", text="bonjour", hours_ago=hours_ago, wait=True)
    answer = await client.messenger_send("42", "Ici Léa", kind)
    assert (None if answer.status_code == 200 else error_of(answer)) == refusal
    assert len(await client.conversation("messenger", "42")) == (2 if refusal is None else 1)


async def test_the_latest_message_of_the_customer_opens_the_window_again(client):
    await client.write("messenger", "42", text="bonjour", hours_ago=200, wait=True)
    assert error_of(await client.messenger_send("42")) == OUTSIDE
    await client.write("messenger", "42", text="vous êtes là ?", wait=True)
    assert (await client.messenger_send("42")).status_code == 200


async def test_a_conversation_tells_under_which_type_and_tag_a_message_came(client):
    await client.write("messenger", "42", text="bonjour", wait=True)
    for kind in (RESPONSE, HUMAN_AGENT):
        await client.messenger_send("42", "Bonjour", kind)
    told = [(one["messaging_type"], one["tag"]) for one in await client.conversation("messenger", "42")]
    assert told == [(None, None), ("RESPONSE", None), ("MESSAGE_TAG", "HUMAN_AGENT")]


@pytest.mark.parametrize("kind", [{}, {"messaging_type": "MESSAGE_TAG"}, HUMAN_AGENT | {"tag": "ACCOUNT_UPDATE"}])
async def test_without_a_known_type_or_tag_a_message_is_refused(client, kind):
    await client.write("messenger", "42", text="bonjour", wait=True)
    assert error_of(await client.messenger_send("42", "Bonjour", kind)) == (100, None)


class TestPageWithoutThePermission:
    @pytest.fixture
    def settings(self, settings: SimulatorSettings) -> SimulatorSettings:
        return replace(settings, messenger=replace(settings.messenger, human_agent=False))

    async def test_the_tag_is_refused(self, client):
        await client.write("messenger", "42", text="bonjour", wait=True)
        assert error_of(await client.messenger_send("42", "Bonjour", HUMAN_AGENT)) == (10, None)
        assert (await client.messenger_send("42")).status_code == 200


@pytest.mark.parametrize(("channel", "user"), [("messenger", "42"), ("x", "42")])
async def test_a_message_dated_back_is_told_with_its_time(client, gateway, channel, user):
    await client.write(channel, user, text="bonjour", hours_ago=30, wait=True)
    [stored] = await client.conversation(channel, user)
    assert stored["at"] == pytest.approx(time.time() - 30 * 3600, abs=5)
    if channel == "messenger":
        told = gateway.messenger_items[0]["timestamp"]
    else:
        told = int(gateway.x_events[0]["payload"]["direct_message_events"][0]["created_timestamp"])
    assert told == round(stored["at"] * 1000)


async def test_x_pages_messages_by_the_time_they_are_dated(client):
    await client.write("x", "43", text="maintenant", wait=True)
    await client.write("x", "42", text="hier", hours_ago=30, wait=True)
    listed = (await client.x_call("GET", "/2/dm_events")).json()["data"]
    assert [one["text"] for one in listed] == ["maintenant", "hier"]


@pytest.mark.parametrize("hours_ago", [-1, 24 * 365 + 1, "30", True, None])
async def test_hours_ago_that_cannot_be_is_refused(client, hours_ago):
    answer = await client.http.post("/api/messenger/users/42/messages", json={"text": "x", "hours_ago": hours_ago})
    assert answer.status_code == 400
    assert "hours_ago" in answer.json()["error"]


async def test_a_message_cannot_be_dated_before_what_was_said_already(client):
    await client.write("messenger", "42", text="bonjour", hours_ago=2, wait=True)
    answer = await client.http.post("/api/messenger/users/42/messages", json={"text": "avant", "hours_ago": 3})
    assert answer.status_code == 400
    await client.write("messenger", "42", text="après", hours_ago=1, wait=True)
    assert [one["text"] for one in await client.conversation("messenger", "42")] == ["bonjour", "après"]
