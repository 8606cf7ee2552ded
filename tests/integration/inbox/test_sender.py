"""Replies reach the platform once, in order, within its limits; what cannot be delivered is kept with the reason."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from bot.channels.base import Allowance, AlreadySent, GiveUp, OutcomeUnknown, PauseChannel, Sent, TryAgain, WaitUntil
from bot.channels.vocabulary import ChannelName, Echo, EchoOrigin, OutboundMessage, encode
from bot.inbox import keys
from bot.inbox.consumer import ShardConsumer
from bot.inbox.dead_letters import DeadLetters
from bot.inbox.pauses import Pauses
from bot.inbox.sender import Sender, SenderLimits
from tests.integration.inbox.platform import MemoryPlatform


class Sending:
    """A sender at work on one platform's outbox."""

    def __init__(
        self, redis, layout, platform, *, attempts: int = 3, echo_wait: float = 0.3, at_once: int = 16
    ) -> None:
        self.redis, self.layout, self.platform = redis, layout, platform
        self.stop = asyncio.Event()
        sender = Sender(redis, layout, platform, SenderLimits(16, attempts, echo_wait))
        self.consumer = ShardConsumer(
            redis, layout, keys.SENDERS, layout.outbox_streams(platform.name), sender, lease_seconds=1.0
        )
        self.task = asyncio.create_task(self.consumer.run(self.stop))

    async def put(self, text: str, user: str = "ann", reply_id: str = "", cleared_ago: float | None = None) -> None:
        """``cleared_ago``: so many seconds ago the worker put it there, permitted and marked as in flight."""
        message = OutboundMessage(
            self.platform.name, self.platform.account_id, user, reply_id or f"{user}-{text}", text
        )
        stream = self.layout.outbox(message.channel, message.conversation_id)
        fields: dict[str, bytes | int] = {"message": encode(message)}
        entry_id = "*"
        if cleared_ago is not None:
            fields["cleared"] = int((time.time() - cleared_ago) * 1000)
            entry_id = f"{fields['cleared']}-*"
            since = {"attempts": 1, "in_flight_since": fields["cleared"]}
            await self.redis.hset(keys.attempt(message.reply_id), mapping=since)
        await self.redis.xadd(stream, fields, id=entry_id)

    async def end(self) -> None:
        self.stop.set()
        await self.task


Start = Callable[..., Sending]


async def until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.01)


@pytest.fixture
def platform() -> MemoryPlatform:
    return MemoryPlatform()


@pytest.fixture
async def start(redis, layout) -> AsyncIterator[Start]:
    """Starts senders that are at work until the test ends, if nobody ends them before."""
    running: list[Sending] = []

    def start_one(platform: MemoryPlatform, **limits: float) -> Sending:
        running.append(Sending(redis, layout, platform, **limits))
        return running[-1]

    yield start_one
    for one in running:
        await one.end()


@pytest.fixture
async def sending(start, platform) -> Sending:
    return start(platform)


async def test_replies_of_a_conversation_arrive_in_order(sending, platform):
    for number in range(20):
        for user in ("ann", "bob", "cat"):
            await sending.put(f"{number:02}", user)
    await until(lambda: len(platform.delivered) == 60)
    for user in ("ann", "bob", "cat"):
        assert [one.text for one in platform.delivered if one.user_id == user] == [f"{n:02}" for n in range(20)]


async def test_a_sender_of_two_channels_holds_every_shard_of_both(start):
    both = [start(MemoryPlatform()), start(MemoryPlatform(ChannelName.X, "900"))]
    await until(lambda: all(sending.consumer.shards_held == 4 for sending in both))
    await asyncio.sleep(1.0)
    assert all(sending.consumer.shards_held == 4 for sending in both)


async def test_a_passing_fault_is_tried_again_and_keeps_the_order(sending, platform):
    platform.faults = [TryAgain("2", "service"), TryAgain("2", "service")]
    await sending.put("first")
    await sending.put("second")
    await until(lambda: len(platform.delivered) == 2)
    assert platform.texts == ["first", "second"]
    assert platform.calls == 4


