"""What the console says, in both languages."""

import re
from pathlib import Path
from string import Formatter

import pytest

from bot.console.words import LANGUAGES, preferred_language, words_of

TEMPLATES = Path(__file__).resolve().parents[3] / "bot" / "console" / "templates"


def test_both_languages_have_the_same_phrases():
    french, english = (words_of(language).phrases for language in LANGUAGES)
    assert set(french) == set(english)


@pytest.mark.parametrize("key", sorted(words_of("en").phrases))
def test_a_phrase_is_filled_with_the_same_values_in_both_languages(key):
    french, english = (words_of(language).phrases[key] for language in LANGUAGES)
    assert named_in(french) == named_in(english)
    assert french.strip()
    assert english.strip()


def test_french_is_set_as_french_is():
    phrases = words_of("fr").phrases
    assert [key for key, phrase in phrases.items() if re.search(r" [;:?!»]|\w'\w", phrase)] == []
    assert "\N{NARROW NO-BREAK SPACE};" in phrases["said.conversation_taken"]
    assert "\N{NO-BREAK SPACE}:" in phrases["ticket.assigned_to"]


def test_templates_name_only_phrases_that_exist():
    known = words_of("en").phrases
    named = {
        key
        for template in TEMPLATES.rglob("*.html")
        for key in re.findall(r"words\(['\"]([\w.]+)['\"][,)]", template.read_text(encoding="utf-8"))
    }
    assert named
    assert named <= set(known)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("en-GB", "en"),
        ("de,fr;q=0.4,en;q=0.2", "fr"),
        ("de", "en"),
        ("", "en"),
        ("fr;q=nonsense,en;q=0.1", "en"),
    ],
)
def test_the_browsers_language_is_followed(accepted, language):
    assert preferred_language(accepted) == language


def named_in(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name}
