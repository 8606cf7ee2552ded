"""One message, one turn, however often it is delivered."""

import asyncio
import uuid

from tests.assistant.turn_channel.customer import Customer
from tests.assistant.turn_channel.installation import Installation


async def test_redelivered_message_gets_the_same_answer_without_a_second_turn(
    customer: Customer, installation: Installation
) -> None:
    message_id = f"m_{uuid.uuid4().hex}"
    first = await customer.client.ask(customer.turn("where is my order?", message_id))
    await customer.says("hello")
    assert await customer.client.ask(customer.turn("where is my order?", message_id)) == first
    assert installation.runs_of(message_id) == 1


async def test_two_deliveries_at_once_make_one_turn(customer: Customer, installation: Installation) -> None:
    message_id = f"m_{uuid.uuid4().hex}"
    turn = customer.turn("where is my order?", message_id)
    first, second = await asyncio.gather(customer.client.ask(turn), customer.client.ask(turn))
    assert first == second
    assert installation.runs_of(message_id) == 1


async def test_turns_of_one_customer_happen_one_after_the_other(customer: Customer) -> None:
    answers = await asyncio.gather(*(customer.says("what time do you open?") for _ in range(5)))
    assert sorted(map(len, answers)) == [1, 1, 1, 1, 2]
