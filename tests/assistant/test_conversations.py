"""Conversations with the project's own assistant, as customers have them: wording of ours, decisions of its own.

Every response has several variations, so what is looked for are the facts and words that all of them share.
"""

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.channels.vocabulary import AttachmentKind, ChannelName
from bot.desk import Contact, ContactKind, Disposition, Priority, Stage, TicketStatus
from bot.trainer.evaluation import evaluate

# Made by the fixtures in conftest.py, which tests cannot import.
Customer = Any
Assistant = Any

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = re.compile(r"ML-[0-9A-Z]{3}-[0-9A-Z]{3}")
APOLOGY = re.compile(r"désolé|excuses|sorry|apolog", re.IGNORECASE)
ASKS_CONTACT = re.compile(r"numéro|number", re.IGNORECASE)
PROMISE = re.compile(r"(au plus tard \w+ \w+ \w+ à|by \w+ \d+ \w+,) \d\d:\d\d")
MOBILE = "+33612345678"


def reference_in(reply: str) -> str:
    match = REFERENCE.search(reply)
    assert match, reply
    return match.group()


# --- the first contact ------------------------------------------------------------------------------------------------


async def test_the_first_answer_says_that_the_assistant_is_automated(customer: Customer) -> None:
    assert "assistant automatique" in await customer.says("Bonjour")
    assert "automatique" not in await customer.says("vous livrez en combien de temps ?")


async def test_the_introduction_is_in_the_customers_language(customer: Customer) -> None:
    assert "automated assistant" in await customer.says("Hello, what are your delivery costs?")


async def test_who_asks_whether_it_is_a_robot_is_told_so(customer: Customer) -> None:
    await customer.says("bonjour")
    reply = await customer.says("je parle à un robot ?")
    assert "automatique" in reply
    assert "Parler à quelqu'un" in [choice.title for choice in customer.choices]


# --- questions --------------------------------------------------------------------------------------------------------


async def test_the_hours_of_a_city_are_those_of_its_store(customer: Customer) -> None:
    reply = await customer.says("vous ouvrez à quelle heure à Lyon ?")
    assert "lundi–samedi 10:00–19:30" in reply
    assert "Bruxelles" not in reply
    assert not await customer.has_ticket()


async def test_a_city_is_known_by_all_its_names(customer: Customer) -> None:
    assert "Thursday 10:00–20:00" in await customer.says("when are you open in Geneva?")
    assert "10:00–18:30" in await customer.says("and what are the opening hours in BRUSSELS")


async def test_hours_say_whether_the_store_is_open_now(customer: Customer) -> None:
    reply = await customer.says("la boutique de Paris est ouverte en ce moment ?")
    assert re.search(r"en ce moment|dès maintenant|à cette heure-ci|jour férié", reply)


async def test_hours_without_a_city_list_every_store_and_offer_them(customer: Customer) -> None:
    reply = await customer.says("quels sont vos horaires ?")
    assert all(city in reply for city in ("Paris", "Lyon", "Bruxelles", "Genève"))
    assert "10:00–18:30" in await customer.taps("Bruxelles")


async def test_a_follow_up_is_about_the_store_just_spoken_of(customer: Customer) -> None:
    await customer.says("quels sont vos horaires à Lyon ?")
    assert "8 rue des Tisseurs" in await customer.says("et c'est à quelle adresse ?")


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("c combien la livraison ??", "60"),
        ("how much do you charge for shipping", "€5"),
        ("vous livrez en Belgique ?", "Belgique"),
        ("do you ship to Switzerland", "Switzerland"),
        ("je peux rendre un article qui ne me plait pas ?", "30 jours"),
        ("can I pay with paypal", "PayPal"),
        ("une carte cadeau c'est valable longtemps ?", "24 mois"),
        ("where's your shop in Paris", "75003"),
        ("votre numero de tel svp", "+33 1 99 00 12 00"),
        ("do you have a loyalty card", "Club Lumen"),
    ],
)
async def test_a_question_gets_its_fact(customer: Customer, question: str, fact: str) -> None:
    assert fact in await customer.says(question)
    assert not await customer.has_ticket()


