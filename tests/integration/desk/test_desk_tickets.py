import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.desk import (
    Contact,
    Database,
    Desk,
    OpenTicket,
    Priority,
    Routing,
    Stage,
    TicketStatus,
    UnknownTicket,
    open_desk,
)
from bot.desk.models import EventKind, Notification, Ticket, TicketEvent

Make = Callable[..., OpenTicket]
HERE = "messenger:10:20"
PHONE = Contact("phone", "+33612345678", "ce soir")  # type: ignore[arg-type]
EMAIL = Contact("email", "lea@example.org")  # type: ignore[arg-type]


async def events(database: Database) -> list[EventKind]:
    async with database.reading() as session:
        return list((await session.scalars(select(TicketEvent.kind).order_by(TicketEvent.id))).all())


async def told(database: Database) -> list[tuple[EventKind, str]]:
    query = select(TicketEvent.kind, Notification.team).join(TicketEvent, TicketEvent.id == Notification.event_id)
    async with database.reading() as session:
        return [(kind, team) for kind, team in await session.execute(query.order_by(Notification.id))]


async def stored(database: Database) -> Ticket:
    async with database.reading() as session:
        ticket = await session.scalar(select(Ticket))
        assert ticket is not None
        return ticket


async def test_a_ticket_is_routed_promised_and_the_team_is_told(
    desk: Desk, database: Database, request_for: Make
) -> None:
    ticket = await desk.open_ticket(request_for())
    assert ticket.is_new
    assert (ticket.status, ticket.team, ticket.priority) == (TicketStatus.NEW, "orders", Priority.NORMAL)
    assert ticket.due_at == desk.routing.hours.add(ticket.opened_at, 9.5)
    assert ticket.due_at.tzinfo is UTC
    assert await told(database) == [(EventKind.OPENED, "orders")]
    assert await desk.pending_notifications() == 1


async def test_the_promise_counts_from_when_it_is_made(database_url: str, routing: Routing, request_for: Make) -> None:
    saturday_evening = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    desk = open_desk(database_url, routing, clock=lambda: saturday_evening)
    ticket = await desk.open_ticket(request_for(disposition="escalate_contentious", topic="fraud"))
    await desk.close()
    assert ticket.due_at == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # Monday 10:00 in Paris


async def test_the_same_message_again_gets_the_same_ticket_and_one_email(
    desk: Desk, database: Database, request_for: Make
) -> None:
    first = await desk.open_ticket(request_for())
    again = await desk.open_ticket(request_for())
    assert again == first
    assert await told(database) == [(EventKind.OPENED, "orders")]


async def test_the_same_message_again_gets_the_ticket_also_after_it_was_cancelled(
    desk: Desk, database: Database, request_for: Make
) -> None:
    first = await desk.open_ticket(request_for())
    await desk.cancel_ticket(HERE, first.reference)
    again = await desk.open_ticket(request_for())
    assert (again.reference, again.status, again.is_new) == (first.reference, TicketStatus.CLOSED, True)


async def test_many_at_once_for_one_message_make_one_ticket(desk: Desk, database: Database, request_for: Make) -> None:
    tickets = await asyncio.gather(*(desk.open_ticket(request_for()) for _ in range(10)))
    assert len({ticket.reference for ticket in tickets}) == 1
    assert await events(database) == [EventKind.OPENED]


async def test_many_messages_of_one_conversation_at_once_make_one_ticket_with_notes(
    desk: Desk, database: Database, request_for: Make
) -> None:
    tickets = await asyncio.gather(*(desk.open_ticket(request_for(f"m{number}")) for number in range(10)))
    assert len({ticket.reference for ticket in tickets}) == 1
    assert sorted(await events(database)) == sorted([EventKind.OPENED] + [EventKind.NOTED] * 9)
    assert [ticket.is_new for ticket in tickets].count(True) == 1


async def test_another_conversation_gets_its_own_ticket(desk: Desk, request_for: Make) -> None:
    first = await desk.open_ticket(request_for())
    other = await desk.open_ticket(request_for(conversation_id="messenger:10:21"))
    assert other.reference != first.reference


async def test_a_new_ticket_follows_a_closed_one(desk: Desk, request_for: Make) -> None:
    first = await desk.open_ticket(request_for())
    await desk.cancel_ticket(HERE, first.reference)
    second = await desk.open_ticket(request_for("m2"))
    assert second.is_new
    assert second.reference != first.reference


async def test_more_words_on_the_same_matter_are_noted_without_an_email(
    desk: Desk, database: Database, request_for: Make
) -> None:
    first = await desk.open_ticket(request_for())
    noted = await desk.open_ticket(request_for("m2", text="alors ?"))
    again = await desk.open_ticket(request_for("m2", text="alors ?"))
    assert (noted.reference, noted.is_new) == (first.reference, False)
    assert again == noted
    assert await events(database) == [EventKind.OPENED, EventKind.NOTED]
    assert await told(database) == [(EventKind.OPENED, "orders")]


