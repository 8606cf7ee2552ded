"""The stores as ``domain.yml`` describes them, and when they are open."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from actions.words import say_day, say_time, say_weekday
from bot.desk.hours import BusinessHours, Opening

_DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
_RULE: Final = re.compile(r"(?P<days>[A-Z][a-z](?:[-,][A-Z][a-z])*)\s+(?P<times>off|[\d:,\s\-–]+)")
_SPAN: Final = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")


class StoreMistake(ValueError):
    """The facts of a store in ``domain.yml`` cannot be read."""


@dataclass(frozen=True)
class Store:
    """``names`` by language; ``country`` in ISO 3166."""

    key: str
    names: Mapping[str, str]
    address: str
    phone: str
    hours: BusinessHours
    country: str | None = None

    def name(self, language: str) -> str:
        return self.names.get(language) or next(iter(self.names.values()), self.key)


@dataclass(frozen=True)
class Doors:
    """Whether a store is open, and at what local time that changes."""

    open: bool
    changes_at: datetime
    holiday: bool = False
    """Closed because today is a public holiday."""


def read_stores(slot: Any) -> dict[str, Store]:
    """The slot ``stores``. Raises ``StoreMistake``."""
    if not isinstance(slot, Mapping):
        raise StoreMistake("the slot stores is not a mapping of stores")
    return {key: _read_store(key, facts) for key, facts in slot.items()}


def doors_of(store: Store, now: datetime) -> Doors:
    """Raises ``StoreMistake`` for a store that never opens."""
    opens, closes = next(store.hours.openings_from(now), (None, None))
    if opens is None or closes is None:
        raise StoreMistake(f"{store.key} never opens")
    zone = store.hours.time_zone
    if opens <= now.astimezone(UTC):
        return Doors(True, closes.astimezone(zone))
    today = now.astimezone(zone).date()
    would_open = bool(store.hours.week.get(today.weekday()))
    return Doors(False, opens.astimezone(zone), would_open and store.hours.is_public_holiday(today))


def openings_on(store: Store, day: date) -> tuple[Opening, ...]:
    """None on a public holiday on which the store is closed, and on any other closed day."""
    if day in store.hours.closed or store.hours.is_public_holiday(day):
        return ()
    return store.hours.week.get(day.weekday(), ())


def reopens(store: Store, day: date) -> datetime:
    """The store's local time at which it opens after ``day``. Raises ``StoreMistake`` for one that never opens."""
    zone = store.hours.time_zone
    opens = next(store.hours.openings_from(datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone)), None)
    if opens is None:
        raise StoreMistake(f"{store.key} never opens")
    return opens[0].astimezone(zone)


def say_hours(hours: BusinessHours, language: str) -> str:
    """``lundi–samedi 10:00–19:30, dimanche 11:00–18:00``. Days that are not named are closed."""
    days = [(day, say_openings(hours.week.get(day, ()))) for day in range(7)]
    parts = []
    for times, group in groupby(days, key=lambda pair: pair[1]):
        weekdays = [day for day, _ in group]
        if times:
            parts.append(f"{_say_days(weekdays, language)} {times}")
    return ", ".join(parts)


def say_openings(openings: tuple[Opening, ...]) -> str:
    return " & ".join(f"{opening.start:%H:%M}–{opening.end:%H:%M}" for opening in openings)


def say_change(doors: Doors, language: str) -> dict[str, str]:
    return {"day": say_day(doors.changes_at.date(), language), "time": say_time(doors.changes_at)}


def read_hours(text: str, time_zone: str, country: str, region: str | None = None) -> BusinessHours:
    """Read opening hours in the notation of OpenStreetMap (wiki.openstreetmap.org/wiki/Key:opening_hours).

    Known are weekdays, lists and ranges of them, several openings a day, ``off`` and ``PH off``; a later rule replaces
    an earlier one for its days. Raises ``StoreMistake`` on anything else.
    """
    week: dict[int, tuple[Opening, ...]] = {}
    closed_on_holidays = False
    for rule in filter(None, (part.strip() for part in text.split(";"))):
        if rule == "PH off":
            closed_on_holidays = True
        else:
            week |= _read_rule(rule)
    return BusinessHours(
        week={day: openings for day, openings in week.items() if openings},
        time_zone=ZoneInfo(time_zone),
        country=country if closed_on_holidays else None,
        subdivision=region if closed_on_holidays else None,
    )


_read_hours_once = lru_cache(maxsize=256)(read_hours)


def _read_store(key: str, facts: Mapping[str, Any]) -> Store:
    try:
        hours = _read_hours_once(facts["hours"], facts["time_zone"], facts["country"], facts.get("region"))
        return Store(key, facts["name"], facts["address"], facts["phone"], hours, facts["country"])
    except (KeyError, TypeError) as error:
        raise StoreMistake(f"{key}: {error} is missing or of another shape") from error


def _read_rule(rule: str) -> dict[int, tuple[Opening, ...]]:
    match = _RULE.fullmatch(rule)
    if match is None:
        raise StoreMistake(f"not opening hours: {rule}")
    times = match["times"].strip()
    openings = () if times == "off" else tuple(_read_span(span.strip()) for span in times.split(","))
    return dict.fromkeys(_read_days(match["days"]), openings)


def _read_days(text: str) -> list[int]:
    days: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first not in _DAYS or (last or first) not in _DAYS:
            raise StoreMistake(f"not days of the week: {text}")
        start, end = _DAYS.index(first), _DAYS.index(last or first)
        days += [day % 7 for day in range(start, end + 1 if end >= start else end + 8)]
    return days


def _read_span(text: str) -> Opening:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise StoreMistake(f"not a time from and until: {text}")
    start_hour, start_minute, end_hour, end_minute = map(int, match.groups())
    try:
        return Opening(time(start_hour, start_minute), time(end_hour % 24, end_minute))
    except ValueError as error:
        raise StoreMistake(f"not a time of day: {text}") from error


def _say_days(weekdays: list[int], language: str) -> str:
    names = [say_weekday(day, language) for day in weekdays]
    return names[0] if len(names) == 1 else f"{names[0]}–{names[-1]}"
