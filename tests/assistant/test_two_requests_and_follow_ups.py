"""Two requests in one message, follow-ups without a topic, days, and messages that must not be left to an answer."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from bot.channels.vocabulary import ChannelName
from bot.desk import Contact, ContactKind, Disposition

# Made by the fixtures in conftest.py, which tests cannot import.
Customer = Any

REFERENCE = re.compile(r"ML-[0-9A-Z]{3}-[0-9A-Z]{3}")
ASKS_CONTACT = re.compile(r"numéro|number", re.IGNORECASE)
APOLOGY = re.compile(r"désolé|excuses|sorry|apolog", re.IGNORECASE)


def place(words: str, reply: str) -> int:
    match = re.search(words, reply)
    assert match, reply
    return match.start()


# --- two requests in one message --------------------------------------------------------------------------------------


async def test_a_question_beside_a_complaint_is_answered_first(customer: Customer) -> None:
    reply = await customer.says("ma lampe est arrivée cassée ! et sinon vous ouvrez à quelle heure à Lyon ?")
    ticket = await customer.ticket()
    assert ticket.disposition is Disposition.ESCALATE_CONTENTIOUS
    assert place("10:00–19:30", reply) < place(REFERENCE.pattern, reply)
    assert ASKS_CONTACT.search(reply.splitlines()[-1]), "the form's question comes last"


async def test_a_question_beside_a_private_matter_is_answered_first(customer: Customer) -> None:
    reply = await customer.says("where is my parcel please? also do you ship to Switzerland?")
    assert (await customer.ticket()).disposition is Disposition.ESCALATE_PRIVATE
    assert place("Switzerland", reply) < place(REFERENCE.pattern, reply)


async def test_the_ticket_holds_the_whole_message(customer: Customer) -> None:
    text = "ma lampe est arrivée cassée ! et sinon vous ouvrez à quelle heure à Lyon ?"
    await customer.says(text)
    reply = await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, "+33612345678")
    assert REFERENCE.search(reply)


async def test_two_questions_get_two_answers(customer: Customer) -> None:
    reply = await customer.says("c'est combien la livraison ? et vous acceptez PayPal ?")
    assert "60" in reply
    assert "PayPal" in reply
    assert not await customer.has_ticket()


async def test_two_requests_are_one_message(customer: Customer) -> None:
    """Asked again, the assistant says the same; and it introduces itself once."""
    text = "c'est combien la livraison ? et vous acceptez PayPal ?"
    first = await customer.says(text, message_id=f"m_{customer.name}")
    assert first == await customer.says(text, message_id=f"m_{customer.name}")
    assert len(re.findall("automatique", first)) == 1


async def test_politeness_is_no_second_request(customer: Customer) -> None:
    await customer.says("bonjour")
    reply = await customer.says(
        "Bonjour à toute l'équipe ! Vous livrez en combien de jours ? Merci d'avance et bonne journée"
    )
    assert len(reply.splitlines()) <= 2


# --- follow-ups -------------------------------------------------------------------------------------------------------


async def test_another_day_is_about_the_same_store(customer: Customer) -> None:
    await customer.says("vous ouvrez à quelle heure à Lyon ?")
    reply = await customer.says("et le dimanche ?")
    assert "Lyon" in reply
    assert "dimanche" in reply
    assert re.search("fermé", reply)


async def test_another_city_is_about_the_same_day(customer: Customer) -> None:
    await customer.says("are you open on Sunday in Lyon?")
    reply = await customer.says("and in Paris?")
    assert "11:00–19:00" in reply
    assert "Sunday" in reply


async def test_another_country_is_about_the_same_question(customer: Customer) -> None:
    first = await customer.says("c'est combien la livraison ?")
    assert "60" in first
    assert re.search("60|Suisse", await customer.says("et pour la Suisse ?"))
    assert not await customer.has_ticket()


async def test_small_talk_between_keeps_the_topic(customer: Customer) -> None:
    await customer.says("what are your opening hours in Brussels?")
    await customer.says("thanks!")
    assert "Geneva" in await customer.says("and in Geneva?")


async def test_a_topic_of_its_own_is_never_overridden(customer: Customer) -> None:
    await customer.says("vous ouvrez à quelle heure à Lyon ?")
    assert "60" in await customer.says("et c'est combien la livraison à Lyon ?")
    assert REFERENCE.search(await customer.says("et ma commande, elle arrive dimanche ?"))


async def test_inside_the_form_a_day_is_a_time_to_call(customer: Customer) -> None:
    await customer.says("vous ouvrez à quelle heure à Lyon ?")
    await customer.says("je voudrais être rappelé")
    await customer.says("plutôt demain matin")
    await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, "+33612345678", "demain matin")


# --- days -------------------------------------------------------------------------------------------------------------


async def test_christmas_is_a_holiday(customer: Customer) -> None:
    reply = await customer.says("vous êtes ouverts à Noël à Lyon ?")
    assert "25 décembre" in reply
    assert re.search("fermé", reply)


async def test_a_day_without_a_city_names_who_is_open(customer: Customer) -> None:
    reply = await customer.says("quels magasins sont ouverts le dimanche ?")
    assert "Paris · 11:00–19:00" in reply
    assert "Lyon ·" not in reply


async def test_a_misspelt_city_is_understood(customer: Customer) -> None:
    assert "10:00–18:30" in await customer.says("what are the opening hours in Brusels?")


# --- signs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("très jolie robe merci, mais ma fille a fait une réaction allergique au tissu", "safety"),
        ("love the scarf! by the way my solicitor will be in touch about the last one", "legal_threat"),
        ("mi abogado se pondrá en contacto con ustedes", "legal_threat"),
    ],
)
async def test_a_sign_of_trouble_opens_a_ticket_of_its_topic(customer: Customer, text: str, topic: str) -> None:
    reply = await customer.says(text)
    ticket = await customer.ticket()
    assert (ticket.disposition, ticket.topic) == (Disposition.ESCALATE_CONTENTIOUS, topic)
    assert APOLOGY.search(reply)


@pytest.mark.parametrize(
    "text", ["that coat is to die for, love it!", "vous avez ce coussin en couleur avocat ?", "killer look 😍"]
)
async def test_a_harmless_look_alike_opens_none(new_customer: Callable[..., Customer], text: str) -> None:
    on_x = new_customer(ChannelName.X)
    await on_x.says(text)
    assert not await on_x.has_ticket()