async def test_words_after_a_quiet_hour_are_told_again(
    database_url: str, database: Database, routing: Routing, request_for: Make
) -> None:
    clock = [datetime(2026, 11, 16, 9, 0, tzinfo=UTC)]
    desk = open_desk(database_url, routing, clock=lambda: clock[0])
    await desk.open_ticket(request_for())
    for number, minutes in enumerate((59, 2, 58, 3)):
        clock[0] += timedelta(minutes=minutes)
        await desk.open_ticket(request_for(f"later{number}"))
    await desk.close()
    assert await told(database) == [
        (EventKind.OPENED, "orders"),
        (EventKind.NOTED, "orders"),
        (EventKind.NOTED, "orders"),
    ]


async def test_a_request_that_becomes_clearer_moves_to_the_team_that_can_answer_it(
    desk: Desk, database: Database, request_for: Make
) -> None:
    await desk.open_ticket(request_for(disposition="human", topic="person"))
    clearer = await desk.open_ticket(request_for("m2", topic="invoice"))
    assert (clearer.team, clearer.topic, clearer.priority) == ("payments", "invoice", Priority.NORMAL)
    assert (await told(database))[1:] == [(EventKind.RAISED, "payments"), (EventKind.RAISED, "care")]


async def test_a_solved_ticket_is_reopened_by_the_same_topic_and_not_by_another(
    desk: Desk, database: Database, request_for: Make
) -> None:
    opened = await desk.open_ticket(request_for())
    solved = await desk.resolve_ticket(opened.reference)
    assert await desk.resolve_ticket(opened.reference) == solved
    assert (solved.status, solved.is_open, solved.stage) == (TicketStatus.SOLVED, False, Stage.RESOLVED)
    reopened = await desk.open_ticket(request_for("m2"))
    assert (reopened.reference, reopened.status, reopened.is_new) == (opened.reference, TicketStatus.OPEN, False)
    assert await desk.open_ticket(request_for("m2")) == reopened
    assert await events(database) == [EventKind.OPENED, EventKind.STATUS, EventKind.REOPENED]
    await desk.resolve_ticket(opened.reference)
    assert (await desk.open_ticket(request_for("m3", topic="invoice"))).is_new


async def test_another_matter_on_an_open_ticket_is_told_to_its_team(
    desk: Desk, database: Database, request_for: Make
) -> None:
    await desk.open_ticket(request_for())
    noted = await desk.open_ticket(request_for("m2", topic="invoice"))
    assert (noted.topic, noted.team) == ("order_status", "orders")
    assert await told(database) == [(EventKind.OPENED, "orders"), (EventKind.NOTED, "orders")]


async def test_a_graver_matter_raises_the_ticket_and_tells_both_teams(
    desk: Desk, database: Database, request_for: Make
) -> None:
    first = await desk.open_ticket(request_for())
    raised = await desk.open_ticket(request_for("m2", disposition="escalate_contentious", topic="legal_threat"))
    assert raised.reference == first.reference
    assert (raised.disposition, raised.priority, raised.team) == ("escalate_contentious", "urgent", "resolution")
    assert raised.topic == "legal_threat"
    assert raised.due_at < first.due_at
    assert (await told(database))[1:] == [(EventKind.RAISED, "resolution"), (EventKind.RAISED, "orders")]


async def test_a_milder_matter_lowers_nothing(desk: Desk, request_for: Make) -> None:
    first = await desk.open_ticket(request_for(disposition="escalate_contentious", topic="fraud"))
    later = await desk.open_ticket(request_for("m2"))
    assert (later.priority, later.disposition, later.team) == (first.priority, first.disposition, first.team)
    assert (later.due_at, later.topic) == (first.due_at, first.topic)


async def test_a_message_may_be_more_urgent_than_its_topic_but_not_less(desk: Desk, request_for: Make) -> None:
    first = await desk.open_ticket(request_for("m1", topic="order_status", least_priority=Priority.HIGH))
    assert first.priority is Priority.HIGH
    again = await desk.open_ticket(request_for("m2", topic="order_status", least_priority=Priority.LOW))
    assert (again.reference, again.priority) == (first.reference, Priority.HIGH)
    graver = await desk.open_ticket(request_for("m3", topic="order_status", least_priority=Priority.URGENT))
    assert (graver.reference, graver.priority) == (first.reference, Priority.URGENT)


