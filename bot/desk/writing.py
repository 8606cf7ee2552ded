"""What agents write to customers in the conversation."""

import contextlib
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.conversations import Conversations
from bot.desk.desk import Desk
from bot.desk.life import TicketLife
from bot.desk.models import EventKind, PromiseKind, Ticket
from bot.desk.outcomes import Conflict, Outcome
from bot.desk.outgoing import Outgoing, last_heard_at, owe
from bot.desk.reading import TicketReader
from bot.desk.replies import CannedReply, Filled, Replies, fill
from bot.desk.tickets import OPEN_STATUSES, Actor, ContactKind, NotAllowed, TicketStatus
from bot.desk.window import Window, WindowState, messaging_window
from bot.desk.wording import write_time
from bot.inbox.connection import REDIS_AWAY
from bot.inbox.owners import Owner, OwnerConflict


@dataclass(frozen=True, slots=True)
class WindowShut:
    """The platform allows no more words; call or e-mail."""

    window: Window


class Writing:
    """Methods raise ``UnknownTicket``, ``NotAllowed``, ``DeskUnavailable`` and Redis' own errors."""

    def __init__(
        self, desk: Desk, conversations: Conversations, outgoing: Outgoing, replies: Replies, *, brand: str
    ) -> None:
        self._desk = desk
        self._conversations = conversations
        self._outgoing = outgoing
        self._replies = replies
        self._brand = brand
        self._life = TicketLife(desk)
        self._reader = TicketReader(desk)

    async def window(self, conversation_id: str) -> Window:
        async with self._desk.database.reading() as session:
            heard_at = await last_heard_at(session, conversation_id)
        return messaging_window(conversation_id.partition(":")[0], heard_at, self._desk.changes.now())

    async def open_ticket(self, conversation_id: str) -> str | None:
        """The reference of the conversation's own open ticket, the first of several."""
        query = select(Ticket.reference).where(
            Ticket.conversation_id == conversation_id, Ticket.status.in_(OPEN_STATUSES)
        )
        async with self._desk.database.reading() as session:
            return await session.scalar(query.order_by(Ticket.id).limit(1))

    def canned(self, language: str) -> list[CannedReply]:
        return self._replies.canned(language)

    def fill_without_ticket(self, text: str, agent: str) -> Filled:
        """Only what is known of any conversation is put in the place of its placeholder."""
        return fill(text, {"agent": agent, "brand": self._brand})

    async def fill(self, text: str, reference: str, agent: str) -> Filled:
        """Put the ticket's facts in the place of ``{reference}``, ``{due}`` and the like."""
        ticket = await self._reader.ticket(reference)
        language = "en" if ticket.language == "en" else "fr"
        contact = {} if ticket.contact is None else {ticket.contact.kind: ticket.contact.value}
        return fill(
            text,
            {
                "reference": ticket.reference,
                "agent": agent,
                "brand": self._brand,
                "due": write_time(ticket.due_at, language, self._desk.routing.hours.time_zone),
                "phone": contact.get(ContactKind.PHONE),
                "email": contact.get(ContactKind.EMAIL),
                "topic": self._desk.routing.route(ticket.disposition, ticket.topic).label.in_language(language),
            },
        )

    async def reply(
        self,
        reference: str,
        by: Actor,
        text: str,
        *,
        key: str,
        seen: int | None = None,
        then: TicketStatus | None = None,
    ) -> Outcome | WindowShut | OwnerConflict:
        """Say ``text`` to the ticket's customer, once for each ``key``.

        The conversation is the agent's from then on, the first response is given, a ticket that nobody had is theirs,
        and ``then`` becomes its status; the words and all this are one transaction.
        """
        if not text.strip():
            raise NotAllowed("a reply needs words")
        ticket = await self._reader.ticket(reference)
        window = await self.window(ticket.conversation_id)
        if window.state is WindowState.SHUT:
            return WindowShut(window)
        if seen is not None and ticket.version != seen:
            return await self._life.conflict(reference, seen)
        owner = await self._conversations.take_over(ticket.conversation_id, by.name)
        if isinstance(owner, OwnerConflict):
            return owner
        outcome = await self._write(reference, by, text.strip(), f"reply:{key}", seen, then)
        if not isinstance(outcome, Conflict):
            await self._send_at_once()
        return outcome

    async def say(
        self, conversation_id: str, by: Actor, text: str, *, key: str
    ) -> Outcome | Owner | WindowShut | OwnerConflict:
        """Say ``text`` in a conversation without an open ticket, once for each ``key``; on one that has a ticket by now
        it is a reply to that. The conversation is the agent's from then on."""
        if not text.strip():
            raise NotAllowed("a reply needs words")
        reference = await self.open_ticket(conversation_id)
        if reference is not None:
            return await self.reply(reference, by, text, key=key)
        window = await self.window(conversation_id)
        if window.state is WindowState.SHUT:
            return WindowShut(window)
        owner = await self._conversations.take_over(conversation_id, by.name)
        if isinstance(owner, OwnerConflict):
            return owner
        with contextlib.suppress(IntegrityError):  # a double click: the other request owes the same words
            async with self._desk.database.writing() as session:
                now = self._desk.changes.now()
                await owe(session, conversation_id, key=f"reply:{key}", by=by, text=text.strip(), now=now)
        await self._send_at_once()
        return owner

    async def _write(
        self, reference: str, by: Actor, text: str, key: str, seen: int | None, then: TicketStatus | None
    ) -> Outcome:
        changes = self._desk.changes

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            now = changes.now()
            conversation = ticket.conversation_id
            if not await owe(session, conversation, key=key, by=by, text=text, now=now, ticket_id=ticket.id):
                return
            await changes.promises.settle(session, ticket, now, (PromiseKind.FIRST_RESPONSE,))
            await changes.record(session, ticket, EventKind.REPLIED, by=by, text=text)
            await self._life.work_on(session, ticket, by, then)

        return await self._life.change(reference, seen, change)

    async def _send_at_once(self) -> None:
        """The desk process would, a moment later; an agent who waits sees it sooner."""
        try:
            await self._outgoing.deliver()
        except REDIS_AWAY:
            return