async def test_a_message_that_never_gets_through_is_parked_and_the_next_one_goes(redis, sending, platform):
    platform.faults = [TryAgain("2", "service")] * 3
    await sending.put("first")
    await sending.put("second")
    await until(lambda: platform.texts == ["second"])
    [letter] = await DeadLetters(redis).list()
    assert letter.reason == "gave up after 3 attempts, last error 2"


async def test_a_person_who_blocked_us_is_a_dead_letter_at_once_and_can_be_replayed(redis, sending, platform):
    platform.faults = [GiveUp("551", "the person is not available")]
    await sending.put("hello")
    await until(lambda: platform.calls == 1)
    letters = DeadLetters(redis)
    while not (listed := await letters.list()):
        await asyncio.sleep(0.01)
    assert listed[0].reason.startswith("551")
    assert await letters.replay(listed[0].id)
    await until(lambda: platform.texts == ["hello"])


async def test_an_error_that_says_it_was_sent_is_not_sent_again(sending, platform):
    platform.faults = [AlreadySent("1/1357046", "batch error though sent")]
    await sending.put("first")
    await sending.put("second")
    await until(lambda: platform.texts == ["second"])
    assert platform.calls == 2


async def test_throttling_stops_every_conversation_until_the_moment_named(sending, platform):
    resumes_at = time.time() + 0.8
    platform.faults = [WaitUntil("613", "too many calls", resumes_at)]
    await sending.put("first", "ann")
    await until(lambda: platform.calls == 1)
    await asyncio.sleep(0.05)
    for user in ("bob", "cat"):
        await sending.put("hello", user)
    await until(lambda: len(platform.delivered) == 3)
    assert time.time() >= resumes_at
    assert platform.calls == 4, "nobody called before the moment"


async def test_an_exhausted_allowance_holds_back_a_second_sender_too(start):
    class Metered(MemoryPlatform):
        resets_at = 0.0

        async def send(self, message):
            sent_at.append(time.time())
            sent = await super().send(message)
            self.resets_at = self.resets_at or time.time() + 1.0
            return Sent(sent.message_id, Allowance(0, self.resets_at))

    sent_at: list[float] = []
    metered = Metered()
    first, _ = start(metered), start(metered)
    await first.put("one", "ann")
    await until(lambda: first.consumer.waiting == 0 and metered.delivered)
    for user in ("bob", "cat", "dan", "eve"):
        await first.put("two", user)
    await until(lambda: len(metered.delivered) == 5)
    assert all(at >= metered.resets_at for at in sent_at[1:])


async def test_an_allowance_counts_although_the_shard_was_lost_during_the_call(redis, layout, start):
    class Metered(MemoryPlatform):
        async def send(self, message):
            sent = await super().send(message)
            await redis.set(keys.lease(keys.SENDERS, layout.outbox(message.channel, message.conversation_id)), "heir")
            return Sent(sent.message_id, Allowance(0, time.time() + 60))

    metered = Metered()
    running = start(metered)
    await running.put("one")
    key = keys.allowance(metered.name, metered.account_id)
    async with asyncio.timeout(30):
        while await redis.hget(key, "remaining") != b"0":
            await asyncio.sleep(0.01)


async def test_a_fixed_rate_is_kept(sending, platform):
    platform.sends_per_second = 20
    started = time.monotonic()
    for number in range(40):
        await sending.put(f"{number}", f"user{number}")
    await until(lambda: len(platform.delivered) == 40)
    # A burst of one second's worth is allowed; the other twenty take a second.
    assert time.monotonic() - started >= 0.9


