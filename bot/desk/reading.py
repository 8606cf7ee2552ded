"""Lists of tickets, and all there is on one."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.desk import Desk
from bot.desk.models import (
    IS_OPEN,
    ConversationEvent,
    EventKind,
    Message,
    Promise,
    Ticket,
    TicketConversation,
    TicketEvent,
    TicketTag,
    TicketWatcher,
)
from bot.desk.outcomes import (
    HistoryRow,
    PromiseView,
    QueueCounts,
    QueueFilter,
    QueuePage,
    QueueRow,
    TicketDetail,
    TranscriptLine,
)
from bot.desk.search import found_by, plan_for_search
from bot.desk.sought import readings_of
from bot.desk.tickets import OPEN_STATUSES, ContactKind, TicketStatus, UnknownTicket

EVERYTHING: Final = QueueFilter(statuses=tuple(TicketStatus))


class TicketReader:
    """Every method raises ``DeskUnavailable``."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._database = desk.database

    async def ticket(self, reference: str) -> TicketDetail:
        """Raises ``UnknownTicket``."""
        async with self._database.reading() as session:
            return await read_detail(session, await self._find(session, reference))

    async def history(self, reference: str) -> list[HistoryRow]:
        """Oldest first. Raises ``UnknownTicket``."""
        async with self._database.reading() as session:
            ticket = await self._find(session, reference)
            query = select(TicketEvent).where(TicketEvent.ticket_id == ticket.id).order_by(TicketEvent.id)
            return [_history_row(event) for event in (await session.scalars(query)).all()]

    async def transcript(
        self, conversation_id: str, limit: int = 50, before: datetime | None = None
    ) -> list[TranscriptLine]:
        """The last messages, or the last ones before a moment; oldest first."""
        withheld = exists().where(
            ConversationEvent.conversation_id == Message.conversation_id,
            ConversationEvent.reply_id == Message.message_id,
        )
        query = select(Message, withheld).where(Message.conversation_id == conversation_id)
        if before is not None:
            query = query.where(Message.occurred_at < before)
        query = query.order_by(Message.occurred_at.desc(), Message.id.desc()).limit(limit)
        async with self._database.reading() as session:
            rows = (await session.execute(query)).all()
        return [_line(message, was_withheld) for message, was_withheld in reversed(rows)]

    async def queue(self, chosen: QueueFilter, limit: int = 50, after: str | None = None) -> QueuePage:
        """What falls due first comes first."""
        query = select(Ticket).where(*_conditions(chosen))
        if after is not None:
            due_at, number = _read_cursor(after)
            query = query.where(or_(Ticket.due_at > due_at, and_(Ticket.due_at == due_at, Ticket.id > number)))
        async with self._database.reading() as session:
            found = await session.scalars(query.order_by(Ticket.due_at, Ticket.id).limit(limit + 1))
            tickets = found.all()
        rows = tuple(_row(ticket) for ticket in tickets[:limit])
        return QueuePage(rows, _cursor(tickets[limit - 1]) if len(tickets) > limit else None)

    async def counts(self, agent: str, now: datetime) -> QueueCounts:
        def number(condition: ColumnElement[bool]) -> Any:
            return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)

        query = select(
            Ticket.team,
            func.count(),
            number(Ticket.status == TicketStatus.NEW),
            number(Ticket.assignee == agent),
            number(Ticket.assignee.is_(None)),
            number(Ticket.status == TicketStatus.WAITING),
            number(and_(Ticket.due_at < now, Ticket.waiting_since.is_(None))),
        )
        async with self._database.reading() as session:
            rows = (await session.execute(query.where(IS_OPEN).group_by(Ticket.team))).all()
        new, mine, unassigned, waiting, late = (sum(int(row[column]) for row in rows) for column in range(2, 7))
        return QueueCounts(
            new=new,
            mine=mine,
            unassigned=unassigned,
            waiting=waiting,
            late=late,
            by_team={row[0]: int(row[1]) for row in rows},
        )

    async def search(self, text: str, chosen: QueueFilter = EVERYTHING, limit: int = 50) -> list[QueueRow]:
        """Among what is chosen, by whatever ``text`` is: a reference, an e-mail address, a phone or order number, else
        names and words; newest first."""
        async with self._database.reading() as session:
            await plan_for_search(session, self._database.dialect)
            for sought in readings_of(text, self._desk.references):
                query = select(Ticket).where(found_by(sought, self._database.dialect), *_conditions(chosen))
                if tickets := (await session.scalars(query.order_by(Ticket.id.desc()).limit(limit))).all():
                    return [_row(ticket) for ticket in tickets]
        return []

    async def earlier_tickets(self, reference: str, limit: int = 20) -> list[QueueRow]:
        """Others of the same conversation, of one linked to it, or of the same contact, newest first. Raises
        ``UnknownTicket``."""
        async with self._database.reading() as session:
            ticket = await self._find(session, reference)
            linked = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)
            same = [Ticket.conversation_id == ticket.conversation_id, Ticket.conversation_id.in_(linked)]
            if ticket.contact_value is not None:
                same.append(Ticket.contact_value == ticket.contact_value)
            query = select(Ticket).where(or_(*same), Ticket.id != ticket.id).order_by(Ticket.id.desc()).limit(limit)
            return [_row(other) for other in (await session.scalars(query)).all()]

    async def callbacks(self, day: date) -> list[QueueRow]:
        """Open tickets to be answered by phone that fall due by the end of ``day`` where the desk is; due first."""
        zone = self._desk.routing.hours.time_zone
        end = datetime.combine(day + timedelta(days=1), time.min, tzinfo=zone).astimezone(UTC)
        query = select(Ticket).where(
            Ticket.status.in_(OPEN_STATUSES), Ticket.contact_kind == ContactKind.PHONE, Ticket.due_at < end
        )
        async with self._database.reading() as session:
            return [_row(ticket) for ticket in (await session.scalars(query.order_by(Ticket.due_at, Ticket.id))).all()]

    async def _find(self, session: AsyncSession, reference: str) -> Ticket:
        canonical = self._desk.references.parse(reference)
        ticket = await session.scalar(select(Ticket).where(Ticket.reference == canonical))
        if ticket is None:
            raise UnknownTicket(reference)
        return ticket


