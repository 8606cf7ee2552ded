"""A customer asked to be forgotten: what Redis holds of them beyond the minutes in which a message is handled."""

import msgspec
from redis.asyncio import Redis

from bot.channels.vocabulary import decode_address
from bot.inbox import keys
from bot.inbox.dead_letters import DeadLetter, DeadLetters


async def forget_conversation(redis: Redis, conversation_id: str) -> int:
    """Remove what the assistant remembers, who has the conversation, and its dead letters, whose number is returned.

    Ids of messages stay until they expire, so that none is answered twice. Raises Redis' own errors.
    """
    async with redis.pipeline() as pipe:
        pipe.delete(
            keys.events(conversation_id),
            keys.version(conversation_id),
            keys.memory(conversation_id),
            keys.human(conversation_id),
        )
        pipe.zrem(keys.OWNED, conversation_id)
        await pipe.execute()
    letters = DeadLetters(redis)
    theirs = [letter.id async for letter in letters.all() if _conversation_of(letter) == conversation_id]
    return sum([await letters.drop(letter_id) for letter_id in theirs])


def _conversation_of(letter: DeadLetter) -> str | None:
    """None when nobody can read what it holds."""
    try:
        return decode_address(letter.value).conversation_id
    except msgspec.DecodeError:
        return None
