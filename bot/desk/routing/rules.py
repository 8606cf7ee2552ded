"""Which team takes what, who of it, how urgent it is, and what the customer is promised."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal

from bot.desk.hours import BusinessHours
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
class Label:
    """What a topic is called."""

    fr: str
    en: str

    def in_language(self, language: str) -> str:
        """In French for any language but English."""
        return self.en if language == "en" else self.fr


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket goes. Both promises count business hours: until the first answer, and until it is solved."""

    team: Team
    priority: Priority
    promise_hours: float
    label: Label
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
        return replace(self._routes.get((disposition, DEFAULT), self._default), label=readable(topic))

    @property
    def routes(self) -> Mapping[tuple[str, str], Route]:
        """By disposition and topic; the topic ``default`` is what the disposition's others get."""
        return self._routes

    def labels(self, language: str) -> dict[str, str]:
        """What topics that have a route of their own are called."""
        routes = self._routes.items()
        return {topic: route.label.in_language(language) for (_, topic), route in routes if topic != DEFAULT}

    def team(self, key: str) -> Team:
        """A team by its key; the default team for one that the file no longer has, so that no e-mail is lost."""
        return self.teams.get(key, self._default.team)


def readable(topic: str) -> Label:
    words = topic.replace("_", " ").strip().capitalize()
    return Label(words, words)
