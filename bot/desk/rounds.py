"""What the desk does by itself, again and again: watch promises, hear customers, give tickets to agents, close.

Every act is one transaction that locks its ticket and looks again, so that any number of processes may make rounds, and
one that is repeated changes nothing.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

import structlog
from sqlalchemy import exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.desk import Desk
from bot.desk.models import (
    OWNED_BY_ASSISTANT,
    Conversation,
    Direction,
    EventKind,
    Message,
    Promise,
    PromiseOutcome,
    Ticket,
)
from bot.desk.outgoing import last_heard_at, owe
from bot.desk.presence import Presence
from bot.desk.replies import Replies
from bot.desk.routing import Assignment, Team
from bot.desk.tickets import CUSTOMER, DESK, OPEN_STATUSES, DeskUnavailable, TicketStatus
from bot.desk.window import WindowState, messaging_window
from bot.desk.wording import write_time

_PAUSE_SECONDS: Final = 1.0
_AT_ONCE: Final = 100
# The customer may still be leaving a phone number: a ticket is worth an agent's look once that is settled, or is late.
_SETTLING: Final = timedelta(minutes=10)

log = structlog.get_logger()


class Rounds:
    def __init__(self, desk: Desk, replies: Replies) -> None:
        self._desk = desk
        self._changes = desk.changes
        self._replies = replies
        self._presence = Presence(desk.database, desk.changes.now)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.make()
            except DeskUnavailable as error:
                log.warning("rounds_wait", error=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _PAUSE_SECONDS)

    async def make(self) -> None:
        """One round. Raises ``DeskUnavailable``."""
        await self._for_each(self._heard(), self._resume)
        await self._for_each(self._unwatched(Promise.escalate_at, Promise.escalated_at), self._escalate)
        await self._for_each(self._unwatched(Promise.tell_at, Promise.told_at), self._tell)
        await self._for_each(self._unassigned(), self._assign)
        await self._for_each(self._settled(), self._close)

    async def _for_each(self, query: Any, act: Callable[[AsyncSession, Any], Awaitable[None]]) -> None:
        """Look first without the write lock: most looks find nothing."""
        async with self._desk.database.reading() as session:
            found: Sequence[int] = (await session.scalars(query.limit(_AT_ONCE))).all()
        for number in found:
            async with self._desk.database.writing() as session:
                await act(session, number)

    async def _lock(self, session: AsyncSession, ticket_id: int) -> Ticket:
        found = await session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update())
        return found.one()

    # The customer wrote

    def _heard(self) -> Any:
        """Tickets that wait, or were answered while a person has the conversation, with a newer message."""
        wrote = exists().where(
            Message.conversation_id == Ticket.conversation_id,
            Message.direction == Direction.IN,
            Message.id > Ticket.heard_up_to,
        )
        with_person = exists().where(
            Conversation.conversation_id == Ticket.conversation_id, Conversation.owner != OWNED_BY_ASSISTANT
        )
        solved = (Ticket.status == TicketStatus.SOLVED) & with_person
        return select(Ticket.id).where((Ticket.status == TicketStatus.WAITING) | solved, wrote)

    async def _resume(self, session: AsyncSession, ticket_id: int) -> None:
        ticket = await self._lock(session, ticket_id)
        before = ticket.status
        if before not in (TicketStatus.WAITING, TicketStatus.SOLVED):
            return
        if await self._has_open_rival(session, ticket):
            return
        message = await session.scalar(
            select(Message)
            .where(
                Message.conversation_id == ticket.conversation_id,
                Message.direction == Direction.IN,
                Message.id > (ticket.heard_up_to or 0),
            )
            .order_by(Message.id)
            .limit(1)
        )
        if message is None:
            return
        await self._changes.move_status(session, ticket, TicketStatus.OPEN)
        await self._changes.record(
            session,
            ticket,
            EventKind.REOPENED,
            by=CUSTOMER,
            message_id=message.message_id,
            text=message.text,
            before=before,
            after=ticket.status,
            tell=(ticket.team,) if before is TicketStatus.SOLVED else (),
        )

    async def _has_open_rival(self, session: AsyncSession, ticket: Ticket) -> bool:
        """A ticket that was answered is not reopened beside one that is open on the same matter."""
        query = select(Ticket.id).where(
            Ticket.conversation_id == ticket.conversation_id,
            Ticket.matter == ticket.matter,
            Ticket.status.in_(OPEN_STATUSES),
            Ticket.id != ticket.id,
        )
        return await session.scalar(query.limit(1)) is not None

    # Promises

    def _unwatched(self, at: Any, done_at: Any) -> Any:
        return select(Promise.id).where(
            Promise.outcome == PromiseOutcome.PENDING,
            Promise.stopped_at.is_(None),
            done_at.is_(None),
            at <= self._changes.now(),
        )

    async def _lock_promise(self, session: AsyncSession, promise_id: int) -> tuple[Ticket, Promise] | None:
        """None when it is no longer pending, or its clock stands still."""
        ticket_id = await session.scalar(select(Promise.ticket_id).where(Promise.id == promise_id))
        if ticket_id is None:
            return None
        ticket = await self._lock(session, ticket_id)
        promise = await session.get_one(Promise, promise_id)
        if promise.outcome is not PromiseOutcome.PENDING or promise.stopped_at is not None:
            return None
        return ticket, promise

    async def _escalate(self, session: AsyncSession, promise_id: int) -> None:
        """Nobody has kept it and its time runs out: the team above is told, or the team itself where none is."""
        found = await self._lock_promise(session, promise_id)
        if found is None or found[1].escalated_at is not None:
            return
        ticket, promise = found
        promise.escalated_at = self._changes.now()
        team = self._desk.routing.team(ticket.team)
        above = team.escalate_to or team.key
        await self._changes.record(
            session,
            ticket,
            EventKind.ESCALATED,
            by=DESK,
            before=team.key,
            after=above,
            detail={"promise": promise.kind.value},
            tell=(above, team.key),
            adds_only=True,
        )
        log.info("promise_escalated", reference=ticket.reference, promise=promise.kind.value, team=above)

    async def _tell(self, session: AsyncSession, promise_id: int) -> None:
        """The customer hears of the delay before the promise is broken, and until when it is prolonged.

        Where the platform's window is shut nobody is told, the promise stays as it is, and the history says so.
        """
        found = await self._lock_promise(session, promise_id)
        if found is None or found[1].told_at is not None:
            return
        ticket, promise = found
        now = self._changes.now()
        heard_at = await last_heard_at(session, ticket.conversation_id)
        before = promise.due_at
        if messaging_window(ticket.channel, heard_at, now).state is WindowState.OPEN:
            await self._changes.promises.prolong(session, promise, ticket, now)
            zone = self._desk.routing.hours.time_zone
            language = "en" if ticket.language == "en" else "fr"
            due = write_time(promise.due_at, language, zone)
            text = self._replies.delay(language, reference=ticket.reference, due=due)
            key = f"delay:{promise.id}"
            await owe(session, ticket.conversation_id, key=key, by=DESK, text=text, now=now, ticket_id=ticket.id)
        promise.told_at = now
        await self._changes.record(
            session,
            ticket,
            EventKind.DELAY_TOLD,
            by=DESK,
            before=before.isoformat(),
            after=promise.due_at.isoformat() if promise.due_at != before else None,
            detail={"promise": promise.kind.value},
            adds_only=True,
        )

    # Who works on it

    def _unassigned(self) -> Any:
        now = self._changes.now()
        teams = [
            key
            for key, team in self._desk.routing.teams.items()
            if team.assign is not Assignment.BY_HAND and team.hours.is_open(now)
        ]
        settled = (
            Ticket.contact_value.is_not(None) | Ticket.contact_refused.is_(True) | (Ticket.opened_at < now - _SETTLING)
        )
        query = select(Ticket.id).where(
            Ticket.status.in_((TicketStatus.NEW, TicketStatus.OPEN)),
            Ticket.assignee.is_(None),
            Ticket.team.in_(teams),
            settled,
        )
        return query.order_by(Ticket.due_at)

    async def _assign(self, session: AsyncSession, ticket_id: int) -> None:
        ticket = await self._lock(session, ticket_id)
        if ticket.assignee is not None or not ticket.status.is_open:
            return
        team = self._desk.routing.team(ticket.team)
        agent = await self._choose(session, team)
        if agent is None:
            return
        ticket.assignee, ticket.assigned_at = agent, self._changes.now()
        await self._changes.record(session, ticket, EventKind.ASSIGNED, by=DESK, after=agent, why=team.assign.value)

    async def _choose(self, session: AsyncSession, team: Team) -> str | None:
        """A present member: the one with the fewest open tickets, or the one who has waited longest for one."""
        present = [agent for agent in await self._presence.present_in(session) if agent in team.members]
        if not present:
            return None
        loads = dict.fromkeys(present, 0)
        query = select(Ticket.assignee, func.count()).where(
            Ticket.assignee.in_(present), Ticket.status.in_((TicketStatus.NEW, TicketStatus.OPEN))
        )
        loads |= {agent: count for agent, count in await session.execute(query.group_by(Ticket.assignee)) if agent}
        latest = select(Ticket.assignee, func.max(Ticket.assigned_at)).where(Ticket.assignee.in_(present))
        given = {agent: at.timestamp() for agent, at in await session.execute(latest.group_by(Ticket.assignee)) if at}
        if team.assign is Assignment.ROUND_ROBIN:
            return min(present, key=lambda agent: (given.get(agent, 0.0), loads[agent], team.members.index(agent)))
        return min(present, key=lambda agent: (loads[agent], given.get(agent, 0.0), team.members.index(agent)))

    # The end

    def _settled(self) -> Any:
        patience = timedelta(days=self._desk.routing.promises.close_after_days)
        return select(Ticket.id).where(
            Ticket.status == TicketStatus.SOLVED, Ticket.solved_at < self._changes.now() - patience
        )

    async def _close(self, session: AsyncSession, ticket_id: int) -> None:
        ticket = await self._lock(session, ticket_id)
        if ticket.status is not TicketStatus.SOLVED:
            return
        await self._changes.move_status(session, ticket, TicketStatus.CLOSED)
        await self._changes.record(
            session, ticket, EventKind.STATUS, by=DESK, before=TicketStatus.SOLVED, after=ticket.status
        )
