"""The processes of the desk: actions that open tickets, and what is owed to teams, customers and the log."""

import asyncio
import os
from typing import Any

import structlog

from bot.bootstrap.parts import (
    load_language_models,
    load_replies_of,
    load_routing_of,
    masking_rules,
    migrate_when_up,
    open_channels,
    open_conversations,
)
from bot.bootstrap.process import Process, run_process, start_process, watch_database
from bot.configuration import ConfigurationError
from bot.operations import configure_logging
from bot.settings import Settings

log = structlog.get_logger()

# A language model that is missing comes back by a person's hand only.
_MODELS_AGAIN_SECONDS = 30.0
_NICENESS = 10


def run_desk(settings: Settings) -> None:
    """Masking is heavy and nobody waits for it: it gives way to whatever answers customers."""
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    start_process("desk", settings, _desk)


async def _desk(settings: Settings) -> None:
    await run_process(settings, settings.operations.desk_port, ("database", "masking"), _deliver)


async def _deliver(process: Process) -> None:
    from bot.desk import open_desk
    from bot.desk.notifications import NotificationSender
    from bot.desk.outgoing import Outgoing
    from bot.desk.retention import Retention
    from bot.desk.rounds import Rounds
    from bot.inbox.outbox import Outbox

    settings = process.settings
    replies, rules = load_replies_of(settings), masking_rules(settings)
    await migrate_when_up(settings)
    desk = open_desk(settings.database_url, load_routing_of(settings), rules=rules)
    channels = open_channels(settings)
    outgoing = Outgoing(desk.database, Outbox(process.redis, process.layout, channels))
    conversations = open_conversations(settings, process.redis, channels, desk)
    retention = Retention(desk.database, settings.core.retention_days)
    sender = NotificationSender(desk.database, desk.routing, settings.mail, settings.brand)

    watching = asyncio.create_task(watch_database(process, desk.database))
    try:
        parts = (sender, outgoing, conversations, Rounds(desk, replies), retention)
        await asyncio.gather(feed_log(process, desk.database, rules), *(part.run(process.stop) for part in parts))
    finally:
        watching.cancel()
        for channel in channels.values():
            await channel.close()
        await desk.close()


async def feed_log(process: Process, database: Any, rules: Any) -> None:
    """Nothing is recorded before everything can be masked: until then the streams keep it."""
    from bot.desk.log_feeder import LogFeeder
    from bot.desk.message_log import MessageLog

    loading = asyncio.create_task(_load_models(process, rules))
    stopping = asyncio.create_task(process.stop.wait())
    await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not loading.done():
        loading.cancel()
        return
    message_log = MessageLog(database, loading.result())
    process.readiness.set("masking", None)
    await LogFeeder(process.redis, process.layout, message_log, process.settings.inbox.lease_seconds).run(process.stop)


async def _load_models(process: Process, rules: Any) -> Any:
    """In a thread: e-mails to teams leave meanwhile."""
    process.readiness.set("masking", "the language models are being loaded")
    while True:
        try:
            return await asyncio.to_thread(load_language_models, rules)
        except ConfigurationError as error:
            process.readiness.set("masking", f"{error}; the message log waits")
            log.error("masking_unavailable", reason=str(error))  # noqa: TRY400 -- it is said whole
            await asyncio.sleep(_MODELS_AGAIN_SECONDS)


def run_actions(settings: Settings) -> None:
    """Serve the custom actions until told to stop."""
    from actions.server import serve
    from bot.desk import open_desk

    configure_logging("actions", settings.core.log_format, settings.core.log_level)
    asyncio.run(migrate_when_up(settings))
    desk = open_desk(settings.database_url, load_routing_of(settings), rules=masking_rules(settings))
    serve(desk, settings.brand, settings.actions.port)
