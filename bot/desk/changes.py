"""What every change of a ticket has in common: the lock, the row of history, the e-mails owed, the promises.

A change is one transaction. It locks the ticket first; the UPDATE names the version that it read, so that of two
changes made at once the second knows of the first (see ``Ticket.version``).
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.masking import Rules
from bot.desk.models import EventKind, Message, Notification, NotificationStatus, Ticket, TicketEvent
from bot.desk.promises import Promises
from bot.desk.reference import References
from bot.desk.routing import Route, Routing
from bot.desk.search import write_keys
from bot.desk.tickets import CUSTOMER, OPEN_STATUSES, Actor, Closing, NotAllowed, TicketStatus, UnknownTicket

Clock = Callable[[], datetime]
Kept = Mapping[str, Sequence[str]]

_NEXT: Final = {
    TicketStatus.NEW: {TicketStatus.OPEN, TicketStatus.WAITING, TicketStatus.SOLVED, TicketStatus.CLOSED},
    TicketStatus.OPEN: {TicketStatus.WAITING, TicketStatus.SOLVED, TicketStatus.CLOSED},
    TicketStatus.WAITING: {TicketStatus.OPEN, TicketStatus.SOLVED, TicketStatus.CLOSED},
    TicketStatus.SOLVED: {TicketStatus.OPEN, TicketStatus.CLOSED},
    TicketStatus.CLOSED: {TicketStatus.OPEN},
}
# What may change by whom a ticket is found; words that mention somebody do so too.
_SAYS_WHO: Final = {
    EventKind.OPENED,
    EventKind.CONTACT_GIVEN,
    EventKind.CONTACT_CORRECTED,
    EventKind.CONTACT_REFUSED,
    EventKind.ABSORBED,
}
# What a closed ticket was before it can no longer be found out, or goes on elsewhere.
_FOR_EVER: Final = (Closing.MERGED, Closing.FORGOTTEN)


def utc_now() -> datetime:
    return datetime.now(UTC)


def add_aside(known: Kept | None, new: Kept | None) -> dict[str, list[str]]:
    """What masking took out of a ticket's words and its team needs in order to answer (``Ticket.mentioned``)."""
    known, new = known or {}, new or {}
    return {kind: list(dict.fromkeys([*known.get(kind, []), *new.get(kind, [])])) for kind in {**known, **new}}