async def read_detail(session: AsyncSession, ticket: Ticket) -> TicketDetail:
    tags = select(TicketTag.tag).where(TicketTag.ticket_id == ticket.id).order_by(TicketTag.tag)
    watchers = select(TicketWatcher.agent).where(TicketWatcher.ticket_id == ticket.id).order_by(TicketWatcher.agent)
    linked = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == ticket.id)
    promises = select(Promise).where(Promise.ticket_id == ticket.id).order_by(Promise.id)
    return TicketDetail(
        **_columns(ticket),
        disposition=ticket.disposition,
        account_id=ticket.account_id,
        user_id=ticket.user_id,
        occurred_at=ticket.occurred_at,
        contact_refused=ticket.contact_refused,
        closing=ticket.closing,
        solved_at=ticket.solved_at,
        closed_at=ticket.closed_at,
        waiting_since=ticket.waiting_since,
        merged_into=ticket.merged_into,
        split_from=ticket.split_from,
        tags=tuple((await session.scalars(tags)).all()),
        watchers=tuple((await session.scalars(watchers)).all()),
        conversations=tuple((await session.scalars(linked)).all()),
        promises=tuple(_promise(promise) for promise in (await session.scalars(promises)).all()),
        mentioned=ticket.mentioned or {},
    )


def _columns(ticket: Ticket) -> dict[str, Any]:
    return {
        "reference": ticket.reference,
        "status": ticket.status,
        "priority": ticket.priority,
        "team": ticket.team,
        "assignee": ticket.assignee,
        "topic": ticket.topic,
        "category": ticket.category,
        "channel": ticket.channel,
        "language": ticket.language,
        "conversation_id": ticket.conversation_id,
        "opened_at": ticket.opened_at,
        "updated_at": ticket.updated_at,
        "due_at": ticket.due_at,
        "contact": ticket.contact,
        "text": ticket.text,
        "version": ticket.version,
    }


def _row(ticket: Ticket) -> QueueRow:
    return QueueRow(**_columns(ticket))


def _promise(promise: Promise) -> PromiseView:
    return PromiseView(
        kind=promise.kind,
        made_at=promise.made_at,
        due_at=promise.due_at,
        stopped_at=promise.stopped_at,
        told_at=promise.told_at,
        outcome=promise.outcome,
        settled_at=promise.settled_at,
    )


def _history_row(event: TicketEvent) -> HistoryRow:
    return HistoryRow(
        at=event.at,
        by=event.by,
        kind=EventKind(event.kind),
        before=event.before,
        after=event.after,
        why=event.why,
        text=event.text,
        message_id=event.message_id,
        detail=event.detail,
    )


def _line(message: Message, withheld: bool) -> TranscriptLine:
    return TranscriptLine(
        message_id=message.message_id,
        direction=message.direction,
        text=message.text,
        attachments=tuple(message.attachments),
        at=message.occurred_at,
        withheld=withheld,
        standby=message.standby,
    )


def _conditions(chosen: QueueFilter) -> list[ColumnElement[bool]]:
    conditions: list[Any] = [*_status_is(chosen.statuses)]
    for name in ("team", "assignee", "priority", "channel", "language", "topic"):
        value = getattr(chosen, name)
        if value is not None:
            conditions.append(getattr(Ticket, name) == value)
    if chosen.unassigned:
        conditions.append(Ticket.assignee.is_(None))
    if chosen.tag is not None:
        conditions.append(Ticket.id.in_(select(TicketTag.ticket_id).where(TicketTag.tag == chosen.tag)))
    if chosen.watched_by is not None:
        watched = select(TicketWatcher.ticket_id).where(TicketWatcher.agent == chosen.watched_by)
        conditions.append(Ticket.id.in_(watched))
    if chosen.late_at is not None:
        conditions += [Ticket.due_at < chosen.late_at, Ticket.waiting_since.is_(None)]
    return conditions


def _status_is(statuses: Sequence[TicketStatus]) -> list[Any]:
    if set(statuses) == set(TicketStatus):
        return []
    return [IS_OPEN] if set(statuses) == set(OPEN_STATUSES) else [Ticket.status.in_(statuses)]


def _cursor(ticket: Ticket) -> str:
    return f"{ticket.due_at.isoformat()}|{ticket.id}"


def _read_cursor(after: str) -> tuple[datetime, int]:
    """Raises ``ValueError`` on what is no cursor of ours."""
    due_at, _, number = after.partition("|")
    return datetime.fromisoformat(due_at), int(number)