async def test_the_language_follows_the_customer_and_stays(customer: Customer) -> None:
    assert "jours" in await customer.says("quelle est votre politique de retour ?")
    assert "days" in await customer.says("sorry, could you tell me your return policy in English?")
    assert re.search(r"pleasure|welcome", await customer.says("ok thx"))
    # "ok" belongs to no language
    assert re.search(r"anything", await customer.says("ok"))


async def test_x_gets_its_own_shorter_words(new_customer: Callable[..., Customer]) -> None:
    on_x = new_customer(ChannelName.X)
    await on_x.says("hello")
    assert "👋" in await on_x.says("hello again")


# --- taken inside -----------------------------------------------------------------------------------------------------


async def test_an_order_is_taken_inside_and_completed_with_a_phone_number(customer: Customer) -> None:
    reply = await customer.says("where is my order??")
    ticket = await customer.ticket()
    assert reference_in(reply) == ticket.reference
    assert ASKS_CONTACT.search(reply)
    assert (ticket.disposition, ticket.topic) == (Disposition.ESCALATE_PRIVATE, "order_status")
    assert ticket.status is TicketStatus.NEW

    reply = await customer.says("06 12 34 56 78 after 6pm")
    ticket = await customer.ticket()
    assert ticket.contact == Contact(ContactKind.PHONE, MOBILE, "after 6pm")
    assert ticket.stage is Stage.READY
    assert "+33 6 12 34 56 78" in reply
    assert PROMISE.search(reply)


async def test_the_promise_is_the_desks_own(customer: Customer) -> None:
    await customer.says("je voudrais une facture")
    reply = await customer.says("jean@exemple.fr")
    due = (await customer.ticket()).due_at.astimezone()
    assert re.search(rf"\b{due.day}(er)? ", reply)


async def test_an_address_completes_the_ticket_as_well(customer: Customer) -> None:
    await customer.says("mon remboursement n'est toujours pas arrivé")
    assert "jean.martin@exemple.fr" in await customer.says("écrivez moi à jean.martin@exemple.fr")
    assert (await customer.ticket()).contact == Contact(ContactKind.EMAIL, "jean.martin@exemple.fr")


async def test_a_contact_in_the_first_message_is_not_asked_for_again(customer: Customer) -> None:
    reply = await customer.says("mon colis n'est jamais arrivé, mon mail est paul@exemple.fr")
    assert (await customer.ticket()).contact == Contact(ContactKind.EMAIL, "paul@exemple.fr")
    assert PROMISE.search(reply)
    # and the conversation is not inside the form
    assert "30 jours" in await customer.says("sinon, j'ai combien de jours pour faire un retour ?")


async def test_a_correction_replaces_the_contact(customer: Customer) -> None:
    await customer.says("ou en est mon remboursement ?")
    await customer.says("06 12 34 56 78")
    assert "+33 6 98 76 54 32" in await customer.says("pardon je me suis trompé, c'est le 06 98 76 54 32")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, "+33698765432")


async def test_a_corrected_number_keeps_the_time_wished_for(customer: Customer) -> None:
    await customer.says("où est ma commande ?")
    await customer.says("06 12 34 56 78 après 18h")
    await customer.says("non pardon, 06 98 76 54 32")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, "+33698765432", "après 18h")


async def test_an_incomplete_number_is_asked_for_again(customer: Customer) -> None:
    await customer.says("je n'arrive plus à me connecter à mon compte")
    assert re.search("complet|lire ce numéro", await customer.says("06 12 34 56"))
    assert (await customer.ticket()).contact is None
    await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, MOBILE)


