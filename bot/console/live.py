"""What changes while a page is open: one look at the database a second for each process, however many pages wait.

A page listens to topics: ``tickets`` (any), ``ticket:ML-7K3-FQ2``, ``conversations`` (any), ``conversation:…``. It is
told that something changed, never what: it then asks for itself again, with the rights of whoever looks.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from sqlalchemy import func, select

from bot.desk import Database, DeskUnavailable
from bot.desk.models import ConversationEvent, Message, Ticket, TicketEvent
from bot.inbox.connection import REDIS_AWAY

TICKETS: Final = "tickets"
CONVERSATIONS: Final = "conversations"

_EVERY_SECONDS: Final = 1.0
# Transactions of PostgreSQL may commit in another order than their rows were numbered in.
_OVERLAP: Final = 100
_AT_ONCE: Final = 500
# Whoever went away yesterday and comes back in the morning is there again.
_AWAY_SECONDS: Final = 12 * 3600

log = structlog.get_logger()


@dataclass(eq=False)
class Listener:
    topics: frozenset[str]
    reference: str = ""
    """Of the ticket on the page, to learn who else looks at it."""
    changed: bool = False
    others: dict[str, bool] | None = None
    """Who looks at the ticket, and whether they type, once that changed."""
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        self._woken.set()

    async def wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)
        self._woken.clear()


class Looking:
    """Who looks at a ticket, and who types. Raises Redis' own errors."""

    LASTS_SECONDS: Final = 15.0
    TYPING_SECONDS: Final = 6.0

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def look(self, reference: str, agent: str) -> None:
        await self._mark(_looking(reference), agent, self.LASTS_SECONDS)

    async def type(self, reference: str, agent: str) -> None:
        await self._mark(_typing(reference), agent, self.TYPING_SECONDS)

    async def leave(self, reference: str, agent: str) -> None:
        await self._redis.zrem(_looking(reference), agent)

    async def at(self, reference: str) -> dict[str, bool]:
        """Agents by name, and whether they type."""
        now = time.time()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(_looking(reference), now, "+inf")
            pipe.zrangebyscore(_typing(reference), now, "+inf")
            looking, typing = await pipe.execute()
        return {agent.decode(): agent in typing for agent in sorted(looking)}

    async def _mark(self, key: str, agent: str, seconds: float) -> None:
        now = time.time()
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zadd(key, {agent: now + seconds})
            pipe.zremrangebyscore(key, "-inf", now)
            pipe.expire(key, int(seconds) + 1)
            await pipe.execute()


class Availability:
    """Whether an agent who is there wants new tickets. Raises Redis' own errors."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def set(self, agent: str, *, away: bool) -> None:
        if away:
            await self._redis.set(_away(agent), "1", ex=_AWAY_SECONDS)
        else:
            await self._redis.delete(_away(agent))

    async def is_away(self, agent: str) -> bool:
        return bool(await self._redis.exists(_away(agent)))


def _away(agent: str) -> str:
    return f"parvis:away:{agent}"


def _looking(reference: str) -> str:
    return f"parvis:looking:{reference}"


def _typing(reference: str) -> str:
    return f"parvis:typing:{reference}"


class Live:
    def __init__(self, database: Database, looking: Looking) -> None:
        self._database = database
        self._looking = looking
        self._listeners: set[Listener] = set()
        self._tickets = _Tail(TicketEvent.id, select(TicketEvent.id, Ticket.reference).join(Ticket))
        self._messages = _Tail(Message.id, select(Message.id, Message.conversation_id))
        self._owners = ""

    @contextlib.contextmanager
    def listening(self, topics: Iterable[str], reference: str = "") -> Iterator[Listener]:
        listener = Listener(frozenset(topics), reference)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def run(self) -> None:
        """Until cancelled. Looks even when nobody listens, so that the next listener misses nothing."""
        while True:
            try:
                self._tell(await self._changes())
                await self._tell_who_looks()
            except (DeskUnavailable, *REDIS_AWAY) as error:
                log.warning("live_lists_wait", error=type(error).__name__)
            await asyncio.sleep(_EVERY_SECONDS)

    async def _changes(self) -> set[str]:
        async with self._database.reading() as session:
            references = await self._tickets.new(session)
            conversations = set(await self._messages.new(session))
            query = select(ConversationEvent.stream_id, ConversationEvent.conversation_id)
            query = query.order_by(ConversationEvent.stream_id.desc()).limit(_AT_ONCE)
            taken = (await session.execute(query.where(ConversationEvent.stream_id > self._owners))).all()
        if taken:
            conversations |= {row[1] for row in taken} if self._owners else set()
            self._owners = taken[0][0]
        topics = {f"ticket:{reference}" for reference in references}
        topics |= {f"conversation:{conversation}" for conversation in conversations}
        return topics | ({TICKETS} if references else set()) | ({CONVERSATIONS} if conversations else set())

    def _tell(self, topics: set[str]) -> None:
        for listener in self._listeners:
            if listener.topics & topics:
                listener.changed = True
                listener.wake()

    async def _tell_who_looks(self) -> None:
        by_reference: dict[str, list[Listener]] = {}
        for listener in self._listeners:
            if listener.reference:
                by_reference.setdefault(listener.reference, []).append(listener)
        for reference, listeners in by_reference.items():
            others = await self._looking.at(reference)
            for listener in listeners:
                if listener.others != others:
                    listener.others = others
                    listener.wake()


class _Tail:
    """What a growing table has got since the last look."""

    def __init__(self, number: Any, rows: Any) -> None:
        self._number = number
        self._rows = rows
        self._known: set[int] | None = None

    async def new(self, session: Any) -> list[str]:
        if self._known is None:
            newest = await session.scalar(select(func.max(self._number))) or 0
            start = max(0, newest - _OVERLAP)
            listed = await session.scalars(select(self._number).where(self._number > start))
            self._known = {start, *listed.all()}
            return []
        start = max(min(self._known), max(self._known) - _OVERLAP)
        query = self._rows.where(self._number > start).order_by(self._number).limit(_AT_ONCE)
        found = (await session.execute(query)).all()
        fresh = [value for number, value in found if number not in self._known]
        self._known = {start} | {number for number, _ in found}
        return fresh
