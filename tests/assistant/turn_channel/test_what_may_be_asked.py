"""What a customer may do to the assistant, and who else may ask it."""

from collections.abc import Callable

import httpx
import pytest

from bot.channels.vocabulary import ChannelName, QuickReply
from tests.assistant.turn_channel.customer import Customer
from tests.assistant.turn_channel.installation import TOKEN, Installation


async def test_a_typed_command_does_not_reach_rasa(customer: Customer) -> None:
    await customer.says("what time do you open?")
    for attempt in ("/restart", " /restart", "/session_start", '/private_order_status{"language": "fr"}'):
        await customer.says(attempt)
    assert await customer.says("are you open on sunday?") == ["We open at ten."]


async def test_buttons_are_offered_as_quick_replies(customer: Customer) -> None:
    answer = await customer.client.ask(customer.turn("bonjour"))
    assert answer.replies[-1].quick_replies == (
        QuickReply("Horaires", "/faq_opening_hours"),
        QuickReply("Ma commande", "/private_order_status"),
    )
    assert answer.language == "fr"


async def test_a_network_may_have_words_of_its_own(new_customer: Callable[..., Customer]) -> None:
    assert await new_customer(ChannelName.X).says("vous ouvrez à quelle heure ?") == [
        "Je suis un assistant automatique.",
        "Dès 10 h !",
    ]


@pytest.mark.parametrize(
    ("token", "body", "status"),
    [
        ("wrong", '{"sender": "a", "message": "b", "message_id": "c", "input_channel": "x"}', 401),
        (TOKEN, "no json", 400),
        (TOKEN, '["a"]', 400),
        (TOKEN, '{"sender": "a", "message": "b", "input_channel": "x"}', 400),
    ],
)
async def test_a_request_that_is_not_ours_is_turned_away(
    installation: Installation, token: str, body: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.post(f"{installation.address}/webhooks/parvis/webhook", content=body, headers=headers)
    assert response.status_code == status


async def test_rasas_own_api_is_off(installation: Installation) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.get(f"{installation.address}/conversations/x/tracker", timeout=5)
    assert response.status_code == 404
