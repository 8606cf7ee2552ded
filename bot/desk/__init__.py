"""Tickets: what leaves the public square for a person, until that person has it.

Open one with ``Desk.open_ticket`` at the first sign, complete it as the contact comes; e-mails to the team leave on
their own through ``bot.desk.notifications``.
"""

from bot.desk.database import Database
from bot.desk.desk import Desk, open_desk
from bot.desk.message_log import LoggedMessage, MessageLog
from bot.desk.models import Direction
from bot.desk.reference import References
from bot.desk.routing import Routing, RoutingError, load_routing
from bot.desk.schema import migrate
from bot.desk.tickets import (
    Contact,
    ContactKind,
    DeskError,
    DeskUnavailable,
    Disposition,
    OpenTicket,
    Priority,
    TicketStatus,
    TicketView,
    UnknownTicket,
)

__all__ = [
    "Contact",
    "ContactKind",
    "Database",
    "Desk",
    "DeskError",
    "DeskUnavailable",
    "Direction",
    "Disposition",
    "LoggedMessage",
    "MessageLog",
    "OpenTicket",
    "Priority",
    "References",
    "Routing",
    "RoutingError",
    "TicketStatus",
    "TicketView",
    "UnknownTicket",
    "load_routing",
    "migrate",
    "open_desk",
]