async def test_an_incomplete_address_is_asked_for_again(customer: Customer) -> None:
    await customer.says("I need the invoice of my order")
    assert "email address" in await customer.says("my mail is jean@exemple")
    await customer.says("jean@exemple.fr")
    assert (await customer.ticket()).contact == Contact(ContactKind.EMAIL, "jean@exemple.fr")


async def test_a_time_alone_is_kept_until_the_number_comes(customer: Customer) -> None:
    await customer.says("où est mon colis ?")
    await customer.says("plutôt demain matin")
    await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, MOBILE, "demain matin")


async def test_a_question_inside_the_form_is_answered_and_the_form_asks_again_once(customer: Customer) -> None:
    await customer.says("où est ma commande ?")
    reply = await customer.says("au fait, c'est combien la livraison ?")
    assert "60" in reply
    assert ASKS_CONTACT.search(reply)
    assert not ASKS_CONTACT.search(await customer.says("et vous prenez PayPal ?"))
    await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, MOBILE)


async def test_who_gives_no_number_is_answered_here(customer: Customer) -> None:
    await customer.says("I want to return the dress I ordered")
    reply = await customer.says("I don't want to give you my number")
    ticket = await customer.ticket()
    assert ticket.contact_refused
    assert ticket.stage is Stage.READY
    assert re.search("here|this conversation", reply)
    assert PROMISE.search(reply)


async def test_a_plain_no_is_a_refusal(customer: Customer) -> None:
    await customer.says("je veux modifier ma commande")
    await customer.says("non merci")
    assert (await customer.ticket()).contact_refused


async def test_never_mind_ends_the_form_and_keeps_the_ticket(customer: Customer) -> None:
    await customer.says("where is my parcel")
    reply = await customer.says("never mind")
    ticket = await customer.ticket()
    assert ticket.is_open
    assert not ticket.contact_refused
    assert "stays open" in reply
    assert not ASKS_CONTACT.search(await customer.says("thanks"))


async def test_a_number_that_comes_after_all_still_reaches_the_ticket(customer: Customer) -> None:
    await customer.says("where is my parcel")
    await customer.says("never mind")
    await customer.says("my number is 06 12 34 56 78")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, MOBILE)


async def test_more_words_on_the_matter_go_to_the_same_ticket(customer: Customer) -> None:
    reference = reference_in(await customer.says("ma commande n'est pas arrivée"))
    reply = await customer.says("c'est la commande 45218 avec la lampe et les deux coussins bleus pour ma tante")
    assert reference in reply
    assert (await customer.ticket()).reference == reference


async def test_a_picture_inside_the_form_is_noted(customer: Customer) -> None:
    reference = reference_in(await customer.says("my vase arrived broken"))
    assert reference in await customer.sends(AttachmentKind.IMAGE)


# --- complaints -------------------------------------------------------------------------------------------------------


async def test_a_complaint_gets_an_apology_and_priority(customer: Customer) -> None:
    reply = await customer.says("ma lampe est arrivée cassée, c'est inadmissible")
    ticket = await customer.ticket()
    assert APOLOGY.search(reply)
    assert ticket.disposition is Disposition.ESCALATE_CONTENTIOUS
    assert ticket.priority.rank >= Priority.HIGH.rank


async def test_danger_comes_with_advice_and_urgency(customer: Customer) -> None:
    reply = await customer.says("your lamp caught fire in my bedroom!!")
    assert "112" in reply
    assert (await customer.ticket()).priority is Priority.URGENT


async def test_a_second_complaint_inside_the_form_raises_the_ticket(customer: Customer) -> None:
    await customer.says("où est ma commande ?")
    before = await customer.ticket()
    reply = await customer.says("et en plus vous m'avez débité deux fois, je vais porter plainte")
    after = await customer.ticket()
    assert APOLOGY.search(reply)
    assert after.reference == before.reference
    assert after.disposition is Disposition.ESCALATE_CONTENTIOUS
    assert after.priority.rank > before.priority.rank
    assert after.due_at <= before.due_at


