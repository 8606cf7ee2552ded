"""Leases: each stream has one consumer of a group at a time, and another takes over when it dies."""

import time
from collections.abc import Sequence

from redis.asyncio import Redis

from bot.inbox import keys
from bot.inbox.connection import load_script


class Leases:
    """The leases of one consumer. A lease not renewed for ``seconds`` is free for another."""

    def __init__(self, redis: Redis, group: str, streams: Sequence[str], consumer: str, seconds: float) -> None:
        self.consumer = consumer
        self._group = group
        self._members = keys.members(group, streams[0])
        self._seconds = seconds
        # Each consumer prefers other streams, so that several started together do not fight over the same.
        start = hash(consumer) % len(streams)
        self._streams = [*streams[start:], *streams[:start]]
        self._hold = load_script(redis, "hold_leases")
        self._release = load_script(redis, "release_leases")
        self._valid_until: dict[str, float] = {}
        self.surplus: frozenset[str] = frozenset()

    def held(self) -> set[str]:
        """Streams whose lease is certainly still ours for a moment."""
        now = time.monotonic()
        return {stream for stream, until in self._valid_until.items() if until > now}

    async def renew(self) -> None:
        """Renew what is held and take what is free, up to a fair share. Raises Redis' connection errors."""
        asked_at = time.monotonic()
        lease_keys = [keys.lease(self._group, stream) for stream in self._streams]
        positions: list[int] = await self._hold(
            keys=[self._members, *lease_keys],
            args=[self.consumer, int(self._seconds * 1000), int(time.time() * 1000)],
        )
        valid_until = asked_at + self._seconds * 0.8
        self._valid_until = {self._streams[abs(position) - 1]: valid_until for position in positions}
        self.surplus = frozenset(self._streams[-position - 1] for position in positions if position < 0)

    async def release(self, streams: Sequence[str], *, leave: bool = False) -> None:
        """Give up leases; with ``leave``, stop counting as a member of the group."""
        lease_keys = [keys.lease(self._group, stream) for stream in streams]
        await self._release(keys=[self._members, *lease_keys], args=[self.consumer, "1" if leave else "0"])
        for stream in streams:
            self._valid_until.pop(stream, None)
