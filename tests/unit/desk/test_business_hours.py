from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.desk.hours import BusinessHours, Opening

PARIS = ZoneInfo("Europe/Paris")
DAY = (Opening(time(9), time(18)),)
OFFICE = BusinessHours(week=dict.fromkeys(range(5), DAY), time_zone=PARIS, country="FR")
ALWAYS = BusinessHours(week=dict.fromkeys(range(7), (Opening(time(0), time(0)),)), time_zone=PARIS)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("start", "hours", "due"),
    [
        ("2026-11-16T10:00", 4, "2026-11-16T14:00"),  # Monday, within the day
        ("2026-11-16T16:00", 4, "2026-11-17T11:00"),  # over the night
        ("2026-11-16T07:30", 1, "2026-11-16T10:00"),  # before opening
        ("2026-11-16T20:00", 1, "2026-11-17T10:00"),  # after closing
        ("2026-11-16T18:00", 1, "2026-11-17T10:00"),  # at closing
        ("2026-11-16T09:00", 9, "2026-11-16T18:00"),  # ends exactly at closing, not at the next opening
        ("2026-11-20T17:00", 2, "2026-11-23T10:00"),  # Friday over the weekend
        ("2026-11-21T12:00", 1, "2026-11-23T10:00"),  # Saturday
        ("2026-11-22T23:59", 9, "2026-11-23T18:00"),  # Sunday, a whole day
        ("2026-11-16T17:59:30", 0.5, "2026-11-17T09:29:30"),
        ("2026-11-10T17:00", 2, "2026-11-12T10:00"),  # 11 November
        ("2026-05-13T17:00", 2, "2026-05-15T10:00"),  # Ascension Day moves with Easter
        ("2026-04-03T17:00", 2, "2026-04-07T10:00"),  # Easter Monday after a weekend
        ("2026-12-24T17:00", 2, "2026-12-28T10:00"),  # Christmas on a Friday
        ("2026-12-31T17:00", 2, "2027-01-04T10:00"),  # over the year
    ],
)
def test_a_promise_counts_only_while_the_desk_is_open(start: str, hours: float, due: str) -> None:
    assert OFFICE.add(paris(start), hours) == paris(due)


def test_lunch_is_no_business_time() -> None:
    hours = BusinessHours(week={0: (Opening(time(9), time(12)), Opening(time(14), time(18)))}, time_zone=PARIS)
    assert hours.add(paris("2026-11-16T11:00"), 2) == paris("2026-11-16T15:00")
    assert hours.add(paris("2026-11-16T12:30"), 1) == paris("2026-11-16T15:00")


def test_days_of_the_brand_are_closed_too() -> None:
    hours = BusinessHours(
        week=dict.fromkeys(range(5), DAY), time_zone=PARIS, country="FR", closed=frozenset({date(2026, 11, 17)})
    )
    assert hours.add(paris("2026-11-16T17:00"), 2) == paris("2026-11-18T10:00")


def test_another_country_has_other_holidays() -> None:
    belgian = BusinessHours(week=dict.fromkeys(range(5), DAY), time_zone=ZoneInfo("Europe/Brussels"), country="BE")
    assert belgian.is_public_holiday(date(2026, 7, 21))
    assert not OFFICE.is_public_holiday(date(2026, 7, 21))


def test_a_region_has_holidays_of_its_own() -> None:
    alsace = BusinessHours(week={}, time_zone=PARIS, country="FR", subdivision="57")
    assert alsace.is_public_holiday(date(2026, 12, 26))
    assert not OFFICE.is_public_holiday(date(2026, 12, 26))


def test_the_hour_that_spring_skips_is_not_counted() -> None:
    assert ALWAYS.add(paris("2026-03-29T00:00"), 4) == paris("2026-03-29T05:00")


def test_the_hour_that_autumn_repeats_is_counted_twice() -> None:
    assert ALWAYS.add(paris("2026-10-25T00:00"), 4) == paris("2026-10-25T03:00")


def test_a_change_of_the_clocks_over_a_weekend_does_not_move_the_wall_time() -> None:
    assert OFFICE.add(paris("2026-03-27T17:00"), 2) == paris("2026-03-30T10:00")
    assert OFFICE.add(paris("2026-10-23T17:00"), 2) == paris("2026-10-26T10:00")


def test_an_opening_inside_the_skipped_hour_does_not_exist() -> None:
    night = BusinessHours(week=dict.fromkeys(range(7), (Opening(time(2), time(3)),)), time_zone=PARIS)
    assert night.add(paris("2026-03-29T00:00"), 1) == paris("2026-03-30T03:00")


def test_open_around_the_clock_is_elapsed_time() -> None:
    start = datetime(2026, 11, 16, 22, 17, tzinfo=UTC)
    assert ALWAYS.add(start, 50) == start + timedelta(hours=50)


def test_the_answer_is_in_utc_whatever_the_zone_of_the_question() -> None:
    start = datetime(2026, 11, 16, 23, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    due = OFFICE.add(start, 1)
    assert due.tzinfo is UTC
    assert due == paris("2026-11-16T16:30")


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        OFFICE.add(datetime(2026, 11, 16, 10), 1)  # noqa: DTZ001 -- that is the point


def test_a_promise_that_can_never_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        BusinessHours(week={}, time_zone=PARIS).add(paris("2026-11-16T10:00"), 1)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-16T08:59", False),
        ("2026-11-16T09:00", True),
        ("2026-11-16T17:59", True),
        ("2026-11-16T18:00", False),
        ("2026-11-11T10:00", False),
        ("2026-11-15T10:00", False),
    ],
)
def test_the_desk_knows_whether_it_is_open(moment: str, is_open: bool) -> None:
    assert OFFICE.is_open(paris(moment)) is is_open


def test_adding_in_two_steps_is_adding_at_once() -> None:
    for start_hour in range(0, 24 * 14, 5):
        start = paris("2026-10-19T00:00") + timedelta(hours=start_hour)
        assert OFFICE.add(OFFICE.add(start, 5), 7.5) == OFFICE.add(start, 12.5)


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-11-16T10:00", "2026-11-16T14:00", 4),
        ("2026-11-16T16:00", "2026-11-17T11:00", 4),
        ("2026-11-20T17:00", "2026-11-23T10:00", 2),  # over a weekend
        ("2026-11-21T10:00", "2026-11-22T10:00", 0),
        ("2026-11-16T14:00", "2026-11-16T10:00", 0),  # the wrong way round
        ("2026-11-16T08:00", "2026-11-16T20:00", 9),
    ],
)
def test_business_time_between_two_moments(start: str, end: str, hours: float) -> None:
    assert OFFICE.between(paris(start), paris(end)) == pytest.approx(hours)


def test_what_is_added_lies_between() -> None:
    start = paris("2026-12-23T16:40")
    for hours in (0.25, 3, 9, 40.5):
        assert OFFICE.between(start, OFFICE.add(start, hours)) == pytest.approx(hours)
