"""Nothing that a customer reads breaks the charter (charter.yml); a failure names the text and the reason."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.assistant.holding import load_holding_text
from bot.desk.wording import WORDS
from bot.settings import PROJECT_ROOT


def read(name: str) -> Any:
    return yaml.safe_load((PROJECT_ROOT / name).read_text(encoding="utf-8"))


CHARTER: dict[str, dict[str, Any]] = read("charter.yml")["rules"]
DOMAIN: dict[str, Any] = read("domain.yml")
LANGUAGES = DOMAIN["slots"]["language"]["values"]
FACTS = {
    name: slot["initial_value"] for name, slot in DOMAIN["slots"].items() if isinstance(slot.get("initial_value"), str)
}


def applies(rule: dict[str, Any], response: str) -> bool:
    return bool(re.match(rule.get("responses", ""), response)) and not (
        "except" in rule and re.match(rule["except"], response)
    )


def breaches(text: str, language: str, response: str = "") -> Iterator[str]:
    """The reasons why a text may not be said. ``response`` is its name, where it has one."""
    filled = re.sub(r"\{(\w+)}", lambda brace: FACTS.get(brace[1], brace[0]), text)
    for name, rule in CHARTER.items():
        for pattern in [*rule.get("any", []), *rule.get(language, [])] if applies(rule, response) else []:
            if found := re.search(pattern, filled, re.IGNORECASE):
                yield f"{response}: “{found[0]}” ({name}): {rule['reason']}"


def language_of(variation: dict[str, Any]) -> str:
    return next(str(condition["value"]) for condition in variation["condition"] if condition["name"] == "language")


@pytest.mark.parametrize("response", DOMAIN["responses"])
def test_no_response_breaks_the_charter(response: str) -> None:
    for variation in DOMAIN["responses"][response]:
        titles = [button["title"] for button in variation.get("buttons", [])]
        for text in [variation["text"], *titles]:
            assert not list(breaches(text, language_of(variation), response)), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_other_text_breaks_the_charter(language: str, tmp_path: Path) -> None:
    without_a_domain = load_holding_text(tmp_path / "domain.yml")
    texts = [without_a_domain(language), *WORDS[language].values()]
    assert not [breach for text in texts for breach in breaches(text, language)]


@pytest.mark.parametrize(
    ("response", "language", "text", "rule"),
    [
        ("utter_contentious_delivery_late", "fr", "Désolé ! Un geste commercial vous attend.", "compensation"),
        ("utter_contentious_complaint", "en", "Sorry, we'll refund you at once.", "compensation"),
        ("utter_contentious_refund_refused", "fr", "Vous avez le droit d'être remboursé.", "legal_opinion"),
        ("utter_contentious_legal_threat", "en", "Under the law, that is fine.", "legal_opinion"),
        ("utter_faq_delivery_time", "en", "We are faster than Zara.", "competitors"),
        ("utter_faq_jobs", "fr", "Notre chiffre d'affaires grandit.", "strategy"),
        ("utter_faq_store_location", "en", "A new store will open soon.", "strategy"),
        ("utter_private_order_status", "fr", "Nous vous appelons au {contact}.", "personal_data"),
        ("utter_private_account_access", "en", "Please send me your password.", "personal_data"),
        ("utter_private_order_cancel", "fr", "Une réponse vous arrive demain.", "exact_dates"),
        ("utter_private_invoice", "en", "You'll have it by Friday.", "exact_dates"),
        ("utter_contentious_safety", "fr", "Je suis désolé 😢", "emoji_with_a_grievance"),
        ("utter_chitchat_greet", "fr", "Comment puis-je t'aider ?", "familiar_tone"),
        ("utter_chitchat_abuse", "en", "Please calm down.", "quarrel"),
        ("utter_private_order_status", "fr", "Votre colis arrive bientôt.", "invented_certainty"),
    ],
)
def test_what_may_not_be_said_is_found(response: str, language: str, text: str, rule: str) -> None:
    assert [breach for breach in breaches(text, language, response) if f"({rule})" in breach]


def test_the_same_emoji_is_welcome_in_small_talk() -> None:
    assert not list(breaches("Bonjour 👋", "fr", "utter_chitchat_greet"))


@pytest.mark.parametrize("rule", CHARTER)
def test_every_rule_gives_its_reason_and_reads(rule: str) -> None:
    content = CHARTER[rule]
    assert content["reason"]
    assert content.keys() <= {"reason", "responses", "except", "any", *LANGUAGES}
    patterns = [pattern for key in ("any", *LANGUAGES) for pattern in content.get(key, [])]
    assert patterns
    assert all(re.compile(pattern) for pattern in patterns)