async def test_a_dead_token_pauses_the_channel_and_loses_nothing(redis, sending, platform):
    platform.faults = [PauseChannel("190/460", "the token died with a password")]
    await sending.put("first")
    await sending.put("second")
    pauses = Pauses(redis)
    await until(lambda: platform.calls == 1)
    while (reason := await pauses.reason(platform)) is None:
        await asyncio.sleep(0.01)
    assert "190/460" in reason
    assert "parvis channels resume messenger" in reason
    await asyncio.sleep(1.2)
    assert platform.delivered == []
    assert await pauses.resume(platform)
    await until(lambda: platform.texts == ["first", "second"])
    assert platform.calls == 3


async def test_a_cut_off_send_that_its_echo_proves_is_not_repeated(intake, sending, platform):
    def echo(message):
        own = Echo(message.channel, "PAGE", message.user_id, time.time(), "m_1", EchoOrigin.OWN, message.reply_id)
        asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(intake.append([own])))

    platform.before_fault = echo
    platform.faults = [OutcomeUnknown("cut", "connection lost")]
    await sending.put("first")
    await sending.put("second")
    await until(lambda: platform.texts == ["second"])
    assert platform.calls == 2


async def test_a_cut_off_send_without_an_echo_is_repeated_after_the_wait(sending, platform):
    platform.faults = [OutcomeUnknown("cut", "connection lost")]
    started = time.monotonic()
    await sending.put("first")
    await until(lambda: platform.texts == ["first"])
    assert time.monotonic() - started >= 0.3


async def test_x_settles_a_cut_off_send_by_the_text_of_its_echo(intake, start):
    platform = MemoryPlatform(ChannelName.X, "900")
    sending = start(platform, echo_wait=3.0)

    def echo(message):
        own = Echo(ChannelName.X, "900", message.user_id, time.time(), "56", EchoOrigin.UNKNOWN, text="A &amp; B")
        asyncio.ensure_future(intake.append([own]))

    platform.before_fault = echo
    platform.faults = [OutcomeUnknown("cut", "connection lost")]
    await sending.put("A & B", reply_id="r1")
    await until(lambda: platform.calls == 1)
    await sending.put("A & B", reply_id="r2")
    await until(lambda: len(platform.delivered) == 1)
    assert platform.delivered[0].reply_id == "r2", "the same words again are another reply"


async def test_x_is_asked_when_no_echo_comes(start):
    platform = MemoryPlatform(ChannelName.X, "900")
    platform.found = "57"
    platform.faults = [OutcomeUnknown("cut", "connection lost")]
    sending = start(platform)
    await sending.put("first")
    await sending.put("second")
    await until(lambda: platform.texts == ["second"])
    assert platform.calls == 2


async def test_a_sender_killed_in_flight_leaves_a_reply_that_its_heir_settles(intake, platform, start):
    platform.seconds = 60
    dying = start(platform)
    await until(lambda: dying.consumer.shards_held == 4)
    await dying.put("first")
    await until(lambda: platform.calls == 1)
    dying.stop.set()
    await dying.task  # its call is cancelled in flight
    own = Echo(ChannelName.MESSENGER, "PAGE", "ann", time.time(), "m_1", EchoOrigin.OWN, "ann-first")
    await intake.append([own])

    platform.seconds = 0
    heir = start(platform)
    await heir.put("second")
    await until(lambda: platform.texts == ["second"])
    assert platform.calls == 2


@pytest.mark.usefixtures("nothing_grows_old")
async def test_a_reply_that_was_cleared_as_it_entered_the_outbox_is_sent_without_asking(redis, sending, platform):
    # What is asked would say no: the permission is there.
    await redis.set(keys.pause(platform.name, platform.account_id), "reason")
    await sending.put("first", cleared_ago=0.0)
    await until(lambda: platform.texts == ["first"])
    while await redis.exists(keys.attempt("ann-first")):
        await asyncio.sleep(0.01)


async def test_a_clearance_that_is_no_longer_fresh_does_not_count(redis, sending, platform):
    pauses = Pauses(redis)
    await pauses.pause(platform, "190", "the token died")
    await sending.put("first", cleared_ago=0.5)
    await asyncio.sleep(0.3)
    assert platform.calls == 0
    await pauses.resume(platform)
    await until(lambda: platform.texts == ["first"])


