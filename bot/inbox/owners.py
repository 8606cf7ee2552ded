"""Who has a conversation: the assistant, a person of the brand, or the platform's own inbox.

Decided in Redis, since it is asked at the moment of sending, in the sender's own script (``begin_send``). What changes
is told in a stream, from which the desk keeps its record.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from redis.asyncio import Redis

from bot.inbox import keys
from bot.inbox.connection import load_script

# The desk hands a silent conversation back, with a word. Should no desk run for so long, the assistant wakes without.
_GRACE_SECONDS: Final = 3600


class OwnerKind(StrEnum):
    BOT = "bot"
    AGENT = "agent"
    INBOX = "inbox"
    """A person in the platform's own inbox, or in another application."""


@dataclass(frozen=True, slots=True)
class Owner:
    """``name``: an agent's sign-in name. ``last_sign_at``: when the person last took it, wrote or was seen to write."""

    conversation_id: str
    kind: OwnerKind
    name: str = ""
    last_sign_at: datetime | None = None

    @property
    def written(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)

    @classmethod
    def read(cls, conversation_id: str, written: str, last_sign_at: datetime | None = None) -> "Owner":
        """What is none of the kinds was written before owners had names: the platform's inbox."""
        kind, _, name = written.partition(":")
        if kind and kind not in set(OwnerKind):
            return cls(conversation_id, OwnerKind.INBOX, "", last_sign_at)
        return cls(conversation_id, OwnerKind(kind or OwnerKind.BOT), name, last_sign_at)


@dataclass(frozen=True, slots=True)
class OwnerConflict:
    """Somebody else has the conversation."""

    owner: Owner


class Owners:
    """Raises Redis' own errors."""

    def __init__(self, redis: Redis, silence_seconds: float) -> None:
        """A person who gives no sign for ``silence_seconds`` has left the conversation to the assistant."""
        self._redis = redis
        self._silence_seconds = silence_seconds
        self._take_over = load_script(redis, "take_over")
        self._hand_back = load_script(redis, "hand_back")

    async def owner(self, conversation_id: str) -> Owner:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(keys.human(conversation_id))
            pipe.zscore(keys.OWNED, conversation_id)
            written, last = await pipe.execute()
        return Owner.read(conversation_id, (written or b"").decode(), _moment(last) if written else None)

    async def take_over(self, conversation_id: str, new: Owner, replacing: str = "") -> Owner | OwnerConflict:
        """From the assistant, from the owner that is written ``replacing``, or from anybody (``*``).

        For whoever has it already this is a sign of life. Repeating it changes nothing.
        """
        done, written, last = await self._take_over(
            keys=[keys.human(conversation_id), keys.OWNED, keys.OWNERSHIP],
            args=[conversation_id, new.written, replacing, self._lasts, _now()],
        )
        current = Owner.read(conversation_id, written.decode(), _moment(last))
        return current if done else OwnerConflict(current)

    async def note_answer(self, conversation_id: str) -> None:
        """A person answered outside. The desk is told, which counts it as an answer to the customer."""
        await self.note_elsewhere(conversation_id)
        told = {"kind": "answered", "conversation": conversation_id, "owner": OwnerKind.INBOX.value, "at": _now()}
        await self._redis.xadd(keys.OWNERSHIP, told)  # type: ignore[arg-type]

    async def note_elsewhere(self, conversation_id: str) -> None:
        """The conversation goes on outside: a take-over from the assistant, a sign of life of whoever has it."""
        await self._take_over(
            keys=[keys.human(conversation_id), keys.OWNED, keys.OWNERSHIP],
            args=[conversation_id, OwnerKind.INBOX.value, "keep", self._lasts, _now()],
        )

    async def expect_back(self, conversation_id: str) -> None:
        """The platform's inbox has given the conversation up: it goes back at the desk's next look."""
        if (await self.owner(conversation_id)).kind is OwnerKind.INBOX:
            await self._redis.zadd(keys.OWNED, {conversation_id: 0}, xx=True)

    async def hand_back(
        self,
        conversation_id: str,
        by: str,
        *,
        only_from: str = "*",
        silent_since: float | None = None,
        outbox: str = "",
        words: Sequence[bytes] = (),
    ) -> bool:
        """To the assistant, with ``words`` in the stream ``outbox``, in one step. False when another has it by now,
        or, with ``silent_since`` (UTC seconds), when the person gave a sign after that."""
        before = "" if silent_since is None else int(silent_since * 1000)
        return bool(
            await self._hand_back(
                keys=[keys.human(conversation_id), keys.OWNED, keys.OWNERSHIP, outbox],
                args=[conversation_id, by, only_from, before, _now(), *words],
            )
        )

    async def held(self) -> list[Owner]:
        """Every conversation that a person has, longest silent first."""
        listed: list[Any] = await self._redis.zrange(keys.OWNED, 0, -1, withscores=True)
        if not listed:
            return []
        written: list[Any] = await self._redis.mget([keys.human(member.decode()) for member, _ in listed])
        return [
            Owner.read(member.decode(), owner.decode(), _moment(score))
            for (member, score), owner in zip(listed, written, strict=True)
            if owner is not None
        ]

    async def silent(self, now: float) -> list[str]:
        """Conversations whose person has given no sign for long."""
        until = (now - self._silence_seconds) * 1000
        members: list[Any] = await self._redis.zrangebyscore(keys.OWNED, "-inf", until)
        return [member.decode() for member in members]

    @property
    def silence_seconds(self) -> float:
        return self._silence_seconds

    @property
    def _lasts(self) -> int:
        return int(self._silence_seconds) + _GRACE_SECONDS


def _now() -> int:
    return int(time.time() * 1000)


def _moment(score: float | bytes | None) -> datetime | None:
    return None if score is None else datetime.fromtimestamp(float(score) / 1000, UTC)
