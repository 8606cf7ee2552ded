from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select

from bot.desk import Contact, Database, Desk, MessageLog, OpenTicket, TicketStatus
from bot.desk.masking import Rules
from bot.desk.models import Ticket, TicketEvent
from bot.desk.retention import Purged, forget_conversation, purge
from tests.integration.desk.conftest import logged

Make = Callable[..., OpenTicket]
HERE = "messenger:10:20"
PHONE = Contact("phone", "+33612345678", "ce soir")  # type: ignore[arg-type]
NOW = datetime.now(UTC)
MONTH = timedelta(days=30)


async def everything_stored(database: Database) -> str:
    async with database.reading() as session:
        rows: list[Any] = [*(await session.scalars(select(Ticket))), *(await session.scalars(select(TicketEvent)))]
    return " ".join(
        str({key: value for key, value in vars(row).items() if key != "_sa_instance_state"}) for row in rows
    )


async def test_only_old_messages_go(database: Database) -> None:
    log = MessageLog(database, Rules())
    await log.record([logged("old", at=NOW - MONTH * 2), logged("new", at=NOW - timedelta(days=1))])
    assert await purge(database, MONTH) == Purged(messages=1, tickets=0)
    assert [entry.message_id for entry in await log.transcript(HERE)] == ["new"]


async def test_more_messages_than_a_step_takes_all_go(database: Database) -> None:
    await MessageLog(database, Rules()).record([logged(f"m{number}", at=NOW - MONTH * 2) for number in range(1201)])
    assert await purge(database, MONTH) == Purged(messages=1201, tickets=0)


async def test_the_transcript_of_an_open_ticket_stays(desk: Desk, database: Database, request_for: Make) -> None:
    await desk.open_ticket(request_for())
    await MessageLog(database, Rules()).record([logged("old", at=NOW - MONTH * 2)])
    assert await purge(database, MONTH) == Purged(messages=0, tickets=0)


async def test_a_closed_ticket_loses_its_person_and_keeps_its_figures(
    desk: Desk, database: Database, request_for: Make
) -> None:
    opened = await desk.open_ticket(request_for(user_id="user20"))
    await desk.open_ticket(request_for("m2", text="je suis Léa Martin"))
    await desk.complete_ticket(opened.reference, PHONE, "m3")
    await desk.cancel_ticket(HERE, opened.reference)
    assert await purge(database, MONTH) == Purged(messages=0, tickets=0)
    assert await purge(database, MONTH, now=NOW + MONTH * 2) == Purged(messages=0, tickets=1)
    assert await purge(database, MONTH, now=NOW + MONTH * 2) == Purged(messages=0, tickets=0)
    kept = await everything_stored(database)
    for personal in (HERE, "user20", "+33612345678", "ce soir", "commande ?", "Léa", "Martin", "'m1'", "'m3'"):
        assert personal not in kept
    for figure in (opened.reference, "order_status", "orders"):
        assert figure in kept


async def test_several_purged_tickets_of_one_conversation_do_not_collide(
    desk: Desk, database: Database, request_for: Make
) -> None:
    for number in range(3):
        opened = await desk.open_ticket(request_for(f"m{number}"))
        await desk.cancel_ticket(HERE, opened.reference)
    assert (await purge(database, MONTH, now=NOW + MONTH * 2)).tickets == 3


async def test_a_customer_who_asks_is_forgotten_at_once(desk: Desk, database: Database, request_for: Make) -> None:
    opened = await desk.open_ticket(request_for())
    await desk.open_ticket(request_for(conversation_id="messenger:10:21"))
    await desk.complete_ticket(opened.reference, PHONE, "m2")
    await MessageLog(database, Rules()).record(
        [logged("m1", at=NOW), logged("m1", at=NOW, conversation_id="messenger:10:21")]
    )
    assert await forget_conversation(database, HERE) == Purged(messages=1, tickets=1)
    assert await desk.find_ticket(HERE) is None
    assert await desk.pending_notifications() == 1  # the other customer's
    async with database.reading() as session:
        ticket = await session.scalar(select(Ticket).where(Ticket.reference == opened.reference))
    assert ticket is not None
    assert (ticket.status, ticket.contact_value, ticket.text) == (TicketStatus.CLOSED, None, "")