async def test_a_raised_promise_never_moves_later(database_url: str, routing: Routing, request_for: Make) -> None:
    now = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
    times = iter([now] * 8 + [now + timedelta(hours=30)] * 8)
    desk = open_desk(database_url, routing, clock=lambda: next(times))
    first = await desk.open_ticket(request_for(topic="order_change"))
    while next(times) == now:
        pass
    raised = await desk.open_ticket(request_for("m2", disposition="escalate_contentious", topic="fraud"))
    await desk.close()
    assert raised.priority is Priority.URGENT
    assert raised.due_at == first.due_at


async def test_a_contact_completes_the_ticket_and_the_team_is_told(
    desk: Desk, database: Database, request_for: Make
) -> None:
    opened = await desk.open_ticket(request_for())
    completed = await desk.complete_ticket(opened.reference, PHONE, "m2")
    again = await desk.complete_ticket(opened.reference, PHONE, "m2")
    assert (completed.contact, completed.stage) == (PHONE, Stage.READY)
    assert again == completed
    assert (await told(database))[1:] == [(EventKind.CONTACT_GIVEN, "orders")]


async def test_a_correction_replaces_the_contact_and_the_team_is_told(
    desk: Desk, database: Database, request_for: Make
) -> None:
    opened = await desk.open_ticket(request_for())
    await desk.complete_ticket(opened.reference, PHONE, "m2")
    corrected = await desk.complete_ticket(opened.reference, EMAIL, "m3")
    assert corrected.contact == EMAIL
    assert (await told(database))[1:] == [(EventKind.CONTACT_GIVEN, "orders"), (EventKind.CONTACT_CORRECTED, "orders")]


async def test_a_late_repetition_does_not_undo_a_correction(desk: Desk, request_for: Make) -> None:
    opened = await desk.open_ticket(request_for())
    await desk.complete_ticket(opened.reference, PHONE, "m2")
    await desk.complete_ticket(opened.reference, EMAIL, "m3")
    assert (await desk.complete_ticket(opened.reference, PHONE, "m2")).contact == EMAIL


async def test_a_preferred_time_that_comes_later_is_told(desk: Desk, database: Database, request_for: Make) -> None:
    opened = await desk.open_ticket(request_for())
    await desk.complete_ticket(opened.reference, Contact(PHONE.kind, PHONE.value), "m2")
    later = await desk.complete_ticket(opened.reference, PHONE, "m3")
    assert later.contact == PHONE
    assert len(await told(database)) == 3


async def test_a_refused_contact_is_told_and_a_later_contact_still_counts(
    desk: Desk, database: Database, request_for: Make
) -> None:
    opened = await desk.open_ticket(request_for())
    refused = await desk.refuse_contact(opened.reference, "m2")
    assert await desk.refuse_contact(opened.reference, "m2") == refused
    assert (refused.contact_refused, refused.contact, refused.stage) == (True, None, Stage.READY)
    completed = await desk.complete_ticket(opened.reference, PHONE, "m3")
    assert (completed.contact_refused, completed.contact) == (False, PHONE)
    assert [kind for kind, _ in await told(database)] == [
        EventKind.OPENED,
        EventKind.CONTACT_REFUSED,
        EventKind.CONTACT_GIVEN,
    ]


async def test_a_contact_that_is_refused_afterwards_is_forgotten(
    desk: Desk, database: Database, request_for: Make
) -> None:
    opened = await desk.open_ticket(request_for())
    await desk.complete_ticket(opened.reference, PHONE, "m2")
    await desk.refuse_contact(opened.reference, "m3")
    assert (await stored(database)).contact_value is None


async def test_a_second_matter_keeps_the_contact_that_is_known(desk: Desk, request_for: Make) -> None:
    opened = await desk.open_ticket(request_for())
    await desk.complete_ticket(opened.reference, PHONE, "m2")
    assert (await desk.open_ticket(request_for("m3", topic="invoice"))).contact == PHONE


async def test_a_contact_for_a_cancelled_ticket_changes_nothing(
    desk: Desk, database: Database, request_for: Make
) -> None:
    opened = await desk.open_ticket(request_for())
    await desk.cancel_ticket(HERE, opened.reference)
    late = await desk.complete_ticket(opened.reference, PHONE, "m2")
    assert (late.is_open, late.contact) == (False, None)
    assert len(await told(database)) == 2


async def test_a_cancelled_ticket_is_told_once(desk: Desk, database: Database, request_for: Make) -> None:
    opened = await desk.open_ticket(request_for())
    cancelled = await desk.cancel_ticket(HERE, opened.reference)
    assert await desk.cancel_ticket(HERE, opened.reference) == cancelled
    assert (cancelled.status, cancelled.stage) == (TicketStatus.CLOSED, Stage.CANCELLED)
    assert (await told(database))[1:] == [(EventKind.CANCELLED, "orders")]
    assert (await stored(database)).closed_at is not None