class Changes:
    """Parts of a transaction on one ticket; the caller opens and commits it."""

    def __init__(self, routing: Routing, references: References, rules: Rules, clock: Clock) -> None:
        self.routing = routing
        self.references = references
        self.rules = rules
        self.promises = Promises(routing)
        self.now = clock

    async def lock(self, session: AsyncSession, reference: str) -> Ticket:
        """Raises ``UnknownTicket``."""
        canonical = self.references.parse(reference)
        ticket = await session.scalar(select(Ticket).where(Ticket.reference == canonical).with_for_update())
        if ticket is None:
            raise UnknownTicket(reference)
        return ticket

    def route_of(self, ticket: Ticket) -> Route:
        return self.routing.route(ticket.disposition, ticket.topic, language=ticket.language, channel=ticket.channel)

    async def move_status(
        self, session: AsyncSession, ticket: Ticket, to: TicketStatus, closing: Closing | None = None
    ) -> None:
        """With everything that follows for promises and times, but without the row of history.

        ``closing`` is why a ticket that was not solved is closed. Raises ``NotAllowed``.
        """
        before, now = ticket.status, self.now()
        if to not in _NEXT[before]:
            raise NotAllowed(f"a ticket cannot go from {before} to {to}")
        if ticket.closing in _FOR_EVER:
            raise NotAllowed(f"the ticket is closed for good: {ticket.closing}")
        if before is TicketStatus.WAITING:
            await self.promises.resume(session, ticket, now)
        if not before.is_open and to is TicketStatus.OPEN:
            await self._make_room(session, ticket)
            await self.promises.make(session, ticket, self.route_of(ticket), now)
        ticket.status = to
        ticket.waiting_since = now if to is TicketStatus.WAITING else None
        if to in (TicketStatus.WAITING, TicketStatus.SOLVED):
            ticket.heard_up_to = await self._last_logged(session, ticket.conversation_id)
        match to:
            case TicketStatus.OPEN:
                ticket.solved_at = ticket.closed_at = ticket.closing = None
            case TicketStatus.WAITING:
                await self.promises.stop(session, ticket, now)
            case TicketStatus.SOLVED:
                await self.promises.settle(session, ticket, now)
                ticket.solved_at = now
            case TicketStatus.CLOSED:
                ticket.closed_at = now
                ticket.closing = Closing.SOLVED if before is TicketStatus.SOLVED else closing or Closing.DISMISSED
                await self.promises.withdraw(session, ticket, now)

    async def _make_room(self, session: AsyncSession, ticket: Ticket) -> None:
        """Another ticket may have been opened since: this one then goes on as a matter of its own, by its topic."""
        query = select(Ticket).where(
            Ticket.conversation_id == ticket.conversation_id,
            Ticket.id != ticket.id,
            Ticket.status.in_(OPEN_STATUSES),
        )
        rivals = (await session.scalars(query.order_by(Ticket.id))).all()
        for rival in rivals:
            if ticket.topic in (rival.topic, rival.matter):
                raise NotAllowed(f"the customer has an open ticket on this matter: {rival.reference}")
        if any(rival.matter == ticket.matter for rival in rivals):
            ticket.matter = ticket.topic

    async def unassign(self, session: AsyncSession, ticket: Ticket, by: Actor) -> None:
        """Another team's matter now: whoever had it no longer has."""
        if ticket.assignee is not None:
            before, ticket.assignee, ticket.assigned_at = ticket.assignee, None, None
            await self.record(session, ticket, EventKind.ASSIGNED, by=by, before=before)

    async def record(
        self,
        session: AsyncSession,
        ticket: Ticket,
        kind: EventKind,
        *,
        by: Actor = CUSTOMER,
        message_id: str | None = None,
        text: str | None = None,
        before: str | None = None,
        after: str | None = None,
        why: str = "",
        detail: dict[str, Any] | None = None,
        tell: tuple[str, ...] = (),
        adds_only: bool = False,
    ) -> TicketEvent:
        """Write what happened, and owe an e-mail to each team of ``tell``.

        ``text`` and ``why`` are masked here. What masking takes out of ``text`` is kept aside on the ticket, unless it
        is what the customer was told. ``adds_only`` leaves the ticket's version: nobody else's change can collide with
        a note.
        """
        now = self.now()
        words = None if text is None else self.rules.mask(text)
        changed: dict[str, Any] = {"updated_at": now}
        if words is not None and words.kept and kind is not EventKind.REPLIED:
            changed["mentioned"] = add_aside(ticket.mentioned, words.kept)
        if adds_only:
            await session.execute(update(Ticket).where(Ticket.id == ticket.id).values(changed))
        else:
            for name, value in changed.items():
                setattr(ticket, name, value)
        await session.flush()
        if kind in _SAYS_WHO or "mentioned" in changed:
            await write_keys(session, ticket.id, changed.get("mentioned", ticket.mentioned), ticket.contact_value)
        event = TicketEvent(
            ticket_id=ticket.id,
            kind=kind,
            message_id=message_id,
            at=now,
            text=None if words is None else words.text,
            detail=detail or {},
            actor=str(by),
            before=before,
            after=after,
            why=self.rules.mask(why).text or None,
        )
        session.add(event)
        await session.flush()
        session.add_all(
            Notification(
                ticket_id=ticket.id,
                event_id=event.id,
                team=team,
                status=NotificationStatus.PENDING,
                attempts=0,
                next_attempt_at=now,
                created_at=now,
            )
            for team in dict.fromkeys(tell)
        )
        return event

    async def _last_logged(self, session: AsyncSession, conversation_id: str) -> int:
        query = select(func.max(Message.id)).where(Message.conversation_id == conversation_id)
        return await session.scalar(query) or 0
