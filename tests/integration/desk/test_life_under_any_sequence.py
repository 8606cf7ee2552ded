"""Whatever agents and customers do, in whatever order and at once: no row of history is lost, no ticket has two owners,
no promise goes uncounted."""

import asyncio
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select

from benchmarks.postgresql import PostgreSql
from bot.desk import (
    Actor,
    Changed,
    Conflict,
    ContactKind,
    Desk,
    EventKind,
    MessageLog,
    NotAllowed,
    Presence,
    Priority,
    PromiseKind,
    PromiseOutcome,
    Routing,
    TicketLife,
    TicketStatus,
    load_replies,
    open_desk,
)
from bot.desk.masking import Rules
from bot.desk.models import Base, Notification, Promise, Ticket, TicketEvent
from bot.desk.rounds import Rounds
from bot.desk.routing import Assignment
from bot.settings import PROJECT_ROOT
from tests.integration.desk.conftest import logged, make_request

REPLIES = load_replies(PROJECT_ROOT / "replies.yml")
AGENTS = ("lea", "marc", "zoe")
CONVERSATIONS = ("messenger:10:20", "x:1:9")
MATTERS = (
    ("escalate_private", "order_status"),
    ("escalate_private", "invoice"),
    ("escalate_contentious", "fraud"),
    ("human", "person"),
)
STATUS_KINDS = (EventKind.STATUS, EventKind.CANCELLED, EventKind.NOTED, EventKind.RAISED, EventKind.REOPENED)

agents = st.sampled_from(AGENTS).map(Actor.agent)
position = st.integers(0, 5)
command = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(CONVERSATIONS), st.sampled_from(MATTERS)),
    st.tuples(st.just("take"), position, agents),
    st.tuples(st.just("take"), position, agents),
    st.tuples(st.just("assign"), position, agents, st.sampled_from((*AGENTS, None))),
    st.tuples(st.just("move"), position, agents, st.sampled_from(("care", "orders", "payments"))),
    st.tuples(st.just("status"), position, agents, st.sampled_from(TicketStatus)),
    st.tuples(st.just("priority"), position, agents, st.sampled_from(Priority)),
    st.tuples(st.just("note"), position, agents),
    st.tuples(st.just("contact"), position, agents),
    st.tuples(st.just("merge"), position, agents, position),
    st.tuples(st.just("split"), position, agents, st.sampled_from(MATTERS)),
    st.tuples(st.just("cancel"), position),
    st.tuples(st.just("resolve"), position),
)


