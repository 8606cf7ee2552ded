"""How often a password may be tried: counted in Redis, so that every process of the console counts together."""

import hashlib
from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

_PREFIX: Final = "parvis:console:attempts"


@dataclass(frozen=True)
class Throttle:
    """``per_account`` failures and ``per_address`` failures in ``window_seconds``; then one waits until it is over."""

    redis: Redis
    per_account: int = 8
    per_address: int = 40
    window_seconds: int = 900

    async def wait_seconds(self, email: str, address: str) -> int:
        """How long the next try must wait; 0 when it may come now."""
        waits = []
        for key, most in self._counters(email, address):
            count = int(await self.redis.get(key) or 0)
            if count >= most:
                waits.append(max(1, await self.redis.ttl(key)))
        return max(waits, default=0)

    async def count_failure(self, email: str, address: str) -> None:
        async with self.redis.pipeline(transaction=True) as pipeline:
            for key, _ in self._counters(email, address):
                pipeline.incr(key)
                pipeline.expire(key, self.window_seconds, nx=True)
            await pipeline.execute()

    async def forget(self, email: str) -> None:
        """After a success: the account's own failures were its owner's."""
        await self.redis.delete(self._counters(email, "")[0][0])

    def _counters(self, email: str, address: str) -> list[tuple[str, int]]:
        # A hash, so that Redis holds no list of e-mail addresses, right or mistyped.
        account = hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]
        return [(f"{_PREFIX}:account:{account}", self.per_account), (f"{_PREFIX}:address:{address}", self.per_address)]
