"""The routing file: which team takes what, who of it, how urgent it is, and what the customer is promised."""

from bot.desk.routing.file import load_routing, parse_routing
from bot.desk.routing.rules import Assignment, PromiseRules, Route, Routing, RoutingError, Rule, Team

__all__ = [
    "Assignment",
    "PromiseRules",
    "Route",
    "Routing",
    "RoutingError",
    "Rule",
    "Team",
    "load_routing",
    "parse_routing",
]
