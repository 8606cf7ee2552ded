"""One matter, one ticket: what merging brings over, and what a part that is split off begins with."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.changes import Changes, add_aside
from bot.desk.models import Ticket, TicketConversation, TicketTag, TicketWatcher
from bot.desk.tickets import OPEN_STATUSES, Disposition, NotAllowed, TicketStatus


async def bring_over(session: AsyncSession, source: Ticket, target: Ticket) -> None:
    target.priority = max(target.priority, source.priority, key=lambda priority: priority.rank)
    target.mentioned = add_aside(target.mentioned, source.mentioned)
    if target.contact is None and source.contact is not None:
        target.contact_kind, target.contact_value = source.contact_kind, source.contact_value
        target.preferred_time, target.contact_refused = source.preferred_time, False
    for tag in (await session.scalars(select(TicketTag.tag).where(TicketTag.ticket_id == source.id))).all():
        await session.merge(TicketTag(ticket_id=target.id, tag=tag))
    watchers = select(TicketWatcher.agent).where(TicketWatcher.ticket_id == source.id)
    for agent in (await session.scalars(watchers)).all():
        await session.merge(TicketWatcher(ticket_id=target.id, agent=agent))
    links = select(TicketConversation.conversation_id).where(TicketConversation.ticket_id == source.id)
    for conversation_id in (source.conversation_id, *(await session.scalars(links)).all()):
        await add_link(session, target, conversation_id)
    await session.execute(delete(TicketConversation).where(TicketConversation.ticket_id == source.id))


async def add_link(session: AsyncSession, ticket: Ticket, conversation_id: str) -> bool:
    if ticket.conversation_id == conversation_id:
        return False
    if await session.get(TicketConversation, (ticket.id, conversation_id)) is not None:
        return False
    session.add(TicketConversation(ticket_id=ticket.id, conversation_id=conversation_id))
    return True


async def require_no_other(session: AsyncSession, ticket: Ticket, topic: str) -> None:
    if topic == ticket.topic:
        raise NotAllowed("it is the ticket's own matter")
    other = await session.scalar(
        select(Ticket.reference).where(
            Ticket.conversation_id == ticket.conversation_id,
            Ticket.topic == topic,
            Ticket.status.in_(OPEN_STATUSES),
        )
    )
    if other is not None:
        raise NotAllowed(f"there is an open ticket on this matter: {other}")


def make_part(changes: Changes, ticket: Ticket, disposition: Disposition, topic: str, text: str) -> Ticket:
    now, reference = changes.now(), changes.references.generate()
    route = changes.routing.route(disposition, topic, language=ticket.language, channel=ticket.channel)
    words = changes.rules.mask(text)
    return Ticket(
        reference=reference,
        conversation_id=ticket.conversation_id,
        channel=ticket.channel,
        account_id=ticket.account_id,
        user_id=ticket.user_id,
        opened_by=f"split:{reference}",
        disposition=disposition,
        topic=topic,
        category=topic,
        matter=topic,
        language=ticket.language,
        text=words.text,
        occurred_at=now,
        status=TicketStatus.NEW,
        priority=route.priority,
        team=route.team.key,
        promised_hours=route.promise_hours,
        contact_kind=ticket.contact_kind,
        contact_value=ticket.contact_value,
        preferred_time=ticket.preferred_time,
        contact_refused=ticket.contact_refused,
        opened_at=now,
        due_at=now,
        updated_at=now,
        split_from=ticket.reference,
        mentioned=add_aside(ticket.mentioned, words.kept),
    )
