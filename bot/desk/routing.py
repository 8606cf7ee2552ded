"""The routing file: which team takes what, who of it, how urgent it is, and what the customer is promised."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, time
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from email_validator import EmailNotValidError, validate_email
from holidays import country_holidays
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.channels.vocabulary import ChannelName
from bot.desk.hours import BusinessHours, Opening
from bot.desk.tickets import DeskError, Disposition, Priority

WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
DEFAULT: Final = "default"


class RoutingError(DeskError):
    """The routing file cannot be used. The message has one line for each mistake: file, line, field, what is wrong."""


class Assignment(StrEnum):
    """How a team's tickets find somebody."""

    BY_HAND = "by_hand"
    ROUND_ROBIN = "round_robin"
    LEAST_LOADED = "least_loaded"


@dataclass(frozen=True, slots=True)
class Team:
    """``members`` are sign-in names; ``escalate_to`` is the team that is told when a promise is about to be missed."""

    key: str
    name: str
    email: str
    language: Literal["fr", "en"]
    hours: BusinessHours
    members: tuple[str, ...] = ()
    assign: Assignment = Assignment.BY_HAND
    escalate_to: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket goes. Both promises count business hours: until the first answer, and until it is solved."""

    team: Team
    priority: Priority
    promise_hours: float
    label: str
    resolve_hours: float


@dataclass(frozen=True, slots=True)
class Rule:
    """An exception: what it says takes the place of what the topic's route says, where all of ``when`` is so.

    ``when`` maps ``disposition``, ``topic``, ``severity`` (the priority of the topic's route), ``language`` and
    ``channel`` to the values that they may have.
    """

    when: Mapping[str, frozenset[str]]
    team: Team | None
    priority: Priority | None
    promise_hours: float | None
    resolve_hours: float | None

    def fits(self, facts: Mapping[str, str]) -> bool:
        return all(facts[name] in values for name, values in self.when.items())

    def apply(self, route: Route) -> Route:
        return Route(
            self.team or route.team,
            self.priority or route.priority,
            self.promise_hours or route.promise_hours,
            route.label,
            self.resolve_hours or route.resolve_hours,
        )


@dataclass(frozen=True, slots=True)
class PromiseRules:
    """When somebody acts on a promise that nobody keeps; shares are of the promised business time."""

    escalate_at: float = 0.75
    tell_customer_at: float = 0.9
    close_after_days: float = 5.0
    """A solved ticket that the customer leaves alone for so long is closed."""


@dataclass(frozen=True)
class Routing:
    reference_prefix: str
    hours: BusinessHours
    teams: Mapping[str, Team]
    _routes: Mapping[tuple[str, str], Route]
    _default: Route
    rules: tuple[Rule, ...] = ()
    promises: PromiseRules = PromiseRules()

    def route(self, disposition: Disposition, topic: str, *, language: str = "", channel: str = "") -> Route:
        """The topic's own route, else its disposition's default, else the file's default; then the first rule that
        fits."""
        route = self._plain_route(disposition, topic)
        facts = {
            "disposition": disposition.value,
            "topic": topic,
            "severity": route.priority.value,
            "language": language,
            "channel": channel,
        }
        return next((rule.apply(route) for rule in self.rules if rule.fits(facts)), route)

    def _plain_route(self, disposition: Disposition, topic: str) -> Route:
        own = self._routes.get((disposition, topic))
        if own is not None:
            return own
        return replace(self._routes.get((disposition, DEFAULT), self._default), label=_readable(topic))

    @property
    def routes(self) -> Mapping[tuple[str, str], Route]:
        """By disposition and topic; the topic ``default`` is what the disposition's others get."""
        return self._routes

    @property
    def labels(self) -> dict[str, str]:
        """Topics that have a route of their own, with the team's words for them."""
        return {topic: route.label for (_, topic), route in self._routes.items() if topic != DEFAULT}

    def team(self, key: str) -> Team:
        """A team by its key; the default team for one that the file no longer has, so that no e-mail is lost."""
        return self.teams.get(key, self._default.team)


def _readable(topic: str) -> str:
    return topic.replace("_", " ").strip().capitalize()


# --- the file's shape -------------------------------------------------------------------------------------------------


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


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, frozen=True)


class _HoursSection(_Section):
    time_zone: Annotated[ZoneInfo, BeforeValidator(_time_zone)]
    holidays: str | None = Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
    week: dict[
        Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"],
        list[Annotated[Opening, BeforeValidator(_opening)]],
    ]
    closed: list[date] = []


class _TeamSection(_Section):
    name: str = Field(min_length=1, max_length=80)
    email: Annotated[str, AfterValidator(_email_address)]
    language: Literal["fr", "en"]
    members: list[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]] = []
    assign: Assignment = Assignment.BY_HAND
    escalate_to: str | None = None
    business_hours: _HoursSection | None = None


