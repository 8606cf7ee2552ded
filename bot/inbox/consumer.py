"""Reading streams: order within a conversation, many conversations at once, one consumer a shard at a time."""

import asyncio
import contextlib
import os
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bot.inbox.connection import REDIS_AWAY, load_script
from bot.inbox.keys import Layout, lease
from bot.inbox.leases import Leases
from bot.operations import utc_now

log = structlog.get_logger()

Item = TypeVar("Item")

# All consumers of a group read under one name: the lease says whose turn it is, and whoever holds it finds
# unfinished entries under that name, without claiming them from a dead one.
_HOLDER = "holder"
_READ_COUNT = 128
_BLOCK_SECONDS = 0.5
_FRESH_SECONDS = 0.25
_TRIM_SECONDS = 30.0


class LeaseLost(Exception):
    """Another consumer holds the shard; what was under way there is its business now."""


@dataclass(frozen=True)
class Entry(Generic[Item]):
    """One entry of a stream, with its ``fields`` as they stand there. ``recovered``: it was delivered before, so it may
    be half done. ``behind``: another of its conversation was under way here when it was appended, or later."""

    stream: str
    id: str
    conversation_id: str
    item: Item
    fields: Mapping[bytes, bytes]
    recovered: bool
    behind: bool
    lease_key: str
    consumer: str

    @property
    def appended_at(self) -> float:
        """When Redis took it, in UTC seconds since the epoch."""
        return _appended_at(self.id)

    @property
    def is_fresh(self) -> bool:
        """Whether it was appended this very moment and nothing has happened in its conversation since: what was noted
        with it then still holds."""
        return not self.recovered and not self.behind and abs(utc_now() - self.appended_at) < _FRESH_SECONDS


class Handler(Protocol[Item]):
    """What is done with the entries of a stream. ``handle`` finishes the entry itself, in one transaction."""

    def read(self, fields: Mapping[bytes, bytes]) -> tuple[str, Item]:
        """The conversation's id and the decoded item. Raises ``ValueError`` when it cannot be read."""
        ...

    async def handle(self, entry: Entry[Item]) -> None:
        """Raises ``LeaseLost``; any other error parks the entry in the dead letters."""
        ...

    async def park(self, entry: Entry[Item] | Entry[None], reason: str) -> None:
        """Put the entry in the dead letters."""
        ...


