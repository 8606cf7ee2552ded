"""The desk's tables."""

from bot.desk.models.base import COLUMN_TYPES, NAMING_CONVENTION, Base, UtcDateTime
from bot.desk.models.conversations import OWNED_BY_ASSISTANT, AgentPresence, Conversation, ConversationEvent, Message
from bot.desk.models.kinds import Direction, EventKind, NotificationStatus, PromiseKind, PromiseOutcome
from bot.desk.models.owed import CustomerMessage, Notification
from bot.desk.models.tickets import (
    IS_OPEN,
    Promise,
    Ticket,
    TicketConversation,
    TicketEvent,
    TicketKey,
    TicketTag,
    TicketWatcher,
)

__all__ = [
    "COLUMN_TYPES",
    "IS_OPEN",
    "NAMING_CONVENTION",
    "OWNED_BY_ASSISTANT",
    "AgentPresence",
    "Base",
    "Conversation",
    "ConversationEvent",
    "CustomerMessage",
    "Direction",
    "EventKind",
    "Message",
    "Notification",
    "NotificationStatus",
    "Promise",
    "PromiseKind",
    "PromiseOutcome",
    "Ticket",
    "TicketConversation",
    "TicketEvent",
    "TicketKey",
    "TicketTag",
    "TicketWatcher",
    "UtcDateTime",
]