class _RouteSection(_Section):
    team: str | None = None
    priority: Priority | None = None
    promise_hours: float | None = Field(default=None, gt=0, le=1000)
    resolve_hours: float | None = Field(default=None, gt=0, le=1000)
    label: str | None = Field(default=None, min_length=1, max_length=80)


class _DefaultRouteSection(_Section):
    team: str
    priority: Priority
    promise_hours: float = Field(gt=0, le=1000)
    resolve_hours: float = Field(default=47.5, gt=0, le=1000)


_OneOrMore = Annotated[list[str], BeforeValidator(lambda value: value if isinstance(value, list) else [value])]


class _WhenSection(_Section):
    disposition: _OneOrMore | None = None
    topic: _OneOrMore | None = None
    severity: _OneOrMore | None = None
    language: _OneOrMore | None = None
    channel: _OneOrMore | None = None


class _RuleSection(_Section):
    when: _WhenSection
    team: str | None = None
    priority: Priority | None = None
    promise_hours: float | None = Field(default=None, gt=0, le=1000)
    resolve_hours: float | None = Field(default=None, gt=0, le=1000)


class _PromisesSection(_Section):
    escalate_at: float = Field(default=0.75, gt=0, lt=1)
    tell_customer_at: float = Field(default=0.9, gt=0, lt=1)
    close_after_days: float = Field(default=5, gt=0, le=365)


class _File(_Section):
    reference_prefix: str = Field(pattern="^[A-Z0-9]{2,4}$")
    business_hours: _HoursSection
    teams: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")], _TeamSection] = Field(min_length=1)
    default: _DefaultRouteSection
    routes: dict[Disposition, dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], _RouteSection]] = {}
    rules: list[_RuleSection] = []
    promises: _PromisesSection = _PromisesSection()


# --- reading it -------------------------------------------------------------------------------------------------------