async def ensure_groups(redis: Redis, layout: Layout) -> None:
    """Create every consumer group from the beginning of its stream, so that none misses what came before it."""
    for stream, group in layout.groups():
        try:
            await redis.xgroup_create(stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise


class ShardConsumer(Generic[Item]):
    """Consumes the shards it can lease, until told to stop."""

    def __init__(
        self,
        redis: Redis,
        layout: Layout,
        group: str,
        streams: Sequence[str],
        handler: Handler[Item],
        *,
        lease_seconds: float,
        backlog: int = 5000,
    ) -> None:
        self._redis = redis
        self._layout = layout
        self._group = group
        self._handler = handler
        self._lease_seconds = lease_seconds
        self._backlog = backlog
        self._leases = Leases(redis, group, streams, f"{os.getpid()}-{secrets.token_hex(6)}", lease_seconds)
        self._trim = load_script(redis, "trim")
        self._queues: dict[str, deque[Entry[Item]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._known: dict[tuple[str, str], None] = {}
        self._recovered: dict[str, float] = {}
        self._last_left: dict[str, float] = {}

    @property
    def waiting(self) -> int:
        """Entries read and not yet finished."""
        return len(self._known)

    @property
    def shards_held(self) -> int:
        return len(self._leases.held())

    async def run(self, stop: asyncio.Event) -> None:
        keeping = asyncio.create_task(self._keep_leases(stop))
        trimming = asyncio.create_task(self._trim_acknowledged(stop))
        try:
            await self._read_until(stop)
        finally:
            keeping.cancel()
            trimming.cancel()
            await self._finish_under_way()
            with contextlib.suppress(*REDIS_AWAY):
                await self._leases.release(sorted(self._leases.held()), leave=True)

    # Leases

    async def _keep_leases(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            with contextlib.suppress(*REDIS_AWAY):
                await self._leases.renew()
            await asyncio.sleep(self._lease_seconds / 4)

    async def _release_surplus(self) -> None:
        """Give shards to newcomers. Only between two reads: one under way could still be handed their entries."""
        busy = {stream for stream, _ in self._known}
        idle = sorted((self._leases.surplus & self._leases.held()) - busy)
        if idle:
            await self._leases.release(idle)

    async def _trim_acknowledged(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await asyncio.sleep(_TRIM_SECONDS)
            for stream in sorted(self._leases.held()):
                with contextlib.suppress(*REDIS_AWAY):
                    await self._trim(keys=[stream])

    # Reading

    async def _read_until(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._release_surplus()
                readable = self._leases.held() - self._leases.surplus
                if not readable or len(self._known) >= self._backlog:
                    await asyncio.sleep(0.05)
                    continue
                await self._recover_unfinished(readable)
                await self._read_new(sorted(readable))
            except REDIS_AWAY as error:
                log.warning("redis_away", group=self._group, error=type(error).__name__)
                self._recovered.clear()
                await asyncio.sleep(0.2)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await ensure_groups(self._redis, self._layout)  # Redis came back empty

    async def _recover_unfinished(self, readable: set[str]) -> None:
        """Take up entries that were delivered to nobody alive, before anything newer of their shard.

        It runs when a lease is won, and again now and then: a consumer that stood still while its lease ran out may
        have been handed entries that nobody works on.
        """
        now = time.monotonic()
        for stream in [name for name in self._recovered if name not in readable]:
            del self._recovered[stream]
        for stream in sorted(readable):
            if self._recovered.get(stream, 0.0) > now:
                continue
            last = "0"
            while True:
                reply = await self._redis.xreadgroup(self._group, _HOLDER, {stream: last}, count=_READ_COUNT)
                entries = entries_of(reply)
                for _, entry_id, fields in entries:
                    await self._dispatch(stream, entry_id, fields, recovered=True)
                if len(entries) < _READ_COUNT:
                    break
                last = entries[-1][1]
            self._recovered[stream] = now + self._lease_seconds

    async def _read_new(self, streams: list[str]) -> None:
        reply = await self._redis.xreadgroup(
            self._group,
            _HOLDER,
            dict.fromkeys(streams, ">"),
            count=_READ_COUNT,
            block=int(min(_BLOCK_SECONDS, self._lease_seconds / 8) * 1000),
        )
        for stream, entry_id, fields in entries_of(reply):
            await self._dispatch(stream, entry_id, fields, recovered=False)

    async def _dispatch(self, stream: str, entry_id: str, fields: Mapping[bytes, bytes], *, recovered: bool) -> None:
        if (stream, entry_id) in self._known:
            return
        lease_key = lease(self._group, stream)
        consumer = self._leases.consumer
        try:
            conversation_id, item = self._handler.read(fields)
        except ValueError as error:
            unreadable = Entry(stream, entry_id, "", None, fields, recovered, False, lease_key, consumer)
            # Not the traceback: a decoder's message may quote what it could not read.
            log.error("entry_unreadable", stream=stream, entry=entry_id, error=type(error).__name__)  # noqa: TRY400
            with contextlib.suppress(LeaseLost):
                await self._handler.park(unreadable, f"unreadable: {type(error).__name__}")
            return
        queue = self._queues.get(conversation_id)
        behind = queue is not None or self._last_left.get(conversation_id, 0.0) >= _appended_at(entry_id)
        entry = Entry(stream, entry_id, conversation_id, item, fields, recovered, behind, lease_key, consumer)
        self._known[stream, entry_id] = None
        if queue is not None:
            queue.append(entry)
            return
        self._queues[conversation_id] = deque([entry])
        task = asyncio.create_task(self._serve(conversation_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Handling

    async def _serve(self, conversation_id: str) -> None:
        """Handle one conversation's entries in order, as long as there are any."""
        queue = self._queues[conversation_id]
        try:
            while queue:
                await self._handle(queue[0])
                done = queue.popleft()
                self._known.pop((done.stream, done.id), None)
        except LeaseLost:
            # Forget the rest too: whoever holds the lease, we again perhaps, must begin at the oldest.
            log.info("lease_lost", group=self._group, stream=queue[0].stream)
            self._recovered.pop(queue[0].stream, None)
        finally:
            for entry in queue:
                self._known.pop((entry.stream, entry.id), None)
            del self._queues[conversation_id]
            self._note_left(conversation_id)

    def _note_left(self, conversation_id: str) -> None:
        """When nothing was left to do in a conversation; as long as an entry is fresh that was appended before."""
        now = utc_now()
        self._last_left.pop(conversation_id, None)
        self._last_left[conversation_id] = now
        while self._last_left[oldest := next(iter(self._last_left))] < now - _FRESH_SECONDS:
            del self._last_left[oldest]

    async def _handle(self, entry: Entry[Item]) -> None:
        try:
            await self._handler.handle(entry)
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("entry_failed", group=self._group, stream=entry.stream, entry=entry.id)
            await self._handler.park(entry, f"defect: {type(error).__name__}")

    async def _finish_under_way(self) -> None:
        if not self._tasks:
            return
        _, unfinished = await asyncio.wait(self._tasks, timeout=2.0)
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished, timeout=1.0)


def _appended_at(entry_id: str) -> float:
    return int(entry_id.partition("-")[0]) / 1000


def entries_of(reply: Any) -> list[tuple[str, str, Mapping[bytes, bytes]]]:
    """Flatten redis-py's answer; entries that were deleted meanwhile have no fields and are left out."""
    streams = reply.items() if isinstance(reply, dict) else (reply or [])
    found: list[tuple[str, str, Mapping[bytes, bytes]]] = []
    for name, entries in streams:
        flat = [entry for page in entries for entry in (page if isinstance(page, list) else [page])]
        found.extend((name.decode(), entry_id.decode(), fields) for entry_id, fields in flat if fields)
    return found
