from pathlib import Path

from bot.assistant import load_holding_text

DOMAIN = """
slots:
  brand_name: {type: text, initial_value: Maison Lumen}
responses:
  utter_holding:
  - condition: [{type: slot, name: language, value: fr}]
    text: "Message bien reçu par {brand_name}."
  - condition: [{type: slot, name: language, value: fr}]
    text: "Une autre variante."
  - condition: [{type: slot, name: language, value: en}]
    channel: x
    text: "Got it."
  - condition: [{type: slot, name: language, value: en}]
    text: "{brand_name} has your message."
"""


def test_trainers_own_the_words(tmp_path: Path) -> None:
    domain = tmp_path / "domain.yml"
    domain.write_text(DOMAIN, encoding="utf-8")
    holding_text = load_holding_text(domain)
    assert holding_text("fr") == "Message bien reçu par Maison Lumen."
    assert holding_text("en") == "Maison Lumen has your message."


def test_a_customer_of_unknown_language_gets_all_of_them(tmp_path: Path) -> None:
    domain = tmp_path / "domain.yml"
    domain.write_text(DOMAIN, encoding="utf-8")
    assert load_holding_text(domain)(None) == "Message bien reçu par Maison Lumen.\nMaison Lumen has your message."


def test_there_are_words_even_without_a_domain(tmp_path: Path) -> None:
    holding_text = load_holding_text(tmp_path / "missing.yml")
    assert "votre message" in holding_text("fr")
    assert "your message" in holding_text("en")
    assert holding_text("it") == holding_text(None)