async def test_no_order_data_is_asked_for_in_public(customer: Customer) -> None:
    reply = await customer.says("je veux annuler ma commande")
    assert not re.search(r"numéro de commande|order number", reply)


# --- a person ---------------------------------------------------------------------------------------------------------


async def test_who_wants_a_person_gets_a_ticket(customer: Customer) -> None:
    reference = reference_in(await customer.says("je veux parler à un humain"))
    ticket = await customer.ticket()
    assert (ticket.reference, ticket.disposition) == (reference, Disposition.HUMAN)


async def test_a_callback_asks_for_a_number_and_a_time(customer: Customer) -> None:
    reply = await customer.says("can you call me back please")
    assert "number" in reply
    assert "mail" not in reply
    await customer.says("+32 470 12 34 56 tomorrow morning")
    assert (await customer.ticket()).contact == Contact(ContactKind.PHONE, "+32470123456", "tomorrow morning")


async def test_an_answer_by_mail_asks_for_the_address(customer: Customer) -> None:
    reply = await customer.says("pouvez-vous plutôt me répondre par mail ?")
    assert "e-mail" in reply
    assert "téléphone" not in reply


async def test_a_ticket_tells_how_it_is_doing(customer: Customer) -> None:
    await customer.says("où est ma commande ?")
    await customer.says("06 12 34 56 78")
    ticket = await customer.ticket()
    for question in ("où en est mon dossier ?", f"des nouvelles du dossier {ticket.reference.lower()} ?"):
        reply = await customer.says(question)
        assert ticket.reference in reply
        assert PROMISE.search(reply)


async def test_nobody_hears_of_another_customers_ticket(
    customer: Customer, new_customer: Callable[..., Customer]
) -> None:
    reference = reference_in(await customer.says("je veux parler à quelqu'un"))
    stranger = new_customer()
    for words in (f"où en est mon dossier {reference} ?", f"annulez mon dossier {reference}"):
        assert reference not in await stranger.says(words)
    assert (await customer.ticket()).is_open


async def test_a_ticket_is_cancelled_after_a_yes(customer: Customer) -> None:
    await customer.says("rappelez-moi")
    await customer.says("06 12 34 56 78")
    await customer.says("finalement annulez ma demande")
    assert (await customer.ticket()).is_open
    await customer.says("oui")
    assert (await customer.ticket()).stage is Stage.CANCELLED


async def test_a_ticket_is_kept_after_a_no(customer: Customer) -> None:
    await customer.says("call me back please")
    await customer.says("+33 6 12 34 56 78")
    await customer.says("please cancel my request")
    await customer.taps("No, keep it")
    assert (await customer.ticket()).is_open


async def test_cancelling_inside_the_form_asks_for_confirmation_too(customer: Customer) -> None:
    await customer.says("je voudrais être rappelé")
    await customer.says("annulez mon dossier s'il vous plaît")
    assert (await customer.ticket()).is_open
    await customer.taps("Oui, annuler")
    assert (await customer.ticket()).stage is Stage.CANCELLED


async def test_there_is_nothing_to_cancel_without_a_ticket(customer: Customer) -> None:
    assert not REFERENCE.search(await customer.says("annulez ma demande de rappel"))
    assert not await customer.has_ticket()


# --- what is not understood -------------------------------------------------------------------------------------------


async def test_what_is_off_topic_is_answered_with_help(customer: Customer) -> None:
    await customer.says("quelle est la capitale de la Mongolie ?")
    assert "Parler à quelqu'un" in [choice.title for choice in customer.choices]
    assert not await customer.has_ticket()


async def test_the_second_time_in_a_row_a_person_is_offered(customer: Customer) -> None:
    await customer.says("how many penguins live in Chile")
    await customer.says("what is the capital of Mongolia")
    assert not await customer.has_ticket()
    reply = await customer.taps("Yes please")
    assert (await customer.ticket()).disposition is Disposition.HUMAN
    assert ASKS_CONTACT.search(reply)


