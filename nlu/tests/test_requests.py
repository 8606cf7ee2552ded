"""Two requests in one message, and follow-ups without a topic of their own."""

from dataclasses import replace

import pytest

from parvis_nlu.followups import is_elliptic
from parvis_nlu.head import Prediction
from parvis_nlu.mentions import Names, find_mentions
from parvis_nlu.requests import Reading, parts_of, read_requests

STORES = Names({"store": {"Lyon": "lyon", "Genève": "geneve", "Geneva": "geneve"}})

# What a classifier would say of a part, by a word in it.
TOPICS = {
    "livraison": "faq_delivery_cost",
    "dimanche": "faq_opening_hours",
    "cassée": "contentious_damaged_item",
    "broken": "contentious_damaged_item",
    "sundays": "faq_opening_hours",
    "parcel": "private_order_status",
    "belgium": "faq_delivery_countries",
    "bonjour": "chitchat_greet",
    "thank": "chitchat_thanks",
    "bought": "private_order_status",
}


class Classifier:
    """Counts how often it is asked and for how many texts."""

    def __init__(self, confidence: float = 0.9) -> None:
        self.calls: list[int] = []
        self._confidence = confidence

    def __call__(self, texts: list[str]) -> list[Prediction]:
        self.calls.append(len(texts))
        return [self._read(text.lower()) for text in texts]

    def _read(self, text: str) -> Prediction:
        heard = list(dict.fromkeys(intent for word, intent in TOPICS.items() if word in text)) or ["off_topic_other"]
        return Prediction(heard[0], self._confidence, [(intent, self._confidence) for intent in heard])


class OutOfContext(Classifier):
    """Hears of the whole message only what is said first."""

    def __call__(self, texts: list[str]) -> list[Prediction]:
        whole, *parts = super().__call__(texts)
        return [replace(whole, ranking=whole.ranking[:1]), *parts]


def test_a_part_is_no_graver_than_what_the_whole_message_lets_hear() -> None:
    text = "vous ouvrez le dimanche ? ma lampe est arrivée cassée hier"
    assert read_requests(text, OutOfContext()) == Reading(Classifier()._read(text[:25]))


def test_a_part_makes_nothing_graver_of_what_a_person_will_read_anyway() -> None:
    text = "where is my parcel please? it is the one for the broken step"
    whole = Classifier()._read("parcel")

    def predict(texts: list[str]) -> list[Prediction]:
        return [whole, *Classifier(0.99)(texts[1:])]

    assert len(parts_of(text)) == 2
    assert read_requests(text, predict) == Reading(whole)


def read(text: str) -> tuple[str, list[str]]:
    reading: Reading = read_requests(text, Classifier())
    return reading.prediction.intent, [request.intent for request in reading.further]


@pytest.mark.parametrize(
    ("text", "own", "further"),
    [
        (
            "ma lampe est arrivée cassée et sinon vous ouvrez le dimanche ?",
            "contentious_damaged_item",
            "faq_opening_hours",
        ),
        ("vous ouvrez le dimanche ? ma lampe est arrivée cassée hier", "contentious_damaged_item", "faq_opening_hours"),
        ("where is my parcel please and do you ship to Belgium?", "private_order_status", "faq_delivery_countries"),
        ("c'est combien la livraison ? et ouvrez-vous le dimanche ?", "faq_delivery_cost", "faq_opening_hours"),
        ("my vase came broken. By the way are you open on sundays", "contentious_damaged_item", "faq_opening_hours"),
    ],
)
def test_the_graver_request_is_the_messages_own(text: str, own: str, further: str) -> None:
    assert read(text) == (own, [further])


@pytest.mark.parametrize(
    "text",
    [
        "bonjour tout le monde ! c'est combien la livraison chez vous ?",
        "do you ship to Belgium? thank you very much for your help",
        "I bought a coat from you last week. Are you open on sundays in Lyon?",
        "c'est combien la livraison ? la livraison en Suisse je veux dire ?",
    ],
)
def test_small_talk_and_stories_are_no_second_request(text: str) -> None:
    assert read(text)[1] == []


def test_an_uncertain_part_is_no_request() -> None:
    text = "ma lampe est arrivée cassée et sinon vous ouvrez le dimanche ?"
    assert read_requests(text, Classifier(confidence=0.6)).further == []


@pytest.mark.parametrize(
    "text",
    [
        "vous ouvrez le dimanche ?",
        "j'ai acheté une robe et un pull chez vous hier à Lyon",
        "where is my parcel I ordered a week ago",
    ],
)
def test_a_message_in_one_piece_costs_nothing_more(text: str) -> None:
    classifier = Classifier()
    read_requests(text, classifier)
    assert classifier.calls == [1]


def test_all_parts_are_read_in_one_call() -> None:
    classifier = Classifier()
    read_requests("c'est combien la livraison ? et ouvrez-vous le dimanche ?", classifier)
    assert classifier.calls == [3]


def test_parts_are_the_customers_words() -> None:
    text = "Ma lampe est arrivée CASSÉE ! Vous ouvrez le dimanche à Lyon ?"
    assert parts_of(text) == ["Ma lampe est arrivée CASSÉE !", "Vous ouvrez le dimanche à Lyon ?"]


@pytest.mark.parametrize(
    "text",
    [
        "et le dimanche ?",
        "and in Geneva?",
        "what about Sundays",
        "et pour la Suisse ?",
        "même le soir ?",
        "Lyon",
        "ok merci, et à Noël ?",
        "how about tomorrow evening?",
        "et les jours fériés",
    ],
)
def test_what_only_names_something_is_a_follow_up(text: str) -> None:
    assert is_elliptic(text, [*find_mentions(text), *STORES.find(text)])


@pytest.mark.parametrize(
    "text",
    [
        "et le prix de la livraison ?",
        "merci",
        "ok",
        "et vous ?",
        "vous livrez le dimanche ?",
        "et ma commande ?",
        "and my parcel from Sunday?",
        "06 12 34 56 78",
        "what are your opening hours",
        "",
    ],
)
def test_what_has_a_topic_or_names_nothing_is_none(text: str) -> None:
    assert not is_elliptic(text, [*find_mentions(text), *STORES.find(text)])
