"""The worker: takes customers' messages from the inbox, asks the assistant, puts its replies in the outbox."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import structlog
from redis.asyncio import Redis

from bot.assistant import Answer, AssistantAway, AssistantClient, Turn, TurnFailed
from bot.channels.base import Channel
from bot.channels.vocabulary import (
    Activity,
    ChannelName,
    Echo,
    Event,
    InboundMessage,
    Notice,
    NoticeKind,
    OutboundMessage,
    QuickReply,
    decode_event,
    encode,
)
from bot.inbox import keys, metrics
from bot.inbox.connection import backoff_seconds, load_script, until_redis_answers
from bot.inbox.consumer import Entry, LeaseLost
from bot.inbox.echoes import is_ours
from bot.inbox.owners import Owners
from bot.inbox.permission import permission_arguments, permission_keys
from bot.operations import utc_now

log = structlog.get_logger()

_COMPANY_AFTER_SECONDS = 0.4
_HOLDING_REMEMBERED_SECONDS = 24 * 3600
_choices_decoder = msgspec.json.Decoder(tuple[QuickReply, ...])
_NOT_ASKED: tuple[Sequence[str], Sequence[str | float]] = ("",) * 4, ("",) * 2
_recalled_decoder = msgspec.msgpack.Decoder(tuple[str, str, str, str, str])


@dataclass(frozen=True)
class WorkerLimits:
    concurrent_turns: int
    turn_attempts: int
    holding_after_seconds: float
    human_silence_seconds: float


@dataclass(frozen=True)
class Memory:
    """What the worker remembers of a conversation between turns."""

    human_has_it: bool = False
    silent: bool = False
    """The customer asked not to be written to."""
    language: str | None = None
    choices: tuple[QuickReply, ...] = field(default=())
    version: str = ""
    """Of the conversation that the assistant goes on with; "" where none is stored."""

    @classmethod
    def read(cls, recalled: bytes) -> "Memory":
        """``recalled``: what ``memory.lua`` gives."""
        owner, silent, language, choices, version = _recalled_decoder.decode(recalled)
        offered = _choices_decoder.decode(choices) if choices else ()
        return cls(bool(owner), silent == "1", language or None, offered, version)


class ConversationChanged(Exception):
    """The turn followed a state of the conversation that is not the stored one, so it did not happen."""


class Worker:
    """Handles the entries of the inbox, one conversation in order, many at once."""

    def __init__(
        self,
        redis: Redis,
        layout: keys.Layout,
        channels: Mapping[ChannelName, Channel],
        assistant: AssistantClient,
        limits: WorkerLimits,
        holding_text: Callable[[str | None], str],
    ) -> None:
        """``holding_text`` gives the word for a waiting customer in a language, or in all when it is not known."""
        self._redis = redis
        self._layout = layout
        self._channels = channels
        self._assistant = assistant
        self._limits = limits
        self._holding_text = holding_text
        self._slots = asyncio.Semaphore(limits.concurrent_turns)
        self._finish_turn = load_script(redis, "finish_turn")
        self._recall = load_script(redis, "recall")
        self._hold = load_script(redis, "hold")
        self._owners = Owners(redis, limits.human_silence_seconds)

    def read(self, fields: Mapping[bytes, bytes]) -> tuple[str, Event]:
        event = decode_event(fields[b"event"])
        return event.conversation_id, event

    async def handle(self, entry: Entry[Event]) -> None:
        event = entry.item
        match event:
            case InboundMessage() if event.channel in self._channels:
                await self._answer(entry, event)
            case InboundMessage():
                await self.park(entry, f"channel {event.channel} is not configured")
            case Echo():
                await self._notice_echo(entry, event)
            case _:
                await self._notice(entry, event)

    async def park(self, entry: Entry[Event] | Entry[None], reason: str) -> None:
        metrics.DEAD_LETTERED.labels("inbox").inc()
        log.error("message_parked", stream=entry.stream, entry=entry.id, reason=reason)
        if isinstance(entry.item, InboundMessage) and entry.item.channel in self._channels:
            memory = await self._remembered(entry.conversation_id)
            if not memory.silent:
                await self._send_holding_word(entry, entry.item, None)
        await self._finish(entry, [], reason=reason)

    # A customer's message

    async def _answer(self, entry: Entry[Event], message: InboundMessage) -> None:
        """Raises ``LeaseLost``."""
        recalled = entry.fields.get(b"recalled") if entry.is_fresh else None
        memory = Memory.read(recalled) if recalled else await self._remembered(message.conversation_id)
        while True:
            try:
                return await self._take_turn(entry, message, memory)
            except ConversationChanged:
                log.warning("conversation_changed", message_id=message.message_id)
                await asyncio.sleep(backoff_seconds(1))
                memory = await self._remembered(message.conversation_id)

    async def _take_turn(self, entry: Entry[Event], message: InboundMessage, memory: Memory) -> None:
        """Raises ``LeaseLost`` and ``ConversationChanged``."""
        if memory.human_has_it:
            metrics.TURNS.labels(message.channel, "left_to_human").inc()
            await self._finish(entry, [])
            return
        company = asyncio.create_task(self._keep_company(entry, message, memory))
        try:
            answer = await self._ask(Turn.from_message(message, memory.choices, memory.version))
        except TurnFailed as error:
            metrics.TURNS.labels(message.channel, "failed").inc()
            await self.park(entry, f"assistant: {error}")
            return
        finally:
            company.cancel()
            with contextlib.suppress(asyncio.CancelledError, LeaseLost):
                await company
        if answer.conversation and answer.conversation.after != memory.version:
            # What the customer may have chosen from is not what was remembered.
            raise ConversationChanged
        replies = self._compose(message, answer)
        if not replies and not answer.silent:
            # A customer who wrote gets a word; a silent assistant is a defect of its rules.
            await self.park(entry, "assistant: no reply")
            return
        await self._finish(entry, replies, answer)
        metrics.TURNS.labels(message.channel, "answered" if replies else "silent").inc()
        metrics.TURN_SECONDS.labels(message.channel).observe(max(0.0, utc_now() - entry.appended_at))

    async def _remembered(self, conversation_id: str) -> Memory:
        return Memory.read(await until_redis_answers(lambda: self._recall(keys=keys.recalled(conversation_id))))

    async def _ask(self, turn: Turn) -> Answer:
        """Ask until there is an answer. While the assistant is away the message waits; a failing turn is tried a few
        times. Raises ``TurnFailed`` after the last."""
        away, failed = 0, 0
        while True:
            try:
                async with self._slots:
                    answer = await self._assistant.ask(turn)
            except AssistantAway as error:
                away += 1
                metrics.ASSISTANT_AWAY.set(1)
                if away == 1:
                    log.warning("assistant_away", message_id=turn.message_id, reason=str(error))
                await asyncio.sleep(0.1 + backoff_seconds(away, base=0.2, most=1.0))
            except TurnFailed as error:
                failed += 1
                log.warning("turn_failed", message_id=turn.message_id, attempt=failed, reason=str(error))
                if failed >= self._limits.turn_attempts:
                    raise
                await asyncio.sleep(0.5 + backoff_seconds(failed, base=0.5, most=10.0))
            else:
                metrics.ASSISTANT_AWAY.set(0)
                return answer

    def _compose(self, message: InboundMessage, answer: Answer) -> list[OutboundMessage]:
        channel = self._channels[message.channel]
        base = _reply_id(message)
        return [
            part
            for position, reply in enumerate(answer.replies)
            for part in channel.compose(
                message.user_id, f"{base}-{position}", reply.text, reply.quick_replies, message.occurred_at
            )
        ]

    async def _finish(
        self,
        entry: Entry[Event] | Entry[None],
        replies: Sequence[OutboundMessage],
        answer: Answer | None = None,
        *,
        reason: str = "",
    ) -> None:
        """Acknowledge the entry, store the conversation and put the replies in the outbox in one step.

        Raises ``LeaseLost`` and ``ConversationChanged``."""
        conversation = entry.conversation_id
        channel = replies[0].channel if replies else ChannelName.MESSENGER
        choices = answer.replies[-1].quick_replies if answer and answer.replies else ()
        permission = _NOT_ASKED
        if replies:
            first, sending = replies[0], self._channels[channel]
            permission = permission_keys(sending, first), permission_arguments(sending, first)
        outcome = await until_redis_answers(
            lambda: self._finish_turn(
                keys=[
                    entry.lease_key,
                    entry.stream,
                    self._layout.outbox(channel, conversation),
                    keys.holding(conversation),
                    keys.memory(conversation),
                    keys.DEAD_LETTERS,
                    keys.version(conversation),
                    keys.events(conversation),
                    keys.human(conversation),
                    *permission[0],
                ],
                args=[
                    entry.consumer,
                    keys.WORKERS,
                    entry.id,
                    msgspec.json.encode(choices) if answer else "",
                    (answer.language or "") if answer else "",
                    int(answer.silent) if answer else "",
                    reason,
                    int(utc_now() * 1000),
                    *_stored(answer),
                    *permission[1],
                    *(encode(reply) for reply in replies),
                ],
            )
        )
        if outcome == b"lost":
            raise LeaseLost
        if outcome == b"changed":
            raise ConversationChanged

    # While the customer waits

    async def _keep_company(self, entry: Entry[Event], message: InboundMessage, memory: Memory) -> None:
        """Show that somebody is there; when it takes long, say once that the message has arrived."""
        if memory.silent:
            return
        started_at = utc_now()
        await asyncio.sleep(_COMPANY_AFTER_SECONDS)
        await self._show_activity(message, Activity.SEEN)
        await self._show_activity(message, Activity.TYPING)
        due = max(entry.appended_at + self._limits.holding_after_seconds, started_at + 2 * _COMPANY_AFTER_SECONDS)
        await asyncio.sleep(max(0.0, due - utc_now()))
        await self._send_holding_word(entry, message, memory.language)

    async def _send_holding_word(
        self, entry: Entry[Event] | Entry[None], message: InboundMessage, language: str | None
    ) -> None:
        """Once per outage; the next answer ends it. Raises ``LeaseLost``."""
        channel = self._channels[message.channel]
        [word] = channel.compose(
            message.user_id, f"{_reply_id(message)}-holding", self._holding_text(language), (), message.occurred_at
        )
        outcome = await until_redis_answers(
            lambda: self._hold(
                keys=[
                    entry.lease_key,
                    keys.holding(message.conversation_id),
                    self._layout.outbox(message.channel, message.conversation_id),
                ],
                args=[
                    entry.consumer,
                    encode(word),
                    entry.id,
                    _HOLDING_REMEMBERED_SECONDS,
                    int(entry.appended_at * 1000),
                ],
            )
        )
        if outcome == b"lost":
            raise LeaseLost

    async def _show_activity(self, message: InboundMessage, activity: Activity) -> None:
        stream = self._layout.outbox(message.channel, message.conversation_id)
        fields = {"activity": str(activity), "account": message.account_id, "user": message.user_id}
        await until_redis_answers(lambda: self._redis.xadd(stream, fields))  # type: ignore[arg-type]

    # Everything else

    async def _notice_echo(self, entry: Entry[Event], echo: Echo) -> None:
        """A person answered on the platform: leave the conversation to them."""
        if self._heeds_humans and not await until_redis_answers(lambda: is_ours(self._redis, echo)):
            log.info("human_took_over", conversation_channel=str(echo.channel), message_id=echo.message_id)
            await until_redis_answers(lambda: self._owners.note_answer(echo.conversation_id))
        await self._finish(entry, [])

    @property
    def _heeds_humans(self) -> bool:
        return self._limits.human_silence_seconds > 0

    async def _notice(self, entry: Entry[Event], event: Event) -> None:
        if isinstance(event, Notice) and event.kind in {NoticeKind.POLICY, NoticeKind.REVOKED}:
            metrics.ALERTS.labels(event.channel, event.kind).inc()
            log.error("platform_alert", channel=str(event.channel), kind=str(event.kind), account=event.account_id)
        if isinstance(event, Notice) and event.user_id and event.ours is not None and self._heeds_humans:
            note = self._owners.expect_back if event.ours else self._owners.note_elsewhere
            await until_redis_answers(lambda: note(event.conversation_id))
        await self._finish(entry, [])


def _stored(answer: Answer | None) -> tuple[str | int, ...]:
    """What of the conversation is to be stored, as the script takes it."""
    state = answer.conversation if answer else None
    return (state.after, state.version, state.events, int(state.continues), state.seconds) if state else ("",) * 5


def _reply_id(message: InboundMessage) -> str:
    """Stable across retries, and short enough for a platform's metadata."""
    return hashlib.sha256(f"{message.conversation_id}|{message.message_id}".encode()).hexdigest()[:24]
