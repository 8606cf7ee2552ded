"""The customer's language, followed wherever it goes; and what is said to a language that is not served."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from bot.desk import Disposition

Customer = Any

SORRY_FOR_LANGUAGE = re.compile("in your language|don't speak your language")


async def test_the_language_changes_inside_the_form(customer: Customer) -> None:
    assert re.search("numéro", await customer.says("où est ma commande ?"))
    reply = await customer.says("sorry, could you please tell me how much delivery costs?")
    assert "€5" in reply
    assert re.search("number", reply), "the form asks again in English"
    assert re.search("by \\w+ \\d+", await customer.says("my number is 06 12 34 56 78"))
    assert (await customer.ticket()).contact


async def test_the_language_changes_to_french_inside_the_form(customer: Customer) -> None:
    await customer.says("where is my order?")
    reply = await customer.says("et quels sont vos moyens de paiement, s'il vous plaît ?")
    assert "régler" in reply or "acceptons" in reply
    assert re.search("numéro", reply)
    assert re.search("au plus tard", await customer.says("mon numéro est le 06 12 34 56 78, merci"))


async def test_another_language_is_answered_in_english_with_one_apology(customer: Customer) -> None:
    first = await customer.means("faq_return_policy", other_language="es", language="en")
    assert len(SORRY_FOR_LANGUAGE.findall(first)) == 1
    assert "30 days" in first
    again = await customer.means("faq_delivery_cost", other_language="es", language="en")
    assert not SORRY_FOR_LANGUAGE.search(again)
    assert "€5" in again


async def test_a_new_session_apologises_anew(customer: Customer, pass_time: Callable[[Customer, float], None]) -> None:
    await customer.means("faq_return_policy", other_language="de", language="en")
    pass_time(customer, 30)
    assert SORRY_FOR_LANGUAGE.search(await customer.means("faq_return_policy", other_language="de", language="en"))


async def test_the_ticket_says_which_language_the_customer_writes(customer: Customer) -> None:
    reply = await customer.means("contentious_damaged_item", other_language="it", language="en")
    assert re.search("sorry|apologies", reply)
    assert re.search("number", reply)
    assert await customer.language_of_ticket() == "it"


async def test_who_goes_on_in_a_served_language_gets_a_ticket_in_that(customer: Customer) -> None:
    await customer.means("faq_return_policy", other_language="nl", language="en")
    await customer.says("pardon, je vous écris en français. Où est ma commande ?")
    assert await customer.language_of_ticket() == "fr"


async def test_what_is_not_understood_in_another_language_is_offered_a_person_at_once(customer: Customer) -> None:
    await customer.means("chitchat_greet", language="en")
    await customer.means("nlu_fallback", other_language="pl", language="en")
    assert "Yes please" in customer.offers()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hola, ¿dónde está mi pedido? Lo compré hace una semana", "es"),
        ("Guten Tag, wo bleibt meine Bestellung von letzter Woche?", "de"),
        ("Buongiorno, dove si trova il mio ordine della settimana scorsa?", "it"),
        ("Ik wacht nog steeds op mijn pakket, waar is het?", "nl"),
        ("Olá, onde está a minha encomenda da semana passada?", "pt"),
    ],
)
async def test_a_matter_of_ones_own_is_taken_inside_in_any_language(
    customer: Customer, text: str, language: str
) -> None:
    reply = await customer.says(text)
    assert SORRY_FOR_LANGUAGE.search(reply)
    assert (await customer.ticket()).disposition in (Disposition.ESCALATE_PRIVATE, Disposition.ESCALATE_CONTENTIOUS)
    assert await customer.language_of_ticket() == language
