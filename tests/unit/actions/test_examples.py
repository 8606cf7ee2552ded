"""The examples are many enough in each language, all different, and each of one intent."""

import re
import unicodedata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
BLOCKS = yaml.safe_load((ROOT / "data" / "nlu.yml").read_text(encoding="utf-8"))["nlu"]
EXAMPLES: dict[str, list[str]] = {
    block["intent"]: [line.removeprefix("- ") for line in block["examples"].splitlines()]
    for block in BLOCKS
    if "intent" in block
}
FIRST, SECOND = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["slots"]["language"]["values"]
TELLING = {
    language: {
        word
        for line in (ROOT / "nlu" / "parvis_nlu" / "words" / f"{language}.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
        for word in line.split()
    }
    for language in (FIRST, SECOND)
}

INTENTS = 100
ENOUGH = 15
# What customers ask every day, and what must never be missed.
ENOUGH_OF_THE_FREQUENT = 25
FREQUENT = {
    *("faq_opening_hours", "faq_store_location", "faq_delivery_time", "faq_delivery_cost", "faq_return_policy"),
    *("faq_exchange_policy", "faq_refund_delay", "faq_payment_methods", "faq_gift_card", "faq_loyalty_program"),
    *("faq_promotions", "faq_size_guide", "faq_product_availability", "faq_click_and_collect"),
    *("chitchat_greet", "chitchat_thanks", "human_person", "human_callback"),
    *("private_order_status", "private_order_change", "private_order_cancel", "private_return_request"),
    *("private_refund_status", "private_account_access", "private_payment_problem"),
    *("contentious_complaint", "contentious_delivery_late", "contentious_delivery_lost", "contentious_damaged_item"),
    *("contentious_wrong_item", "contentious_double_charge", "contentious_fraud"),
}
ENOUGH_OF_A_GRAVE_AND_FREQUENT_ONE = 40
ENOUGH_OUT_OF_SCOPE = {"off_topic_other": 60}


def enough(intent: str) -> int:
    if intent in ENOUGH_OUT_OF_SCOPE:
        return ENOUGH_OUT_OF_SCOPE[intent]
    if intent in FREQUENT and intent.startswith(("private_", "contentious_")):
        return ENOUGH_OF_A_GRAVE_AND_FREQUENT_ONE
    return ENOUGH_OF_THE_FREQUENT if intent in FREQUENT else ENOUGH


def spoken(example: str) -> str:
    """Without the marks of entities."""
    return re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", example)


def language_of(example: str) -> str | None:
    """By the words that only one of the languages uses; None when they do not say."""
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", spoken(example).lower())
    votes = {language: sum(word in telling for word in words) for language, telling in TELLING.items()}
    if votes[FIRST] == votes[SECOND]:
        return None
    return max(votes, key=votes.__getitem__)


def border(examples: list[str]) -> int:
    """Where the second language begins: with the fewest examples on the wrong side, as near the middle as may be."""
    languages = [language_of(example) for example in examples]

    def misplaced(at: int) -> int:
        return languages[:at].count(SECOND) + languages[at:].count(FIRST)

    return min(range(len(examples) + 1), key=lambda at: (misplaced(at), abs(2 * at - len(examples))))


def plain(example: str) -> str:
    letters = unicodedata.normalize("NFKD", spoken(example).casefold())
    kept = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return re.sub(r"\W+", " ", kept).strip() or kept


def test_the_assistant_knows_enough_intents() -> None:
    assert len(EXAMPLES) >= INTENTS
    assert set(EXAMPLES) >= FREQUENT | ENOUGH_OUT_OF_SCOPE.keys()


@pytest.mark.parametrize("intent", EXAMPLES)
def test_an_intent_has_enough_examples_in_each_language(intent: str) -> None:
    examples = EXAMPLES[intent]
    of_the_first = border(examples)
    counted = {FIRST: of_the_first, SECOND: len(examples) - of_the_first}
    assert min(counted.values()) >= enough(intent), counted


@pytest.mark.parametrize("intent", EXAMPLES)
def test_one_language_comes_first_then_the_other(intent: str) -> None:
    examples = EXAMPLES[intent]
    at = border(examples)
    wrong = [example for example in examples[:at] if language_of(example) == SECOND]
    wrong += [example for example in examples[at:] if language_of(example) == FIRST]
    assert len(wrong) <= len(examples) * 0.04, wrong  # the word lists are no judge of "Hello 👋" in a French block


def test_no_sentence_is_written_twice_but_in_capitals() -> None:
    """Capitals are a manner of its own; accents, commas and question marks are none."""
    seen: dict[tuple[str, bool], str] = {}
    for intent, examples in EXAMPLES.items():
        for example in examples:
            key = (plain(example), example.isupper())
            assert seen.setdefault(key, f"{intent}: {example}") == f"{intent}: {example}"


def test_no_sentence_teaches_two_intents() -> None:
    seen: dict[str, str] = {}
    for intent, examples in EXAMPLES.items():
        for example in examples:
            assert seen.setdefault(plain(example), intent) == intent, example


@pytest.mark.parametrize("intent", EXAMPLES)
def test_only_stores_are_marked(intent: str) -> None:
    for example in EXAMPLES[intent]:
        assert not set("[]{}") & set(re.sub(r"\[[^]]*]\(store\)", "", example)), example
