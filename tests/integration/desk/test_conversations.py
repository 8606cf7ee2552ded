"""The assistant never speaks over a person: real sender, real Redis, real databases."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis
from sqlalchemy import select

from bot.channels.base import TryAgain
from bot.channels.vocabulary import (
    Author,
    ChannelName,
    Echo,
    EchoOrigin,
    Notice,
    NoticeKind,
    OutboundMessage,
    ThreadControl,
    encode,
)
from bot.desk import (
    Actor,
    Changed,
    Conflict,
    Desk,
    Direction,
    EventKind,
    MessageLog,
    NotAllowed,
    OpenTicket,
    PromiseKind,
    PromiseOutcome,
    TicketReader,
    TicketStatus,
    load_replies,
)
from bot.desk.conversations import Conversations
from bot.desk.masking import Rules
from bot.desk.models import CustomerMessage
from bot.desk.outgoing import Outgoing
from bot.desk.retention import forget_conversation
from bot.desk.window import WindowState
from bot.desk.writing import WindowShut, Writing
from bot.inbox import keys
from bot.inbox.connection import open_redis
from bot.inbox.consumer import ShardConsumer, ensure_groups
from bot.inbox.dead_letters import DeadLetters
from bot.inbox.intake import Intake
from bot.inbox.outbox import Outbox
from bot.inbox.owners import Owner, OwnerConflict, OwnerKind
from bot.inbox.sender import Sender, SenderLimits
from bot.inbox.worker import Worker, WorkerLimits
from bot.settings import PROJECT_ROOT
from tests.integration.desk.conftest import logged
from tests.integration.inbox.platform import MemoryPlatform

Make = Callable[..., OpenTicket]
HERE = "messenger:PAGE:ann"
LEA, MARC = Actor.agent("lea"), Actor.agent("marc")
SILENCE = 3600.0


class Platform(MemoryPlatform):
    def __init__(self) -> None:
        super().__init__()
        self.controls: list[tuple[str, ThreadControl]] = []

    async def control_thread(self, user_id: str, control: ThreadControl) -> None:
        self.controls.append((user_id, control))


class Installation:
    """A desk, a sender and what lies between."""

    def __init__(self, redis: Redis, desk: Desk) -> None:
        self.redis, self.desk, self.platform = redis, desk, Platform()
        self.layout = keys.Layout(shards=2)
        channels = {ChannelName.MESSENGER: self.platform}
        replies = load_replies(PROJECT_ROOT / "replies.yml")
        self.conversations = Conversations(
            redis, self.layout, channels, desk, replies, brand="Maison Lumen", silence_seconds=SILENCE
        )
        self.outgoing = Outgoing(desk.database, Outbox(redis, self.layout, channels))
        self.writing = Writing(desk, self.conversations, self.outgoing, replies, brand="Maison Lumen")
        self.reader = TicketReader(desk)
        self.stop = asyncio.Event()
        self.sending: asyncio.Task[None] | None = None

    def start_sender(self) -> None:
        sender = Sender(self.redis, self.layout, self.platform, SenderLimits(8, 3, 0.1))
        streams = self.layout.outbox_streams(ChannelName.MESSENGER)
        consumer = ShardConsumer(self.redis, self.layout, keys.SENDERS, streams, sender, lease_seconds=1.0)
        self.sending = asyncio.create_task(consumer.run(self.stop))

    async def assistant_says(self, text: str) -> None:
        message = OutboundMessage(ChannelName.MESSENGER, "PAGE", "ann", f"r-{text}", text)
        await self.redis.xadd(self.layout.outbox(message.channel, HERE), {"message": encode(message)})

    async def emptied(self) -> None:
        """Until nothing in the outbox is unread or unacknowledged."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            stream = self.layout.outbox(ChannelName.MESSENGER, HERE)
            [group] = [one for one in await self.redis.xinfo_groups(stream) if one["name"] == keys.SENDERS.encode()]
            if group["pending"] == 0 and group["lag"] == 0:
                return
            await asyncio.sleep(0.02)
        raise AssertionError("the outbox was not emptied")

    async def customer_wrote(self, ago: timedelta = timedelta()) -> None:
        at = datetime.now(UTC) - ago
        line = logged(f"in-{at.timestamp()}", at=at, conversation_id=HERE)
        await MessageLog(self.desk.database, Rules()).record([line])

    async def end(self) -> None:
        self.stop.set()
        if self.sending:
            await self.sending


