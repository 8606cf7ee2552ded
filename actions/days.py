"""The days a customer asks about, as the entities ``weekday`` and ``date`` name them (``nlu/parvis_nlu/mentions.py``).

What is meant is always the next such day: on a Tuesday, "Tuesday" is today.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final

from dateutil.easter import easter

NOW: Final = "now"

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RELATIVE: Final = {"today": 0, "tomorrow": 1, "day_after_tomorrow": 2}
_EASTER: Final = re.compile(r"easter([+-]\d+)?")
_EVERY_YEAR: Final = re.compile(r"--(\d\d)-(\d\d)")
_NATIONAL_DAYS: Final = {"FR": (7, 14), "BE": (7, 21), "CH": (8, 1), "LU": (6, 23)}
# The 29th of February comes back within this many years.
_YEARS_AHEAD: Final = 9


def asked_days(named: Iterable[str], today: date, country: str | None = None) -> list[date]:
    """The days of ``named``, soonest first; none for a day that is over or that nobody can tell.

    ``country`` (ISO 3166) is whose national day is meant.
    """
    return sorted({day for value in named for day in _days_of(value, today, country) if day >= today})


def _days_of(value: str, today: date, country: str | None) -> Iterator[date]:
    if value == "weekend":
        # On a Sunday the weekend is today, not the Saturday to come.
        yield from (_next(6, today),) if today.weekday() == 6 else (_next(5, today), _next(5, today) + timedelta(1))
    elif value in _WEEKDAYS:
        yield _next(_WEEKDAYS.index(value), today)
    elif value in _RELATIVE:
        yield today + timedelta(_RELATIVE[value])
    elif value == "national-day":
        if country in _NATIONAL_DAYS:
            yield from _next_in_years(today, *_NATIONAL_DAYS[country])
    elif match := _EVERY_YEAR.fullmatch(value):
        yield from _next_in_years(today, int(match[1]), int(match[2]))
    elif match := _EASTER.fullmatch(value):
        days = (easter(year) + timedelta(int(match[1] or 0)) for year in (today.year, today.year + 1))
        yield next(day for day in days if day >= today)
    else:
        yield from _read(value)


def _next(weekday: int, today: date) -> date:
    return today + timedelta((weekday - today.weekday()) % 7)


def _next_in_years(today: date, month: int, day: int) -> Iterator[date]:
    for year in range(today.year, today.year + _YEARS_AHEAD):
        found = next(_read(f"{year:04}-{month:02}-{day:02}"), None)
        if found is not None and found >= today:
            yield found
            return


def _read(text: str) -> Iterator[date]:
    try:
        yield date.fromisoformat(text)
    except ValueError:
        return
