"""Days, dates, numbers, addresses, sums and names, as customers write them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_nlu.mentions import Names, find_mentions, fold

STORES = {
    "store": {"Paris": "paris", "Lyon": "lyon", "Lyons": "lyon", "Bruxelles": "bruxelles", "Bruxel": "bruxelles"}
    | {"Brussels": "bruxelles", "Genève": "geneve", "Geneva": "geneve"},
    "product_family": {"robe": "dress", "robes": "dress", "linge de lit": "bedding"},
}
NAMES = Names(STORES, ["store"])


def mentioned(text: str) -> set[tuple[str, str]]:
    return {(mention.kind, mention.value) for mention in find_mentions(text)}


def named(text: str) -> list[str]:
    return [mention.value for mention in NAMES.find(text)]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("ouvert DIMANCHE ?", "sunday"),
        ("les samedis", "saturday"),
        ("open on Mondays?", "monday"),
        ("open on sat?", "saturday"),
        ("et le dim ?", "sunday"),
        ("aujourd’hui", "today"),
        ("ce soir", "today"),
        ("tmrw", "tomorrow"),
        ("demain", "tomorrow"),
        ("après-demain", "day_after_tomorrow"),
        ("ouvert maintenant ?", "now"),
        ("are you open right now", "now"),
        ("ce week-end", "weekend"),
        ("at the weekend", "weekend"),
    ],
)
def test_days_are_known_by_all_their_names(text: str, day: str) -> None:
    assert mentioned(text) == {("weekday", day)}


@pytest.mark.parametrize(
    "text", ["mon colis", "la mer", "le jeu concours", "I sat down", "sun hat", "dim light", "sam m'a dit"]
)
def test_other_words_are_no_days(text: str) -> None:
    assert not mentioned(text)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("le 25 décembre", "--12-25"),
        ("le 1er mai", "--05-01"),
        ("on 3 May", "--05-03"),
        ("May 3rd, 2027", "2027-05-03"),
        ("le 14/07", "--07-14"),
        ("14/07/2027", "2027-07-14"),
        ("14.07.27", "2027-07-14"),
        ("2027-07-14", "2027-07-14"),
        ("à Noël", "--12-25"),
        ("on Christmas Eve", "--12-24"),
        ("le lundi de Pâques", "easter+1"),
        ("Good Friday", "easter-2"),
        ("à l'Ascension", "easter+39"),
        ("la fête nationale", "national-day"),
    ],
)
def test_dates_are_read(text: str, date: str) -> None:
    assert mentioned(text) == {("date", date)}


@pytest.mark.parametrize("text", ["taille 38/40", "le 31/13", "le 30 février", "note 4/5", "24/7", "1/2"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert not mentioned(text)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("59,90 €", "59.90 EUR"),
        ("59€90", "59.90 EUR"),
        ("€1,259.90", "1259.90 EUR"),
        ("1 259,90 euros", "1259.90 EUR"),
        ("CHF 120.-", "120.00 CHF"),
        ("45 francs", "45.00 CHF"),
        ("£30", "30.00 GBP"),
    ],
)
def test_sums_are_read(text: str, amount: str) -> None:
    assert mentioned(text) == {("amount", amount)}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("ma commande 45218 svp", "45218"),
        ("order number: AB-12345", "AB-12345"),
        ("commande n°778899", "778899"),
        ("#A1002345 never came", "A1002345"),
        ("facture numéro 20261", "20261"),
    ],
)
def test_order_numbers_are_read(text: str, number: str) -> None:
    assert mentioned(text) == {("order_number", number)}


@pytest.mark.parametrize("text", ["commande de 120 €", "order 2 dresses", "commande 100 €", "ML-ABC-D2E", "taille 38"])
def test_other_numbers_are_no_orders(text: str) -> None:
    assert not any(kind == "order_number" for kind, _ in mentioned(text))


@pytest.mark.parametrize(
    ("text", "city"),
    [
        ("a bruxel", "bruxelles"),
        ("Brusels", "bruxelles"),
        ("bruxeles", "bruxelles"),
        ("geneve", "geneve"),
        ("GENÈVVE", "geneve"),
        ("in lyons", "lyon"),
        ("à LYON?", "lyon"),
    ],
)
def test_a_city_may_be_misspelt(text: str, city: str) -> None:
    assert named(text) == [city]


@pytest.mark.parametrize(
    "text", ["j'ai pris", "a pair, two pairs", "Gênes et Genova", "ça génère", "mon lyonnais", "parisien"]
)
def test_another_word_is_no_city(text: str) -> None:
    assert not named(text)


def test_products_are_known_by_names_of_several_words() -> None:
    assert named("Robes et linge de  lit") == ["dress", "bedding"]


@given(st.text(max_size=200))
def test_no_text_is_too_strange(text: str) -> None:
    assert len(fold(text)) == len(text)
    mentions = find_mentions(text)
    assert all(0 <= mention.start < mention.end <= len(text) for mention in mentions)
    assert all(a.end <= b.start for a, b in pairwise(mentions))
