"""Putting words in the outbox that are no answer of the assistant: an agent's, or the desk's own."""

import hashlib
from collections.abc import Mapping

import msgspec
from redis.asyncio import Redis

from bot.channels.base import Channel
from bot.channels.vocabulary import Author, ChannelName, encode
from bot.inbox import keys
from bot.inbox.connection import load_script

# Longer than anything that is said twice by mistake could lie in between: SQL remembers for ever.
_REMEMBERED_SECONDS = 7 * 24 * 3600


class Outbox:
    def __init__(self, redis: Redis, layout: keys.Layout, channels: Mapping[ChannelName, Channel]) -> None:
        self._layout = layout
        self._channels = channels
        self._say = load_script(redis, "say")

    def serves(self, channel: ChannelName) -> bool:
        return channel in self._channels

    async def say(
        self, *, key: str, channel: ChannelName, user_id: str, text: str, author: Author, to_reply_at: float | None
    ) -> bool:
        """Append ``text``, in as many messages as the platform needs. False when the words of ``key`` are there."""
        reply_id = hashlib.sha256(key.encode()).hexdigest()[:24]
        composed = self._channels[channel].compose(user_id, reply_id, text, (), to_reply_at)
        parts = [msgspec.structs.replace(part, author=author) for part in composed]
        conversation = parts[0].conversation_id
        said = await self._say(
            keys=[keys.said(reply_id), self._layout.outbox(channel, conversation)],
            args=[_REMEMBERED_SECONDS, *(encode(part) for part in parts)],
        )
        return bool(said)