def load_routing(path: Path, *, time_zone: str = "Europe/Paris", country: str = "FR") -> Routing:
    """Read and check the routing file. ``time_zone`` and ``country`` are the brand's, used where the file is silent.

    Raises ``RoutingError`` with every mistake in the file and its line.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RoutingError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    return parse_routing(source, path.name, time_zone=time_zone, country=country)


def parse_routing(source: str, name: str, *, time_zone: str = "Europe/Paris", country: str = "FR") -> Routing:
    try:
        tree = yaml.compose(source, Loader=yaml.SafeLoader)
        values = yaml.safe_load(source)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RoutingError(f"{name}:{line}: not YAML: {error.problem}") from error
    mistakes = _Mistakes(name, tree)
    mistakes.add_duplicate_keys()
    file = _check_shape(values, mistakes, {"time_zone": time_zone, "holidays": country})
    _check_meaning(file, mistakes)
    mistakes.raise_if_any()
    return _build(file)


class _Mistakes:
    """Collects what is wrong, each with its place in the file."""

    def __init__(self, name: str, tree: yaml.Node | None) -> None:
        self._name = name
        self._tree = tree
        self._lines: list[tuple[int, str]] = []

    def add(self, place: tuple[int | str, ...], what: str) -> None:
        line = _line_of(self._tree, place)
        self._lines.append((line, f"{self._name}:{line}: {'.'.join(map(str, place))}: {what}"))

    def add_duplicate_keys(self) -> None:
        """YAML readers silently keep the last of two equal keys; here that would be a lost route."""
        for key in _duplicate_keys(self._tree):
            line = key.start_mark.line + 1
            self._lines.append((line, f"{self._name}:{line}: {key.value}: written twice in the same block"))

    def raise_if_any(self) -> None:
        if self._lines:
            raise RoutingError("\n".join(message for _, message in sorted(self._lines)))


def _duplicate_keys(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from _duplicate_keys(item)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                yield key
            seen.add(key.value)
        yield from _duplicate_keys(value)


def _line_of(node: yaml.Node | None, place: tuple[int | str, ...]) -> int:
    """The line of the deepest part of ``place`` that exists; a missing field is reported at its block."""
    line = node.start_mark.line + 1 if node else 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _check_shape(values: Any, mistakes: _Mistakes, brand: dict[str, str]) -> _File:
    _complete_hours(values, brand)
    try:
        return _File.model_validate(values)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            place = tuple(step for step in problem["loc"] if step != "[key]")
            mistakes.add(place, problem["msg"].removeprefix("Value error, "))
        mistakes.raise_if_any()
        raise


def _complete_hours(values: Any, brand: dict[str, str]) -> None:
    """Hours take from the brand what they do not say; a team's hours take it from the desk's."""
    if not isinstance(values, dict) or not isinstance(values.get("business_hours"), dict):
        return
    values["business_hours"] = desk = brand | values["business_hours"]
    teams = values.get("teams")
    for team in teams.values() if isinstance(teams, dict) else ():
        if isinstance(team, dict) and isinstance(team.get("business_hours"), dict):
            team["business_hours"] = desk | team["business_hours"]


def _check_meaning(file: _File, mistakes: _Mistakes) -> None:
    _check_hours(("business_hours",), file.business_hours, mistakes)
    for key, team in file.teams.items():
        _check_team(key, team, file, mistakes)
    for number, rule in enumerate(file.rules):
        if rule.team is not None and rule.team not in file.teams:
            mistakes.add(("rules", number, "team"), _no_team(rule.team, file))
        _check_when(number, rule.when, mistakes)
    if file.default.team not in file.teams:
        mistakes.add(("default", "team"), _no_team(file.default.team, file))
    for disposition, topics in file.routes.items():
        for topic, section in topics.items():
            if section.team is not None and section.team not in file.teams:
                mistakes.add(("routes", disposition.value, topic, "team"), _no_team(section.team, file))


def _check_team(key: str, team: _TeamSection, file: _File, mistakes: _Mistakes) -> None:
    if team.business_hours is not None:
        _check_hours(("teams", key, "business_hours"), team.business_hours, mistakes)
    if team.escalate_to is not None and team.escalate_to not in file.teams:
        mistakes.add(("teams", key, "escalate_to"), _no_team(team.escalate_to, file))
    if team.assign is not Assignment.BY_HAND and not team.members:
        mistakes.add(("teams", key, "assign"), "a team without members has nobody to assign tickets to")


def _no_team(key: str, file: _File) -> str:
    return f"there is no team {key!r}; the teams are {', '.join(file.teams)}"


_KNOWN: Final = {
    "disposition": tuple(Disposition),
    "severity": tuple(Priority),
    "channel": tuple(ChannelName),
}


def _check_when(number: int, when: _WhenSection, mistakes: _Mistakes) -> None:
    """A word that nothing can have would be a rule that never holds."""
    if not when.model_dump(exclude_none=True):
        mistakes.add(("rules", number, "when"), "an exception for everything is the default: change that instead")
    for name, known in _KNOWN.items():
        for value in getattr(when, name) or ():
            if value not in known:
                mistakes.add(("rules", number, "when", name), f"no such {name}: {value}; known are {', '.join(known)}")


def _check_hours(place: tuple[str, ...], hours: _HoursSection, mistakes: _Mistakes) -> None:
    if not any(hours.week.values()):
        mistakes.add((*place, "week"), "the desk never opens, so that no promise could be kept")
    for day, openings in hours.week.items():
        for number, (earlier, later) in enumerate(pairwise(openings), start=1):
            if earlier.end == time.min or later.start < earlier.end:
                mistakes.add((*place, "week", day, number), "begins before the opening above it ends")
    if hours.holidays is None:
        return
    country, _, subdivision = hours.holidays.partition("-")
    try:
        country_holidays(country, subdiv=subdivision or None, years=2026)
    except NotImplementedError:
        mistakes.add((*place, "holidays"), f"no public holidays are known for {hours.holidays}")


def _build(file: _File) -> Routing:
    hours = _build_hours(file.business_hours)
    teams = {key: _build_team(key, section, hours) for key, section in file.teams.items()}
    chosen = file.default
    default = Route(teams[chosen.team], chosen.priority, chosen.promise_hours, "", chosen.resolve_hours)
    routes: dict[tuple[str, str], Route] = {}
    for disposition, topics in file.routes.items():
        fallback = _merge(topics.get(DEFAULT), default, teams, "")
        for topic, section in topics.items():
            routes[(disposition, topic)] = _merge(section, fallback, teams, _readable(topic))
    rules = tuple(_build_rule(section, teams) for section in file.rules)
    promises = PromiseRules(**file.promises.model_dump())
    return Routing(file.reference_prefix, hours, teams, routes, default, rules, promises)


def _build_team(key: str, section: _TeamSection, desk_hours: BusinessHours) -> Team:
    return Team(
        key,
        section.name,
        section.email,
        section.language,
        _build_hours(section.business_hours) if section.business_hours else desk_hours,
        tuple(section.members),
        section.assign,
        section.escalate_to,
    )


def _build_rule(section: _RuleSection, teams: Mapping[str, Team]) -> Rule:
    return Rule(
        {name: frozenset(values) for name, values in section.when.model_dump(exclude_none=True).items()},
        teams[section.team] if section.team else None,
        section.priority,
        section.promise_hours,
        section.resolve_hours,
    )


def _merge(section: _RouteSection | None, fallback: Route, teams: Mapping[str, Team], label: str) -> Route:
    if section is None:
        return fallback
    return Route(
        teams[section.team] if section.team else fallback.team,
        section.priority or fallback.priority,
        section.promise_hours or fallback.promise_hours,
        section.label or label,
        section.resolve_hours or fallback.resolve_hours,
    )


def _build_hours(section: _HoursSection) -> BusinessHours:
    country, _, subdivision = (section.holidays or "").partition("-")
    return BusinessHours(
        week={WEEKDAYS.index(day): tuple(openings) for day, openings in section.week.items()},
        time_zone=section.time_zone,
        country=country or None,
        subdivision=subdivision or None,
        closed=frozenset(section.closed),
    )
