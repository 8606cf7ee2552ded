"""One message, one turn, however often it is delivered."""

import asyncio
import uuid

import msgspec

from bot.assistant import AssistantClient
from tests.assistant.turn_channel.customer import Customer
from tests.assistant.turn_channel.installation import Installation


async def test_redelivered_message_gets_the_same_answer_without_a_second_turn(
    customer: Customer, installation: Installation
) -> None:
    message_id = f"m_{uuid.uuid4().hex}"
    first = await customer.client.ask(customer.turn("where is my order?", message_id))
    await customer.says("hello")
    again = await customer.client.ask(customer.turn("where is my order?", message_id))
    assert again == msgspec.structs.replace(first, conversation=None)
    assert installation.runs_of(message_id) == 1


async def test_two_deliveries_at_once_make_one_turn(
    customer: Customer, client: AssistantClient, installation: Installation
) -> None:
    turn = customer.turn("where is my order?", message_id=f"m_{uuid.uuid4().hex}")
    first, second = await asyncio.gather(client.ask(turn), client.ask(turn))
    assert first == second
    assert first.conversation
    assert installation.runs_of(turn.message_id) == 1


async def test_nothing_is_left_of_a_turn_that_was_not_stored(customer: Customer, client: AssistantClient) -> None:
    not_stored = await client.ask(customer.turn("what time do you open?"))
    assert not_stored.conversation
    assert [reply.text for reply in not_stored.replies] == ["I am an automated assistant.", "We open at ten."]
    assert await customer.says("what time do you open?") == ["I am an automated assistant.", "We open at ten."]
    assert await customer.says("what time do you open?") == ["We open at ten."]