@pytest.fixture
async def redis(valkey) -> AsyncIterator[Redis]:  # type: ignore[no-untyped-def]
    client = open_redis(valkey.address)
    await ensure_groups(client, keys.Layout(shards=2))
    yield client
    await client.aclose()


@pytest.fixture
async def here(redis: Redis, desk: Desk) -> AsyncIterator[Installation]:
    installation = Installation(redis, desk)
    yield installation
    await installation.end()


@pytest.fixture
async def reference(desk: Desk, request_for: Make) -> str:
    request = request_for(
        conversation_id=HERE, account_id="PAGE", user_id="ann", occurred_at=(time.time() - 9 * 24 * 3600)
    )
    return (await desk.open_ticket(request)).reference


# Take over and hand back


async def test_what_the_assistant_has_not_sent_when_a_person_takes_over_is_withheld_and_recorded(
    here: Installation, redis: Redis
) -> None:
    await here.assistant_says("one")
    await here.assistant_says("two")
    assert await here.conversations.take_over(HERE, "lea") == await here.conversations.owner(HERE)
    here.start_sender()
    await here.emptied()
    assert here.platform.delivered == []
    assert await DeadLetters(redis).list(10) == []
    assert await here.conversations.record() == 3
    line = logged("r-one", "one", at=1.0, direction=Direction.OUT, conversation_id=HERE)
    await MessageLog(here.desk.database, Rules()).record([line])
    [line] = await here.reader.transcript(HERE)
    assert (line.message_id, line.withheld) == ("r-one", True)


async def test_a_take_over_while_the_sender_waits_for_its_next_try_still_withholds(here: Installation) -> None:
    here.platform.faults = [TryAgain("http-503", "passing")]
    here.start_sender()
    await here.assistant_says("one")
    while here.platform.calls == 0:
        await asyncio.sleep(0.01)
    await here.conversations.take_over(HERE, "lea")
    await here.emptied()
    assert here.platform.delivered == []


async def test_of_two_agents_one_has_the_conversation_and_the_other_may_replace_only_whom_they_see(
    here: Installation,
) -> None:
    outcomes = await asyncio.gather(*(here.conversations.take_over(HERE, name) for name in ("lea", "marc", "zoe")))
    [winner] = [one for one in outcomes if isinstance(one, Owner)]
    losers = [one for one in outcomes if isinstance(one, OwnerConflict)]
    assert {one.owner.name for one in losers} == {winner.name}
    assert len(losers) == 2
    stale = Owner(HERE, OwnerKind.AGENT, "nobody")
    assert isinstance(await here.conversations.take_over(HERE, "boss", expected=stale), OwnerConflict)
    replaced = await here.conversations.take_over(HERE, "boss", expected=winner)
    assert isinstance(replaced, Owner)
    assert replaced.name == "boss"
    assert isinstance(await here.conversations.hand_back(HERE, winner.name), OwnerConflict)


async def test_handed_back_the_assistant_speaks_again_and_says_what_it_is(here: Installation) -> None:
    await here.customer_wrote()
    await here.conversations.take_over(HERE, "lea")
    back = await here.conversations.hand_back(HERE, "lea")
    assert isinstance(back, Owner)
    assert back.kind is OwnerKind.BOT
    here.start_sender()
    await here.assistant_says("one")
    await here.emptied()
    [word, reply] = here.platform.delivered
    assert ("assistant automatique de Maison Lumen" in word.text, word.author) == (True, Author.DESK)
    assert reply.text == "one"


