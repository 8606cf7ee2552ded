"""Order within a conversation, one consumer a shard, take-over, trimming, dead letters."""

import asyncio
import time
from collections import defaultdict

import pytest

from bot.channels.vocabulary import ChannelName, InboundMessage, decode_event
from bot.inbox import keys
from bot.inbox.connection import REDIS_AWAY, load_script, open_redis, until_redis_answers
from bot.inbox.consumer import LeaseLost, ShardConsumer, ensure_groups
from bot.inbox.dead_letters import DeadLetters
from bot.inbox.intake import Intake


def message(number: int, user: str) -> InboundMessage:
    return InboundMessage(ChannelName.MESSENGER, "PAGE", user, 1790000000.0 + number, f"{user}-{number}", "bonjour")


class Recorder:
    """Finishes entries through the worker's own script, and remembers what it did, in which order."""

    def __init__(self, redis, seconds: float = 0.0) -> None:
        self.handled: dict[str, list[str]] = defaultdict(list)
        self.at_once = 0
        self.most_at_once = 0
        self.fail_on: str | None = None
        self._seconds = seconds
        self._finish = load_script(redis, "finish_turn")
        self._redis = redis

    def read(self, fields):
        event = decode_event(fields[b"event"])
        return event.conversation_id, event

    async def handle(self, entry):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self._seconds)
        self.at_once -= 1
        if entry.item.message_id == self.fail_on:
            raise RuntimeError("defect")
        await self._end(entry, "")
        self.handled[entry.item.user_id].append(entry.item.message_id)

    async def park(self, entry, reason):
        await self._end(entry, reason)

    async def _end(self, entry, reason):
        names = [entry.lease_key, entry.stream, "out", "holding", "memory", keys.DEAD_LETTERS, "version", "events"]
        names += ["human", "pause", "allowance", "attempt", "expected"]
        arguments = [entry.consumer, keys.WORKERS, entry.id, "", "", "", reason, 0, *[""] * 7]
        if await until_redis_answers(lambda: self._finish(keys=names, args=arguments)) == b"lost":
            raise LeaseLost

    @property
    def count(self) -> int:
        return sum(map(len, self.handled.values()))


class Running:
    """A consumer in a task, which can stop properly or die."""

    def __init__(self, redis, layout, handler, *, lease_seconds: float = 1.0) -> None:
        self.stop = asyncio.Event()
        self.consumer = ShardConsumer(
            redis, layout, keys.WORKERS, layout.inbox_streams(), handler, lease_seconds=lease_seconds
        )
        self.task = asyncio.create_task(self.consumer.run(self.stop))

    async def end(self) -> None:
        self.stop.set()
        await self.task


async def until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.01)


async def test_messages_of_a_conversation_are_handled_in_order_and_conversations_side_by_side(redis, layout, intake):
    for number in range(20):
        await intake.append([message(number, f"user{n}") for n in range(10)])
    recorder = Recorder(redis, seconds=0.005)
    running = Running(redis, layout, recorder)
    await until(lambda: recorder.count == 200)
    await running.end()
    assert all(ids == [f"{user}-{n}" for n in range(20)] for user, ids in recorder.handled.items())
    assert recorder.most_at_once > 5


async def test_two_consumers_share_the_shards_and_handle_everything_once(redis, layout, intake):
    recorder = Recorder(redis, seconds=0.002)
    first = Running(redis, layout, recorder)
    await until(lambda: first.consumer.shards_held == 4)
    second = Running(redis, layout, recorder)
    await until(lambda: second.consumer.shards_held == 2)
    for number in range(20):
        await intake.append([message(number, f"user{n}") for n in range(20)])
    await until(lambda: recorder.count == 400)
    await first.end()
    await second.end()
    assert all(ids == [f"{user}-{n}" for n in range(20)] for user, ids in recorder.handled.items())


async def test_a_dead_consumers_shards_are_taken_over_with_its_unfinished_messages_first(redis, layout, intake, valkey):
    stuck = Recorder(redis, seconds=60)
    dying = Running(redis, layout, stuck, lease_seconds=0.5)
    await until(lambda: dying.consumer.shards_held == 4)
    await intake.append([message(number, "ann") for number in range(3)])
    await until(lambda: stuck.at_once == 1)
    # Dies without giving anything back: its tasks stop, its leases stay until they run out.
    dying.consumer._leases.release = dying.consumer._keep_leases = _never  # type: ignore[method-assign]
    dying.task.cancel()
    await asyncio.gather(dying.task, return_exceptions=True)
    await intake.append([message(3, "ann")])

    recorder = Recorder(redis)
    heir = Running(redis, layout, recorder, lease_seconds=0.5)
    await until(lambda: recorder.count == 4)
    await heir.end()
    assert recorder.handled["ann"] == [f"ann-{n}" for n in range(4)]


async def test_a_consumer_that_is_told_to_stop_as_a_message_arrives_does_not_go_on(redis, layout, intake):
    for number in range(5):
        recorder = Recorder(redis)
        running = Running(redis, layout, recorder)
        await until(lambda running=running: running.consumer.shards_held == 4)
        await intake.append([message(number, "ann")])
        running.task.cancel()
        async with asyncio.timeout(30):
            with pytest.raises(asyncio.CancelledError):
                await running.task


