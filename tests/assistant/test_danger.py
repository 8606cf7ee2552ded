"""Somebody may be in danger: advice and a person come before every procedure. And what is grave is urgent."""

import re
from typing import Any

import pytest

from bot.desk import Disposition, Priority

Customer = Any

ASKS_CONTACT = re.compile(r"à quel numéro|which number|what's your number", re.IGNORECASE)
OFFERS_CALL = {"Être rappelé", "Get a call back"}

DANGERS = [
    "votre lampe a pris feu dans la chambre de mon fils !",
    "your lamp caught fire in my son's bedroom!",
    "je n'en peux plus, j'ai envie d'en finir",
    "I can't go on any more, I want to end my life",
]


@pytest.mark.parametrize("words", DANGERS)
async def test_help_comes_first_and_nothing_is_asked_for(customer: Customer, words: str) -> None:
    reply = await customer.says(words)
    ticket = await customer.ticket()
    assert "112" in reply
    assert not ASKS_CONTACT.search(reply)
    assert set(customer.offers()) & OFFERS_CALL
    assert ticket.disposition is Disposition.ESCALATE_CONTENTIOUS
    assert ticket.priority is Priority.URGENT


@pytest.mark.parametrize(
    ("matter", "words"), [("où est ma commande ?", DANGERS[0]), ("where is my order?", DANGERS[3])]
)
async def test_danger_inside_the_form_ends_it(customer: Customer, matter: str, words: str) -> None:
    reference = (await _ticket_after(customer, matter)).reference
    reply = await customer.says(words)
    assert "112" in reply
    assert not ASKS_CONTACT.search(reply)
    ticket = await customer.ticket()
    assert (ticket.reference, ticket.priority) == (reference, Priority.URGENT)
    assert not ASKS_CONTACT.search(await customer.means("faq_delivery_cost")), "the form is over"


@pytest.mark.parametrize("words", DANGERS[:2])
async def test_who_would_rather_be_called_is_asked_for_a_number_then(customer: Customer, words: str) -> None:
    await customer.says(words)
    title = next(iter(set(customer.offers()) & OFFERS_CALL))
    assert re.search("numéro|number", await customer.taps(title))
    await customer.says("+33 6 12 34 56 78")
    assert (await customer.ticket()).contact.value == "+33612345678"


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize(
    ("severity", "priority"), [("high", Priority.HIGH), ("critical", Priority.URGENT), (None, Priority.NORMAL)]
)
async def test_severity_lifts_the_priority(
    customer: Customer, language: str, severity: str | None, priority: Priority
) -> None:
    found = {"severity": severity} if severity else {}
    await customer.means("private_order_status", language=language, **found)
    assert (await customer.ticket()).priority is priority


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_a_sign_lifts_the_priority_of_a_ticket_that_is_open(customer: Customer, language: str) -> None:
    assert (await _ticket_after(customer, "où est ma commande ?")).priority is Priority.NORMAL
    await customer.means("private_order_status", language=language, sign="threat")
    assert (await customer.ticket()).priority is Priority.URGENT


async def _ticket_after(customer: Customer, words: str) -> Any:
    await customer.says(words)
    return await customer.ticket()