async def test_a_silent_person_loses_the_conversation_once_and_the_customer_is_told_once(
    here: Installation, redis: Redis
) -> None:
    await here.customer_wrote(timedelta(hours=2))
    await here.conversations.take_over(HERE, "lea")
    await here.conversations.hand_back_silent()
    assert (await here.conversations.owner(HERE)).name == "lea"
    await redis.zadd(keys.OWNED, {HERE: (time.time() - SILENCE - 1) * 1000})
    await asyncio.gather(*(here.conversations.hand_back_silent() for _ in range(5)))
    assert (await here.conversations.owner(HERE)).kind is OwnerKind.BOT
    assert await redis.xlen(here.layout.outbox(ChannelName.MESSENGER, HERE)) == 1
    await here.conversations.record()
    assert await here.conversations.held() == []


async def test_nothing_is_said_at_hand_back_where_the_window_is_shut(here: Installation, redis: Redis) -> None:
    await here.customer_wrote(timedelta(hours=30))
    await here.conversations.take_over(HERE, "lea")
    await here.conversations.hand_back(HERE, "lea")
    assert await redis.xlen(here.layout.outbox(ChannelName.MESSENGER, HERE)) == 0


async def test_each_sign_of_life_keeps_the_conversation(here: Installation, redis: Redis) -> None:
    await here.conversations.take_over(HERE, "lea")
    await redis.zadd(keys.OWNED, {HERE: 0})
    await here.conversations.take_over(HERE, "lea")
    await here.conversations.hand_back_silent()
    assert [owner.name for owner in await here.conversations.held()] == ["lea"]


# The platform's own inbox


async def act(redis: Redis, layout: keys.Layout, *events: Echo | Notice) -> None:
    """A worker meets what the platform reports."""
    intake = Intake(redis, layout)
    intake.start()
    limits = WorkerLimits(4, 2, 5.0, human_silence_seconds=SILENCE)
    worker = Worker(redis, layout, {}, None, limits, str)  # type: ignore[arg-type]
    stop = asyncio.Event()
    consumer = ShardConsumer(redis, layout, keys.WORKERS, layout.inbox_streams(), worker, lease_seconds=1.0)
    running = asyncio.create_task(consumer.run(stop))
    await intake.append(list(events))
    stream = layout.inbox(HERE)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        [group] = [one for one in await redis.xinfo_groups(stream) if one["name"] == keys.WORKERS.encode()]
        if group["pending"] == 0 and group["lag"] == 0:
            break
        await asyncio.sleep(0.02)
    stop.set()
    await running
    await intake.stop()


def echo(origin: EchoOrigin = EchoOrigin.FOREIGN) -> Echo:
    return Echo(ChannelName.MESSENGER, "PAGE", "ann", time.time(), f"m_{time.time_ns()}", origin, text="Bonjour !")


def control(*, ours: bool) -> Notice:
    return Notice(ChannelName.MESSENGER, "PAGE", "ann", time.time(), NoticeKind.THREAD_CONTROL, ours=ours)


async def test_an_answer_from_the_platforms_inbox_is_a_take_over_and_a_first_response(
    here: Installation, redis: Redis, reference: str
) -> None:
    await act(redis, here.layout, echo())
    assert (await here.conversations.owner(HERE)).kind is OwnerKind.INBOX
    await here.conversations.record()
    ticket = await here.reader.ticket(reference)
    first = next(one for one in ticket.promises if one.kind is PromiseKind.FIRST_RESPONSE)
    assert first.outcome is PromiseOutcome.KEPT
    assert (await here.reader.history(reference))[-1].kind is EventKind.REPLIED


