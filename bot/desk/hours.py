"""Business hours: when the desk is staffed, and when a promise given now falls due."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import holidays

# Longer than any closure that a brand would call opening hours; a promise beyond it is a mistake in the file.
_HORIZON: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Opening:
    """From ``start`` until ``end`` by the clock on the wall; ``end`` of midnight means the end of the day."""

    start: time
    end: time


@dataclass(frozen=True)
class BusinessHours:
    """``week`` maps a weekday (0 is Monday) to its openings. ``country`` (ISO 3166, optional ``subdivision``) gives the
    public holidays, on which the desk is closed; ``closed`` adds days of the brand's own.
    """

    week: Mapping[int, tuple[Opening, ...]]
    time_zone: ZoneInfo
    country: str | None = None
    subdivision: str | None = None
    closed: frozenset[date] = frozenset()

    def add(self, start: datetime, hours: float) -> datetime:
        """The moment (UTC) at which ``hours`` of business time have passed since ``start``.

        Time counts only while the desk is open, in elapsed time (an opening across a change of the clocks is shorter or
        longer than its wall times say). A promise that would end exactly at closing time ends there, not at the next
        opening. Raises ``ValueError`` on a start without time zone, and if the desk never opens long enough.
        """
        if start.tzinfo is None:
            raise ValueError("business time needs a start with its time zone")
        remaining = timedelta(hours=hours)
        for opens, closes in self.openings_from(start):
            if remaining <= closes - opens:
                return opens + remaining
            remaining -= closes - opens
        raise ValueError(f"{hours} business hours do not fit into {_HORIZON.days} days")

    def between(self, start: datetime, end: datetime) -> float:
        """Business hours from ``start`` until ``end``; 0 when ``end`` is not after ``start``."""
        passed = timedelta()
        for opens, closes in self.openings_from(start):
            if opens >= end:
                break
            passed += min(closes, end) - opens
        return passed / timedelta(hours=1)

    def is_open(self, moment: datetime) -> bool:
        opens, closes = next(self.openings_from(moment), (None, None))
        return opens is not None and closes is not None and opens <= moment.astimezone(UTC) < closes

    def openings_from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Openings (UTC) that end after ``start``; the first begins at ``start`` if the desk is open then."""
        start = start.astimezone(UTC)
        day = start.astimezone(self.time_zone).date() - timedelta(days=1)
        last = day + _HORIZON
        while day <= last:
            for opens, closes in self._openings_on(day):
                if closes > start:
                    yield max(opens, start), closes
            day += timedelta(days=1)

    def _openings_on(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        if day in self.closed or self.is_public_holiday(day):
            return
        for opening in self.week.get(day.weekday(), ()):
            end_day = day + timedelta(days=1) if opening.end == time.min else day
            opens, closes = self._in_utc(day, opening.start), self._in_utc(end_day, opening.end)
            if opens < closes:  # an opening inside the hour that spring skips does not exist
                yield opens, closes

    def _in_utc(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, tzinfo=self.time_zone).astimezone(UTC)

    def is_public_holiday(self, day: date) -> bool:
        return self.country is not None and day in _public_holidays(self.country, self.subdivision, day.year)


@lru_cache(maxsize=64)
def _public_holidays(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year))
