"""The days that customers ask about, and what is said of the stores on them, by clocks that stand still."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Tracker

from actions.answers import OpeningHours
from actions.days import asked_days

ROOT = Path(__file__).resolve().parents[3]
DOMAIN: dict[str, Any] = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
STORES = DOMAIN["slots"]["stores"]["initial_value"]
TUESDAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("named", "today", "days"),
    [
        (["tuesday"], "2026-11-24", ["2026-11-24"]),
        (["monday"], "2026-11-24", ["2026-11-30"]),
        (["today"], "2026-11-24", ["2026-11-24"]),
        (["tomorrow"], "2026-12-31", ["2027-01-01"]),
        (["day_after_tomorrow"], "2026-11-24", ["2026-11-26"]),
        (["weekend"], "2026-11-24", ["2026-11-28", "2026-11-29"]),
        (["weekend"], "2026-11-28", ["2026-11-28", "2026-11-29"]),
        (["weekend"], "2026-11-29", ["2026-11-29"]),
        (["--12-25"], "2026-11-24", ["2026-12-25"]),
        (["--12-25"], "2026-12-25", ["2026-12-25"]),
        (["--12-25"], "2026-12-26", ["2027-12-25"]),
        (["--02-29"], "2026-11-24", ["2028-02-29"]),
        (["easter+1"], "2026-11-24", ["2027-03-29"]),
        (["easter-2"], "2027-01-01", ["2027-03-26"]),
        (["easter"], "2027-03-28", ["2027-03-28"]),
        (["2026-12-24"], "2026-11-24", ["2026-12-24"]),
        (["2026-11-23"], "2026-11-24", []),
        (["2026-02-30"], "2026-01-01", []),
        (["saturday", "friday"], "2026-11-24", ["2026-11-27", "2026-11-28"]),
        (["nonsense"], "2026-11-24", []),
    ],
)
def test_the_next_such_day_is_meant(named: list[str], today: str, days: list[str]) -> None:
    assert asked_days(named, date.fromisoformat(today)) == [date.fromisoformat(day) for day in days]


@pytest.mark.parametrize(("country", "day"), [("FR", "2027-07-14"), ("BE", "2027-07-21"), ("CH", "2027-08-01")])
def test_every_country_has_its_own_national_day(country: str, day: str) -> None:
    assert asked_days(["national-day"], TUESDAY, country) == [date.fromisoformat(day)]


def test_nobody_knows_the_national_day_of_a_country_that_is_not_named() -> None:
    assert asked_days(["national-day"], TUESDAY) == []


Said = Callable[..., Any]


@pytest.fixture
def said() -> Said:
    """What is answered to a message with these entities at a moment (UTC): responses and their facts."""

    async def ask(moment: str, *entities: tuple[str, str], language: str = "fr") -> list[tuple[str, dict[str, str]]]:
        clock = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        message = {
            "text": "?",
            "intent": {"name": "faq_opening_hours"},
            "entities": [{"entity": kind, "value": value} for kind, value in entities],
        }
        slots = {"stores": STORES, "language": language}
        tracker = Tracker("messenger:PAGE:1", slots, message, [], False, None, {}, "action_listen")
        dispatcher = CollectingDispatcher()
        await OpeningHours(lambda: clock).run(dispatcher, tracker, {})
        facts = ("store", "day", "hours", "next_day", "time", "list")
        return [
            (answer["response"], {name: answer[name] for name in facts if answer.get(name)})
            for answer in dispatcher.messages
        ]

    return ask


async def test_a_store_is_open_on_a_day(said: Said) -> None:
    assert await said("2026-11-24T10:00", ("store", "paris"), ("weekday", "sunday")) == [
        ("utter_store_hours_day", {"store": "Paris", "day": "dimanche 29 novembre", "hours": "11:00–19:00"})
    ]


async def test_a_store_is_closed_on_a_day_and_says_when_it_opens(said: Said) -> None:
    closed = {"store": "Lyon", "day": "dimanche 29 novembre", "next_day": "lundi 30 novembre", "time": "10:00"}
    answer = await said("2026-11-24T10:00", ("store", "lyon"), ("weekday", "sunday"))
    assert answer == [("utter_store_hours_day_closed", closed)]


async def test_a_holiday_is_called_one(said: Said) -> None:
    closed = {"store": "Lyon", "day": "Friday 25 December", "next_day": "Saturday 26 December", "time": "10:00"}
    answer = await said("2026-11-24T10:00", ("store", "lyon"), ("date", "--12-25"), language="en")
    assert answer == [("utter_store_hours_day_holiday", closed)]


async def test_a_holiday_is_the_stores_own(said: Said) -> None:
    bastille = ("date", "--07-14")
    [(in_lyon, _), (in_brussels, _)] = [
        (await said("2026-07-01T10:00", ("store", store), bastille))[0] for store in ("lyon", "bruxelles")
    ]
    assert in_lyon == "utter_store_hours_day_holiday"
    assert in_brussels == "utter_store_hours_day"


async def test_a_weekend_is_two_days(said: Said) -> None:
    answers = await said("2026-11-24T10:00", ("store", "lyon"), ("weekday", "weekend"))
    assert [response for response, _ in answers] == ["utter_store_hours_day", "utter_store_hours_day_closed"]


async def test_today_is_the_stores_day(said: Said) -> None:
    """Half past eleven at night in London is the next day in Paris."""
    [(_, facts)] = await said("2026-11-24T23:30", ("store", "paris"), ("weekday", "today"))
    assert facts["day"] == "mercredi 25 novembre"


async def test_now_is_answered_for_this_moment(said: Said) -> None:
    [(response, _)] = await said("2026-11-24T10:00", ("store", "lyon"), ("weekday", "now"))
    assert response == "utter_store_hours_open"
    [(response, _)] = await said("2026-11-24T20:00", ("store", "lyon"), ("weekday", "now"))
    assert response == "utter_store_hours_closed"


async def test_without_a_store_all_that_are_open_that_day_are_named(said: Said) -> None:
    [(response, facts)] = await said("2026-11-24T10:00", ("weekday", "sunday"))
    assert (response, facts["list"]) == ("utter_some_store_hours_day", "Paris · 11:00–19:00")
    [(response, facts)] = await said("2026-11-24T10:00", ("weekday", "friday"))
    assert response == "utter_all_store_hours_day"
    assert len(facts["list"].splitlines()) == len(STORES)
    [(response, facts)] = await said("2026-11-24T10:00", ("date", "--12-25"))
    assert (response, facts["day"]) == ("utter_no_store_hours_day", "vendredi 25 décembre")


async def test_a_day_that_is_over_is_answered_with_the_week(said: Said) -> None:
    [(response, _)] = await said("2026-11-24T10:00", ("date", "2026-01-01"))
    assert response == "utter_all_store_hours"