async def test_an_answer_from_elsewhere_does_not_take_the_conversation_from_an_agent_but_keeps_it_awake(
    here: Installation, redis: Redis
) -> None:
    await here.conversations.take_over(HERE, "lea")
    await redis.zadd(keys.OWNED, {HERE: 0})
    await act(redis, here.layout, echo())
    await here.conversations.hand_back_silent()
    assert (await here.conversations.owner(HERE)).name == "lea"


async def test_our_own_echo_is_no_take_over(here: Installation, redis: Redis) -> None:
    await act(redis, here.layout, echo(EchoOrigin.OWN))
    assert (await here.conversations.owner(HERE)).kind is OwnerKind.BOT


async def test_a_thread_taken_by_the_inbox_and_passed_back_returns_to_the_assistant(
    here: Installation, redis: Redis
) -> None:
    await here.customer_wrote()
    await act(redis, here.layout, control(ours=False))
    assert (await here.conversations.owner(HERE)).kind is OwnerKind.INBOX
    await act(redis, here.layout, control(ours=True))
    await here.conversations.hand_back_silent()
    assert (await here.conversations.owner(HERE)).kind is OwnerKind.BOT
    assert here.platform.controls == [("ann", ThreadControl.TAKE)]


async def test_a_thread_passed_to_us_is_not_taken_from_an_agent(here: Installation, redis: Redis) -> None:
    await here.conversations.take_over(HERE, "lea")
    await act(redis, here.layout, control(ours=True))
    await here.conversations.hand_back_silent()
    assert (await here.conversations.owner(HERE)).name == "lea"


async def test_an_agent_passes_to_the_inbox_and_takes_from_it(here: Installation) -> None:
    passed = await here.conversations.pass_to_inbox(HERE, "lea")
    assert isinstance(passed, Owner)
    assert passed.kind is OwnerKind.INBOX
    assert isinstance(await here.conversations.take_over(HERE, "lea"), OwnerConflict)
    assert isinstance(await here.conversations.take_over(HERE, "lea", expected=passed), Owner)
    assert here.platform.controls == [("ann", ThreadControl.TO_INBOX), ("ann", ThreadControl.TAKE)]


