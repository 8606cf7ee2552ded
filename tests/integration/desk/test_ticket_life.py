"""Agents work on tickets, also at the same time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from bot.desk import (
    Actor,
    Changed,
    Closing,
    Conflict,
    Contact,
    ContactKind,
    Database,
    Desk,
    EventKind,
    MessageLog,
    NotAllowed,
    OpenTicket,
    Outcome,
    Priority,
    PromiseKind,
    PromiseOutcome,
    QueueFilter,
    Routing,
    TicketDetail,
    TicketLife,
    TicketReader,
    TicketStatus,
    UnknownTicket,
    open_desk,
)
from bot.desk.masking import Rules
from bot.desk.models import Notification, TicketEvent
from tests.integration.desk.conftest import logged

Make = Callable[..., OpenTicket]
LEA, MARC = Actor.agent("lea"), Actor.agent("marc")
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # 10:00 in Paris; the desk is open from 9:00 to 18:30


class Clock:
    def __init__(self) -> None:
        self.now = MONDAY

    def __call__(self) -> datetime:
        return self.now

    def pass_hours(self, hours: float) -> None:
        self.now += timedelta(hours=hours)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def desk(database_url: str, routing: Routing, clock: Clock) -> AsyncIterator[Desk]:
    desk = open_desk(database_url, routing, clock=clock)
    yield desk
    await desk.close()


@pytest.fixture
def life(desk: Desk) -> TicketLife:
    return TicketLife(desk)


@pytest.fixture
def reader(desk: Desk) -> TicketReader:
    return TicketReader(desk)


@pytest.fixture
async def reference(desk: Desk, request_for: Make) -> str:
    return (await desk.open_ticket(request_for())).reference


def done(outcome: Outcome) -> TicketDetail:
    assert isinstance(outcome, Changed), outcome
    return outcome.ticket


def promise(ticket: TicketDetail, kind: PromiseKind) -> tuple[PromiseOutcome, datetime]:
    [found] = [one for one in ticket.promises if one.kind is kind and one.settled_at is None] or [
        [one for one in ticket.promises if one.kind is kind][-1]
    ]
    return found.outcome, found.due_at


async def customer_writes(desk: Desk, message_id: str, conversation_id: str = "messenger:10:20") -> None:
    message = logged(message_id, conversation_id=conversation_id)
    await MessageLog(desk.database, Rules()).record([message])


async def test_of_ten_agents_who_take_a_ticket_at_once_one_gets_it_and_the_others_learn_who(
    life: TicketLife, reader: TicketReader, reference: str
) -> None:
    agents = [Actor.agent(f"agent{number}") for number in range(10)]
    outcomes = await asyncio.gather(*(life.take(reference, agent) for agent in agents))
    winners = [agent for agent, outcome in zip(agents, outcomes, strict=True) if isinstance(outcome, Changed)]
    losers = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(winners) == 1
    assert {(loss.by, loss.ticket.assignee) for loss in losers} == {(winners[0], winners[0].name)}
    kinds = [row.kind for row in await reader.history(reference)]
    assert kinds == [EventKind.OPENED, EventKind.ASSIGNED, EventKind.STATUS]


async def test_a_change_to_a_ticket_that_moved_on_is_refused_and_says_who_did_what(
    life: TicketLife, reference: str
) -> None:
    seen = done(await life.take(reference, LEA)).version
    raised = done(await life.set_priority(reference, MARC, seen, Priority.URGENT, "il menace de porter plainte"))
    late = await life.set_status(reference, LEA, seen, TicketStatus.SOLVED)
    assert isinstance(late, Conflict)
    assert (late.by, late.kind, late.seen, late.ticket) == (MARC, EventKind.PRIORITISED, seen, raised)
    assert done(await life.set_status(reference, LEA, raised.version, TicketStatus.SOLVED)).status == "solved"


async def test_what_only_adds_never_collides(life: TicketLife, reader: TicketReader, reference: str) -> None:
    seen = done(await life.take(reference, LEA)).version
    await asyncio.gather(
        *(life.add_note(reference, MARC, f"note {number}") for number in range(5)),
        life.add_tag(reference, MARC, " VIP  client "),
        life.add_tag(reference, LEA, "vip client"),
        life.watch(reference, MARC),
        life.link(reference, MARC, "x:1:20"),
    )
    ticket = done(await life.set_category(reference, LEA, seen, "livraison"))
    assert (ticket.tags, ticket.watchers, ticket.conversations) == (("vip client",), ("marc",), ("x:1:20",))
    kinds = [row.kind for row in await reader.history(reference)]
    assert kinds.count(EventKind.NOTE) == 5
    assert kinds.count(EventKind.TAGGED) == 1
    ticket = done(await life.remove_tag(reference, LEA, "vip client"))
    ticket = done(await life.unwatch(reference, MARC))
    assert (ticket.tags, ticket.watchers) == ((), ())


async def test_two_tickets_of_one_customer_are_linked_both_ways_and_may_be_parted(
    desk: Desk, life: TicketLife, reader: TicketReader, request_for: Make, reference: str
) -> None:
    elsewhere = {"conversation_id": "x:1:20", "channel": "x", "account_id": "1"}
    other = (await desk.open_ticket(request_for("m2", topic="invoice", **elsewhere))).reference
    ticket = done(await life.link_tickets(reference, LEA, other, "même client"))
    assert ticket.conversations == ("x:1:20",)
    assert (await reader.ticket(other)).conversations == ("messenger:10:20",)
    for one, its_twin in ((reference, other), (other, reference)):
        last = (await reader.history(one))[-1]
        assert (last.by, last.kind, last.after, last.why) == (LEA, EventKind.LINKED, its_twin, "même client")
        assert [row.reference for row in await reader.earlier_tickets(one)] == [its_twin]
    await life.link_tickets(other, MARC, reference)
    assert len([row for row in await reader.history(reference) if row.kind is EventKind.LINKED]) == 1
    ticket = done(await life.unlink(reference, MARC, "x:1:20", "un homonyme"))
    assert ticket.conversations == ()
    last = (await reader.history(reference))[-1]
    assert (last.kind, last.why) == (EventKind.UNLINKED, "un homonyme")


async def test_tickets_of_one_conversation_need_no_link(life: TicketLife, reference: str) -> None:
    with pytest.raises(NotAllowed):
        await life.link_tickets(reference, LEA, reference)
    with pytest.raises(UnknownTicket):
        await life.link_tickets(reference, LEA, "ML-222-222")


async def test_a_reason_is_kept_with_every_kind_of_change(
    life: TicketLife, reader: TicketReader, reference: str
) -> None:
    seen = (await reader.ticket(reference)).version
    for change, to in ((life.set_category, "livraison"), (life.set_language, "en"), (life.set_priority, Priority.HIGH)):
        seen = done(await change(reference, LEA, seen, to, f"parce que {to}")).version
        assert (await reader.history(reference))[-1].why == f"parce que {to}"


async def test_what_was_seen_in_a_message_is_in_the_history(
    desk: Desk, reader: TicketReader, request_for: Make
) -> None:
    grave = {"signs": frozenset({"law", "injury"}), "severity": "critical"}
    opened = await desk.open_ticket(request_for("s1", conversation_id="messenger:10:21", **grave))
    await desk.open_ticket(request_for("s2", conversation_id="messenger:10:21", signs=frozenset({"press"})))
    first, second = await reader.history(opened.reference)
    assert first.detail == {"signs": ["injury", "law"], "severity": "critical"}
    assert (second.detail["signs"], "severity" in second.detail) == (["press"], False)


async def test_history_says_who_when_from_to_and_why(life: TicketLife, reader: TicketReader, reference: str) -> None:
    ticket = done(await life.take(reference, LEA))
    await life.assign(reference, LEA, ticket.version, "marc", "il connaît le client")
    last = (await reader.history(reference))[-1]
    assert (last.at, last.by, last.kind, last.before, last.after, last.why) == (
        MONDAY,
        LEA,
        EventKind.ASSIGNED,
        "lea",
        "marc",
        "il connaît le client",
    )


async def test_card_numbers_in_notes_are_masked(life: TicketLife, reader: TicketReader, reference: str) -> None:
    await life.add_note(reference, LEA, "carte 4111 1111 1111 1111")
    assert "4111 1111" not in ((await reader.history(reference))[-1].text or "")


@pytest.mark.parametrize(
    ("way", "allowed"),
    [
        ((TicketStatus.OPEN, TicketStatus.WAITING, TicketStatus.OPEN, TicketStatus.SOLVED, TicketStatus.CLOSED), True),
        ((TicketStatus.CLOSED, TicketStatus.OPEN), True),
        ((TicketStatus.SOLVED, TicketStatus.OPEN), True),
        ((TicketStatus.OPEN, TicketStatus.NEW), False),
        ((TicketStatus.SOLVED, TicketStatus.WAITING), False),
        ((TicketStatus.CLOSED, TicketStatus.SOLVED), False),
    ],
)
async def test_a_ticket_goes_only_where_it_may(
    life: TicketLife, reference: str, way: tuple[TicketStatus, ...], allowed: bool
) -> None:
    async def go() -> None:
        version = (await life.watch(reference, LEA)).ticket.version
        for status in way:
            version = done(await life.set_status(reference, LEA, version, status)).version

    if allowed:
        await go()
    else:
        with pytest.raises(NotAllowed):
            await go()


async def test_an_unknown_ticket_and_an_unknown_team_are_refused(life: TicketLife, reference: str) -> None:
    with pytest.raises(UnknownTicket):
        await life.take("ML-222-222", LEA)
    with pytest.raises(NotAllowed):
        await life.move(reference, LEA, 1, "nobody")


async def test_a_moved_ticket_is_free_again_and_its_new_team_is_told(
    life: TicketLife, database: Database, reference: str
) -> None:
    ticket = done(await life.take(reference, LEA))
    moved = done(await life.move(reference, LEA, ticket.version, "payments"))
    assert (moved.team, moved.assignee) == ("payments", None)
    query = select(Notification.team).join(TicketEvent, TicketEvent.id == Notification.event_id)
    async with database.reading() as session:
        assert (await session.scalars(query.where(TicketEvent.kind == EventKind.MOVED))).all() == ["payments"]


# Promises


async def test_a_ticket_answered_and_solved_in_time_keeps_both_promises(
    life: TicketLife, clock: Clock, reference: str
) -> None:
    clock.pass_hours(1)
    answered = done(await life.record_contact(reference, LEA, ContactKind.PHONE, "rappelé"))
    assert promise(answered, PromiseKind.FIRST_RESPONSE)[0] is PromiseOutcome.KEPT
    assert answered.due_at == promise(answered, PromiseKind.RESOLUTION)[1]
    solved = done(await life.set_status(reference, LEA, answered.version, TicketStatus.SOLVED))
    assert promise(solved, PromiseKind.RESOLUTION)[0] is PromiseOutcome.KEPT


async def test_a_late_answer_is_counted_as_missed(life: TicketLife, clock: Clock, reference: str) -> None:
    clock.pass_hours(48)
    answered = done(await life.record_contact(reference, LEA, ContactKind.EMAIL))
    assert promise(answered, PromiseKind.FIRST_RESPONSE)[0] is PromiseOutcome.MISSED


async def test_the_clock_stands_still_while_the_customer_is_waited_for(
    desk: Desk, life: TicketLife, clock: Clock, request_for: Make, reference: str
) -> None:
    ticket = done(await life.take(reference, LEA))
    due = promise(ticket, PromiseKind.FIRST_RESPONSE)[1]
    clock.pass_hours(1)
    waiting = done(await life.set_status(reference, LEA, ticket.version, TicketStatus.WAITING))
    assert {one.stopped_at for one in waiting.promises} == {clock.now}
    clock.pass_hours(24 * 7)  # a week later at the same hour
    await desk.open_ticket(request_for("m2"))
    resumed = await TicketReader(desk).ticket(reference)
    assert resumed.status is TicketStatus.OPEN
    assert {one.stopped_at for one in resumed.promises} == {None}
    assert promise(resumed, PromiseKind.FIRST_RESPONSE)[1] == due + timedelta(days=7)


async def test_a_ticket_solved_while_waiting_counts_from_when_the_clock_stopped(
    life: TicketLife, clock: Clock, reference: str
) -> None:
    ticket = done(await life.take(reference, LEA))
    waiting = done(await life.set_status(reference, LEA, ticket.version, TicketStatus.WAITING))
    clock.pass_hours(24 * 30)
    solved = done(await life.set_status(reference, LEA, waiting.version, TicketStatus.SOLVED))
    assert {one.outcome for one in solved.promises} == {PromiseOutcome.KEPT}


async def test_a_reopened_ticket_is_promised_anew(
    desk: Desk, life: TicketLife, clock: Clock, request_for: Make, reference: str
) -> None:
    ticket = done(await life.take(reference, LEA))
    await life.set_status(reference, LEA, ticket.version, TicketStatus.SOLVED)
    clock.pass_hours(24)
    reopened = await desk.open_ticket(request_for("m2"))
    assert reopened.reference == reference
    assert reopened.due_at == desk.routing.hours.add(clock.now, 9.5)
    outcomes = [one.outcome for one in (await TicketReader(desk).ticket(reference)).promises]
    assert outcomes == [PromiseOutcome.KEPT] * 2 + [PromiseOutcome.PENDING] * 2


# One matter, one ticket


async def test_merging_brings_everything_over_and_the_customers_reference_still_leads_there(
    desk: Desk, life: TicketLife, reader: TicketReader, clock: Clock, request_for: Make
) -> None:
    late = await desk.open_ticket(request_for(conversation_id="x:1:9", channel="x", account_id="1", user_id="9"))
    contact = Contact(ContactKind.PHONE, "+33612345678")
    await desk.complete_ticket(late.reference, contact, "m2")
    await life.add_tag(late.reference, LEA, "vip")
    clock.pass_hours(2)
    other = await desk.open_ticket(request_for(disposition="escalate_contentious", topic="fraud"))
    source = await reader.ticket(late.reference)
    merged = done(await life.merge(late.reference, LEA, source.version, other.reference, "même client"))
    assert (merged.reference, merged.contact, merged.tags) == (other.reference, contact, ("vip",))
    assert (merged.conversations, merged.priority) == (("x:1:9",), Priority.URGENT)
    closed = await reader.ticket(late.reference)
    assert (closed.status, closed.closing, closed.merged_into) == (
        TicketStatus.CLOSED,
        Closing.MERGED,
        other.reference,
    )
    assert {one.outcome for one in closed.promises} == {PromiseOutcome.WITHDRAWN}
    found = await desk.find_ticket("x:1:9", late.reference)
    assert found is not None
    assert found.reference == other.reference
    again = await desk.open_ticket(request_for("m9", conversation_id="x:1:9", channel="x", account_id="1", user_id="9"))
    assert (again.reference, again.is_new) == (other.reference, False)
    with pytest.raises(NotAllowed):
        await life.set_status(late.reference, LEA, closed.version, TicketStatus.OPEN)


async def test_what_was_kept_aside_follows_a_ticket_that_is_merged_or_split(
    desk: Desk, life: TicketLife, reader: TicketReader, request_for: Make
) -> None:
    source = await desk.open_ticket(request_for(conversation_id="x:1:9", text="commande 5520187"))
    target = await desk.open_ticket(request_for(text="commande 5520188"))
    version = (await reader.ticket(source.reference)).version
    merged = done(await life.merge(source.reference, LEA, version, target.reference))
    assert merged.mentioned == {"order_number": ["5520188", "5520187"]}
    part = done(await life.split_off(target.reference, LEA, merged.version, "invoice", "facture à ana@exemple.fr"))
    assert part.mentioned == {"order_number": ["5520188", "5520187"], "email": ["ana@exemple.fr"]}
    assert (await reader.ticket(target.reference)).mentioned == merged.mentioned


async def test_a_note_is_masked_without_losing_what_is_needed_and_a_reply_adds_nothing(
    desk: Desk, life: TicketLife, reader: TicketReader, reference: str
) -> None:
    before = (await reader.ticket(reference)).version
    noted = done(await life.add_note(reference, LEA, "rappeler au 06 39 98 12 34, carte 4111 1111 1111 1111"))
    assert noted.mentioned == {"phone": ["06 39 98 12 34"]}
    assert noted.version == before
    async with desk.database.writing() as session:
        ticket = await desk.changes.lock(session, reference)
        await desk.changes.record(session, ticket, EventKind.REPLIED, by=LEA, text="je suis Léa Martin", why="ML 1")
    texts = [row.text for row in await reader.history(reference)]
    assert texts[-2:] == ["rappeler au [phone], carte [card ··1111]", "je suis [name]"]
    assert (await reader.ticket(reference)).mentioned == noted.mentioned


async def test_two_agents_who_merge_two_tickets_into_each_other_do_not_lose_both(
    desk: Desk, life: TicketLife, reader: TicketReader, request_for: Make
) -> None:
    one = (await desk.open_ticket(request_for())).reference
    two = (await desk.open_ticket(request_for(conversation_id="x:1:9"))).reference
    first, second = await asyncio.gather(
        life.merge(one, LEA, (await reader.ticket(one)).version, two),
        life.merge(two, MARC, (await reader.ticket(two)).version, one),
        return_exceptions=True,
    )
    statuses = {(await reader.ticket(reference)).status for reference in (one, two)}
    assert statuses == {TicketStatus.NEW, TicketStatus.CLOSED}
    assert [isinstance(outcome, Changed) for outcome in (first, second)].count(True) == 1


async def test_a_split_off_matter_gets_its_own_messages_and_no_second_ticket(
    desk: Desk, life: TicketLife, reader: TicketReader, request_for: Make, reference: str
) -> None:
    version = (await reader.ticket(reference)).version
    part = done(await life.split_off(reference, LEA, version, "invoice", "Et ma facture ?"))
    assert (part.split_from, part.team, part.topic, part.status) == (reference, "payments", "invoice", "new")
    noted = await desk.open_ticket(request_for("m2", topic="invoice"))
    assert noted.reference == part.reference
    own = await desk.open_ticket(request_for("m3"))
    assert own.reference == reference
    with pytest.raises(NotAllowed):
        await life.split_off(reference, LEA, (await reader.ticket(reference)).version, "invoice", "encore")


async def test_a_solved_ticket_is_reopened_beside_another_matter_and_not_beside_its_own(
    desk: Desk, life: TicketLife, reader: TicketReader, request_for: Make, reference: str
) -> None:
    await desk.resolve_ticket(reference)
    other = await desk.open_ticket(request_for("m2", topic="invoice"))
    solved = await reader.ticket(reference)
    assert done(await life.set_status(reference, LEA, solved.version, TicketStatus.OPEN)).status is TicketStatus.OPEN
    assert (await desk.open_ticket(request_for("m3"))).reference == reference
    await desk.resolve_ticket(other.reference)
    again = await reader.ticket(reference)
    part = done(await life.split_off(reference, LEA, again.version, "invoice", "Et ma facture ?"))
    answered = await reader.ticket(other.reference)
    with pytest.raises(NotAllowed, match=part.reference):
        await life.set_status(other.reference, LEA, answered.version, TicketStatus.OPEN)


# Lists


async def test_the_queue_shows_what_falls_due_first_page_by_page(
    desk: Desk, reader: TicketReader, request_for: Make
) -> None:
    for number in range(5):
        await desk.open_ticket(request_for(f"m{number}", conversation_id=f"messenger:10:{number}"))
    urgent = await desk.open_ticket(
        request_for("m9", conversation_id="x:1:9", channel="x", disposition="escalate_contentious", topic="fraud")
    )
    first = await reader.queue(QueueFilter(), limit=4)
    second = await reader.queue(QueueFilter(), limit=4, after=first.next)
    assert first.rows[0].reference == urgent.reference
    assert (len(first.rows), len(second.rows), second.next) == (4, 2, None)
    assert len({row.reference for row in first.rows + second.rows}) == 6
    only = await reader.queue(QueueFilter(channel="x", team="payments", unassigned=True))
    assert [row.reference for row in only.rows] == [urgent.reference]


async def test_counts_and_call_backs(
    desk: Desk, life: TicketLife, reader: TicketReader, clock: Clock, request_for: Make, reference: str
) -> None:
    await desk.complete_ticket(reference, Contact(ContactKind.PHONE, "+33612345678"), "m2")
    await life.take(reference, LEA)
    await desk.open_ticket(request_for("m3", conversation_id="x:1:9"))
    clock.pass_hours(48)
    counts = await reader.counts("lea", clock.now)
    assert (counts.new, counts.mine, counts.unassigned, counts.waiting, counts.late) == (1, 1, 1, 0, 2)
    assert counts.by_team == {"orders": 2}
    assert [row.reference for row in await reader.callbacks(clock.now.date())] == [reference]


async def test_search_finds_references_contacts_words_notes_and_tags(
    desk: Desk, life: TicketLife, reader: TicketReader, reference: str
) -> None:
    await desk.complete_ticket(reference, Contact(ContactKind.PHONE, "+33612345678"), "m2")
    await life.add_note(reference, LEA, "parle de 100 % coton")
    await life.add_tag(reference, LEA, "vip")
    for words in (reference.lower(), "06 12 34 56 78", "ma COMMANDE", "100 %", "vip"):
        assert [row.reference for row in await reader.search(words)] == [reference], words
    for words in ("facture", "100 laine", "_", "  "):
        assert await reader.search(words) == [], words


async def test_earlier_tickets_share_the_conversation_or_the_contact(
    desk: Desk, reader: TicketReader, request_for: Make, reference: str
) -> None:
    contact = Contact(ContactKind.EMAIL, "lea@example.org")
    await desk.complete_ticket(reference, contact, "m2")
    elsewhere = await desk.open_ticket(request_for("m3", conversation_id="x:1:9"))
    await desk.complete_ticket(elsewhere.reference, contact, "m4")
    await desk.open_ticket(request_for("m5", conversation_id="x:1:10"))
    assert [row.reference for row in await reader.earlier_tickets(reference)] == [elsewhere.reference]


async def test_a_transcript_is_read_backwards_page_by_page(desk: Desk, reader: TicketReader) -> None:
    await customer_writes(desk, "m1")
    [line] = await reader.transcript("messenger:10:20")
    assert (line.message_id, line.text, line.withheld) == ("m1", "bonjour", False)
    assert await reader.transcript("messenger:10:20", before=line.at) == []
