"""Channels that cannot send until an operator acts: why, since when, and how they go on."""

import json

from redis.asyncio import Redis

from bot.channels.base import Channel
from bot.inbox import keys
from bot.operations import utc_now


class Pauses:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def pause(self, channel: Channel, code: str, explanation: str) -> bool:
        """True when the channel was not paused before."""
        note = json.dumps({"code": code, "explanation": explanation, "since": utc_now()})
        return bool(await self._redis.set(keys.pause(channel.name, channel.account_id), note, nx=True))

    async def resume(self, channel: Channel) -> bool:
        """True when the channel was paused."""
        return bool(await self._redis.delete(keys.pause(channel.name, channel.account_id)))

    async def reason(self, channel: Channel) -> str | None:
        """Why nothing can be sent and what to do, or None while all is well."""
        note = await self._redis.get(keys.pause(channel.name, channel.account_id))
        if note is None:
            return None
        pause = json.loads(note)
        return (
            f"paused by error {pause['code']}: {pause['explanation']}. Mend it (a new token, a permission), restart "
            f"the sender, then run: parvis channels resume {channel.name}"
        )
