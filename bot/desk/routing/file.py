"""Reads and checks the routing file."""

from collections.abc import Mapping
from datetime import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml
from holidays import country_holidays
from pydantic import ValidationError

from bot.channels.vocabulary import ChannelName
from bot.desk.hours import BusinessHours
from bot.desk.routing.mistakes import Mistakes
from bot.desk.routing.rules import (
    DEFAULT,
    WEEKDAYS,
    Assignment,
    Label,
    PromiseRules,
    Route,
    Routing,
    RoutingError,
    Rule,
    Team,
    readable,
)
from bot.desk.routing.sections import File, HoursSection, RouteSection, RuleSection, TeamSection, WhenSection
from bot.desk.tickets import Disposition, Priority


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
    mistakes = Mistakes(name, tree)
    mistakes.add_duplicate_keys()
    file = _check_shape(values, mistakes, {"time_zone": time_zone, "holidays": country})
    _check_meaning(file, mistakes)
    mistakes.raise_if_any()
    return _build(file)


def _check_shape(values: Any, mistakes: Mistakes, brand: dict[str, str]) -> File:
    _complete_hours(values, brand)
    try:
        return File.model_validate(values)
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


def _check_meaning(file: File, mistakes: Mistakes) -> None:
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


def _check_team(key: str, team: TeamSection, file: File, mistakes: Mistakes) -> None:
    if team.business_hours is not None:
        _check_hours(("teams", key, "business_hours"), team.business_hours, mistakes)
    if team.escalate_to is not None and team.escalate_to not in file.teams:
        mistakes.add(("teams", key, "escalate_to"), _no_team(team.escalate_to, file))
    if team.assign is not Assignment.BY_HAND and not team.members:
        mistakes.add(("teams", key, "assign"), "a team without members has nobody to assign tickets to")


def _no_team(key: str, file: File) -> str:
    return f"there is no team {key!r}; the teams are {', '.join(file.teams)}"


_KNOWN: Final = {
    "disposition": tuple(Disposition),
    "severity": tuple(Priority),
    "channel": tuple(ChannelName),
}


def _check_when(number: int, when: WhenSection, mistakes: Mistakes) -> None:
    """A word that nothing can have would be a rule that never holds."""
    if not when.model_dump(exclude_none=True):
        mistakes.add(("rules", number, "when"), "an exception for everything is the default: change that instead")
    for name, known in _KNOWN.items():
        for value in getattr(when, name) or ():
            if value not in known:
                mistakes.add(("rules", number, "when", name), f"no such {name}: {value}; known are {', '.join(known)}")


def _check_hours(place: tuple[str, ...], hours: HoursSection, mistakes: Mistakes) -> None:
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


def _build(file: File) -> Routing:
    hours = _build_hours(file.business_hours)
    teams = {key: _build_team(key, section, hours) for key, section in file.teams.items()}
    chosen = file.default
    default = Route(teams[chosen.team], chosen.priority, chosen.promise_hours, readable(""), chosen.resolve_hours)
    routes: dict[tuple[str, str], Route] = {}
    for disposition, topics in file.routes.items():
        fallback = _merge(topics.get(DEFAULT), default, teams, readable(""))
        for topic, section in topics.items():
            routes[(disposition, topic)] = _merge(section, fallback, teams, readable(topic))
    rules = tuple(_build_rule(section, teams) for section in file.rules)
    promises = PromiseRules(**file.promises.model_dump())
    return Routing(file.reference_prefix, hours, teams, routes, default, rules, promises)


def _build_team(key: str, section: TeamSection, desk_hours: BusinessHours) -> Team:
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


def _build_rule(section: RuleSection, teams: Mapping[str, Team]) -> Rule:
    return Rule(
        {name: frozenset(values) for name, values in section.when.model_dump(exclude_none=True).items()},
        teams[section.team] if section.team else None,
        section.priority,
        section.promise_hours,
        section.resolve_hours,
    )


def _merge(section: RouteSection | None, fallback: Route, teams: Mapping[str, Team], label: Label) -> Route:
    if section is None:
        return fallback
    return Route(
        teams[section.team] if section.team else fallback.team,
        section.priority or fallback.priority,
        section.promise_hours or fallback.promise_hours,
        Label(section.label.fr, section.label.en) if section.label else label,
        section.resolve_hours or fallback.resolve_hours,
    )


def _build_hours(section: HoursSection) -> BusinessHours:
    country, _, subdivision = (section.holidays or "").partition("-")
    return BusinessHours(
        week={WEEKDAYS.index(day): tuple(openings) for day, openings in section.week.items()},
        time_zone=section.time_zone,
        country=country or None,
        subdivision=subdivision or None,
        closed=frozenset(section.closed),
    )
