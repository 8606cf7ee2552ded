"""Personal data is kept only as long as it is needed; the figures of closed tickets stay."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import Select, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.changes import utc_now
from bot.desk.database import Database
from bot.desk.models import (
    OWNED_BY_ASSISTANT,
    Conversation,
    ConversationEvent,
    CustomerMessage,
    Message,
    Notification,
    NotificationStatus,
    Promise,
    PromiseOutcome,
    Ticket,
    TicketConversation,
    TicketEvent,
    TicketKey,
)
from bot.desk.tickets import OPEN_STATUSES, Closing, DeskUnavailable, TicketStatus

# Small enough that a turn never waits long for SQLite's one writer.
_ROWS_A_STEP: Final = 500

_DAY_SECONDS: Final = 24 * 3600.0
_RETRY_SECONDS: Final = 60.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Purged:
    """How much was removed. A purged ticket keeps its reference, topic, priority, team and times."""

    messages: int
    tickets: int


async def purge(database: Database, older_than: timedelta, now: datetime | None = None) -> Purged:
    """Remove messages, and the personal data of tickets closed, longer ago than ``older_than``.

    The messages of a conversation with an open ticket stay until it is closed: its team still needs the transcript.
    Works in small steps; one that is interrupted is simply run again. Raises ``DeskUnavailable``.
    """
    before = (now or utc_now()) - older_than
    busy = select(Ticket.conversation_id).where(Ticket.status.in_(OPEN_STATUSES))
    old_messages = select(Message.id).where(Message.occurred_at < before, Message.conversation_id.not_in(busy))
    closed = select(Ticket.id).where(Ticket.closed_at < before, Ticket.purged_at.is_(None))
    purged = Purged(await _delete_messages(database, old_messages), await _strip_tickets(database, closed))
    async with database.writing() as session:
        await session.execute(delete(ConversationEvent).where(ConversationEvent.at < before))
        await session.execute(
            delete(CustomerMessage).where(CustomerMessage.ticket_id.is_(None), CustomerMessage.created_at < before)
        )
        await session.execute(
            delete(Conversation).where(Conversation.since < before, Conversation.owner == OWNED_BY_ASSISTANT)
        )
    log.info("personal_data_purged", messages=purged.messages, tickets=purged.tickets)
    return purged


async def forget_conversation(database: Database, conversation_id: str) -> Purged:
    """A customer asked to be forgotten: remove the messages and the personal data of every ticket, open ones too.

    Open tickets are closed, since nobody could answer them any more. Raises ``DeskUnavailable``.
    """
    messages = select(Message.id).where(Message.conversation_id == conversation_id)
    tickets = select(Ticket.id).where(Ticket.conversation_id == conversation_id)
    purged = Purged(await _delete_messages(database, messages), await _strip_tickets(database, tickets))
    async with database.writing() as session:
        for table in (Conversation, ConversationEvent, TicketConversation):
            await session.execute(delete(table).where(table.conversation_id == conversation_id))
        channel, _, rest = conversation_id.partition(":")
        account_id, _, user_id = rest.partition(":")
        await session.execute(
            delete(CustomerMessage).where(
                CustomerMessage.channel == channel,
                CustomerMessage.account_id == account_id,
                CustomerMessage.user_id == user_id,
            )
        )
    log.info("conversation_forgotten", messages=purged.messages, tickets=purged.tickets)
    return purged


class Retention:
    """Purges once a day. Several processes may do so at once: each step takes what is left."""

    def __init__(self, database: Database, days: int) -> None:
        """``days`` of 0: nothing is ever purged."""
        self._database = database
        self._days = days

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            pause = _DAY_SECONDS
            try:
                if self._days:
                    await purge(self._database, timedelta(days=self._days))
            except DeskUnavailable as error:
                log.warning("purge_waits", error=str(error))
                pause = _RETRY_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)


async def _delete_messages(database: Database, chosen: Select[int]) -> int:
    total = 0
    while True:
        async with database.writing() as session:
            ids = (await session.scalars(chosen.limit(_ROWS_A_STEP))).all()
            await session.execute(delete(Message).where(Message.id.in_(ids)))
        total += len(ids)
        if len(ids) < _ROWS_A_STEP:
            return total


async def _strip_tickets(database: Database, chosen: Select[int]) -> int:
    total = 0
    while True:
        async with database.writing() as session:
            ids = (await session.scalars(chosen.limit(_ROWS_A_STEP).with_for_update())).all()
            for ticket_id in ids:
                await _strip(session, ticket_id)
        total += len(ids)
        if len(ids) < _ROWS_A_STEP:
            return total


async def _strip(session: AsyncSession, ticket_id: int) -> None:
    """The conversation's id names a person too; its place is taken by the ticket's own number, which stays unique."""
    now = utc_now()
    gone: dict[str, Any] = {
        "conversation_id": f"purged:{ticket_id}",
        "user_id": "",
        "opened_by": "",
        "text": "",
        "mentioned": {},
        "contact_kind": None,
        "contact_value": None,
        "preferred_time": None,
        "purged_at": now,
        "closed_at": func.coalesce(Ticket.closed_at, now),
        "status": TicketStatus.CLOSED,
        "closing": func.coalesce(Ticket.closing, Closing.FORGOTTEN),
        "version": Ticket.version + 1,
    }
    await session.execute(update(Ticket).where(Ticket.id == ticket_id).values(gone))
    await session.execute(
        update(TicketEvent).where(TicketEvent.ticket_id == ticket_id).values(text=None, why=None, message_id=None)
    )
    await session.execute(
        update(Promise)
        .where(Promise.ticket_id == ticket_id, Promise.outcome == PromiseOutcome.PENDING)
        .values(
            outcome=case((Promise.due_at < now, PromiseOutcome.MISSED), else_=PromiseOutcome.WITHDRAWN), settled_at=now
        )
    )
    unsent = Notification.status == NotificationStatus.PENDING
    await session.execute(delete(Notification).where(Notification.ticket_id == ticket_id, unsent))
    for table in (TicketConversation, CustomerMessage, TicketKey):
        await session.execute(delete(table).where(table.ticket_id == ticket_id))
