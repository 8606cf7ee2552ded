"""Tickets: what leaves the public square for a person, until that person has it.

Open one with ``Desk.open_ticket`` at the first sign, complete it as the contact comes; e-mails to the team leave on
their own through ``bot.desk.notifications``.
"""

from bot.desk.database import Database
from bot.desk.desk import Desk, open_desk
from bot.desk.life import TicketLife
from bot.desk.message_log import LoggedMessage, MessageLog
from bot.desk.models import Direction, EventKind, PromiseKind, PromiseOutcome
from bot.desk.outcomes import (
    Changed,
    Conflict,
    HistoryRow,
    Outcome,
    PromiseView,
    QueueCounts,
    QueueFilter,
    QueuePage,
    QueueRow,
    TicketDetail,
    TranscriptLine,
)
from bot.desk.presence import Presence
from bot.desk.reading import TicketReader
from bot.desk.reference import References
from bot.desk.replies import CannedReply, Filled, Replies, RepliesError, load_replies
from bot.desk.routing import Routing, RoutingError, load_routing
from bot.desk.schema import migrate
from bot.desk.tickets import (
    DESK,
    Actor,
    ActorKind,
    Closing,
    Contact,
    ContactKind,
    DeskError,
    DeskUnavailable,
    Disposition,
    NotAllowed,
    OpenTicket,
    Priority,
    Stage,
    TicketStatus,
    TicketView,
    UnknownTicket,
)
from bot.desk.window import Window, WindowState

__all__ = [
    "DESK",
    "Actor",
    "ActorKind",
    "CannedReply",
    "Changed",
    "Closing",
    "Conflict",
    "Contact",
    "ContactKind",
    "Database",
    "Desk",
    "DeskError",
    "DeskUnavailable",
    "Direction",
    "Disposition",
    "EventKind",
    "Filled",
    "HistoryRow",
    "LoggedMessage",
    "MessageLog",
    "NotAllowed",
    "OpenTicket",
    "Outcome",
    "Presence",
    "Priority",
    "PromiseKind",
    "PromiseOutcome",
    "PromiseView",
    "QueueCounts",
    "QueueFilter",
    "QueuePage",
    "QueueRow",
    "References",
    "Replies",
    "RepliesError",
    "Routing",
    "RoutingError",
    "Stage",
    "TicketDetail",
    "TicketLife",
    "TicketReader",
    "TicketStatus",
    "TicketView",
    "TranscriptLine",
    "UnknownTicket",
    "Window",
    "WindowState",
    "load_replies",
    "load_routing",
    "migrate",
    "open_desk",
]
