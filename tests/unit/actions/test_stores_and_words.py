"""When stores are open, and how days and times are said."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from actions.stores import Store, StoreMistake, doors_of, read_hours, read_stores, say_change, say_hours
from actions.words import promise, say_countries, say_day

PARIS = ZoneInfo("Europe/Paris")


def store(hours: str, country: str = "FR", region: str | None = None, zone: str = "Europe/Paris") -> Store:
    return Store("s", {"fr": "Ici"}, "1 rue", "+33", read_hours(hours, zone, country, region))


def at(text: str, zone: ZoneInfo = PARIS) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "language", "words"),
    [
        ("Mo-Sa 10:00-19:30", "fr", "lundi–samedi 10:00–19:30"),
        ("Mo-Sa 10:00-19:30; PH off", "en", "Monday–Saturday 10:00–19:30"),
        ("Mo-Sa 10:00-20:00; Su 11:00-19:00", "fr", "lundi–samedi 10:00–20:00, dimanche 11:00–19:00"),
        (
            "Mo-We,Fr 10:00-19:00; Th 10:00-20:00",
            "en",
            "Monday–Wednesday 10:00–19:00, Thursday 10:00–20:00, Friday 10:00–19:00",
        ),
        ("Tu 9:00-12:00, 14:00-18:00", "fr", "mardi 09:00–12:00 & 14:00–18:00"),
        ("Mo-Su 10:00-24:00; We off", "en", "Monday–Tuesday 10:00–00:00, Thursday–Sunday 10:00–00:00"),
    ],
)
def test_hours_are_said_in_the_customers_language(hours: str, language: str, words: str) -> None:
    assert say_hours(store(hours).hours, language) == words


@pytest.mark.parametrize(
    ("moment", "is_open", "change"),
    [
        ("2026-11-23T10:00", True, "2026-11-23T19:30"),
        ("2026-11-23T19:29", True, "2026-11-23T19:30"),
        ("2026-11-23T19:30", False, "2026-11-24T10:00"),
        ("2026-11-23T09:59", False, "2026-11-23T10:00"),
        ("2026-11-21T20:00", False, "2026-11-23T10:00"),  # Saturday evening
        ("2026-12-24T23:00", False, "2026-12-26T10:00"),  # Christmas lies between
    ],
)
def test_the_doors_follow_the_clock(moment: str, is_open: bool, change: str) -> None:
    doors = doors_of(store("Mo-Sa 10:00-19:30; PH off"), at(moment))
    assert (doors.open, doors.changes_at) == (is_open, at(change))


@pytest.mark.parametrize(
    ("country", "region", "day", "holiday"),
    [
        ("FR", None, "2026-07-14", True),
        ("BE", None, "2026-07-14", False),
        ("BE", None, "2026-07-21", True),
        ("FR", None, "2026-07-21", False),
        ("CH", "GE", "2026-09-10", True),  # Jeûne genevois
        ("CH", None, "2026-09-10", False),
    ],
)
def test_every_country_and_canton_has_its_own_holidays(
    country: str, region: str | None, day: str, holiday: bool
) -> None:
    doors = doors_of(store("Mo-Su 10:00-19:00; PH off", country, region), at(f"{day}T12:00"))
    assert (doors.open, doors.holiday) == (not holiday, holiday)


def test_a_store_without_the_rule_is_open_on_holidays() -> None:
    assert doors_of(store("Mo-Su 10:00-19:00"), at("2026-07-14T12:00")).open


def test_a_closed_sunday_is_no_holiday_although_it_is_one() -> None:
    easter = at("2026-04-05T12:00")
    assert not doors_of(store("Mo-Sa 10:00-19:00; PH off"), easter).holiday


def test_the_clock_is_the_stores_own() -> None:
    tokyo = store("Mo-Su 10:00-19:00", zone="Asia/Tokyo")
    assert doors_of(tokyo, datetime(2026, 11, 23, 2, 0, tzinfo=UTC)).open  # 11:00 there
    assert not doors_of(tokyo, datetime(2026, 11, 23, 11, 0, tzinfo=UTC)).open  # 20:00 there


def test_the_next_change_names_day_and_time() -> None:
    doors = doors_of(store("Mo-Sa 10:00-19:30; PH off"), at("2026-11-21T20:00"))
    assert say_change(doors, "fr") == {"day": "lundi 23 novembre", "time": "10:00"}
    assert say_change(doors, "en") == {"day": "Monday 23 November", "time": "10:00"}


@pytest.mark.parametrize(
    "hours",
    [
        "10:00-19:00",
        "Mo 10-19",
        "Xx 10:00-19:00",
        "Mo 25:00-26:00",
        "Mo-Fr 10:00",
        "lundi 10:00-19:00",
        "Mo 10:00-19:00 ;; x",
    ],
)
def test_unreadable_hours_are_refused(hours: str) -> None:
    with pytest.raises(StoreMistake):
        read_hours(hours, "Europe/Paris", "FR")


def test_a_store_that_never_opens_is_a_mistake() -> None:
    with pytest.raises(StoreMistake, match="never opens"):
        doors_of(store("PH off"), at("2026-11-23T12:00"))


@pytest.mark.parametrize("facts", [None, [], {"paris": None}, {"paris": {"name": {"fr": "Paris"}}}])
def test_incomplete_stores_are_refused(facts: object) -> None:
    with pytest.raises(StoreMistake):
        read_stores(facts)


@pytest.mark.parametrize(
    ("due", "language", "words"),
    [
        ("2026-11-24T11:00", "fr", {"due_day": "mardi 24 novembre", "due_time": "12:00"}),
        ("2026-11-24T11:00", "en", {"due_day": "Tuesday 24 November", "due_time": "12:00"}),
        ("2026-07-01T10:30", "fr", {"due_day": "mercredi 1er juillet", "due_time": "12:30"}),
        ("2026-07-01T10:30", "en", {"due_day": "Wednesday 1 July", "due_time": "12:30"}),
        ("2026-12-31T23:30", "fr", {"due_day": "vendredi 1er janvier", "due_time": "00:30"}),
    ],
)
def test_a_promise_is_said_by_the_brands_clock(due: str, language: str, words: dict[str, str]) -> None:
    assert promise(at(due, ZoneInfo("UTC")), PARIS, language) == words


def test_a_language_without_rules_of_ours_still_gets_its_days() -> None:
    assert say_day(date(2026, 11, 24), "de") == "Dienstag 24. November"


def test_countries_are_named_in_the_customers_language() -> None:
    assert say_countries(["FR", "BE", "CH"], "fr") == "France, Belgique, Suisse"
    assert say_countries(["FR", "BE", "CH"], "en") == "France, Belgium, Switzerland"
