"""Feeds the message log from the streams, in batches and through a consumer group of its own: it never slows a turn."""

import asyncio
import contextlib
import secrets
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bot.channels.vocabulary import (
    Author,
    ChannelName,
    Echo,
    Event,
    InboundMessage,
    Notice,
    NoticeKind,
    decode_event,
    decode_outbound,
)
from bot.desk.message_log import LoggedMessage, MessageLog
from bot.desk.models import Direction
from bot.desk.tickets import DeskUnavailable
from bot.inbox import keys
from bot.inbox.connection import REDIS_AWAY, backoff_seconds, load_script
from bot.inbox.consumer import ensure_groups, entries_of
from bot.inbox.echoes import is_ours
from bot.inbox.leases import Leases

log = structlog.get_logger()

_CONSUMER = "feeder"
_BATCH = 500
_PAUSE_SECONDS = 0.25
_TRIM_SECONDS = 60.0

StreamEntry = tuple[str, str, Mapping[bytes, bytes]]


class LogFeeder:
    """One at a time in an installation, by a lease. The log is idempotent, so a take-over may repeat a batch."""

    def __init__(self, redis: Redis, layout: keys.Layout, message_log: MessageLog, lease_seconds: float) -> None:
        self._redis = redis
        self._layout = layout
        self._message_log = message_log
        self._lease_seconds = lease_seconds
        self._leases = Leases(redis, keys.MESSAGE_LOG, ["feeder"], secrets.token_hex(8), lease_seconds)
        self._trim = load_script(redis, "trim")
        self._streams = [
            *layout.inbox_streams(),
            *(stream for channel in ChannelName for stream in layout.outbox_streams(channel)),
        ]

    async def run(self, stop: asyncio.Event) -> None:
        tidying = asyncio.create_task(self._tidy())
        recovered = False
        failures = 0
        try:
            while not stop.is_set():
                try:
                    if not self._leases.held():
                        recovered = False
                        await asyncio.sleep(0.2)
                        continue
                    entries = await (self._read_new() if recovered else self._read_unfinished())
                    recovered = recovered or not entries
                    await self._record(entries)
                    failures = 0
                except (*REDIS_AWAY, DeskUnavailable) as error:
                    # What was read stays unacknowledged, and is read again first.
                    recovered = False
                    failures += 1
                    log.warning("message_log_waits", error=type(error).__name__)
                    await asyncio.sleep(0.2 + backoff_seconds(failures, most=10.0))
                except ResponseError as error:
                    if "NOGROUP" not in str(error):
                        raise
                    await ensure_groups(self._redis, self._layout)
        finally:
            tidying.cancel()
            with contextlib.suppress(*REDIS_AWAY):
                await self._leases.release(sorted(self._leases.held()), leave=True)

    async def _tidy(self) -> None:
        """Keep the lease; now and then trim what every group has acknowledged."""
        loop = asyncio.get_running_loop()
        trim_at = loop.time() + _TRIM_SECONDS
        while True:
            with contextlib.suppress(*REDIS_AWAY):
                await self._leases.renew()
                if self._leases.held() and loop.time() >= trim_at:
                    trim_at = loop.time() + _TRIM_SECONDS
                    for stream in self._streams:
                        await self._trim(keys=[stream])
            await asyncio.sleep(self._lease_seconds / 4)

    def _all_from(self, start: str) -> Any:
        return dict.fromkeys(self._streams, start)

    async def _read_unfinished(self) -> list[StreamEntry]:
        read = await self._redis.xreadgroup(keys.MESSAGE_LOG, _CONSUMER, self._all_from("0"), count=_BATCH)
        return entries_of(read)

    async def _read_new(self) -> list[StreamEntry]:
        # Looks now and then instead of waiting for the first entry: the log is in no hurry, and what wakes with every
        # message takes the processor from the turn itself.
        await asyncio.sleep(_PAUSE_SECONDS)
        read = await self._redis.xreadgroup(keys.MESSAGE_LOG, _CONSUMER, self._all_from(">"), count=_BATCH)
        return entries_of(read)

    async def _record(self, entries: Sequence[StreamEntry]) -> None:
        if not entries:
            return
        logged = [message for entry in entries if (message := await self._logged(entry))]
        await self._message_log.record(logged)
        async with self._redis.pipeline(transaction=False) as pipe:
            for stream, group in groupby(sorted(entries, key=lambda entry: entry[0]), key=lambda entry: entry[0]):
                pipe.xack(stream, keys.MESSAGE_LOG, *(entry_id for _, entry_id, _ in group))
            await pipe.execute()

    async def _logged(self, entry: StreamEntry) -> LoggedMessage | None:
        """None for what is no message: signs of life, notices, our own echoes, entries that nobody can read."""
        stream, entry_id, fields = entry
        try:
            if b"message" in fields:
                return _brands_side(fields[b"message"], entry_id)
            if b"event" in fields:
                event = decode_event(fields[b"event"])
                if not (isinstance(event, Echo) and await is_ours(self._redis, event)):
                    return _customers_side(event)
        except ValueError:
            log.warning("message_not_logged", stream=stream, entry=entry_id)
        return None


def _customers_side(event: Event) -> LoggedMessage | None:
    attachments: tuple[str, ...] = ()
    standby = isinstance(event, Notice) and event.kind is NoticeKind.STANDBY
    match event:
        case InboundMessage() | Notice(kind=NoticeKind.STANDBY, message_id=str()):
            direction, message_id = Direction.IN, event.message_id or ""
            attachments = tuple(str(attachment.kind) for attachment in event.attachments)
        case Echo():
            direction, message_id = Direction.HUMAN, event.message_id
        case Notice(kind=NoticeKind.EDITED):
            # The edit is a message of its own: what was answered was the first version.
            direction, message_id = Direction.IN, f"{event.message_id}.{event.occurred_at:.3f}"
        case _:
            return None
    return LoggedMessage(
        conversation_id=event.conversation_id,
        channel=str(event.channel),
        account_id=event.account_id,
        user_id=event.user_id,
        message_id=message_id,
        direction=direction,
        text=event.text,
        occurred_at=event.occurred_at,
        attachments=attachments,
        standby=standby,
    )


def _brands_side(raw: bytes, entry_id: str) -> LoggedMessage:
    message = decode_outbound(raw)
    return LoggedMessage(
        conversation_id=message.conversation_id,
        channel=str(message.channel),
        account_id=message.account_id,
        user_id=message.user_id,
        message_id=message.reply_id,
        direction=Direction.HUMAN if message.author is Author.AGENT else Direction.OUT,
        text=message.text,
        occurred_at=int(entry_id.partition("-")[0]) / 1000,
    )
