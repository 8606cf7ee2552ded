"""Over many messages: a second complaint, a ticket and its end, a pause, abuse, silence. In both languages."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from bot.channels.vocabulary import AttachmentKind
from bot.desk import Disposition

Customer = Any

REFERENCE = re.compile(r"ML-[0-9A-Z]{3}-[0-9A-Z]{3}")
APOLOGY = re.compile(r"désolé|excuses|sorry|apolog", re.IGNORECASE)
ASKS_CONTACT = re.compile(r"numéro|number", re.IGNORECASE)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("mon vase est arrivé cassé", "et en plus la vendeuse au téléphone m'a insultée, c'est honteux"),
        ("my vase arrived broken", "and on top of that your agent insulted me on the phone, that's a disgrace"),
    ],
)
async def test_a_second_complaint_says_which_ticket_has_it(customer: Customer, first: str, second: str) -> None:
    await customer.says(first)
    await customer.says("06 12 34 56 78")
    reply = await customer.says(second)
    ticket = await customer.ticket()
    assert ticket.reference in reply
    assert APOLOGY.search(reply)
    assert not ASKS_CONTACT.search(reply), "how to reach the customer is known"


@pytest.mark.parametrize(
    ("matter", "status", "cancel", "yes"),
    [
        ("où est ma commande ?", "où en est mon dossier ?", "annulez mon dossier", "oui"),
        ("where is my order?", "any news about my case?", "please cancel my case", "yes"),
    ],
)
async def test_a_ticket_from_its_opening_to_its_end(
    customer: Customer, matter: str, status: str, cancel: str, yes: str
) -> None:
    await customer.says(matter)
    await customer.says("06 12 34 56 78")
    reference = (await customer.ticket()).reference
    assert reference in await customer.says(status)
    assert reference in await customer.says(cancel)
    assert reference in await customer.says(yes)
    assert not (await customer.ticket()).is_open


@pytest.mark.parametrize(
    ("matter", "thanks", "warm"),
    [
        ("mon vase est arrivé cassé", "merci beaucoup, tout est réglé", "plaisir|prie"),
        ("my vase arrived broken", "thank you so much, all sorted", "pleasure|welcome"),
    ],
)
async def test_thanks_after_the_solution_open_nothing_again(
    customer: Customer, matter: str, thanks: str, warm: str
) -> None:
    await customer.says(matter)
    await customer.says("06 12 34 56 78")
    ticket = await customer.ticket()
    await customer.desk.resolve_ticket(ticket.reference)
    reply = await customer.says(thanks)
    assert re.search(warm, reply)
    assert not REFERENCE.search(reply)
    assert not (await customer.ticket()).is_open


@pytest.mark.parametrize(("matter", "hello"), [("où est ma commande ?", "bonjour"), ("where is my order?", "hello")])
async def test_who_comes_back_after_a_pause_hears_of_the_open_ticket_but_not_of_the_old_form(
    customer: Customer, pass_time: Callable[[Customer, float], None], matter: str, hello: str
) -> None:
    reference = REFERENCE.search(await customer.says(matter))[0]
    pass_time(customer, 30)
    reply = await customer.says(hello)
    assert reference in reply
    assert re.search("automat", reply), "a new session says again who answers"
    assert not ASKS_CONTACT.search(reply)
    assert not APOLOGY.search(reply)
    assert not ASKS_CONTACT.search(await customer.means("faq_delivery_cost")), "the form is over"
    await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact, "but a number still belongs to the ticket"


@pytest.mark.parametrize(
    ("matter", "hello"), [("mon vase est arrivé cassé", "bonjour"), ("my vase arrived broken", "hello")]
)
async def test_who_comes_back_after_the_solution_is_greeted_like_anybody(
    customer: Customer, pass_time: Callable[[Customer, float], None], matter: str, hello: str
) -> None:
    await customer.says(matter)
    await customer.desk.resolve_ticket((await customer.ticket()).reference)
    pass_time(customer, 30)
    assert not REFERENCE.search(await customer.says(hello))


@pytest.mark.parametrize("kind", [AttachmentKind.IMAGE, AttachmentKind.AUDIO, AttachmentKind.STICKER])
@pytest.mark.parametrize("hello", ["bonjour", "hello"])
async def test_a_message_without_words_gets_a_word(customer: Customer, kind: AttachmentKind, hello: str) -> None:
    await customer.says(hello)
    assert await customer.sends(kind)
    assert not await customer.has_ticket()


@pytest.mark.parametrize(
    ("hello", "question", "fact"),
    [("bonjour", "vous livrez en Belgique ?", "Belgique"), ("hello", "do you ship to Belgium?", "Belgium")],
)
async def test_fifteen_messages_in_a_row_are_all_answered(
    customer: Customer, hello: str, question: str, fact: str
) -> None:
    await customer.says(hello)
    for _ in range(15):
        assert fact in await customer.says(question)
    assert not await customer.has_ticket()


@pytest.mark.parametrize(
    ("insult", "yes"), [("t'es vraiment un robot débile", "Oui, volontiers"), ("you stupid bot", "Yes please")]
)
async def test_abuse_is_met_calmly_twice_and_then_with_a_person(customer: Customer, insult: str, yes: str) -> None:
    for _ in range(2):
        reply = await customer.says(insult)
        assert reply
        assert yes not in customer.offers()
    await customer.says(insult)
    assert not await customer.has_ticket()
    await customer.taps(yes)
    assert (await customer.ticket()).disposition is Disposition.HUMAN


@pytest.mark.parametrize(
    ("question", "word"), [("vous êtes un robot ?", "automatique"), ("are you a robot?", "automated")]
)
async def test_who_asks_is_told_that_it_is_automated(customer: Customer, question: str, word: str) -> None:
    await customer.says("bonjour")
    assert word in await customer.says(question)


# --- silence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hello", "stop", "question", "resume"),
    [
        ("bonjour", "STOP", "quelle est votre politique de retour ?", "reprendre"),
        ("hello", "please stop writing to me", "what is your return policy?", "resume"),
    ],
)
async def test_after_stop_nothing_is_said_until_the_customer_resumes(
    customer: Customer, hello: str, stop: str, question: str, resume: str
) -> None:
    await customer.says(hello)
    assert re.search("reprendre|resume", await customer.says(stop))
    for words in (question, stop, hello, "…", "ok"):
        assert await customer.says(words) == ""
    assert await customer.sends(AttachmentKind.IMAGE) == ""
    assert await customer.says(resume)
    assert "30" in await customer.says(question)


@pytest.mark.parametrize(
    "matter", ["mon vase est arrivé cassé, c'est une honte", "my vase arrived broken, what a shame"]
)
async def test_a_matter_under_way_goes_on_after_stop(customer: Customer, matter: str) -> None:
    await customer.says(matter)
    reply = await customer.says("stop")
    assert re.search("reprendre|resume", reply)
    assert (await customer.ticket()).is_open
    assert await customer.says("06 12 34 56 78") == ""
    assert (await customer.ticket()).contact, "the team may call"


@pytest.mark.parametrize(
    ("stop", "matter"),
    [("stop", "ma lampe est arrivée cassée, c'est inadmissible"), ("stop", "my lamp arrived broken, unacceptable")],
)
async def test_a_complaint_after_stop_reaches_the_team_in_silence(customer: Customer, stop: str, matter: str) -> None:
    await customer.says("bonjour")
    await customer.says(stop)
    assert await customer.says(matter) == ""
    assert (await customer.ticket()).disposition is Disposition.ESCALATE_CONTENTIOUS


async def test_silence_outlasts_a_pause(customer: Customer, pass_time: Callable[[Customer, float], None]) -> None:
    await customer.says("hello")
    await customer.says("stop")
    pass_time(customer, 30)
    assert await customer.says("hello") == ""
