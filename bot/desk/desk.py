"""The desk itself: what may happen to a ticket.

Every change is one transaction: the ticket, a row of its history, and the e-mails it causes. Repeating a call that the
same message caused changes nothing, so that an interrupted turn may simply run again.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.changes import Changes, Clock, utc_now
from bot.desk.database import Database
from bot.desk.masking import Rules
from bot.desk.models import EventKind, Notification, NotificationStatus, Ticket, TicketConversation, TicketEvent
from bot.desk.reference import References
from bot.desk.routing import Route, Routing
from bot.desk.tickets import (
    DESK,
    OPEN_STATUSES,
    Actor,
    Closing,
    Contact,
    DeskUnavailable,
    OpenTicket,
    TicketStatus,
    TicketView,
    UnknownTicket,
)

# A lost race is over once the winner has committed; more rounds than this mean that something else is wrong.
_ROUNDS: Final = 8

# How long more words on the same matter wait in the transcript before the team is written to again.
_QUIET: Final = timedelta(hours=1)

log = structlog.get_logger()


class Desk:
    """Tickets of one brand. Every method raises ``DeskUnavailable`` when the database does not answer."""

    def __init__(
        self, database: Database, routing: Routing, clock: Clock = utc_now, rules: Rules | None = None
    ) -> None:
        self.database = database
        self.routing = routing
        self.references = References(routing.reference_prefix)
        self.changes = Changes(routing, self.references, rules or Rules(), clock)
        self._now = clock

    async def open_ticket(self, request: OpenTicket) -> TicketView:
        """Open a ticket, or note the message on the conversation's open one (raising it if the message is graver).

        Of several open tickets, which only an agent can bring about, the one on the same topic takes it. One that was
        answered on the same topic is reopened instead of duplicated.

        Idempotent by conversation and message: a repetition answers with the ticket as it stands.
        """
        for _ in range(_ROUNDS):
            try:
                async with self.database.writing() as session:
                    return await self._open_or_note(session, request)
            except IntegrityError:
                # Another process opened this conversation's ticket first, or the random reference is taken.
                continue
        raise DeskUnavailable("a ticket could not be opened against its rivals")

    async def complete_ticket(self, reference: str, contact: Contact, message_id: str) -> TicketView:
        """Record how to reach the customer; another contact than before is a correction, and the team is told.

        Idempotent by message. A ticket that is closed meanwhile stays as it is (see the view's ``is_open``). Raises
        ``UnknownTicket``.
        """
        async with self.database.writing() as session:
            ticket = await self.changes.lock(session, reference)
            if ticket.status.is_open and ticket.contact != contact:
                await self._set_contact(session, ticket, contact, message_id)
            return _view(ticket)

    async def refuse_contact(self, reference: str, message_id: str) -> TicketView:
        """The customer gives no contact: tell the team to answer in the conversation.

        Idempotent; a contact given earlier is forgotten, since the customer no longer wants it used. Raises
        ``UnknownTicket``.
        """
        async with self.database.writing() as session:
            ticket = await self.changes.lock(session, reference)
            if ticket.status.is_open and not ticket.contact_refused:
                await self._set_refusal(session, ticket, message_id)
            return _view(ticket)

    async def find_ticket(self, conversation_id: str, reference: str | None = None) -> TicketView | None:
        """A ticket of this very conversation: the one of that reference (read tolerantly), else the newest.

        A reference of another conversation's ticket finds nothing; that of one that was merged, what it goes on in.
        """
        query = select(Ticket).where(_of_conversation(conversation_id))
        if reference is not None:
            query = query.where(Ticket.reference == self.references.parse(reference))
        async with self.database.reading() as session:
            ticket = await session.scalar(
                query.order_by(Ticket.status.in_(OPEN_STATUSES).desc(), Ticket.id.desc()).limit(1)
            )
            if ticket is not None and ticket.merged_into is not None:
                ticket = await session.scalar(select(Ticket).where(Ticket.reference == ticket.merged_into))
        return None if ticket is None else _view(ticket)

    async def cancel_ticket(self, conversation_id: str, reference: str) -> TicketView:
        """Close the ticket because its customer no longer needs it, and tell the team.

        Idempotent; a ticket that is closed already stays as it is. Raises ``UnknownTicket``, also for a ticket of
        another conversation.
        """
        async with self.database.writing() as session:
            ticket = await self.changes.lock(session, reference)
            if ticket.conversation_id != conversation_id:
                raise UnknownTicket(reference)
            if ticket.status.is_open:
                await self._cancel(session, ticket)
            return _view(ticket)

    async def resolve_ticket(self, reference: str, by: Actor = DESK) -> TicketView:
        """The team has answered. What the customer writes next on the same topic reopens it.

        Idempotent; a ticket that is not open stays as it is. Raises ``UnknownTicket``.
        """
        return await self._finish(reference, TicketStatus.SOLVED, by)

    async def close_ticket(self, reference: str, by: Actor = DESK) -> TicketView:
        """Nothing more is to come of it. Idempotent. Raises ``UnknownTicket``."""
        return await self._finish(reference, TicketStatus.CLOSED, by)

    async def _finish(self, reference: str, to: TicketStatus, by: Actor) -> TicketView:
        async with self.database.writing() as session:
            ticket = await self.changes.lock(session, reference)
            before = ticket.status
            if before.is_open or (before is TicketStatus.SOLVED and to is TicketStatus.CLOSED):
                await self.changes.move_status(session, ticket, to)
                await self.changes.record(session, ticket, EventKind.STATUS, by=by, before=before, after=to)
            return _view(ticket)

    async def pending_notifications(self) -> int:
        """E-mails that are still owed to a team."""
        return await self._count_notifications(NotificationStatus.PENDING)

    async def failed_notifications(self) -> int:
        """E-mails that were given up; see ``bot.desk.notifications.put_back_failed``."""
        return await self._count_notifications(NotificationStatus.FAILED)

    async def ping(self) -> None:
        await self.database.ping()

    async def close(self) -> None:
        await self.database.close()

    # --- opening ------------------------------------------------------------------------------------------------------

    async def _open_or_note(self, session: AsyncSession, request: OpenTicket) -> TicketView:
        # The lock comes first: while we wait for it, another process may be handling this same message.
        ticket = await self._lock_concerned(session, request)
        handled = await self._find_handled(session, request)
        if handled is not None:
            return _view(handled, is_new=handled.opened_by == request.message_id)
        if ticket is None:
            return _view(await self._open(session, request), is_new=True)
        await self._note(session, ticket, request)
        return _view(ticket)

    async def _lock_concerned(self, session: AsyncSession, request: OpenTicket) -> Ticket | None:
        """The open ticket that a message is about, or the one on its topic that was answered."""
        here = or_(Ticket.status.in_(OPEN_STATUSES), Ticket.status == TicketStatus.SOLVED)
        found = await session.scalars(
            select(Ticket).where(_of_conversation(request.conversation_id), here).order_by(Ticket.id).with_for_update()
        )
        tickets = found.all()
        is_open = [ticket for ticket in tickets if ticket.status.is_open]
        on_topic = [ticket for ticket in tickets if ticket.topic == request.topic]
        return next(
            iter([ticket for ticket in on_topic if ticket.status.is_open] or is_open or list(reversed(on_topic))), None
        )

    async def _find_handled(self, session: AsyncSession, request: OpenTicket) -> Ticket | None:
        return await session.scalar(
            select(Ticket)
            .join(TicketEvent)
            .where(
                _of_conversation(request.conversation_id),
                TicketEvent.message_id == request.message_id,
                TicketEvent.kind.in_((EventKind.OPENED, EventKind.NOTED, EventKind.RAISED, EventKind.REOPENED)),
            )
            .limit(1)
        )

    async def _open(self, session: AsyncSession, request: OpenTicket) -> Ticket:
        now = self._now()
        route = self._route(request)
        words = self.changes.rules.mask(request.text)
        ticket = Ticket(
            reference=self.references.generate(),
            conversation_id=request.conversation_id,
            channel=request.channel,
            account_id=request.account_id,
            user_id=request.user_id,
            opened_by=request.message_id,
            disposition=request.disposition,
            topic=request.topic,
            category=request.topic,
            language=request.language,
            text=words.text,
            mentioned=words.kept,
            occurred_at=datetime.fromtimestamp(request.occurred_at, UTC),
            status=TicketStatus.NEW,
            priority=route.priority,
            team=route.team.key,
            promised_hours=route.promise_hours,
            contact_refused=False,
            opened_at=now,
            due_at=now,
            updated_at=now,
        )
        session.add(ticket)
        await session.flush()
        await self.changes.promises.make(session, ticket, route, now)
        await self.changes.record(
            session,
            ticket,
            EventKind.OPENED,
            message_id=request.message_id,
            after=ticket.status,
            detail=_what_was_seen(request),
            tell=(ticket.team,),
        )
        log.info("ticket_opened", reference=ticket.reference, team=ticket.team, priority=ticket.priority.value)
        return ticket

    async def _note(self, session: AsyncSession, ticket: Ticket, request: OpenTicket) -> None:
        route = self._route(request)
        before, status = ticket.disposition, ticket.status
        if status in (TicketStatus.WAITING, TicketStatus.SOLVED):
            await self.changes.move_status(session, ticket, TicketStatus.OPEN)
        if _is_graver(ticket, request, route):
            kind = EventKind.RAISED
            tell = _raise(ticket, request, route)
            if len(set(tell)) > 1:
                await self.changes.unassign(session, ticket, DESK)
            await self.changes.promises.improve(session, ticket, route, self._now())
        elif status is TicketStatus.SOLVED:
            kind, tell = EventKind.REOPENED, (ticket.team,)
        else:
            kind = EventKind.NOTED
            tell = (ticket.team,) if await self._is_news(session, ticket, request) else ()
        await self.changes.record(
            session,
            ticket,
            kind,
            message_id=request.message_id,
            text=request.text,
            before=status if status is not ticket.status else None,
            after=ticket.status if status is not ticket.status else None,
            detail={
                "topic": request.topic,
                "disposition": request.disposition,
                "before": before,
                "team": ticket.team,
                **_what_was_seen(request),
            },
            tell=tell,
        )

    def _route(self, request: OpenTicket) -> Route:
        route = self.routing.route(
            request.disposition, request.topic, language=request.language, channel=request.channel
        )
        least = request.least_priority
        return route if least is None or least.rank <= route.priority.rank else replace(route, priority=least)

    async def _is_news(self, session: AsyncSession, ticket: Ticket, request: OpenTicket) -> bool:
        """Another matter, or the first words for a while. A burst of messages on one matter is no burst of e-mails."""
        if request.topic != ticket.topic:
            return True
        heard_at = await session.scalar(
            select(func.max(Notification.created_at)).where(Notification.ticket_id == ticket.id)
        )
        return heard_at is None or self._now() - heard_at >= _QUIET

    # --- what follows -------------------------------------------------------------------------------------------------

    async def _set_contact(self, session: AsyncSession, ticket: Ticket, contact: Contact, message_id: str) -> None:
        kinds = (EventKind.CONTACT_GIVEN, EventKind.CONTACT_CORRECTED)
        if await self._has_event(session, ticket, kinds, message_id):
            return  # an old message that comes again must not undo a later correction
        kind = EventKind.CONTACT_GIVEN if ticket.contact is None else EventKind.CONTACT_CORRECTED
        ticket.contact_kind = contact.kind
        ticket.contact_value = contact.value
        ticket.preferred_time = (
            None if contact.preferred_time is None else self.changes.rules.mask(contact.preferred_time).text
        )
        ticket.contact_refused = False
        detail = {"contact": contact.kind.value}
        await self.changes.record(session, ticket, kind, message_id=message_id, detail=detail, tell=(ticket.team,))

    async def _set_refusal(self, session: AsyncSession, ticket: Ticket, message_id: str) -> None:
        if await self._has_event(session, ticket, (EventKind.CONTACT_REFUSED,), message_id):
            return
        ticket.contact_kind = ticket.contact_value = ticket.preferred_time = None
        ticket.contact_refused = True
        await self.changes.record(
            session, ticket, EventKind.CONTACT_REFUSED, message_id=message_id, tell=(ticket.team,)
        )

    async def _cancel(self, session: AsyncSession, ticket: Ticket) -> None:
        before = ticket.status
        await self.changes.move_status(session, ticket, TicketStatus.CLOSED, Closing.CANCELLED)
        await self.changes.record(
            session, ticket, EventKind.CANCELLED, before=before, after=ticket.status, tell=(ticket.team,)
        )

    # --- shared -------------------------------------------------------------------------------------------------------

    async def _has_event(
        self, session: AsyncSession, ticket: Ticket, kinds: tuple[EventKind, ...], message_id: str
    ) -> bool:
        query = select(TicketEvent.id).where(
            TicketEvent.ticket_id == ticket.id, TicketEvent.message_id == message_id, TicketEvent.kind.in_(kinds)
        )
        return await session.scalar(query.limit(1)) is not None

    async def _count_notifications(self, status: NotificationStatus) -> int:
        async with self.database.reading() as session:
            query = select(func.count()).select_from(Notification).where(Notification.status == status)
            return await session.scalar(query) or 0


def _of_conversation(conversation_id: str) -> ColumnElement[bool]:
    linked = select(TicketConversation.ticket_id).where(TicketConversation.conversation_id == conversation_id)
    return or_(Ticket.conversation_id == conversation_id, Ticket.id.in_(linked))


def _is_graver(ticket: Ticket, request: OpenTicket, route: Route) -> bool:
    return request.disposition.rank > ticket.disposition.rank or route.priority.rank > ticket.priority.rank


def _raise(ticket: Ticket, request: OpenTicket, route: Route) -> tuple[str, ...]:
    """The priority only rises. Answers with the teams to tell: the new one, and the old if it loses it."""
    previous_team = ticket.team
    if route.priority.rank >= ticket.priority.rank:
        ticket.team = route.team.key
        ticket.priority = route.priority
    if ticket.category == ticket.topic:
        ticket.category = request.topic
    ticket.disposition = max(ticket.disposition, request.disposition, key=lambda disposition: disposition.rank)
    ticket.topic = request.topic
    return (ticket.team, previous_team)


def _what_was_seen(request: OpenTicket) -> dict[str, Any]:
    """For the row of history: why a message was taken as gravely as it was."""
    seen = {"signs": sorted(request.signs), "severity": request.severity}
    return {name: value for name, value in seen.items() if value}


def _view(ticket: Ticket, *, is_new: bool = False) -> TicketView:
    return TicketView(
        reference=ticket.reference,
        status=ticket.status,
        topic=ticket.topic,
        disposition=ticket.disposition,
        priority=ticket.priority,
        team=ticket.team,
        opened_at=ticket.opened_at,
        due_at=ticket.due_at,
        promised_hours=ticket.promised_hours,
        contact=ticket.contact,
        contact_refused=ticket.contact_refused,
        closing=ticket.closing,
        is_new=is_new,
    )


def open_desk(database_url: str, routing: Routing, *, clock: Clock = utc_now, rules: Rules | None = None) -> Desk:
    """A desk on its own small pool of connections. Call ``migrate(database_url)`` before, ``close()`` at the end.

    ``database_url`` is SQLAlchemy's: ``sqlite+aiosqlite:///path`` or ``postgresql+asyncpg://…``. Belongs to the event
    loop in which it is first used. ``rules`` mask what customers write; without them, those of the demo brand.
    """
    return Desk(Database(database_url), routing, clock, rules)
