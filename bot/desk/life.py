"""What agents do with tickets.

A command that changes what somebody else may be changing takes ``seen``, the version of the ticket on the agent's
screen; if the ticket has moved on, nothing is written and the answer names who moved it (``Conflict``). Every change
writes one row of history in its transaction. All raise ``UnknownTicket``, ``NotAllowed`` and ``DeskUnavailable``.
"""

from collections.abc import Awaitable, Callable

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.desk import Desk
from bot.desk.joining import add_link, bring_over, make_part, require_no_other
from bot.desk.models import EventKind, PromiseKind, Ticket, TicketConversation, TicketEvent, TicketTag, TicketWatcher
from bot.desk.outcomes import Changed, Conflict, Outcome
from bot.desk.reading import read_detail
from bot.desk.tickets import (
    Actor,
    Closing,
    ContactKind,
    DeskUnavailable,
    Disposition,
    NotAllowed,
    Priority,
    TicketStatus,
)

# A lost race is over once the winner has committed; more rounds than this mean that something else is wrong.
_ROUNDS = 8
_TAG_LENGTH = 40
_CATEGORY_LENGTH = 64

# Answers with the ticket to show, None for the one that was changed.
Change = Callable[[AsyncSession, Ticket], Awaitable[Ticket | None]]


class TicketLife:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._changes = desk.changes

    # Who works on it

    async def take(self, reference: str, by: Actor) -> Outcome:
        """The ticket is the agent's; only if it is nobody's, or theirs already."""
        async with self._desk.database.writing() as session:
            ticket = await self._changes.lock(session, reference)
            if not ticket.status.is_open:
                raise NotAllowed("only an open ticket can be taken")
            if ticket.assignee not in (None, by.name):
                return await self._conflict(session, ticket, ticket.version, EventKind.ASSIGNED)
            if ticket.assignee is None:
                await self._assign(session, ticket, by, by.name)
            if ticket.status is TicketStatus.NEW:
                await self._set_status(session, ticket, by, TicketStatus.OPEN)
            return await self._changed(session, ticket)

    async def assign(self, reference: str, by: Actor, seen: int, to: str | None, why: str = "") -> Outcome:
        """Give it to somebody, or put it back."""

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            if ticket.assignee != to:
                await self._assign(session, ticket, by, to, why)

        return await self.change(reference, seen, change)

    async def move(self, reference: str, by: Actor, seen: int, team: str, why: str = "") -> Outcome:
        """To another team, which is told."""
        if team not in self._desk.routing.teams:
            raise NotAllowed(f"there is no team {team!r}")

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            before = ticket.team
            if before == team:
                return
            ticket.team = team
            await self._changes.unassign(session, ticket, by)
            await self._changes.record(
                session, ticket, EventKind.MOVED, by=by, before=before, after=team, why=why, tell=(team,)
            )

        return await self.change(reference, seen, change)

    # What it is

    async def set_status(self, reference: str, by: Actor, seen: int, to: TicketStatus, why: str = "") -> Outcome:
        async def change(session: AsyncSession, ticket: Ticket) -> None:
            if ticket.status is not to:
                await self._set_status(session, ticket, by, to, why)

        return await self.change(reference, seen, change)

    async def set_priority(self, reference: str, by: Actor, seen: int, to: Priority, why: str = "") -> Outcome:
        """The promise stays what the customer was told."""

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            before, ticket.priority = ticket.priority, to
            await self._record_new(session, ticket, EventKind.PRIORITISED, by, before, to, why)

        return await self.change(reference, seen, change)

    async def set_category(self, reference: str, by: Actor, seen: int, to: str, why: str = "") -> Outcome:
        category = to.strip()
        if not 0 < len(category) <= _CATEGORY_LENGTH:
            raise NotAllowed(f"a category has 1 to {_CATEGORY_LENGTH} characters")

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            before, ticket.category = ticket.category, category
            await self._record_new(session, ticket, EventKind.CATEGORISED, by, before, category, why)

        return await self.change(reference, seen, change)

    async def set_language(self, reference: str, by: Actor, seen: int, to: str, why: str = "") -> Outcome:
        async def change(session: AsyncSession, ticket: Ticket) -> None:
            before, ticket.language = ticket.language, to
            await self._record_new(session, ticket, EventKind.LANGUAGE_SET, by, before, to, why)

        return await self.change(reference, seen, change)

    # What is added to it

    async def add_note(self, reference: str, by: Actor, text: str) -> Outcome:
        """Internal: the customer never sees it. Masked; what a team works with is kept aside on the ticket."""
        if not text.strip():
            raise NotAllowed("a note needs words")

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            await self._changes.record(session, ticket, EventKind.NOTE, by=by, text=text.strip(), adds_only=True)

        return await self.change(reference, None, change)

    async def add_tag(self, reference: str, by: Actor, tag: str) -> Outcome:
        written = _tag(tag)

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            if await session.get(TicketTag, (ticket.id, written)) is None:
                session.add(TicketTag(ticket_id=ticket.id, tag=written))
                await self._changes.record(session, ticket, EventKind.TAGGED, by=by, after=written, adds_only=True)

        return await self.change(reference, None, change)

    async def remove_tag(self, reference: str, by: Actor, tag: str) -> Outcome:
        written = _tag(tag)

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            row = await session.get(TicketTag, (ticket.id, written))
            if row is not None:
                await session.delete(row)
                await self._changes.record(session, ticket, EventKind.UNTAGGED, by=by, before=written, adds_only=True)

        return await self.change(reference, None, change)

    async def watch(self, reference: str, by: Actor) -> Outcome:
        async def change(session: AsyncSession, ticket: Ticket) -> None:
            if await session.get(TicketWatcher, (ticket.id, by.name)) is None:
                session.add(TicketWatcher(ticket_id=ticket.id, agent=by.name))
                await self._changes.record(session, ticket, EventKind.WATCHED, by=by, adds_only=True)

        return await self.change(reference, None, change)

    async def unwatch(self, reference: str, by: Actor) -> Outcome:
        async def change(session: AsyncSession, ticket: Ticket) -> None:
            row = await session.get(TicketWatcher, (ticket.id, by.name))
            if row is not None:
                await session.delete(row)
                await self._changes.record(session, ticket, EventKind.UNWATCHED, by=by, adds_only=True)

        return await self.change(reference, None, change)

    async def record_contact(self, reference: str, by: Actor, kind: ContactKind, note: str = "") -> Outcome:
        """The agent called or e-mailed the customer: the first response is given."""

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            await self._changes.promises.settle(session, ticket, self._changes.now(), (PromiseKind.FIRST_RESPONSE,))
            await self._changes.record(
                session, ticket, EventKind.CONTACTED, by=by, text=note.strip() or None, detail={"contact": kind.value}
            )

        return await self.change(reference, None, change)

    # One matter, one ticket

    async def merge(self, reference: str, by: Actor, seen: int, into: str, why: str = "") -> Outcome:
        """Close it into another open ticket, which takes over its conversation, tags, watchers, priority if higher,
        contact if it has none, and the earlier promise. Answers with the other ticket."""
        async with self._desk.database.writing() as session:
            source, target = await self._lock_both(session, reference, into)
            if source.version != seen:
                return await self._conflict(session, source, seen)
            if source is target or not (source.status.is_open and target.status.is_open):
                raise NotAllowed("two different open tickets are merged")
            await self._changes.promises.pass_on(session, source, target, self._changes.now())
            await bring_over(session, source, target)
            before = source.status
            await self._changes.move_status(session, source, TicketStatus.CLOSED, Closing.MERGED)
            source.merged_into = target.reference
            await self._changes.record(
                session, source, EventKind.MERGED, by=by, before=before, after=target.reference, why=why
            )
            await self._changes.record(session, target, EventKind.ABSORBED, by=by, after=source.reference, why=why)
            return await self._changed(session, target)

    async def split_off(
        self,
        reference: str,
        by: Actor,
        seen: int,
        topic: str,
        text: str,
        why: str = "",
        disposition: Disposition | None = None,
    ) -> Outcome:
        """A ticket of its own for another matter of the same customer, promised from now on. Answers with it.

        ``disposition`` is the parent's unless it is named. A matter that has an open ticket gets no second one.
        """

        async def change(session: AsyncSession, ticket: Ticket) -> Ticket:
            await require_no_other(session, ticket, topic)
            part = make_part(self._changes, ticket, disposition or ticket.disposition, topic, text)
            session.add(part)
            await session.flush()
            now = self._changes.now()
            await self._changes.promises.make(session, part, self._changes.route_of(part), now)
            await self._changes.record(
                session, ticket, EventKind.SPLIT_OFF, by=by, after=part.reference, why=why, adds_only=True
            )
            await self._changes.record(
                session, part, EventKind.OPENED, by=by, before=ticket.reference, why=why, tell=(part.team,)
            )
            return part

        return await self.change(reference, seen, change)

    async def link(self, reference: str, by: Actor, conversation_id: str, why: str = "") -> Outcome:
        """The same customer elsewhere: what is written there is noted on this ticket."""

        async def change(session: AsyncSession, ticket: Ticket) -> None:
            if await add_link(session, ticket, conversation_id):
                await self._changes.record(session, ticket, EventKind.LINKED, by=by, why=why, adds_only=True)

        return await self.change(reference, None, change)

    async def link_tickets(self, reference: str, by: Actor, other: str, why: str = "") -> Outcome:
        """The same customer, who wrote from two places: each ticket is linked to the conversation of the other."""
        async with self._desk.database.writing() as session:
            ticket, twin = await self._lock_both(session, reference, other)
            if ticket.conversation_id == twin.conversation_id:
                raise NotAllowed("both are of one conversation")
            for one, its_twin in ((ticket, twin), (twin, ticket)):
                if await add_link(session, one, its_twin.conversation_id):
                    after = its_twin.reference
                    await self._changes.record(
                        session, one, EventKind.LINKED, by=by, after=after, why=why, adds_only=True
                    )
            return await self._changed(session, ticket)

    async def unlink(self, reference: str, by: Actor, conversation_id: str, why: str = "") -> Outcome:
        async def change(session: AsyncSession, ticket: Ticket) -> None:
            row = await session.get(TicketConversation, (ticket.id, conversation_id))
            if row is not None:
                await session.delete(row)
                await self._changes.record(session, ticket, EventKind.UNLINKED, by=by, why=why, adds_only=True)

        return await self.change(reference, None, change)

    # For the desk's other rooms

    async def change(self, reference: str, seen: int | None, change: Change) -> Outcome:
        """Run ``change`` in a transaction that holds the ticket's lock, if the ticket is as it was seen."""
        for _ in range(_ROUNDS):
            try:
                async with self._desk.database.writing() as session:
                    ticket = await self._changes.lock(session, reference)
                    if seen is not None and ticket.version != seen:
                        return await self._conflict(session, ticket, seen)
                    return await self._changed(session, await change(session, ticket) or ticket)
            except IntegrityError:
                # A random reference is taken, or another transaction opened the same matter, or said the same words.
                continue
        raise DeskUnavailable("a ticket could not be changed against its rivals")

    async def conflict(self, reference: str, seen: int) -> Conflict:
        """Who came first, when that is known before anything is tried."""
        async with self._desk.database.reading() as session:
            query = select(Ticket).where(Ticket.reference == self._changes.references.parse(reference))
            return await self._conflict(session, (await session.scalars(query)).one(), seen)

    async def work_on(self, session: AsyncSession, ticket: Ticket, by: Actor, then: TicketStatus | None) -> None:
        """Who answers has taken it up: what nobody had is theirs, and it is open unless it becomes ``then``."""
        if ticket.assignee is None:
            await self._assign(session, ticket, by, by.name)
        to = then or (TicketStatus.OPEN if ticket.status is TicketStatus.NEW else ticket.status)
        if ticket.status is not to:
            await self._set_status(session, ticket, by, to)

    # Parts

    async def _changed(self, session: AsyncSession, ticket: Ticket) -> Changed:
        await session.flush()
        return Changed(await read_detail(session, ticket))

    async def _conflict(
        self, session: AsyncSession, ticket: Ticket, seen: int, kind: EventKind | None = None
    ) -> Conflict:
        """Who came first: the last change, or the last of a kind."""
        query = select(TicketEvent).where(TicketEvent.ticket_id == ticket.id)
        if kind is not None:
            query = query.where(TicketEvent.kind == kind)
        last = (await session.scalars(query.order_by(TicketEvent.id.desc()).limit(1))).one()
        return Conflict(await read_detail(session, ticket), seen, last.by, last.kind, last.at)

    async def _assign(self, session: AsyncSession, ticket: Ticket, by: Actor, to: str | None, why: str = "") -> None:
        before, ticket.assignee = ticket.assignee, to
        ticket.assigned_at = None if to is None else self._changes.now()
        await self._changes.record(session, ticket, EventKind.ASSIGNED, by=by, before=before, after=to, why=why)

    async def _set_status(
        self, session: AsyncSession, ticket: Ticket, by: Actor, to: TicketStatus, why: str = ""
    ) -> None:
        before = ticket.status
        await self._changes.move_status(session, ticket, to)
        await self._changes.record(session, ticket, EventKind.STATUS, by=by, before=before, after=to, why=why)

    async def _record_new(
        self, session: AsyncSession, ticket: Ticket, kind: EventKind, by: Actor, before: str, after: str, why: str = ""
    ) -> None:
        if before != after:
            await self._changes.record(session, ticket, kind, by=by, before=before, after=after, why=why)

    async def _lock_both(self, session: AsyncSession, reference: str, into: str) -> tuple[Ticket, Ticket]:
        """In one order, whoever asks: two agents who merge the same two tickets must not wait for each other."""
        parsed = [self._changes.references.parse(one) or one for one in (reference, into)]
        locked = {one: await self._changes.lock(session, one) for one in sorted(set(parsed))}
        return locked[parsed[0]], locked[parsed[1]]


def _tag(written: str) -> str:
    tag = " ".join(written.lower().split())
    if not 0 < len(tag) <= _TAG_LENGTH:
        raise NotAllowed(f"a tag has 1 to {_TAG_LENGTH} characters")
    return tag
