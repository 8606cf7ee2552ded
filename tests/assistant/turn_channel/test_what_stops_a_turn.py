"""What is away, broken or killed stops a turn without a trace, and the turn is run again."""

import asyncio

import msgspec
import pytest

from bot.assistant import AssistantAway, AssistantClient, TurnFailed
from bot.inbox import keys
from tests.assistant.turn_channel.customer import Customer, until_answered
from tests.assistant.turn_channel.installation import Installation


async def test_a_dead_action_server_leaves_no_trace_and_the_turn_is_run_again(
    customer: Customer, installation: Installation
) -> None:
    turn = customer.turn("where is my order?")
    key = keys.events(turn.conversation_id)
    installation.actions.kill()
    with pytest.raises(AssistantAway) as caught:
        await customer.client.ask(turn)
    assert caught.value.reason == "action_server_away"
    assert not installation.valkey.client().exists(key)
    installation.actions.start()
    answer = await customer.client.ask(turn)
    assert [reply.text for reply in answer.replies] == ["I am an automated assistant.", f"Ticket for {turn.message_id}"]


async def test_a_failing_action_leaves_the_conversation_as_it_was(
    customer: Customer, installation: Installation
) -> None:
    await customer.says("what time do you open?")
    key = keys.events(customer.turn("").conversation_id)
    before = installation.valkey.client().get(key)
    with pytest.raises(TurnFailed) as caught:
        await customer.taps("/contentious_complaint")
    assert caught.value.reason == "turn_broken"
    assert installation.valkey.client().get(key) == before
    assert await customer.says("are you open on sunday?") == ["We open at ten."]


async def test_an_action_that_declines_is_no_failure(customer: Customer) -> None:
    assert await customer.taps("/human_agent") == ["Je suis un assistant automatique."]
    assert await customer.says("what time do you open?") == ["We open at ten."]


async def test_while_the_store_is_away_nothing_is_answered_from_an_empty_memory(
    customer: Customer, client: AssistantClient, installation: Installation
) -> None:
    await customer.says("what time do you open?")
    turn = customer.turn("are you open on sunday?")
    installation.valkey.kill()
    with pytest.raises(AssistantAway) as caught:
        await client.ask(msgspec.structs.replace(turn, version="stored by another process"))
    assert caught.value.reason == "storage_away"
    installation.valkey.start()
    answer = await until_answered(customer.client, turn, seconds=10)
    assert [reply.text for reply in answer.replies] == ["We open at ten."]


async def test_a_killed_rasa_finishes_the_turn_after_its_restart(
    customer: Customer, client: AssistantClient, installation: Installation
) -> None:
    await customer.says("hello")
    turn = customer.turn("where is my order?")
    hang = installation.actions_folder / "hang"
    hang.touch()
    try:
        asking = asyncio.create_task(customer.client.ask(turn))
        async with asyncio.timeout(30):
            while not installation.runs_of(turn.message_id):
                await asyncio.sleep(0.02)
        installation.rasa.kill()
        with pytest.raises(AssistantAway):
            await asking
    finally:
        hang.unlink()
    assert not await client.ready()
    installation.rasa.start()
    assert await client.ready()
    answer = await until_answered(customer.client, turn)
    assert [reply.text for reply in answer.replies] == [f"Ticket for {turn.message_id}"]