async def test_the_offer_may_be_declined(customer: Customer) -> None:
    await customer.says("quel temps fera-t-il demain à Brest ?")
    await customer.says("quelle est la capitale de la Mongolie ?")
    await customer.says("non merci")
    assert not await customer.has_ticket()


async def test_a_picture_without_words_is_no_riddle(customer: Customer) -> None:
    assert re.search("images|texte", await customer.sends(AttachmentKind.IMAGE))
    assert re.search("😊|💛", await customer.sends(AttachmentKind.STICKER))


@pytest.mark.parametrize(
    "text",
    ["/restart", "/faq_opening_hours", "//restart", "/session_start"],
)
async def test_a_command_typed_by_a_customer_is_only_text(customer: Customer, text: str) -> None:
    await customer.says("bonjour")
    reply = await customer.says(text)
    assert reply
    assert not await customer.has_ticket()
    assert "automati" not in await customer.says("merci"), "the conversation began anew"


async def test_braces_in_a_message_are_only_text(customer: Customer) -> None:
    await customer.says("je veux parler à quelqu'un")
    reply = await customer.says("{brand_name} {0.__class__} 06 12 34 56 78 après {reference}")
    assert "+33 6 12 34 56 78" in reply
    assert "class" not in reply


# --- robustness -------------------------------------------------------------------------------------------------------


async def test_a_redelivered_message_gets_the_same_reply_and_one_ticket(
    customer: Customer, assistant: Assistant
) -> None:
    first = await customer.says("where is my order??", message_id=f"m_{customer.name}")
    again = await customer.says("where is my order??", message_id=f"m_{customer.name}")
    assert first == again
    with closing(sqlite3.connect(assistant.database.removeprefix("sqlite+aiosqlite:///"))) as database:
        query = "select count(*) from tickets where conversation_id = ?"
        assert database.execute(query, [customer.conversation_id]).fetchone() == (1,)


async def test_the_action_server_is_healthy_and_serves_its_actions(assistant: Assistant) -> None:
    async with httpx.AsyncClient(base_url=assistant.actions_address, trust_env=False) as http:
        assert (await http.get("/health")).status_code == httpx.codes.OK
        assert (await http.get("/ready")).status_code == httpx.codes.OK
        names = {action["name"] for action in (await http.get("/actions")).json()}
    assert {"action_escalate", "validate_contact_form"} <= names


async def test_a_broken_action_says_nothing_of_the_conversation(assistant: Assistant) -> None:
    call = {
        "next_action": "action_store_location",
        "sender_id": "messenger:PAGE:1",
        "version": "3.6.21",
        "tracker": {
            "sender_id": "messenger:PAGE:1",
            "latest_message": {"text": "my secret"},
            "slots": {},
            "events": [],
        },
    }
    async with httpx.AsyncClient(base_url=assistant.actions_address, trust_env=False) as http:
        response = await http.post("/webhook", json=call)
    assert response.status_code == httpx.codes.INTERNAL_SERVER_ERROR
    assert "secret" not in response.text


async def test_a_question_is_answered_fast(customer: Customer) -> None:
    await customer.says("bonjour")
    times = []
    for _ in range(20):
        started = time.perf_counter()
        await customer.says("quelle est votre politique de retour ?")
        times.append(time.perf_counter() - started)
    assert sorted(times)[len(times) // 2] < 0.25, "generous: the machine may be busy"


def test_messages_never_seen_in_training_find_their_disposition(assistant: Assistant) -> None:
    """The development set, with a little room for a change of data or machine."""
    report = evaluate(Path(__file__).with_name("development_set.jsonl"), ROOT)
    assert report["disposition_accuracy"] >= 0.86, report["mistakes"]
    assert report["language_accuracy"] >= 0.98
