"""What could not be handled, with the reason: listed, replayed or dropped by an operator. Nothing leaves by itself."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

from bot.inbox.connection import load_script, text
from bot.inbox.keys import DEAD_LETTERS

_LETTERS_A_STEP = 500


@dataclass(frozen=True)
class DeadLetter:
    """``value`` is the event or message as JSON: personal data, to be shown to nobody who need not see it."""

    id: str
    stream: str
    reason: str
    value: bytes

    @property
    def parked_at(self) -> float:
        """UTC seconds since the epoch."""
        return int(self.id.partition("-")[0]) / 1000


class DeadLetters:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._replay = load_script(redis, "replay")

    async def count(self) -> int:
        return int(await self._redis.xlen(DEAD_LETTERS))

    async def list(self, limit: int = 100) -> Sequence[DeadLetter]:
        """Oldest first."""
        return await self._from("-", limit)

    async def all(self) -> AsyncIterator[DeadLetter]:
        """Oldest first."""
        start = "-"
        while letters := await self._from(start, _LETTERS_A_STEP):
            for letter in letters:
                yield letter
            start = f"({letters[-1].id}"

    async def _from(self, start: str, limit: int) -> Sequence[DeadLetter]:
        entries: Any = await self._redis.xrange(DEAD_LETTERS, min=start, count=limit)
        return [
            DeadLetter(text(entry_id), text(fields[b"stream"]), text(fields[b"reason"]), fields[b"value"])
            for entry_id, fields in entries
        ]

    async def replay(self, letter_id: str) -> bool:
        """Put it back at the end of the stream it came from; False when there is no such letter."""
        return bool(await self._replay(keys=[DEAD_LETTERS], args=[letter_id]))

    async def drop(self, letter_id: str) -> bool:
        """Forget it for ever; False when there is no such letter."""
        return bool(await self._redis.xdel(DEAD_LETTERS, letter_id))
