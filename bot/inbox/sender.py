"""The sender: takes replies from the outbox to the platform, in order, once each, within the platform's limits.

Neither platform takes an idempotency key. A reply is therefore marked as in flight before the call; one that was cut
off in flight is settled by its echo, or by asking the platform, before it is tried again.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis

from bot.channels.base import (
    Allowance,
    AlreadySent,
    Channel,
    GiveUp,
    OutcomeUnknown,
    PauseChannel,
    SendFailed,
    TryAgain,
    WaitUntil,
)
from bot.channels.vocabulary import Activity, Author, OutboundMessage, decode_outbound
from bot.inbox import keys, metrics
from bot.inbox.connection import backoff_seconds, load_script, text, until_redis_answers
from bot.inbox.consumer import Entry, LeaseLost
from bot.inbox.echoes import digest
from bot.inbox.pauses import Pauses
from bot.inbox.permission import permission_arguments, permission_keys
from bot.operations import utc_now

log = structlog.get_logger()

_ACTIVITY_WORTH_SECONDS = 10.0
_CLOCK_SKEW_SECONDS = 5.0
_PAUSED_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class ActivityEntry:
    """A sign of life on its way to a customer: late it is worth nothing, so it is neither ordered nor repeated."""

    activity: Activity
    user_id: str


@dataclass(frozen=True)
class Attempt:
    """How far the sending of a reply has come. ``in_flight_since``: UTC seconds, None when no call is unsettled."""

    made: int = 0
    in_flight_since: float | None = None


@dataclass(frozen=True)
class SenderLimits:
    concurrent_sends: int
    send_attempts: int
    echo_wait_seconds: float


class Sender:
    """Handles the entries of one channel's outbox, one conversation in order, many at once."""

    def __init__(self, redis: Redis, layout: keys.Layout, channel: Channel, limits: SenderLimits) -> None:
        self._redis = redis
        self._layout = layout
        self._channel = channel
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.concurrent_sends)
        self._begin_send = load_script(redis, "begin_send")
        self._finish_send = load_script(redis, "finish_send")
        self._pauses = Pauses(redis)
        # Sent, but the lease ran out before that could be written down: whoever wins it next may be this very process.
        self._unrecorded: dict[str, str] = {}
        self._pause_key = keys.pause(channel.name, channel.account_id)
        self._allowance_key = keys.allowance(channel.name, channel.account_id)

    def read(self, fields: Mapping[bytes, bytes]) -> tuple[str, OutboundMessage | ActivityEntry]:
        if b"activity" in fields:
            activity = ActivityEntry(Activity(fields[b"activity"].decode()), fields[b"user"].decode())
            # A conversation of its own: it must neither wait for a reply nor delay one.
            return f"activity:{activity.activity}:{activity.user_id}", activity
        message = decode_outbound(fields[b"message"])
        return message.conversation_id, message

    async def handle(self, entry: Entry[OutboundMessage | ActivityEntry]) -> None:
        if isinstance(entry.item, ActivityEntry):
            await self._show(entry, entry.item)
        elif entry.item.account_id != self._channel.account_id:
            await self.park(entry, f"account {entry.item.account_id} is not the one configured")
        else:
            await self._deliver(entry, entry.item)

    async def park(self, entry: Entry[OutboundMessage | ActivityEntry] | Entry[None], reason: str) -> None:
        metrics.DEAD_LETTERED.labels("outbox").inc()
        log.error("reply_parked", stream=entry.stream, entry=entry.id, reason=reason)
        await self._finish(entry, None, reason)

    # One reply

    async def _deliver(self, entry: Entry[OutboundMessage | ActivityEntry], message: OutboundMessage) -> None:
        unrecorded = self._unrecorded.get(message.reply_id)
        if unrecorded is not None:
            await self._sent(entry, message, unrecorded, "sent")
            return
        attempt = await self._load_attempt(message) if entry.recovered else Attempt()
        cleared = _clearance(entry)
        while True:
            if attempt.in_flight_since is not None:
                platform_id = await self._settle(message, attempt.in_flight_since)
                if platform_id is not None:
                    await self._sent(entry, message, platform_id, "settled")
                    return
            permitted = cleared or await self._await_permission(entry, message, attempt.made)
            if permitted is None:
                return
            attempt, cleared = permitted, None
            try:
                async with self._slots:
                    sent = await self._channel.send(message)
            except SendFailed as error:
                metrics.SENDS.labels(message.channel, type(error).__name__).inc()
                if await self._finished_despite(error, entry, message):
                    return
                if attempt.made >= self._limits.send_attempts and isinstance(error, TryAgain | OutcomeUnknown):
                    await self.park(entry, f"gave up after {attempt.made} attempts, last error {error.code}")
                    return
                attempt = await self._prepare_next(error, message, attempt)
            else:
                self._unrecorded[message.reply_id] = sent.message_id
                await self._sent(entry, message, sent.message_id, "sent", sent.allowance)
                return

    async def _finished_despite(
        self, error: SendFailed, entry: Entry[OutboundMessage | ActivityEntry], message: OutboundMessage
    ) -> bool:
        if isinstance(error, AlreadySent):
            await self._sent(entry, message, "", "already_sent")
            return True
        if isinstance(error, GiveUp):
            await self.park(entry, str(error))
            return True
        return False

    async def _prepare_next(self, error: SendFailed, message: OutboundMessage, attempt: Attempt) -> Attempt:
        """Wait as the error asks, and say what the next attempt starts from."""
        log.warning("send_failed", reply_id=message.reply_id, code=error.code, attempt=attempt.made)
        if isinstance(error, OutcomeUnknown):
            return attempt
        await until_redis_answers(lambda: self._redis.hdel(keys.attempt(message.reply_id), "in_flight_since"))
        if isinstance(error, WaitUntil):
            await self._block_until(error.until)
        elif isinstance(error, PauseChannel):
            await self._pause(error)
        else:
            await asyncio.sleep(0.2 + backoff_seconds(attempt.made, base=0.5, most=60.0))
        return Attempt(attempt.made)

    async def _await_permission(
        self, entry: Entry[OutboundMessage | ActivityEntry], message: OutboundMessage, made: int
    ) -> Attempt | None:
        """Wait for the platform's limits and for the channel; mark the reply as in flight. Raises ``LeaseLost``.

        None when the reply has left the outbox: the list of unfinished entries may be older than its end, or the
        assistant wrote it and a person has the conversation.
        """
        while True:
            now = utc_now()
            word, number = await until_redis_answers(
                lambda: self._begin_send(
                    keys=[
                        entry.lease_key,
                        *permission_keys(self._channel, message),
                        entry.stream,
                        keys.human(message.conversation_id),
                        keys.OWNERSHIP,
                    ],
                    args=[
                        entry.consumer,
                        int(utc_now() * 1000),
                        made,
                        *permission_arguments(self._channel, message),
                        keys.SENDERS,
                        entry.id,
                        message.conversation_id,
                        message.reply_id if message.author is Author.ASSISTANT else "",
                        "" if entry.recovered or made else entry.fields.get(b"cleared", b""),
                    ],
                )
            )
            match word:
                case b"go":
                    return Attempt(made + 1, now)
                case b"wait":
                    # Those who wait for the same moment come one after another, not all at once.
                    await asyncio.sleep(min(int(number) / 1000, 5.0) + random.uniform(0, 0.05))  # noqa: S311
                case b"paused":
                    await asyncio.sleep(_PAUSED_POLL_SECONDS)
                case b"done":
                    return None
                case b"withheld":
                    metrics.SENDS.labels(message.channel, "withheld").inc()
                    log.info("reply_withheld", reply_id=message.reply_id)
                    return None
                case _:
                    raise LeaseLost

    async def _sent(
        self,
        entry: Entry[OutboundMessage | ActivityEntry],
        message: OutboundMessage,
        platform_id: str,
        outcome: str,
        allowance: Allowance | None = None,
    ) -> None:
        await self._finish(entry, platform_id or None, "", allowance)
        self._unrecorded.pop(message.reply_id, None)
        metrics.SENDS.labels(message.channel, outcome).inc()
        metrics.DELIVERY_SECONDS.labels(message.channel).observe(max(0.0, utc_now() - entry.appended_at))

    async def _finish(
        self,
        entry: Entry[OutboundMessage | ActivityEntry] | Entry[None],
        platform_id: str | None,
        reason: str,
        allowance: Allowance | None = None,
    ) -> None:
        told = (allowance.remaining, int(allowance.resets_at * 1000)) if allowance else ()
        reply_id = entry.item.reply_id if isinstance(entry.item, OutboundMessage) else ""
        outcome = await until_redis_answers(
            lambda: self._finish_send(
                keys=[
                    entry.lease_key,
                    entry.stream,
                    keys.attempt(reply_id),
                    keys.sent(entry.conversation_id),
                    keys.DEAD_LETTERS,
                    self._allowance_key,
                ],
                args=[entry.consumer, keys.SENDERS, entry.id, platform_id or "", int(utc_now() * 1000), reason, *told],
            )
        )
        if outcome == b"lost":
            raise LeaseLost

    # A call that was cut off

    async def _load_attempt(self, message: OutboundMessage) -> Attempt:
        made, since = await until_redis_answers(
            lambda: self._redis.hmget(keys.attempt(message.reply_id), ["attempts", "in_flight_since"])
        )
        return Attempt(int(made or 0), int(since) / 1000 if since else None)

    async def _settle(self, message: OutboundMessage, since: float) -> str | None:
        """The platform's id of the message if it did go out, else None. Waits for its echo first.

        The wait counts from now, not from the call: while Redis was away, the gateway could not take echoes either.
        """
        deadline = utc_now() + self._limits.echo_wait_seconds
        while True:
            platform_id = await until_redis_answers(lambda: self._find_echo(message, since))
            if platform_id is not None:
                return platform_id
            if utc_now() >= deadline:
                break
            await asyncio.sleep(0.1)
        return await self._ask_platform(message, since)

    async def _find_echo(self, message: OutboundMessage, since: float) -> str | None:
        conversation = message.conversation_id
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(keys.echo_of_reply(message.reply_id))
            pipe.hgetall(keys.echoes_in(conversation))
            pipe.zrange(keys.sent(conversation), 0, -1)
            own, echoes, sent = await pipe.execute()
        if own is not None:
            return str(own.decode())
        expected = digest(message.text)
        for platform_id, note in echoes.items():
            occurred_at, _, text_digest = note.decode().partition("|")
            if (
                text_digest == expected
                and float(occurred_at) >= since - _CLOCK_SKEW_SECONDS
                and platform_id not in sent
            ):
                return str(platform_id.decode())
        return None

    async def _ask_platform(self, message: OutboundMessage, since: float) -> str | None:
        attempt = 0
        while True:
            sent = await until_redis_answers(lambda: self._redis.zrange(keys.sent(message.conversation_id), 0, -1))
            try:
                return await self._channel.find_sent(message, since, frozenset(text(member) for member in sent))
            except SendFailed as error:
                # Sending again without knowing could say it twice; better late.
                attempt += 1
                log.warning("settling_failed", reply_id=message.reply_id, code=error.code, attempt=attempt)
                if isinstance(error, PauseChannel):
                    await self._pause(error)
                until = error.until - utc_now() if isinstance(error, WaitUntil) else 0.0
                await asyncio.sleep(max(until, 1.0 + backoff_seconds(attempt, base=1.0, most=60.0)))

    # The platform's limits, shared by every sender

    async def _block_until(self, until: float) -> None:
        await until_redis_answers(
            lambda: self._redis.hset(self._allowance_key, "blocked_until", str(int(until * 1000)))
        )

    async def _pause(self, error: SendFailed) -> None:
        if await until_redis_answers(lambda: self._pauses.pause(self._channel, error.code, error.explanation)):
            metrics.CHANNEL_PAUSED.labels(self._channel.name).set(1)
            log.error("channel_paused", channel=str(self._channel.name), code=error.code, reason=error.explanation)

    # Signs of life

    async def _show(self, entry: Entry[OutboundMessage | ActivityEntry], activity: ActivityEntry) -> None:
        fresh = utc_now() - entry.appended_at < _ACTIVITY_WORTH_SECONDS
        if fresh and not entry.recovered and not await until_redis_answers(lambda: self._redis.exists(self._pause_key)):
            try:
                await self._channel.show_activity(activity.user_id, activity.activity)
            except SendFailed as error:
                log.info("activity_not_shown", channel=str(self._channel.name), code=error.code)
        await self._finish(entry, None, "")


def _clearance(entry: Entry[OutboundMessage | ActivityEntry]) -> Attempt | None:
    """The attempt that was permitted, and marked as in flight, as the reply entered the outbox.

    It holds for a reply that is taken up without delay: later a limit may have been reached, or a person may have the
    conversation. If it is not made use of, it is given back as permission is asked for anew.
    """
    since = entry.fields.get(b"cleared")
    return Attempt(1, int(since) / 1000) if since and entry.is_fresh else None
