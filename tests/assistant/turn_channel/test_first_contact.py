"""What a customer hears first, and in which language."""

from tests.assistant.turn_channel.customer import Customer


async def test_first_contact_is_told_that_the_assistant_is_automated(customer: Customer) -> None:
    assert await customer.says("vous ouvrez à quelle heure ?") == [
        "Je suis un assistant automatique.",
        "Nous ouvrons à dix heures.",
    ]


async def test_the_introduction_speaks_the_customers_language(customer: Customer) -> None:
    assert await customer.says("what time do you open?") == ["I am an automated assistant.", "We open at ten."]


async def test_the_introduction_is_said_once(customer: Customer) -> None:
    await customer.says("what time do you open?")
    assert await customer.says("are you open on sunday?") == ["We open at ten."]


async def test_a_message_of_no_language_keeps_the_conversation_in_its_own(customer: Customer) -> None:
    await customer.says("what time do you open?")
    assert await customer.taps("/faq_opening_hours") == ["We open at ten."]
