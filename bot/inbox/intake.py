"""The way in: events enter the inbox once each, and durably, before the platform gets its 200."""

import asyncio
import contextlib
from collections.abc import Sequence

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.channels.vocabulary import Echo, EchoOrigin, Event, InboundMessage, Notice, NoticeKind, encode
from bot.inbox import keys
from bot.inbox.connection import load_script
from bot.inbox.echoes import digest

log = structlog.get_logger()

DUPLICATES_REMEMBERED_SECONDS = 7 * 24 * 3600

KEPT_NOTICES = frozenset(
    {NoticeKind.EDITED, NoticeKind.STANDBY, NoticeKind.THREAD_CONTROL, NoticeKind.POLICY, NoticeKind.REVOKED}
)

_BATCH = 128


class InboxUnavailable(Exception):
    """The inbox could not take the events: the platform must deliver them again."""


class Intake:
    """Appends events in batches: what arrives while one append is under way shares the next one.

    So a single request waits for one round trip, and a thousand a second need only a few hundred.
    """

    def __init__(self, redis: Redis, layout: keys.Layout) -> None:
        self._layout = layout
        self._append = load_script(redis, "append")
        self._waiting: list[tuple[list[str], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._append_batches(), name="intake")

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def append(self, events: Sequence[Event]) -> None:
        """Returns when Redis has the events. Raises ``InboxUnavailable``; appending again is then harmless."""
        arguments = [argument for event in events for argument in self._arguments(event)]
        if not arguments:
            return
        appended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((arguments, appended))
        self._wake.set()
        await appended

    def _arguments(self, event: Event) -> Sequence[str]:
        conversation = event.conversation_id
        stream = self._layout.inbox(conversation)
        match event:
            case InboundMessage():
                recall = ("recall", *keys.recalled(conversation))
                return (*recall, "add", stream, keys.seen(conversation, event.message_id), encode(event).decode())
            case Echo(origin=EchoOrigin.OWN, reply_id=str(reply_id)):
                return ("echo", keys.echo_of_reply(reply_id), event.message_id, "")
            case Echo(origin=EchoOrigin.FOREIGN):
                return ("add", stream, keys.seen(conversation, event.message_id), encode(event).decode())
            case Echo():
                note = f"{event.occurred_at}|{digest(event.text or '')}"
                noted = ("note", keys.echoes_in(conversation), event.message_id, note)
                if event.origin is EchoOrigin.OWN:
                    return noted
                return (*noted, "add", stream, keys.seen(conversation, event.message_id), encode(event).decode())
            case Notice(kind=kind) if kind in KEPT_NOTICES:
                # An edited message keeps its id; the same notice delivered twice has the same time.
                notice_id = f"{kind}:{event.message_id}:{event.occurred_at}"
                return ("add", stream, keys.seen(conversation, notice_id), encode(event).decode())
            case _:
                return ()

    async def _append_batches(self) -> None:
        while True:
            await self._wake.wait()
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            if not self._waiting:
                self._wake.clear()
            arguments = [argument for waiting, _ in batch for argument in waiting]
            try:
                # One packed argument: redis-py would spend longer on hundreds than reading the events took. All are
                # text, since MessagePack inside Redis knows no bytes.
                await self._append(args=[DUPLICATES_REMEMBERED_SECONDS, msgspec.msgpack.encode(arguments)])
            except (RedisError, OSError) as error:
                log.warning("inbox_unavailable", error=type(error).__name__, refused=len(batch))
                self._settle(batch, error)
            except BaseException as error:
                self._settle(batch, error)
                raise
            else:
                self._settle(batch, None)

    @staticmethod
    def _settle(batch: list[tuple[list[str], asyncio.Future[None]]], error: BaseException | None) -> None:
        for _, appended in batch:
            if appended.done():
                continue  # the request was cancelled while it waited
            if error is None:
                appended.set_result(None)
            else:
                appended.set_exception(InboxUnavailable(type(error).__name__))
