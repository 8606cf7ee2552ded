"""Text is cut where a reader would cut it, and nothing of it is lost."""

import random
import unicodedata

import pytest
import regex

from bot.channels.text import shorten, split

FAMILY = "👩‍👩‍👧‍👦"
FLAG = "🇫🇷"
ACCENTED = unicodedata.normalize("NFD", "é")


def ink(text: str) -> str:
    return "".join(text.split())


def test_short_text_stays_whole() -> None:
    assert split("Bonjour !", 2000) == ["Bonjour !"]


@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_blank_text_makes_no_message(blank: str) -> None:
    assert split(blank, 10) == []


def test_text_of_exactly_the_limit_is_not_cut() -> None:
    assert split("a" * 2000, 2000) == ["a" * 2000]


def test_cut_falls_on_the_last_sentence_border_that_fits() -> None:
    assert split("One two. Three four! Five six seven", 24) == ["One two. Three four!", "Five six seven"]


def test_sentence_that_ends_right_on_the_limit_is_kept_whole() -> None:
    assert split("One two. Three.", 8) == ["One two.", "Three."]


def test_line_break_is_a_sentence_border() -> None:
    assert split("Lyon : 10 h\nParis : 9 h et demie", 22) == ["Lyon : 10 h", "Paris : 9 h et demie"]


def test_closing_quote_stays_with_its_sentence() -> None:
    assert split("Il dit « oui. »\u00a0? Non. Peut-être bien", 24)[0].endswith("Non.")
    assert split("Elle a dit « Bonjour.\u00a0» Puis rien du tout", 24)[0] == "Elle a dit « Bonjour.\u00a0»"


def test_sentence_without_border_is_cut_between_words() -> None:
    assert split("alpha beta gamma delta", 12) == ["alpha beta", "gamma delta"]


def test_no_break_space_is_never_cut() -> None:
    assert split("cela coûte 12\u00a0€ environ", 14) == ["cela coûte", "12\u00a0€ environ"]


def test_decimal_point_ends_no_sentence() -> None:
    assert split("it costs 12.50 euros now", 16) == ["it costs 12.50", "euros now"]


def test_word_longer_than_the_limit_is_cut_hard() -> None:
    assert split("a" * 25, 10) == ["a" * 10, "a" * 10, "a" * 5]


@pytest.mark.parametrize("grapheme", [FAMILY, FLAG, ACCENTED])
def test_hard_cut_spares_what_a_reader_sees_as_one_character(grapheme: str) -> None:
    parts = split(grapheme * 40, 15)
    assert "".join(parts) == grapheme * 40
    assert all(len(part) <= 15 and len(part) % len(grapheme) == 0 for part in parts)


def test_grapheme_longer_than_a_message_is_cut_somewhere() -> None:
    towering = "e" + "\u0301" * 50
    assert "".join(split(towering, 10)) == towering


def test_limit_below_one_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="limit"):
        split("text", 0)


@pytest.mark.parametrize("seed", range(60))
def test_any_text_comes_out_whole_within_the_limit(seed: int) -> None:
    chance = random.Random(seed)
    pieces = ["a", "été", " ", "  ", "\n", ". ", "! ", "?", "…", FAMILY, FLAG, ACCENTED, "\u00a0", "»", "12,50\u00a0€"]
    text = "".join(chance.choices(pieces, k=chance.randrange(1, 400)))
    limit = chance.randrange(12, 80)
    parts = split(text, limit)
    assert all(0 < len(part) <= limit and part == part.strip() for part in parts)
    assert ink("".join(parts)) == ink(text)
    whole = regex.findall(r"\X", ink(text))
    assert [grapheme for part in parts for grapheme in regex.findall(r"\X", ink(part))] == whole


def test_long_title_ends_in_an_ellipsis() -> None:
    assert shorten("Suivre ma commande en cours", 20) == "Suivre ma commande…"
    assert shorten("Court", 20) == "Court"


def test_shortening_spares_graphemes() -> None:
    assert shorten("abc" + FAMILY + "def", 8) == "abc…"
    assert len(shorten(FAMILY * 3, 20)) <= 20
