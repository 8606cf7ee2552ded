"""Signs of danger, law, press and their like, and their many harmless look-alikes."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_nlu.signs import ListMistake, SignReader, is_one_slip, plain

MESSAGES = [
    json.loads(line)
    for line in (Path(__file__).parents[2] / "tests" / "assistant" / "safety.jsonl").read_text("utf-8").splitlines()
]
READER = SignReader.of_the_project()


def signs_in(text: str) -> set[str]:
    return {sign.name for sign in READER.find(text) if not sign.weak}


def test_grave_messages_show_their_sign() -> None:
    grave = [message for message in MESSAGES if message["sign"]]
    missed = [message["text"] for message in grave if message["sign"] not in signs_in(message["text"])]
    assert len(missed) <= 0.02 * len(grave), missed


def test_harmless_look_alikes_show_none() -> None:
    harmless = [message["text"] for message in MESSAGES if not message["sign"]]
    alarmed = [text for text in harmless if signs_in(text)]
    assert len(alarmed) <= 0.02 * len(harmless), alarmed


def test_both_languages_and_both_kinds_are_measured() -> None:
    assert len(MESSAGES) >= 160
    for lang in ("fr", "en"):
        kinds = [message["sign"] is not None for message in MESSAGES if message["lang"] == lang]
        assert min(kinds.count(True), kinds.count(False)) >= 40


@pytest.mark.parametrize(
    "text", ["la lampe a pris feu", "LA LAMPE A PRIS FEU", "la lampe a priiis feuuu", "lampe prend feu"]
)
def test_the_way_of_typing_makes_no_difference(text: str) -> None:
    assert "injury" in signs_in(text)


@pytest.mark.parametrize("text", ["c'est scandaleux", "c scandalleux", "scnadaleux!", "SCANDAAALEUX", "scandalux"])
def test_a_slip_of_the_finger_makes_no_difference(text: str) -> None:
    assert "anger" in signs_in(text)


@pytest.mark.parametrize("text", ["un canard", "belle valeur", "des sandales", "the healing cream", "three layers"])
def test_another_word_is_no_slip(text: str) -> None:
    assert not signs_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "je ne vais pas porter plainte",
        "no need for a lawyer",
        "il n'y a pas eu d'incendie",
        "we are not going to sue",
        "en cas de brûlure grave que faire ?",
    ],
)
def test_what_is_denied_or_only_supposed_is_no_sign(text: str) -> None:
    assert not signs_in(text)


@pytest.mark.parametrize(
    "text",
    [
        "vous ne répondez pas, je porte plainte",
        "si je ne suis pas remboursé je porte plainte",
        "I'm not happy, I'll call my lawyer",
        "not again!! my solicitor will write to you",
    ],
)
def test_a_negation_of_something_else_denies_nothing(text: str) -> None:
    assert "law" in signs_in(text)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("mi abogado se pondrá en contacto", "law"),
        ("das ist Betrug", "fraud"),
        ("ho avuto una reazione allergica", "injury"),
        ("dit is echt schandalig", "anger"),
        ("o candeeiro pegou fogo", "injury"),
    ],
)
def test_languages_that_are_not_served_can_still_alarm(text: str, sign: str) -> None:
    assert sign in signs_in(text)


def test_a_shouted_complaint_is_angry_and_a_shouted_question_is_not() -> None:
    assert signs_in("TOUJOURS PAS DE COLIS DEPUIS UN MOIS") == {"anger"}
    assert not signs_in("VOUS OUVREZ A QUELLE HEURE")
    assert not signs_in("MERCI POUR TOUT")


def test_a_sign_says_where_it_stands() -> None:
    text = "Bonjour. Votre lampe a pris feu !"
    sign = READER.find(text)[0]
    assert "pris feu" in text[sign.start : sign.end]
    assert sign.severity == "critical"


def test_a_list_that_cannot_be_read_says_where() -> None:
    with pytest.raises(ListMistake, match=r"xx\.txt, line 2"):
        SignReader({"xx.txt": "[law high]\n.. nothing first\n"})
    with pytest.raises(ListMistake, match=r"xx\.txt, line 1"):
        SignReader({"xx.txt": "[law medium]\n"})


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    for sign in READER.find(text):
        assert 0 <= sign.start < sign.end <= len(text)


@given(st.text(string.ascii_lowercase, min_size=2, max_size=12), st.data())
def test_one_slip_is_told_from_two(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    assert is_one_slip(word, word[:at] + word[at + 1 :])
    assert is_one_slip(word, word[:at] + "é" + word[at + 1 :])
    assert not is_one_slip(word, word + "éà")


def test_words_are_compared_without_what_people_leave_out() -> None:
    assert plain("Brûlééée") == plain("brule")
    assert plain("DON’T") == "dont"
