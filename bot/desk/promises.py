"""What the customer is promised on a ticket: a first answer and a solution, each counted in business time.

A promise is a row that ends up kept, missed or withdrawn, so that none goes uncounted. While the team waits for the
customer its clock stands still, and what was left of it is left when the clock goes on.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.hours import BusinessHours
from bot.desk.models import Promise, PromiseKind, PromiseOutcome, Ticket
from bot.desk.routing import Route, Routing

EVERY_KIND: Final = tuple(PromiseKind)


class Promises:
    """Changes of promises within a transaction that holds the lock of their ticket."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing

    async def make(self, session: AsyncSession, ticket: Ticket, route: Route, now: datetime) -> None:
        """Promise both; sets the ticket's ``due_at``. Needs a ticket without pending promises."""
        hours = {PromiseKind.FIRST_RESPONSE: route.promise_hours, PromiseKind.RESOLUTION: route.resolve_hours}
        for kind, promised in hours.items():
            promise = Promise(ticket_id=ticket.id, kind=kind, made_at=now, outcome=PromiseOutcome.PENDING)
            self._set_times(promise, route.team.hours, now, promised)
            session.add(promise)
        ticket.promised_hours = route.promise_hours
        await self._note_next(session, ticket)

    async def improve(self, session: AsyncSession, ticket: Ticket, route: Route, now: datetime) -> None:
        """A graver matter may only bring a promise forward."""
        hours = {PromiseKind.FIRST_RESPONSE: route.promise_hours, PromiseKind.RESOLUTION: route.resolve_hours}
        for promise in await self.pending(session, ticket):
            if route.team.hours.add(now, hours[promise.kind]) < promise.due_at:
                self._set_times(promise, route.team.hours, now, hours[promise.kind])
                if promise.kind is PromiseKind.FIRST_RESPONSE:
                    ticket.promised_hours = route.promise_hours
        await self._note_next(session, ticket)

    async def prolong(self, session: AsyncSession, promise: Promise, ticket: Ticket, now: datetime) -> None:
        """As much again from the moment it falls due: what a customer is told before it would be broken."""
        hours = self._hours(ticket)
        start = max(now, promise.due_at)
        promise.due_at = hours.add(start, max(hours.between(promise.made_at, promise.due_at), 0.25))
        promise.told_at = now
        await self._note_next(session, ticket)

    async def stop(self, session: AsyncSession, ticket: Ticket, now: datetime) -> None:
        for promise in await self.pending(session, ticket):
            promise.stopped_at = promise.stopped_at or now

    async def resume(self, session: AsyncSession, ticket: Ticket, now: datetime) -> None:
        hours = self._hours(ticket)
        for promise in await self.pending(session, ticket):
            if promise.stopped_at is None:
                continue
            for name in ("due_at", "escalate_at", "tell_at"):
                at = getattr(promise, name)
                if at > promise.stopped_at:
                    setattr(promise, name, hours.add(now, hours.between(promise.stopped_at, at)))
            promise.stopped_at = None
        await self._note_next(session, ticket)

    async def settle(
        self, session: AsyncSession, ticket: Ticket, now: datetime, kinds: Sequence[PromiseKind] = EVERY_KIND
    ) -> None:
        """The team has answered, or solved it: kept, or missed if it fell due before."""
        for promise in await self.pending(session, ticket):
            if promise.kind in kinds:
                self._close(promise, PromiseOutcome.KEPT, now)
        await self._note_next(session, ticket)

    async def withdraw(self, session: AsyncSession, ticket: Ticket, now: datetime) -> None:
        """Nobody waits for it any more. One that fell due before was missed all the same."""
        for promise in await self.pending(session, ticket):
            self._close(promise, PromiseOutcome.WITHDRAWN, now)
        await session.flush()

    async def pass_on(self, session: AsyncSession, source: Ticket, target: Ticket, now: datetime) -> None:
        """Merging: the earlier promise of each kind is the target's; the source's are withdrawn."""
        kept = {promise.kind: promise for promise in await self.pending(session, target)}
        for promise in await self.pending(session, source):
            own = kept.get(promise.kind)
            if own is not None and promise.due_at < own.due_at:
                own.due_at, own.escalate_at, own.tell_at = promise.due_at, promise.escalate_at, promise.tell_at
        await self.withdraw(session, source, now)
        await self._note_next(session, target)

    async def pending(self, session: AsyncSession, ticket: Ticket) -> Sequence[Promise]:
        query = select(Promise).where(Promise.ticket_id == ticket.id, Promise.outcome == PromiseOutcome.PENDING)
        return (await session.scalars(query.order_by(Promise.id))).all()

    def _close(self, promise: Promise, outcome: PromiseOutcome, now: datetime) -> None:
        # While the clock stands still, what counts is when it was stopped.
        counted = promise.stopped_at or now
        promise.outcome = outcome if counted <= promise.due_at else PromiseOutcome.MISSED
        promise.settled_at = now

    def _set_times(self, promise: Promise, hours: BusinessHours, start: datetime, promised: float) -> None:
        rules = self._routing.promises
        promise.due_at = hours.add(start, promised)
        promise.escalate_at = hours.add(start, promised * rules.escalate_at)
        promise.tell_at = hours.add(start, promised * rules.tell_customer_at)

    def _hours(self, ticket: Ticket) -> BusinessHours:
        return self._routing.team(ticket.team).hours

    async def _note_next(self, session: AsyncSession, ticket: Ticket) -> None:
        """The ticket keeps when its next promise falls due, for lists that are sorted by it."""
        await session.flush()
        due = [promise.due_at for promise in await self.pending(session, ticket)]
        if due:
            ticket.due_at = min(due)
