"""The contact form, with all that people do instead of answering it. In both languages."""

import re
from typing import Any

import pytest

from bot.desk import Contact, ContactKind, Disposition

Customer = Any

MOBILE = "+33612345678"
ASKS_CONTACT = re.compile(r"numéro|number", re.IGNORECASE)
PROMISE = re.compile(r"(au plus tard \w+ \w+ \w+ à|by \w+ \d+ \w+,) \d\d:\d\d")


@pytest.mark.parametrize(
    ("matter", "question", "fact"),
    [
        ("où est ma commande ?", "au fait, vous acceptez PayPal ?", "PayPal"),
        ("where is my order?", "by the way, can I pay with PayPal?", "PayPal"),
    ],
)
async def test_a_digression_is_answered_and_the_form_asks_again(
    customer: Customer, matter: str, question: str, fact: str
) -> None:
    await customer.says(matter)
    reply = await customer.says(question)
    assert reply.index(fact) < ASKS_CONTACT.search(reply).start()
    await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, MOBILE)


@pytest.mark.parametrize(
    ("matter", "correction"),
    [
        ("où en est mon remboursement ?", "je me suis trompé de numéro, c'est le 07 98 76 54 32"),
        ("where is my refund?", "sorry, wrong number, it is +33 7 98 76 54 32"),
    ],
)
async def test_a_correction_after_the_confirmation(customer: Customer, matter: str, correction: str) -> None:
    await customer.says(matter)
    await customer.says("06 12 34 56 78")
    assert "+33 7 98 76 54 32" in await customer.says(correction)
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, "+33798765432")


@pytest.mark.parametrize(
    ("matter", "cancel", "yes"),
    [
        ("je voudrais être rappelé", "annulez ma demande s'il vous plaît", "Oui, annuler"),
        ("please call me back", "please cancel my request", "Yes, cancel it"),
    ],
)
async def test_the_matter_may_be_called_off_inside_the_form(
    customer: Customer, matter: str, cancel: str, yes: str
) -> None:
    await customer.says(matter)
    await customer.says(cancel)
    await customer.taps(yes)
    assert not (await customer.ticket()).is_open


@pytest.mark.parametrize(
    ("matter", "refusal", "here"),
    [
        ("ma commande est arrivée abîmée", "je ne veux pas donner mes coordonnées", "ici|conversation"),
        ("my order arrived damaged", "I'd rather not give my phone number or email", "here|conversation"),
    ],
)
async def test_who_gives_no_data_keeps_the_ticket_and_is_answered_here(
    customer: Customer, matter: str, refusal: str, here: str
) -> None:
    await customer.says(matter)
    reply = await customer.says(refusal)
    ticket = await customer.ticket()
    assert ticket.is_open
    assert ticket.contact_refused
    assert re.search(here, reply)
    assert PROMISE.search(reply)


@pytest.mark.parametrize(
    ("matter", "change"),
    [
        ("je voudrais modifier ma commande", "finalement plutôt par mail : jean@exemple.fr"),
        ("I need to change my order", "actually, by email instead please: jean@exemple.fr"),
    ],
)
async def test_the_phone_is_exchanged_for_an_address(customer: Customer, matter: str, change: str) -> None:
    await customer.says(matter)
    await customer.says("06 12 34 56 78")
    assert "jean@exemple.fr" in await customer.says(change)
    assert (await customer.ticket()).contact == Contact(ContactKind.EMAIL, "jean@exemple.fr")


@pytest.mark.parametrize(
    ("matter", "wish", "asks"),
    [
        ("je voudrais ma facture de la commande 4512", "répondez-moi plutôt par e-mail", "e-mail"),
        ("I'd like the invoice of order 4512", "could you answer me by email instead?", "email"),
    ],
)
async def test_who_prefers_an_email_is_asked_for_the_address(
    customer: Customer, matter: str, wish: str, asks: str
) -> None:
    await customer.says(matter)
    await customer.says("06 12 34 56 78")
    assert asks in await customer.says(wish)
    await customer.says("jean@exemple.fr")
    assert (await customer.ticket()).contact == Contact(ContactKind.EMAIL, "jean@exemple.fr")


@pytest.mark.parametrize(
    ("all_at_once", "time"),
    [
        (
            "Ma lampe est arrivée cassée lundi, c'est inadmissible. Appelez-moi au 06 12 34 56 78 demain après 18h",
            "demain après 18h",
        ),
        (
            "My lamp arrived broken on Monday, this is unacceptable. Call me on +33 6 12 34 56 78 tomorrow after 6pm",
            "tomorrow after 6pm",
        ),
    ],
)
async def test_who_says_everything_at_once_is_asked_nothing(customer: Customer, all_at_once: str, time: str) -> None:
    reply = await customer.says(all_at_once)
    ticket = await customer.ticket()
    assert ticket.disposition is Disposition.ESCALATE_CONTENTIOUS
    assert ticket.contact == Contact(ContactKind.PHONE, MOBILE, time)
    assert PROMISE.search(reply)
    assert not ASKS_CONTACT.search(reply)


@pytest.mark.parametrize(
    ("matter", "both"),
    [
        ("où est mon colis ?", "06 12 34 56 78 ou sinon jean@exemple.fr"),
        ("where is my parcel?", "+33 6 12 34 56 78 or else jean@exemple.fr"),
    ],
)
async def test_of_two_contacts_the_phone_is_taken_and_said(customer: Customer, matter: str, both: str) -> None:
    await customer.says(matter)
    assert "+33 6 12 34 56 78" in await customer.says(both)
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, MOBILE)


@pytest.mark.parametrize(
    ("matter", "when", "number"),
    [
        ("rappelez-moi s'il vous plaît", "plutôt jeudi matin", "06 12 34 56 78"),
        ("please call me back", "on Thursday morning if possible", "+33 6 12 34 56 78"),
    ],
)
async def test_the_time_wished_for_is_kept(customer: Customer, matter: str, when: str, number: str) -> None:
    await customer.says(matter)
    await customer.says(when)
    await customer.says(number)
    contact = (await customer.ticket()).contact
    assert contact.value == MOBILE
    assert re.search("jeudi matin|Thursday morning", contact.preferred_time)


@pytest.mark.parametrize(
    ("matter", "moment"), [("où est ma commande ?", "attendez deux secondes"), ("where is my order?", "hang on a sec")]
)
async def test_who_looks_for_the_number_is_not_hurried(customer: Customer, matter: str, moment: str) -> None:
    await customer.says(matter)
    assert not ASKS_CONTACT.search(await customer.says(moment))
    await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact
