"""Which language is a message in? Messages as customers write them; none is an example in the word lists."""

from pathlib import Path

import pytest

from parvis_nlu.judge import Judgement, LanguageJudge

FRENCH = """
ou est ma commande
jai toujours rien recu!!
C'EST QUOI VOTRE ADRESSE
slt vous livrez en belgique ?
bjr
merci
oui
non
bcp trop cher
la fermeture éclair est coincée
il manque un article dans le carton
je souhaite parler avec une conseillère
vous etes un robot?
mon numéro c'est le 06 12 34 56 78
jean@exemple.fr c'est mon mail
l’article est défectueux
remboursez moi
aucune nouvelle depuis trois semaines
laissez tomber
promo étudiante possible ?
""".strip().splitlines()

ENGLISH = """
where is my order??
wheres my stuff
WHAT TIME DO YOU OPEN
hi
thx
yes
nope
way too expensive
the zip got stuck
one item was missing from the box
can i speak with someone
are you a bot
my number is 0612345678
john@example.com is my mail
dont call me
i want my money back
nothing for three weeks now
never mind
student discount available?
you're useless
""".strip().splitlines()

SAYING_NOTHING = [
    "ok",
    "OK 👍",
    "12345",
    "06 12 34 56 78",
    "jean.dupont@exemple.fr",
    "https://maison-lumen.example/fr/panier",
    "👍",
    "?",
    "...",
    "Lyon",
    "Maison Lumen",
    "iPhone",
    "Dupont",
    "#promo",
    "@maisonlumen",
    "",
    "   ",
]


@pytest.fixture(scope="module")
def judge() -> LanguageJudge:
    return LanguageJudge(["fr", "en"], ["maison", "lumen", "lyon"], ["es", "de", "it", "nl", "pt"])


@pytest.mark.parametrize("text", FRENCH)
def test_french_is_recognised(judge: LanguageJudge, text: str) -> None:
    assert judge.judge(text) == Judgement(served="fr")


@pytest.mark.parametrize("text", ENGLISH)
def test_english_is_recognised(judge: LanguageJudge, text: str) -> None:
    assert judge.judge(text) == Judgement(served="en")


@pytest.mark.parametrize("text", SAYING_NOTHING)
def test_what_belongs_to_no_language_leaves_the_conversation_in_its_own(judge: LanguageJudge, text: str) -> None:
    assert judge.judge(text) == Judgement()


def test_a_borrowed_word_does_not_turn_a_french_sentence_english(judge: LanguageJudge) -> None:
    assert judge.judge("je voudrais le tracking de ma commande svp").served == "fr"


def test_with_one_served_language_there_is_nothing_to_say() -> None:
    assert LanguageJudge(["fr"]).judge("where is my order") == Judgement()


def test_a_language_without_a_word_list_is_judged_by_its_characters() -> None:
    judge = LanguageJudge(["fr", "en", "de"])
    assert judge.judge("Guten Tag, ich habe meine Bestellung noch nicht erhalten").served == "de"


def other_languages() -> list[list[str]]:
    lines = Path(__file__).with_name("other_languages.txt").read_text(encoding="utf-8").splitlines()
    return [line.split(" ", 2) for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(("language", "_", "text"), other_languages())
def test_a_language_that_is_not_served_is_named(judge: LanguageJudge, language: str, _: str, text: str) -> None:
    assert judge.judge(text) == Judgement(other=language)


@pytest.mark.parametrize(
    "text",
    [
        "me désabonner de la newsletter",
        "septante euros pour une écharpe, c'est dingue",
        "je peux passer au drink du samedi ? natel 079",
        "show me popular recipes",
        "is therez a hotline",
        "non mais sérieux la livraison",
        "tu es un robot",
        "ciao",
        "que faire",
        "no",
        "hola Lumen, ma commande arrive quand",
    ],
)
def test_slips_loans_and_words_of_neighbours_are_no_other_language(judge: LanguageJudge, text: str) -> None:
    assert judge.judge(text).other is None


def test_another_script_is_told_by_its_characters() -> None:
    judge = LanguageJudge(["fr", "en"], others=["ru", "es"])
    assert judge.judge("где мой заказ").other == "ru"
