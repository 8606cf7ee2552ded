"""Take-over and hand-back, and the desk's record of both.

Redis decides who has a conversation (``bot.inbox.owners``); here agents ask for it, customers get a word when the
assistant is back, and what changed is written to SQL, where transcripts and tickets find it.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.base import Channel, GiveUp, SendFailed
from bot.channels.vocabulary import Author, ChannelName, ThreadControl, encode
from bot.desk.desk import Desk
from bot.desk.models import Conversation, ConversationEvent, EventKind, Promise, PromiseKind, PromiseOutcome, Ticket
from bot.desk.outgoing import last_heard_at
from bot.desk.replies import Replies
from bot.desk.tickets import OPEN_STATUSES, Actor, DeskUnavailable
from bot.desk.window import WindowState, messaging_window
from bot.inbox import keys
from bot.inbox.connection import REDIS_AWAY
from bot.inbox.consumer import ensure_groups, entries_of
from bot.inbox.owners import Owner, OwnerConflict, OwnerKind, Owners

_CONSUMER: Final = "record"
_BATCH: Final = 200
_POLL_SECONDS: Final = 0.3
# Someone of the brand, whose name the platform does not tell.
INBOX: Final = Actor.agent("inbox")

log = structlog.get_logger()


class Conversations:
    """Methods raise Redis' own errors and ``DeskUnavailable``."""

    def __init__(
        self,
        redis: Redis,
        layout: keys.Layout,
        channels: Mapping[ChannelName, Channel],
        desk: Desk,
        replies: Replies,
        *,
        brand: str,
        silence_seconds: float,
    ) -> None:
        self._redis = redis
        self._layout = layout
        self._channels = channels
        self._desk = desk
        self._replies = replies
        self._brand = brand
        self._owners = Owners(redis, silence_seconds)

    # What agents ask for

    async def owner(self, conversation_id: str) -> Owner:
        return await self._owners.owner(conversation_id)

    async def held(self) -> list[Owner]:
        """Every conversation that a person has, longest silent first."""
        return await self._owners.held()

    async def take_over(
        self, conversation_id: str, agent: str, *, expected: Owner | None = None
    ) -> Owner | OwnerConflict:
        """The assistant is silent from now on, and what it has not sent yet is withheld.

        Replaces the assistant, and nobody else but the ``expected`` owner on the agent's screen.
        """
        new = Owner(conversation_id, OwnerKind.AGENT, agent)
        replacing = "" if expected is None or expected.kind is OwnerKind.BOT else expected.written
        outcome = await self._owners.take_over(conversation_id, new, replacing)
        if isinstance(outcome, Owner) and replacing == OwnerKind.INBOX:
            await self._control(conversation_id, ThreadControl.TAKE)
        return outcome

    async def pass_to_inbox(self, conversation_id: str, agent: str) -> Owner | OwnerConflict:
        """To the people in the platform's own inbox, where the platform has that. Raises ``SendFailed``."""
        taken = await self.take_over(conversation_id, agent)
        if isinstance(taken, OwnerConflict):
            return taken
        await self._require_control(conversation_id, ThreadControl.TO_INBOX)
        return await self._owners.take_over(conversation_id, Owner(conversation_id, OwnerKind.INBOX), taken.written)

    async def release(self, conversation_id: str, agent: str) -> Owner | OwnerConflict:
        """Given up, without a word to the customer: who answers next is the platform's to choose, the assistant unless
        it prefers another application. Only its own agent may. Raises ``SendFailed``."""
        mine = Owner(conversation_id, OwnerKind.AGENT, agent)
        owner = await self._owners.owner(conversation_id)
        if owner.written != mine.written:
            return OwnerConflict(owner)
        await self._require_control(conversation_id, ThreadControl.RELEASE)
        await self._owners.hand_back(conversation_id, str(Actor.agent(agent)), only_from=mine.written)
        return await self._owners.owner(conversation_id)

    async def language(self, conversation_id: str) -> str:
        """The customer's, as far as the assistant knows; empty before it does."""
        language: Any = await self._redis.hget(keys.memory(conversation_id), "language")
        return (language or b"").decode()

    async def hand_back(self, conversation_id: str, agent: str) -> Owner | OwnerConflict:
        """To the assistant; the customer is told, if the platform's window is open. Only its own agent may."""
        done = await self._hand_back(conversation_id, str(Actor.agent(agent)), only_from=f"{OwnerKind.AGENT}:{agent}")
        owner = await self._owners.owner(conversation_id)
        return owner if done or owner.kind is OwnerKind.BOT else OwnerConflict(owner)

    # What goes on by itself

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self.record()
                await self.hand_back_silent()
            except (*REDIS_AWAY, DeskUnavailable) as error:
                log.warning("conversations_wait", error=type(error).__name__)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await ensure_groups(self._redis, self._layout)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _POLL_SECONDS)

    async def hand_back_silent(self) -> None:
        """Conversations whose person has given no sign for long, or has closed them in the platform's inbox."""
        now = time.time()
        for conversation_id in await self._owners.silent(now):
            await self._hand_back(conversation_id, "desk", silent_since=now - self._owners.silence_seconds)

    async def record(self) -> int:
        """Write to SQL what changed; how many changes. Repeating it changes nothing."""
        entries = await self._read("0") or await self._read(">")
        if not entries:
            return 0
        async with self._desk.database.writing() as session:
            for stream_id, fields in entries:
                await self._record(session, stream_id, fields)
        ids = [stream_id for stream_id, _ in entries]
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xack(keys.OWNERSHIP, keys.DESK, *ids)
            pipe.xdel(keys.OWNERSHIP, *ids)
            await pipe.execute()
        return len(entries)

    # Parts

    async def _hand_back(
        self, conversation_id: str, by: str, *, only_from: str = "*", silent_since: float | None = None
    ) -> bool:
        owner = await self._owners.owner(conversation_id)
        stream, words = await self._words(conversation_id)
        done = await self._owners.hand_back(
            conversation_id, by, only_from=only_from, silent_since=silent_since, outbox=stream, words=words
        )
        if done:
            log.info("conversation_handed_back", channel=conversation_id.partition(":")[0], by=by)
            if owner.kind is OwnerKind.INBOX:
                await self._control(conversation_id, ThreadControl.TAKE)
        return done

    async def _words(self, conversation_id: str) -> tuple[str, list[bytes]]:
        """The assistant says that it is back and what it is; none where the platform's window is shut."""
        channel, user_id = self._channel(conversation_id)
        if channel is None:
            return "", []
        stream = self._layout.outbox(channel.name, conversation_id)
        async with self._desk.database.reading() as session:
            heard_at = await last_heard_at(session, conversation_id)
        now = datetime.now(UTC)
        if heard_at is None or messaging_window(channel.name, heard_at, now).state is not WindowState.OPEN:
            return stream, []
        text = self._replies.handed_back(await self.language(conversation_id), brand=self._brand)
        parts = channel.compose(user_id, f"back-{time.time_ns():x}", text, (), heard_at.timestamp())
        return stream, [encode(msgspec.structs.replace(part, author=Author.DESK)) for part in parts]

    async def _require_control(self, conversation_id: str, control: ThreadControl) -> None:
        """Raises ``SendFailed``."""
        channel, user_id = self._channel(conversation_id)
        if channel is None:
            raise GiveUp("no-channel", "the conversation's account is not configured here")
        await channel.control_thread(user_id, control)

    async def _control(self, conversation_id: str, control: ThreadControl) -> None:
        """Where the platform refuses, the next echo or standby notice tells who really has the conversation."""
        try:
            await self._require_control(conversation_id, control)
        except SendFailed as error:
            log.warning("thread_control_refused", channel=conversation_id.partition(":")[0], code=error.code)

    def _channel(self, conversation_id: str) -> tuple[Channel | None, str]:
        name, account_id, user_id = conversation_id.split(":", 2)
        channel = self._channels.get(ChannelName(name))
        return (channel if channel is not None and channel.account_id == account_id else None), user_id

    async def _read(self, start: str) -> list[tuple[str, Mapping[bytes, bytes]]]:
        answer = await self._redis.xreadgroup(keys.DESK, _CONSUMER, {keys.OWNERSHIP: start}, count=_BATCH)
        return [(entry_id, fields) for _, entry_id, fields in entries_of(answer)]

    async def _record(self, session: AsyncSession, stream_id: str, fields: Mapping[bytes, bytes]) -> None:
        known = {name.decode(): value.decode() for name, value in fields.items()}
        conversation_id, kind, owner = known["conversation"], known["kind"], known["owner"]
        at = datetime.fromtimestamp(int(known["at"]) / 1000, UTC)
        if kind == "answered":
            await self._count_answer(session, conversation_id)
            return
        event = {
            "stream_id": stream_id,
            "conversation_id": conversation_id,
            "kind": kind,
            "actor": known.get("by", owner),
            "reply_id": known.get("reply"),
            "at": at,
        }
        await session.execute(self._insert(ConversationEvent).values(event).on_conflict_do_nothing())
        if kind == "withheld":
            return
        row = {"conversation_id": conversation_id, "owner": owner, "since": at}
        upsert = self._insert(Conversation).values(row)
        newer = {"index_elements": ["conversation_id"], "set_": row, "where": Conversation.since <= at}
        await session.execute(upsert.on_conflict_do_update(**newer))

    async def _count_answer(self, session: AsyncSession, conversation_id: str) -> None:
        """Whoever answered in the platform's inbox has given the first response that a ticket owes."""
        owing = select(Promise.ticket_id).where(
            Promise.kind == PromiseKind.FIRST_RESPONSE, Promise.outcome == PromiseOutcome.PENDING
        )
        found = await session.scalars(
            select(Ticket)
            .where(Ticket.conversation_id == conversation_id, Ticket.status.in_(OPEN_STATUSES), Ticket.id.in_(owing))
            .order_by(Ticket.id)
            .with_for_update()
        )
        changes = self._desk.changes
        for ticket in found.all():
            await changes.promises.settle(session, ticket, changes.now(), (PromiseKind.FIRST_RESPONSE,))
            await changes.record(session, ticket, EventKind.REPLIED, by=INBOX)

    def _insert(self, table: Any) -> Any:
        return (postgresql.insert if self._desk.database.dialect == "postgresql" else sqlite.insert)(table)
