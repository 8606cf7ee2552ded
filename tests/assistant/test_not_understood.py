"""What is not understood, or not quite: help, a choice, and then a person. In both languages.

Which of two things was meant is asked by an action with tests of its own (tests/unit/actions/test_which.py).
"""

from typing import Any

import pytest

Customer = Any


@pytest.mark.parametrize(
    ("language", "person", "yes"),
    [("fr", "Parler à quelqu'un", "Oui, volontiers"), ("en", "Talk to a person", "Yes please")],
)
async def test_tries_of_both_kinds_count_together(customer: Customer, language: str, person: str, yes: str) -> None:
    await customer.means("chitchat_greet", language=language)
    assert await customer.means("nlu_ambiguous")
    assert person in customer.offers()
    await customer.means("nlu_fallback")
    assert yes in customer.offers()
    assert not await customer.has_ticket()


@pytest.mark.parametrize(("language", "person"), [("fr", "Parler à quelqu'un"), ("en", "Talk to a person")])
async def test_an_answer_in_between_begins_the_count_anew(customer: Customer, language: str, person: str) -> None:
    await customer.means("nlu_fallback", language=language)
    await customer.means("faq_delivery_cost")
    await customer.means("nlu_fallback")
    assert person in customer.offers()


@pytest.mark.parametrize(("matter", "language"), [("où est ma commande ?", "fr"), ("where is my order?", "en")])
async def test_nothing_is_guessed_inside_the_form_either(customer: Customer, matter: str, language: str) -> None:
    await customer.says(matter)
    assert await customer.means("nlu_ambiguous")
    await customer.says("06 12 34 56 78")
    assert (await customer.ticket()).contact
