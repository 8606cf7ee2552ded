"""What the desk does by itself: promises are watched, customers heard, tickets given to those who are there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.desk import (
    Actor,
    Changed,
    Contact,
    ContactKind,
    EventKind,
    MessageLog,
    OpenTicket,
    Presence,
    PromiseKind,
    TicketDetail,
    TicketLife,
    TicketReader,
    TicketStatus,
    open_desk,
)
from bot.desk.masking import Rules
from bot.desk.models import Conversation, CustomerMessage, Notification, TicketEvent
from bot.desk.replies import load_replies
from bot.desk.rounds import Rounds
from bot.desk.routing import parse_routing
from bot.settings import PROJECT_ROOT
from tests.integration.desk.conftest import logged, make_request

Make = Callable[..., OpenTicket]
LEA = Actor.agent("lea")
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # 10:00 in Paris
ROUTING = """\
reference_prefix: ML
business_hours:
  week:
    monday: ["09:00-19:00"]
    tuesday: ["09:00-19:00"]
teams:
  care:
    {name: Care, email: care@brand.example, language: en, members: [lea, marc, zoe], assign: ASSIGN, escalate_to: boss}
  boss: {name: Lead, email: lead@brand.example, language: fr}
default: {team: care, priority: normal, promise_hours: 4, resolve_hours: 12}
promises: {escalate_at: 0.5, tell_customer_at: 0.75, close_after_days: 3}
"""


class World:
    """A desk, its rounds, and a clock that the test moves."""

    def __init__(self, database_url: str, assign: str = "least_loaded") -> None:
        self.now = MONDAY
        routing = parse_routing(ROUTING.replace("ASSIGN", assign), "routing.yml")
        self.desk = open_desk(database_url, routing, clock=lambda: self.now)
        self.life, self.reader = TicketLife(self.desk), TicketReader(self.desk)
        self.rounds = Rounds(self.desk, load_replies(PROJECT_ROOT / "replies.yml"))
        self.presence = Presence(self.desk.database, lambda: self.now)

    async def open(self, message_id: str = "m1", **changes: object) -> str:
        request = make_request(message_id, occurred_at=self.now.timestamp(), **changes)
        return (await self.desk.open_ticket(request)).reference

    async def after(self, hours: float) -> None:
        self.now += timedelta(hours=hours)
        await self.rounds.make()
        await self.rounds.make()

    async def customer_writes(self, message_id: str) -> None:
        await MessageLog(self.desk.database, Rules()).record([logged(message_id, "et alors ?", at=self.now)])

    async def owed(self) -> list[CustomerMessage]:
        async with self.desk.database.reading() as session:
            return list((await session.scalars(select(CustomerMessage).order_by(CustomerMessage.id))).all())

    async def kinds(self, reference: str) -> list[EventKind]:
        return [row.kind for row in await self.reader.history(reference)]


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    world = World(database_url)
    yield world
    await world.desk.close()


def due(ticket: TicketDetail, kind: PromiseKind) -> datetime:
    return next(one.due_at for one in ticket.promises if one.kind is kind)


async def test_the_team_above_is_told_once_before_a_promise_is_missed(world: World) -> None:
    reference = await world.open()
    await world.after(1.9)
    assert EventKind.ESCALATED not in await world.kinds(reference)
    await world.after(0.2)
    assert (await world.kinds(reference)).count(EventKind.ESCALATED) == 1
    query = select(Notification.team).join(TicketEvent, TicketEvent.id == Notification.event_id)
    async with world.desk.database.reading() as session:
        told = (await session.scalars(query.where(TicketEvent.kind == EventKind.ESCALATED))).all()
    assert sorted(told) == ["boss", "care"]


async def test_the_customer_is_told_once_before_the_promise_is_broken_and_until_when(world: World) -> None:
    reference = await world.open()
    await world.after(3.1)
    [words] = await world.owed()
    assert reference in words.text
    assert "lundi 23 novembre 2026 à 18:00" in words.text  # 14:00 was promised; as much again
    ticket = await world.reader.ticket(reference)
    assert due(ticket, PromiseKind.FIRST_RESPONSE) == datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    await world.after(0.5)
    assert len(await world.owed()) == 1


async def test_a_customer_who_can_no_longer_be_written_to_is_not_and_the_promise_stays(world: World) -> None:
    reference = await world.open()
    before = await world.reader.ticket(reference)
    await world.after(48)
    assert await world.owed() == []
    assert due(await world.reader.ticket(reference), PromiseKind.FIRST_RESPONSE) == due(
        before, PromiseKind.FIRST_RESPONSE
    )


async def test_nothing_is_watched_while_the_customer_is_waited_for_or_once_it_is_answered(world: World) -> None:
    waiting, answered = await world.open(), await world.open("m2", conversation_id="x:1:9")
    version = (await world.reader.ticket(waiting)).version
    await world.life.set_status(waiting, LEA, version, TicketStatus.WAITING)
    await world.life.record_contact(answered, LEA, ContactKind.PHONE)
    await world.after(5)
    assert await world.owed() == []
    assert EventKind.ESCALATED not in await world.kinds(waiting) + await world.kinds(answered)


async def test_two_desks_that_make_rounds_at_once_tell_once(world: World) -> None:
    await world.open()
    world.now += timedelta(hours=3.1)
    others = [Rounds(world.desk, load_replies(PROJECT_ROOT / "replies.yml")) for _ in range(4)]
    await asyncio.gather(*(rounds.make() for rounds in others))
    assert len(await world.owed()) == 1


async def test_a_customers_message_brings_a_waiting_ticket_back(world: World) -> None:
    reference = await world.open()
    await world.customer_writes("m1")
    await world.life.set_status(reference, LEA, (await world.reader.ticket(reference)).version, TicketStatus.WAITING)
    await world.after(0.1)
    assert (await world.reader.ticket(reference)).status is TicketStatus.WAITING
    await world.customer_writes("m2")
    await world.after(0.1)
    assert (await world.reader.ticket(reference)).status is TicketStatus.OPEN
    assert (await world.reader.history(reference))[-1].text == "et alors ?"


@pytest.mark.parametrize(("owner", "status"), [("agent:lea", TicketStatus.OPEN), ("bot", TicketStatus.SOLVED)])
async def test_a_solved_ticket_is_reopened_where_only_a_person_would_answer(
    world: World, owner: str, status: TicketStatus
) -> None:
    reference = await world.open()
    async with world.desk.database.writing() as session:
        session.add(Conversation(conversation_id="messenger:10:20", owner=owner, since=world.now))
    await world.desk.resolve_ticket(reference)
    await world.customer_writes("m2")
    await world.after(0.1)
    assert (await world.reader.ticket(reference)).status is status


async def test_a_solved_ticket_left_alone_is_closed(world: World) -> None:
    reference = await world.open()
    await world.desk.resolve_ticket(reference)
    await world.after(24 * 2.9)
    assert (await world.reader.ticket(reference)).status is TicketStatus.SOLVED
    await world.after(24 * 0.2)
    closed = await world.reader.ticket(reference)
    assert (closed.status, closed.closing) == (TicketStatus.CLOSED, "solved")


@pytest.mark.parametrize("assign", ["least_loaded", "round_robin"])
async def test_tickets_go_to_members_who_are_present_in_fair_shares(database_url: str, assign: str) -> None:
    world = World(database_url, assign)
    for agent, away in (("lea", False), ("marc", False), ("zoe", True), ("stranger", False)):
        await world.presence.seen(agent, away=away)
    references = [await world.open(f"m{number}", conversation_id=f"x:1:{number}") for number in range(6)]
    for reference in references:
        await world.desk.complete_ticket(reference, Contact(ContactKind.EMAIL, "a@example.org"), f"c{reference}")
    await world.after(0)
    given = [(await world.reader.ticket(reference)).assignee for reference in references]
    assert (given.count("lea"), given.count("marc")) == (3, 3)
    await world.desk.close()


async def test_nobody_is_given_tickets_at_night_or_once_they_have_left(world: World) -> None:
    await world.presence.seen("lea")
    world.now += timedelta(minutes=2)
    assert await world.presence.present() == []
    reference = await world.open()
    await world.after(0.5)
    assert (await world.reader.ticket(reference)).assignee is None
    world.now = MONDAY + timedelta(hours=12)
    await world.presence.seen("lea")
    await world.rounds.make()
    assert (await world.reader.ticket(reference)).assignee is None
    world.now = MONDAY + timedelta(hours=24)
    await world.presence.seen("lea")
    await world.rounds.make()
    ticket = await world.reader.ticket(reference)
    assert ticket.assignee == "lea"
    assert isinstance(await world.life.take(reference, LEA), Changed)