class AnyLife(RuleBasedStateMachine):
    fresh: Callable[[], tuple[str, Routing]]

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        self.messages = self.logged = 0
        self.notes: Counter[str] = Counter()

    @initialize()
    def open_the_desk(self) -> None:
        url, routing = type(self).fresh()
        self.desk: Desk = open_desk(url, routing, clock=lambda: self.now)
        self.life = TicketLife(self.desk)

    def teardown(self) -> None:
        self.runner.run(self.desk.close())
        self.runner.close()

    @rule(hours=st.sampled_from((0.1, 3.0, 30.0, 200.0)))
    def time_passes(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @rule(conversation=st.sampled_from(CONVERSATIONS), present=st.lists(st.sampled_from(AGENTS), unique=True))
    def the_desk_makes_rounds(self, conversation: str, present: list[str]) -> None:
        """Two processes at once, after a customer wrote something that only the log has heard of."""
        self.runner.run(self._make_rounds(conversation, present))

    async def _make_rounds(self, conversation: str, present: list[str]) -> None:
        self.logged += 1
        line = logged(f"log-{self.logged}", "et alors ?", at=self.now, conversation_id=conversation)
        await MessageLog(self.desk.database, Rules()).record([line])
        for agent in present:
            await Presence(self.desk.database, lambda: self.now).seen(agent)
        await asyncio.gather(*(Rounds(self.desk, REPLIES).make() for _ in range(2)))

    @rule(chosen=position)
    def all_reach_for_one_ticket(self, chosen: int) -> None:
        self.runner.run(self._all_reach_for_one_ticket(chosen))

    async def _all_reach_for_one_ticket(self, chosen: int) -> None:
        open_ones = [ticket for ticket in await self._rows(Ticket) if ticket.status.is_open]
        if not open_ones:
            return
        ticket = open_ones[chosen % len(open_ones)]
        outcomes = await asyncio.gather(*(self.life.take(ticket.reference, Actor.agent(name)) for name in AGENTS))
        winners = [name for name, outcome in zip(AGENTS, outcomes, strict=True) if isinstance(outcome, Changed)]
        assert winners == [winners[0]], "two agents took the ticket"
        assert ticket.assignee in (None, winners[0])
        assert {outcome.ticket.assignee for outcome in outcomes} == {winners[0]}

    @rule(commands=st.lists(command, min_size=1, max_size=5))
    def at_once(self, commands: list[tuple[Any, ...]]) -> None:
        """Everybody acts on what they saw before."""
        self.runner.run(self._at_once(commands))

    async def _at_once(self, commands: list[tuple[Any, ...]]) -> None:
        seen = await self._rows(Ticket)
        outcomes = await asyncio.gather(
            *(self._do(seen, *one) for one in commands if one[0] == "write" or seen), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, NotAllowed):
                raise outcome
        for outcome in outcomes:
            if isinstance(outcome, Conflict):
                assert outcome.ticket.version != outcome.seen or outcome.kind is EventKind.ASSIGNED

    async def _do(self, seen: list[Ticket], name: str, target: Any, *more: Any) -> Any:
        if name == "write":
            self.messages += 1
            disposition, topic = more[0]
            request = make_request(f"m{self.messages}", conversation_id=target, disposition=disposition, topic=topic)
            return await self.desk.open_ticket(request)
        ticket = seen[target % len(seen)]
        return await self._command(ticket, seen, name, *more)

    def _command(  # noqa: C901 -- one line a command
        self, ticket: Ticket, seen: list[Ticket], name: str, *more: Any
    ) -> Awaitable[Any]:
        reference, version, life = ticket.reference, ticket.version, self.life
        match name, more:
            case "take", (by,):
                return life.take(reference, by)
            case "assign", (by, to):
                return life.assign(reference, by, version, to)
            case "move", (by, team):
                return life.move(reference, by, version, team)
            case "status", (by, to):
                return life.set_status(reference, by, version, to)
            case "priority", (by, to):
                return life.set_priority(reference, by, version, to)
            case "note", (by,):
                self.notes[reference] += 1
                return life.add_note(reference, by, "vu")
            case "contact", (by,):
                return life.record_contact(reference, by, ContactKind.PHONE)
            case "merge", (by, other):
                return life.merge(reference, by, version, seen[other % len(seen)].reference)
            case "split", (by, (_, topic)):
                return life.split_off(reference, by, version, topic, "et encore")
            case "cancel", ():
                return self.desk.cancel_ticket(ticket.conversation_id, reference)
            case "resolve", ():
                return self.desk.resolve_ticket(reference)
        raise AssertionError(name)

    async def _rows(self, table: Any) -> list[Any]:
        async with self.desk.database.reading() as session:
            return list((await session.scalars(select(table).order_by(table.id))).all())

    # What must hold after every step

    @invariant()
    def history_leads_from_the_opening_to_what_is(self) -> None:
        tickets, events = self.runner.run(self._rows(Ticket)), self.runner.run(self._rows(TicketEvent))
        for ticket in tickets:
            own = [event for event in events if event.ticket_id == ticket.id]
            assert own[0].kind is EventKind.OPENED
            self._follow_status(ticket, own)
            self._follow_assignee(ticket, own)
            teams = [event.after for event in own if event.kind is EventKind.MOVED]
            assert not teams or ticket.team in teams or any(event.kind is EventKind.RAISED for event in own)
            assert sum(event.kind is EventKind.NOTE for event in own) == self.notes[ticket.reference]
        handled = [event.message_id for event in events if (event.message_id or "").startswith("m")]
        assert sorted(handled) == sorted(f"m{number + 1}" for number in range(self.messages))

    def _follow_status(self, ticket: Ticket, own: list[TicketEvent]) -> None:
        status: str = TicketStatus.NEW
        for event in own:
            if event.kind is EventKind.MERGED:
                assert event.before == status
                status = TicketStatus.CLOSED
            elif event.kind in STATUS_KINDS and event.after is not None:
                assert event.before == status, "a change of status left no row"
                status = event.after
        assert status == ticket.status

    def _follow_assignee(self, ticket: Ticket, own: list[TicketEvent]) -> None:
        assignee = None
        for event in own:
            if event.kind is EventKind.ASSIGNED:
                assert event.before == assignee, "two agents were given the ticket"
                assignee = event.after
        assert assignee == ticket.assignee

    @invariant()
    def every_promise_is_counted(self) -> None:
        tickets, promises = self.runner.run(self._rows(Ticket)), self.runner.run(self._rows(Promise))
        for ticket in tickets:
            own = [promise for promise in promises if promise.ticket_id == ticket.id]
            pending = [promise for promise in own if promise.outcome is PromiseOutcome.PENDING]
            kinds = Counter(promise.kind for promise in pending)
            assert kinds[PromiseKind.RESOLUTION] == (1 if ticket.status.is_open else 0)
            assert kinds[PromiseKind.FIRST_RESPONSE] <= kinds[PromiseKind.RESOLUTION]
            assert Counter(promise.kind for promise in own)[PromiseKind.FIRST_RESPONSE] == len(own) / 2
            assert all((promise.settled_at is None) == (promise in pending) for promise in own)
            waits = ticket.status is TicketStatus.WAITING
            assert all((promise.stopped_at is not None) == waits for promise in pending)
            assert not pending or ticket.due_at == min(promise.due_at for promise in pending)

    @invariant()
    def a_matter_has_one_open_ticket_and_each_opening_one_email(self) -> None:
        tickets, events = self.runner.run(self._rows(Ticket)), self.runner.run(self._rows(TicketEvent))
        owed = {notification.event_id for notification in self.runner.run(self._rows(Notification))}
        matters = [(ticket.conversation_id, ticket.matter) for ticket in tickets if ticket.status.is_open]
        assert len(matters) == len(set(matters))
        assert {event.id for event in events if event.kind is EventKind.OPENED} <= owed


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path, routing: Routing) -> Callable[[], Any]:
    """Makes an empty desk for each sequence; two of its teams give tickets to members."""
    teams = {
        key: replace(team, members=AGENTS, assign=assign)
        for (key, team), assign in zip(routing.teams.items(), cycle(Assignment), strict=False)
    }
    routing = replace(routing, teams=teams)
    numbers = iter(range(1_000_000))
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("migrated_sqlite")

        def make() -> tuple[str, Routing]:
            path = tmp_path / f"{next(numbers)}.db"
            shutil.copy(template, path)
            return f"sqlite+aiosqlite:///{path}", routing

    else:
        server: PostgreSql = request.getfixturevalue("postgresql")
        name: str = request.getfixturevalue("migrated_postgresql")

        def make() -> tuple[str, Routing]:
            asyncio.run(server.execute(f"TRUNCATE {', '.join(Base.metadata.tables)} RESTART IDENTITY", name))
            return server.address(name), routing

    return make


def test_no_sequence_loses_a_row_assigns_twice_or_leaves_a_promise_uncounted(fresh: Callable[[], Any]) -> None:
    machine = type("AnyLifeHere", (AnyLife,), {"fresh": staticmethod(fresh)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            # Each step is a round of a real database: to shrink a failure would take many minutes.
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
