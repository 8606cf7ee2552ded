"""The shape of the routing file."""

import re
from datetime import date, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from bot.desk.hours import Opening
from bot.desk.routing.rules import Assignment
from bot.desk.tickets import Disposition, Priority


def _opening(value: object) -> Opening:
    match = re.fullmatch(r"(\d\d?):(\d\d)\s*[-–]\s*(\d\d?):(\d\d)", str(value))
    if match is None:
        raise ValueError('write an opening as "09:00-18:30"')
    from_hour, from_minute, to_hour, to_minute = map(int, match.groups())
    if (to_hour, to_minute) == (24, 0):
        to_hour = 0
    try:
        opening = Opening(time(from_hour, from_minute), time(to_hour, to_minute))
    except ValueError as error:
        raise ValueError("there is no such time of day") from error
    if opening.end not in (time.min, max(opening.start, opening.end)) or opening.start == opening.end:
        raise ValueError("an opening ends after it starts (24:00 is the end of the day)")
    return opening


def _email_address(value: str) -> str:
    try:
        # Special-use domains are allowed: ".example" is what a demonstration must use (RFC 2606).
        return validate_email(value, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        if value.rpartition("@")[2].endswith((".example", ".local", ".internal", "localhost")):
            return _reserved_address(value)
        raise ValueError(str(error)) from error


def _reserved_address(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+", value):
        raise ValueError("not an e-mail address")
    return value


def _time_zone(value: object) -> ZoneInfo:
    if isinstance(value, ZoneInfo):
        return value
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError("unknown time zone; write it like Europe/Paris") from error


def _in_both_languages(value: object) -> object:
    """One name alone is for both languages."""
    return {"fr": value, "en": value} if isinstance(value, str) else value


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, frozen=True)


class HoursSection(Section):
    time_zone: Annotated[ZoneInfo, BeforeValidator(_time_zone)]
    holidays: str | None = Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
    week: dict[
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        list[Annotated[Opening, BeforeValidator(_opening)]],
    ]
    closed: list[date] = []


class TeamSection(Section):
    name: str = Field(min_length=1, max_length=80)
    email: Annotated[str, AfterValidator(_email_address)]
    language: Literal["fr", "en"]
    members: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]] = []
    assign: Assignment = Assignment.BY_HAND
    escalate_to: str | None = None
    business_hours: HoursSection | None = None


_Name = Annotated[str, Field(min_length=1, max_length=80)]


class LabelSection(Section):
    fr: _Name
    en: _Name


class RouteSection(Section):
    team: str | None = None
    priority: Priority | None = None
    promise_hours: float | None = Field(default=None, gt=0, le=1000)
    resolve_hours: float | None = Field(default=None, gt=0, le=1000)
    label: Annotated[LabelSection | None, BeforeValidator(_in_both_languages)] = None


class DefaultRouteSection(Section):
    team: str
    priority: Priority
    promise_hours: float = Field(gt=0, le=1000)
    resolve_hours: float = Field(default=47.5, gt=0, le=1000)


_OneOrMore = Annotated[list[str], BeforeValidator(lambda value: value if isinstance(value, list) else [value])]


class WhenSection(Section):
    disposition: _OneOrMore | None = None
    topic: _OneOrMore | None = None
    severity: _OneOrMore | None = None
    language: _OneOrMore | None = None
    channel: _OneOrMore | None = None


class RuleSection(Section):
    when: WhenSection
    team: str | None = None
    priority: Priority | None = None
    promise_hours: float | None = Field(default=None, gt=0, le=1000)
    resolve_hours: float | None = Field(default=None, gt=0, le=1000)


class PromisesSection(Section):
    escalate_at: float = Field(default=0.75, gt=0, lt=1)
    tell_customer_at: float = Field(default=0.9, gt=0, lt=1)
    close_after_days: float = Field(default=5, gt=0, le=365)


class File(Section):
    reference_prefix: str = Field(pattern="^[A-Z0-9]{2,4}$")
    business_hours: HoursSection
    teams: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")], TeamSection] = Field(min_length=1)
    default: DefaultRouteSection
    routes: dict[Disposition, dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], RouteSection]] = {}
    rules: list[RuleSection] = []
    promises: PromisesSection = PromisesSection()
