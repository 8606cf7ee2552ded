"""Words that the desk owes to customers: from SQL, where they were written with the ticket's change, to the outbox.

A row is put in the outbox by a script that does so once for each key, and only then marked; a process that dies in
between leaves a row that the next one finds said already. Any number of processes may deliver.
"""

import asyncio
import contextlib
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.vocabulary import Author, ChannelName
from bot.desk.changes import Clock, utc_now
from bot.desk.database import Database
from bot.desk.models import CustomerMessage, Direction, Message, Ticket
from bot.desk.tickets import Actor, ActorKind, DeskUnavailable
from bot.inbox.connection import REDIS_AWAY
from bot.inbox.outbox import Outbox

_AT_ONCE: Final = 50
_POLL_SECONDS: Final = 0.3

log = structlog.get_logger()


async def owe(
    session: AsyncSession,
    conversation_id: str,
    *,
    key: str,
    by: Actor,
    text: str,
    now: datetime,
    ticket_id: int | None = None,
) -> bool:
    """Within the transaction that changes the ticket, where the words are about one. False when the words of this key
    are owed or said already."""
    if await session.scalar(select(CustomerMessage.id).where(CustomerMessage.key == key)) is not None:
        return False
    channel, account_id, user_id = conversation_id.split(":", 2)
    session.add(
        CustomerMessage(
            key=key,
            ticket_id=ticket_id,
            channel=channel,
            account_id=account_id,
            user_id=user_id,
            author=str(by),
            text=text,
            created_at=now,
        )
    )
    await session.flush()
    return True


async def last_heard_at(session: AsyncSession, conversation_id: str) -> datetime | None:
    """When the customer wrote last, by the message log or, where the log is behind or emptied, by the tickets."""
    logged: datetime | None = await session.scalar(
        select(func.max(Message.occurred_at)).where(
            Message.conversation_id == conversation_id, Message.direction == Direction.IN
        )
    )
    ticketed: datetime | None = await session.scalar(
        select(func.max(Ticket.occurred_at)).where(
            Ticket.conversation_id == conversation_id, Ticket.split_from.is_(None)
        )
    )
    known = [moment for moment in (logged, ticketed) if moment is not None]
    return max(known) if known else None


class Outgoing:
    def __init__(self, database: Database, outbox: Outbox, clock: Clock = utc_now) -> None:
        self._database = database
        self._outbox = outbox
        self._now = clock

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.deliver()
            except (*REDIS_AWAY, DeskUnavailable) as error:
                log.warning("words_to_customers_wait", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _POLL_SECONDS)

    async def deliver(self) -> int:
        """Put what is owed in the outbox, in order; how much. Raises ``DeskUnavailable`` and Redis' own errors."""
        async with self._database.reading() as session:
            query = select(CustomerMessage).where(CustomerMessage.appended_at.is_(None))
            owed = (await session.scalars(query.order_by(CustomerMessage.id).limit(_AT_ONCE))).all()
            heard = {row.id: await last_heard_at(session, _conversation(row)) for row in owed}
        for row in owed:
            await self._append(row, heard[row.id])
        return len(owed)

    async def _append(self, row: CustomerMessage, heard_at: datetime | None) -> None:
        if not self._outbox.serves(ChannelName(row.channel)):
            log.error("channel_not_configured", channel=row.channel, words=row.key)
        else:
            await self._outbox.say(
                key=row.key,
                channel=ChannelName(row.channel),
                user_id=row.user_id,
                text=row.text,
                author=Author.AGENT if Actor.read(row.author).kind is ActorKind.AGENT else Author.DESK,
                to_reply_at=None if heard_at is None else heard_at.timestamp(),
            )
        async with self._database.writing() as session:
            await session.execute(
                update(CustomerMessage)
                .where(CustomerMessage.id == row.id, CustomerMessage.appended_at.is_(None))
                .values(appended_at=self._now(), text="")
            )


def _conversation(row: CustomerMessage) -> str:
    return f"{row.channel}:{row.account_id}:{row.user_id}"