async def test_a_platform_that_refuses_leaves_the_conversation_with_its_agent(
    here: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.conversations.take_over(HERE, "lea")

    async def refuse(user_id: str, control: ThreadControl) -> None:
        raise TryAgain("2", "passing fault")

    monkeypatch.setattr(here.platform, "control_thread", refuse)
    for give_up in (here.conversations.pass_to_inbox, here.conversations.release):
        with pytest.raises(TryAgain):
            await give_up(HERE, "lea")
        assert (await here.conversations.owner(HERE)).name == "lea"


async def test_a_released_conversation_is_the_assistants_again_without_a_word(here: Installation, redis: Redis) -> None:
    await here.customer_wrote()
    assert isinstance(await here.conversations.release(HERE, "lea"), OwnerConflict)
    await here.conversations.take_over(HERE, "lea")
    assert isinstance(await here.conversations.release(HERE, "marc"), OwnerConflict)
    released = await here.conversations.release(HERE, "lea")
    assert isinstance(released, Owner)
    assert released.kind is OwnerKind.BOT
    assert here.platform.controls == [("ann", ThreadControl.RELEASE)]
    assert await redis.xlen(here.layout.outbox(ChannelName.MESSENGER, HERE)) == 0


async def test_what_is_read_on_standby_is_a_sign_that_the_inbox_has_the_conversation(
    here: Installation, redis: Redis
) -> None:
    notice = Notice(ChannelName.MESSENGER, "PAGE", "ann", time.time(), NoticeKind.STANDBY, "m7", "allô ?", ours=False)
    await act(redis, here.layout, notice)
    assert (await here.conversations.owner(HERE)).kind is OwnerKind.INBOX
    assert here.platform.delivered == []


async def test_going_to_the_inbox_is_no_answer_yet(here: Installation, redis: Redis, reference: str) -> None:
    await here.conversations.pass_to_inbox(HERE, "lea")
    await act(redis, here.layout, control(ours=False))
    await here.conversations.record()
    ticket = await here.reader.ticket(reference)
    assert {one.outcome for one in ticket.promises} == {PromiseOutcome.PENDING}
    assert EventKind.REPLIED not in [row.kind for row in await here.reader.history(reference)]
    await act(redis, here.layout, echo())
    await act(redis, here.layout, echo())
    await here.conversations.record()
    assert [row.kind for row in await here.reader.history(reference)].count(EventKind.REPLIED) == 1


async def test_the_record_survives_a_crash_between_sql_and_redis(here: Installation, redis: Redis) -> None:
    await here.conversations.take_over(HERE, "lea")
    [(stream_id, fields)] = await redis.xrange(keys.OWNERSHIP)
    async with here.desk.database.writing() as session:
        await here.conversations._record(session, stream_id.decode(), fields)
    assert await here.conversations.record() == 1
    assert await here.conversations.record() == 0


# What agents write


async def test_an_agents_words_reach_the_customer_once_and_count_as_the_first_response(
    here: Installation, reference: str
) -> None:
    await here.customer_wrote()
    outcomes = await asyncio.gather(
        *(here.writing.reply(reference, LEA, "Bonjour, je regarde.", key="form-1") for _ in range(4))
    )
    assert all(isinstance(one, Changed) for one in outcomes)
    await here.outgoing.deliver()
    here.start_sender()
    await here.emptied()
    [sent] = here.platform.delivered
    assert (sent.text, sent.author) == ("Bonjour, je regarde.", Author.AGENT)
    ticket = await here.reader.ticket(reference)
    assert (ticket.status, ticket.assignee) == (TicketStatus.OPEN, "lea")
    assert [row.kind for row in await here.reader.history(reference)].count(EventKind.REPLIED) == 1
    assert (await here.conversations.owner(HERE)).name == "lea"


async def test_words_in_a_conversation_without_a_ticket_are_said_once_and_take_it_over(here: Installation) -> None:
    await here.customer_wrote()
    said = await asyncio.gather(*(here.writing.say(HERE, LEA, " Bonjour Ann ", key="form-1") for _ in range(4)))
    assert [one.name for one in said if isinstance(one, Owner)] == ["lea"] * 4
    await here.outgoing.deliver()
    here.start_sender()
    await here.emptied()
    [sent] = here.platform.delivered
    assert (sent.text, sent.author) == ("Bonjour Ann", Author.AGENT)
    assert isinstance(await here.writing.say(HERE, MARC, "Bonjour", key="form-2"), OwnerConflict)
    with pytest.raises(NotAllowed):
        await here.writing.say(HERE, LEA, " ", key="form-3")


async def test_words_in_a_conversation_that_has_a_ticket_by_now_are_a_reply_to_it(
    here: Installation, reference: str
) -> None:
    await here.customer_wrote()
    assert isinstance(await here.writing.say(HERE, LEA, "Bonjour", key="form-1"), Changed)
    assert EventKind.REPLIED in [row.kind for row in await here.reader.history(reference)]
    assert (await here.reader.ticket(reference)).assignee == "lea"


async def test_nothing_is_said_without_a_ticket_once_the_window_is_shut(here: Installation) -> None:
    await here.customer_wrote(timedelta(days=8))
    assert isinstance(await here.writing.say(HERE, LEA, "Bonjour", key="1"), WindowShut)
    assert (await here.conversations.owner(HERE)).kind is OwnerKind.BOT


async def test_a_forgotten_customers_unticketed_words_are_forgotten_too(here: Installation) -> None:
    await here.customer_wrote()
    await here.writing.say(HERE, LEA, "Bonjour", key="form-1")
    await forget_conversation(here.desk.database, HERE)
    async with here.desk.database.reading() as session:
        assert (await session.scalars(select(CustomerMessage))).all() == []


async def test_a_reply_may_set_what_comes_next(here: Installation, reference: str) -> None:
    await here.customer_wrote()
    asked = await here.writing.reply(reference, LEA, "Votre numéro ?", key="1", then=TicketStatus.WAITING)
    assert isinstance(asked, Changed)
    assert asked.ticket.status is TicketStatus.WAITING


async def test_nothing_is_written_on_a_stale_page_in_anothers_conversation_or_without_words(
    here: Installation, redis: Redis, reference: str
) -> None:
    await here.customer_wrote()
    version = (await here.reader.ticket(reference)).version
    assert isinstance(await here.writing.reply(reference, LEA, "un", key="1", seen=version), Changed)
    stale = await here.writing.reply(reference, MARC, "deux", key="2", seen=version)
    assert isinstance(stale, Conflict)
    assert stale.by == LEA
    assert isinstance(await here.writing.reply(reference, MARC, "trois", key="3"), OwnerConflict)
    with pytest.raises(NotAllowed):
        await here.writing.reply(reference, LEA, "  ", key="4")
    assert await redis.xlen(here.layout.outbox(ChannelName.MESSENGER, HERE)) == 1


@pytest.mark.parametrize(
    ("ago", "state", "proposes"),
    [
        (timedelta(hours=1), WindowState.OPEN, False),
        (timedelta(hours=22), WindowState.OPEN, True),
        (timedelta(hours=25), WindowState.PERSON_ONLY, False),
        (timedelta(days=6, hours=12), WindowState.PERSON_ONLY, True),
        (timedelta(days=7), WindowState.SHUT, True),
    ],
)
async def test_the_window_closes_for_the_assistant_first_and_then_for_everybody(
    here: Installation, reference: str, ago: timedelta, state: WindowState, proposes: bool
) -> None:
    await here.customer_wrote(ago)
    window = await here.writing.window(HERE)
    assert (window.state, window.propose_other_way) == (state, proposes)
    outcome = await here.writing.reply(reference, LEA, "Bonjour", key="1")
    assert isinstance(outcome, WindowShut) == (state is WindowState.SHUT)


async def test_words_that_are_owed_while_redis_is_away_are_said_later(
    here: Installation, redis: Redis, reference: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await here.customer_wrote()

    async def away() -> int:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(here.outgoing, "deliver", away)
        assert isinstance(await here.writing.reply(reference, LEA, "Bonjour", key="1"), Changed)
    assert await redis.xlen(here.layout.outbox(ChannelName.MESSENGER, HERE)) == 0
    assert await here.outgoing.deliver() == 1
    assert await here.outgoing.deliver() == 0
    assert await redis.xlen(here.layout.outbox(ChannelName.MESSENGER, HERE)) == 1


async def test_canned_replies_are_filled_and_say_what_is_missing(here: Installation, reference: str) -> None:
    french = {reply.key: reply for reply in here.writing.canned("fr")}
    assert french.keys() == {reply.key for reply in here.writing.canned("en")}
    filled = await here.writing.fill(french["greeting"].text, reference, "Léa")
    assert filled.missing == ()
    assert reference in filled.text
    assert "Léa de Maison Lumen" in filled.text
    assert (await here.writing.fill(french["call_missed"].text, reference, "Léa")).missing == ("phone",)


async def test_a_conversation_that_was_taken_before_owners_had_names_is_the_platforms_inbox(
    here: Installation, redis: Redis, reference: str
) -> None:
    await redis.set(keys.human(HERE), "1", ex=60)
    owner = await here.conversations.owner(HERE)
    assert (owner.kind, owner.written) == (OwnerKind.INBOX, "inbox")
    assert isinstance(await here.conversations.take_over(HERE, "lea"), OwnerConflict)
    taken = await here.conversations.take_over(HERE, "lea", expected=owner)
    assert isinstance(taken, Owner)
    assert taken.name == "lea"
