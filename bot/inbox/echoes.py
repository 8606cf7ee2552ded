"""Telling our own echoes from a person's answers, where the platform does not say (X Activity API)."""

import hashlib
import html
import re

from redis.asyncio import Redis

from bot.channels.vocabulary import Echo, EchoOrigin
from bot.inbox import keys


def digest(text: str) -> str:
    """What a text and its echo have in common: platforms escape characters, shorten links and trim white space."""
    plain = re.sub(r"https?://\S+", "", html.unescape(text))
    return hashlib.sha256(" ".join(plain.split()).encode()).hexdigest()[:20]


async def is_ours(redis: Redis, echo: Echo) -> bool:
    """A reply is expected before it is sent, so its echo cannot come first."""
    if echo.origin is not EchoOrigin.UNKNOWN:
        return echo.origin is EchoOrigin.OWN
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zscore(keys.sent(echo.conversation_id), echo.message_id)
        pipe.zscore(keys.expected(echo.conversation_id), digest(echo.text or ""))
        sent, expected = await pipe.execute()
    return sent is not None or expected is not None
