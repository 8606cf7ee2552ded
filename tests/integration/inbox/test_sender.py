"""Replies reach the platform once, in order, within its limits; what cannot be delivered is kept with the reason."""

import asyncio
import time

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

    async def put(self, text: str, user: str = "ann", reply_id: str = "") -> None:
        message = OutboundMessage(
            self.platform.name, self.platform.account_id, user, reply_id or f"{user}-{text}", text
        )
        stream = self.layout.outbox(message.channel, message.conversation_id)
        await self.redis.xadd(stream, {"message": encode(message)})

    async def end(self) -> None:
        self.stop.set()
        await self.task


async def until(condition, seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.01)


@pytest.fixture
def platform() -> MemoryPlatform:
    return MemoryPlatform()


@pytest.fixture
async def sending(redis, layout, platform):
    running = Sending(redis, layout, platform)
    yield running
    await running.end()


async def test_replies_of_a_conversation_arrive_in_order(sending, platform):
    for number in range(20):
        for user in ("ann", "bob", "cat"):
            await sending.put(f"{number:02}", user)
    await until(lambda: len(platform.delivered) == 60)
    for user in ("ann", "bob", "cat"):
        assert [one.text for one in platform.delivered if one.user_id == user] == [f"{n:02}" for n in range(20)]


async def test_a_sender_of_two_channels_holds_every_shard_of_both(redis, layout):
    both = [Sending(redis, layout, MemoryPlatform()), Sending(redis, layout, MemoryPlatform(ChannelName.X, "900"))]
    await until(lambda: all(sending.consumer.shards_held == 4 for sending in both))
    await asyncio.sleep(1.0)
    assert all(sending.consumer.shards_held == 4 for sending in both)
    for sending in both:
        await sending.end()


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


async def test_an_exhausted_allowance_holds_back_a_second_sender_too(redis, layout, platform):
    class Metered(MemoryPlatform):
        async def send(self, message):
            sent = await super().send(message)
            return Sent(sent.message_id, Allowance(0, self.resets_at))

    metered = Metered()
    metered.resets_at = time.time() + 1.0
    first, second = Sending(redis, layout, metered), Sending(redis, layout, metered)
    await first.put("one", "ann")
    await until(lambda: len(metered.delivered) == 1)
    await asyncio.sleep(0.05)
    for user in ("bob", "cat", "dan", "eve"):
        await first.put("two", user)
    await asyncio.sleep(0.4)
    assert len(metered.delivered) == 1
    await until(lambda: len(metered.delivered) == 5)
    assert time.time() >= metered.resets_at
    await first.end()
    await second.end()


async def test_an_allowance_counts_although_the_shard_was_lost_during_the_call(redis, layout):
    class Metered(MemoryPlatform):
        async def send(self, message):
            sent = await super().send(message)
            await redis.set(keys.lease(keys.SENDERS, layout.outbox(message.channel, message.conversation_id)), "heir")
            return Sent(sent.message_id, Allowance(0, time.time() + 60))

    metered = Metered()
    running = Sending(redis, layout, metered)
    await running.put("one")
    key = keys.allowance(metered.name, metered.account_id)
    async with asyncio.timeout(8):
        while await redis.hget(key, "remaining") != b"0":
            await asyncio.sleep(0.01)
    await running.end()


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


async def test_x_settles_a_cut_off_send_by_the_text_of_its_echo(redis, layout, intake):
    platform = MemoryPlatform(ChannelName.X, "900")
    sending = Sending(redis, layout, platform, echo_wait=3.0)

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
    await sending.end()


async def test_x_is_asked_when_no_echo_comes(redis, layout):
    platform = MemoryPlatform(ChannelName.X, "900")
    platform.found = "57"
    platform.faults = [OutcomeUnknown("cut", "connection lost")]
    sending = Sending(redis, layout, platform)
    await sending.put("first")
    await sending.put("second")
    await until(lambda: platform.texts == ["second"])
    assert platform.calls == 2
    await sending.end()


async def test_a_sender_killed_in_flight_leaves_a_reply_that_its_heir_settles(redis, layout, intake, platform):
    platform.seconds = 60
    dying = Sending(redis, layout, platform)
    await until(lambda: dying.consumer.shards_held == 4)
    await dying.put("first")
    await until(lambda: platform.calls == 1)
    dying.stop.set()
    await dying.task  # its call is cancelled in flight
    own = Echo(ChannelName.MESSENGER, "PAGE", "ann", time.time(), "m_1", EchoOrigin.OWN, "ann-first")
    await intake.append([own])

    platform.seconds = 0
    heir = Sending(redis, layout, platform)
    await heir.put("second")
    await until(lambda: platform.texts == ["second"])
    assert platform.calls == 2
    await heir.end()


async def test_a_reply_that_has_left_the_outbox_is_not_sent_again(redis, layout, platform):
    """A list of unfinished entries may be read just before one of them ends, and be worked off just after."""
    sending = Sending(redis, layout, platform)
    await sending.put("first")
    await until(lambda: platform.texts == ["first"] and sending.consumer.waiting == 0)
    stream = layout.outbox(ChannelName.MESSENGER, "messenger:PAGE:ann")
    [(entry_id, fields)] = await redis.xrange(stream)
    await sending.consumer._dispatch(stream, entry_id.decode(), fields, recovered=True)
    await until(lambda: sending.consumer.waiting == 0)
    assert platform.calls == 1
    await sending.end()


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