async def test_a_clearance_that_was_not_made_use_of_is_given_back(redis, sending, platform):
    allowance = keys.allowance(platform.name, platform.account_id)
    # Its own clearance took the last one.
    await redis.hset(allowance, mapping={"remaining": 0, "resets_at": int((time.time() + 600) * 1000)})
    await sending.put("first", cleared_ago=0.5)
    await until(lambda: platform.texts == ["first"])
    assert await redis.hget(allowance, "remaining") == b"0"


@pytest.mark.usefixtures("nothing_grows_old")
async def test_a_clearance_that_ended_in_doubt_is_not_given_back(redis, sending, platform):
    allowance = keys.allowance(platform.name, platform.account_id)
    await redis.hset(allowance, mapping={"remaining": 5, "resets_at": int((time.time() + 600) * 1000)})
    platform.faults = [OutcomeUnknown("cut", "connection lost")]
    await until(lambda: sending.consumer.shards_held == 4)
    await sending.put("first", cleared_ago=0.0)
    await until(lambda: platform.texts == ["first"])
    assert platform.calls == 2
    assert await redis.hget(allowance, "remaining") == b"4"


@pytest.mark.usefixtures("nothing_grows_old")
async def test_a_clearance_does_not_count_behind_another_reply_of_the_conversation(redis, sending, platform):
    platform.seconds = 0.2
    await sending.put("first")
    await until(lambda: platform.calls == 1)
    await sending.put("second", cleared_ago=0.0)
    await redis.set(keys.human("messenger:PAGE:ann"), "agent:lea")
    await until(lambda: platform.delivered and sending.consumer.waiting == 0)
    assert platform.texts == ["first"], "a person took the conversation before the second was due"


async def test_a_cleared_reply_that_a_dead_sender_took_up_is_settled_by_its_echo(
    redis, layout, intake, sending, platform, start
):
    await until(lambda: sending.consumer.shards_held == 4)
    sending.stop.set()
    await sending.task
    await sending.put("first", cleared_ago=0.0)
    stream = layout.outbox(ChannelName.MESSENGER, "messenger:PAGE:ann")
    await redis.xreadgroup(keys.SENDERS, "holder", {stream: ">"})
    own = Echo(ChannelName.MESSENGER, "PAGE", "ann", time.time(), "m_1", EchoOrigin.OWN, "ann-first")
    await intake.append([own])
    heir = start(platform)
    await heir.put("second")
    await until(lambda: platform.texts == ["second"])
    assert platform.calls == 1


async def test_a_reply_that_has_left_the_outbox_is_not_sent_again(redis, layout, platform, start):
    """A list of unfinished entries may be read just before one of them ends, and be worked off just after."""
    sending = start(platform)
    await sending.put("first")
    await until(lambda: platform.texts == ["first"] and sending.consumer.waiting == 0)
    stream = layout.outbox(ChannelName.MESSENGER, "messenger:PAGE:ann")
    [(entry_id, fields)] = await redis.xrange(stream)
    await sending.consumer._dispatch(stream, entry_id.decode(), fields, recovered=True)
    await until(lambda: sending.consumer.waiting == 0)
    assert platform.calls == 1


async def test_a_sign_of_life_is_shown_at_once_and_a_stale_one_is_dropped(redis, layout, sending, platform):
    stream = layout.outbox(ChannelName.MESSENGER, "messenger:PAGE:ann")
    fields = {"activity": "typing", "account": "PAGE", "user": "ann"}
    old = f"{int(time.time() * 1000) - 60_000}-0"
    await redis.xadd(stream, fields, id=old)
    await redis.xadd(stream, fields)
    await until(lambda: len(platform.activities) == 1)
    while (await redis.xpending(stream, keys.SENDERS))["pending"]:
        await asyncio.sleep(0.01)
    assert platform.activities == [("ann", "typing")]