async def _never(*_: object, **__: object) -> None:
    return None


async def test_a_consumer_whose_lease_was_taken_cannot_finish_what_it_began(redis, layout, intake):
    slow = Recorder(redis, seconds=0.5)
    sleeper = Running(redis, layout, slow, lease_seconds=5)
    await until(lambda: sleeper.consumer.shards_held == 4)
    await intake.append([message(1, "ann")])
    await until(lambda: slow.at_once == 1)
    for stream in layout.inbox_streams():
        await redis.set(keys.lease(keys.WORKERS, stream), "another")
    await until(lambda: slow.at_once == 0)
    await asyncio.sleep(0.05)
    assert slow.count == 0
    pending = [await redis.xpending(stream, keys.WORKERS) for stream in layout.inbox_streams()]
    assert sum(one["pending"] for one in pending) == 1
    await sleeper.end()


async def test_a_defect_costs_one_message_which_waits_in_the_dead_letters(redis, layout, intake):
    recorder = Recorder(redis)
    recorder.fail_on = "ann-1"
    running = Running(redis, layout, recorder)
    await intake.append([message(number, "ann") for number in range(3)])
    await until(lambda: recorder.count == 2)
    [letter] = await DeadLetters(redis).list()
    assert letter.reason == "defect: RuntimeError"
    assert decode_event(letter.value) == message(1, "ann")

    recorder.fail_on = None
    assert await DeadLetters(redis).replay(letter.id)
    await until(lambda: recorder.count == 3)
    assert await DeadLetters(redis).count() == 0
    assert not await DeadLetters(redis).replay(letter.id)
    await running.end()


async def test_an_unreadable_entry_is_parked_and_the_next_one_handled(redis, layout, intake):
    recorder = Recorder(redis)
    running = Running(redis, layout, recorder)
    stream = layout.inbox("messenger:PAGE:ann")
    await redis.xadd(stream, {"event": b"{broken"})
    await intake.append([message(1, "ann")])
    await until(lambda: recorder.count == 1)
    [letter] = await DeadLetters(redis).list()
    assert letter.reason.startswith("unreadable")
    assert await DeadLetters(redis).drop(letter.id)
    assert await DeadLetters(redis).count() == 0
    await running.end()


async def test_a_stream_is_trimmed_only_of_what_every_group_has_acknowledged(redis, layout, intake):
    recorder = Recorder(redis)
    running = Running(redis, layout, recorder)
    await intake.append([message(number, "ann") for number in range(10)])
    await until(lambda: recorder.count == 10)
    await running.end()
    stream, trim = layout.inbox("messenger:PAGE:ann"), load_script(redis, "trim")
    assert await trim(keys=[stream]) == 0, "the message log has read nothing yet"

    reply = await redis.xreadgroup(keys.MESSAGE_LOG, "log", {stream: ">"})
    entries = reply[stream.encode()][0] if isinstance(reply, dict) else reply[0][1]
    ids = [entry_id for entry_id, _ in entries]
    await redis.xack(stream, keys.MESSAGE_LOG, *ids[:4], *ids[5:])
    assert await trim(keys=[stream]) == 4, "the fifth is unacknowledged and stays, with what follows"
    await redis.xack(stream, keys.MESSAGE_LOG, ids[4])
    await trim(keys=[stream])
    assert await redis.xlen(stream) == 1


async def test_a_restarted_redis_resumes_where_it_was_killed(own_valkey, layout):
    redis = open_redis(own_valkey.address, timeout=1.0)
    await ensure_groups(redis, layout)
    intake = Intake(redis, layout)
    intake.start()
    recorder = Recorder(redis, seconds=0.01)
    running = Running(redis, layout, recorder)
    await intake.append([message(number, f"user{n}") for n in range(5) for number in range(20)])
    await until(lambda: recorder.count >= 10)
    own_valkey.kill()
    await asyncio.sleep(0.3)
    own_valkey.start()
    await _until_finished(redis, layout)
    assert all(sorted(ids) == sorted(f"{user}-{n}" for n in range(20)) for user, ids in recorder.handled.items())
    await running.end()
    await intake.stop()
    await redis.aclose()


async def _until_finished(redis, layout) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            groups = [await redis.xinfo_groups(stream) for stream in layout.inbox_streams()]
        except REDIS_AWAY:
            groups = []
        workers = [group for found in groups for group in found if group["name"] == keys.WORKERS.encode()]
        if workers and all(group["pending"] == 0 and group["lag"] == 0 for group in workers):
            return
        assert time.monotonic() < deadline, workers
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("user", ["ann", "zoë"])
def test_a_conversation_always_lands_in_the_same_shard(layout, user):
    conversation = f"messenger:PAGE:{user}"
    assert layout.inbox(conversation) == layout.inbox(conversation)
    assert layout.shard_of(conversation) in range(4)
