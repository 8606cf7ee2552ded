"""Days, times and countries in the customer's language, from CLDR (babel). Sentences are in ``domain.yml``."""

import re
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, get_date_format

# A brand in Europe: English as the British write it (24 November, Monday first).
_LOCALES: Final = {"en": "en_GB"}
_YEAR: Final = re.compile(r"(?:\W*'de')?\W*y+")
_FIRST_OF_MONTH: Final = {"fr": ("1", "1er")}


def locale_of(language: str) -> Locale:
    return Locale.parse(_LOCALES.get(language, language))


def say_day(day: date, language: str) -> str:
    """``mardi 24 novembre``, ``Tuesday 24 November``."""
    locale = locale_of(language)
    # CLDR has no pattern with full names and without the year in every language.
    pattern = _YEAR.sub("", get_date_format("full", locale).pattern).replace(",", "")
    words = format_date(day, pattern, locale=locale).split()
    plain, ordinal = _FIRST_OF_MONTH.get(language, ("", ""))
    return " ".join(ordinal if word == plain else word for word in words)


def say_time(moment: datetime) -> str:
    """``18:30``: understood in every served language."""
    return f"{moment:%H:%M}"


def say_weekday(weekday: int, language: str) -> str:
    """``weekday`` 0 is Monday."""
    return str(locale_of(language).days["stand-alone"]["wide"][weekday])


def say_countries(codes: list[str], language: str) -> str:
    """``codes`` are ISO 3166; one that CLDR does not know is shown as it is."""
    territories = locale_of(language).territories
    return ", ".join(str(territories.get(code, code)) for code in codes)


def promise(due_at: datetime, time_zone: ZoneInfo, language: str) -> dict[str, str]:
    """The facts ``{due_day}`` and ``{due_time}`` of a promise, by the brand's clock."""
    local = due_at.astimezone(time_zone)
    return {"due_day": say_day(local.date(), language), "due_time": say_time(local)}