async def test_a_ticket_is_found_by_a_reference_as_it_is_typed(desk: Desk, request_for: Make) -> None:
    opened = await desk.open_ticket(request_for())
    found = await desk.find_ticket(HERE, opened.reference.lower().replace("-", " "))
    assert found is not None
    assert found.reference == opened.reference


async def test_without_a_reference_the_open_ticket_is_found_before_a_newer_closed_one(
    desk: Desk, request_for: Make
) -> None:
    assert await desk.find_ticket(HERE) is None
    first = await desk.open_ticket(request_for())
    await desk.cancel_ticket(HERE, first.reference)
    second = await desk.open_ticket(request_for("m2"))
    found = await desk.find_ticket(HERE)
    assert found is not None
    assert found.reference == second.reference


@pytest.mark.parametrize("reference", [None, "", "ML-7K3-FQ3", "nonsense"])
async def test_a_wrong_reference_finds_nothing(desk: Desk, request_for: Make, reference: str | None) -> None:
    await desk.open_ticket(request_for(conversation_id="messenger:10:99"))
    assert await desk.find_ticket(HERE, reference) is None


async def test_a_conversation_neither_sees_nor_cancels_the_ticket_of_another(desk: Desk, request_for: Make) -> None:
    opened = await desk.open_ticket(request_for())
    assert await desk.find_ticket("messenger:10:21", opened.reference) is None
    with pytest.raises(UnknownTicket):
        await desk.cancel_ticket("messenger:10:21", opened.reference)
    found = await desk.find_ticket(HERE, opened.reference)
    assert found is not None
    assert found.is_open


@pytest.mark.parametrize("call", ["complete", "refuse", "cancel"])
async def test_an_unknown_reference_is_told_apart(desk: Desk, call: str) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "complete": lambda: desk.complete_ticket("ML-7K3-FQ2", PHONE, "m1"),
        "refuse": lambda: desk.refuse_contact("nonsense", "m1"),
        "cancel": lambda: desk.cancel_ticket(HERE, "ML-7K3-FQ2"),
    }
    with pytest.raises(UnknownTicket):
        await calls[call]()


async def test_card_numbers_and_ibans_never_reach_the_database(
    desk: Desk, database: Database, request_for: Make
) -> None:
    secret = "carte 4111 1111 1111 1111, IBAN FR14 2004 1010 0505 0001 3M02 606"
    opened = await desk.open_ticket(request_for(text=secret))
    await desk.open_ticket(request_for("m2", text=secret))
    await desk.complete_ticket(opened.reference, Contact(PHONE.kind, PHONE.value, secret), "m3")
    async with database.reading() as session:
        ticket = await session.scalar(select(Ticket))
        notes = (await session.scalars(select(TicketEvent.text))).all()
    assert ticket is not None
    kept = " ".join(filter(None, [ticket.text, ticket.preferred_time, *notes]))
    assert kept.count("[card ··1111]") == 3
    assert "4111" not in kept
    assert "2004" not in kept


async def test_what_a_team_needs_is_kept_aside_and_masked_in_the_words(
    desk: Desk, database: Database, request_for: Make
) -> None:
    await desk.open_ticket(request_for(text="commande 5520187, je suis Ana Silva"))
    await desk.open_ticket(request_for("m2", text="ou 5520188, mdp: Soleil24, commande n° 5520187, ana@exemple.fr"))
    async with database.reading() as session:
        ticket = await session.scalar(select(Ticket))
        note = await session.scalar(select(TicketEvent.text).where(TicketEvent.message_id == "m2"))
    assert ticket is not None
    assert ticket.text == "commande [order number], je suis [name]"
    assert note == "ou 5520188, mdp: [password], commande n° [order number], [email]"
    assert ticket.mentioned == {"order_number": ["5520187"], "name": ["Ana Silva"], "email": ["ana@exemple.fr"]}


async def test_two_equal_random_references_do_not_meet(
    desk: Desk, request_for: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["ML-7K3-FQ2", "ML-7K3-FQ2", "ML-7K3-FQ2", "ML-222-222"])
    monkeypatch.setattr(desk.references, "generate", lambda: next(drawn))
    first = await desk.open_ticket(request_for())
    second = await desk.open_ticket(request_for(conversation_id="messenger:10:21"))
    assert (first.reference, second.reference) == ("ML-7K3-FQ2", "ML-222-222")


async def test_words_that_postgresql_refuses_are_taken(desk: Desk, request_for: Make) -> None:
    assert (await desk.open_ticket(request_for(text="a\x00b \ud83d 😡"))).is_new
