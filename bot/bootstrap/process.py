"""What every process of ours has: Redis, probes, an event loop, and an end when it is told to stop."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from redis.asyncio import Redis

from bot.inbox.connection import REDIS_AWAY, open_redis, until_redis_answers
from bot.inbox.keys import Layout
from bot.operations import Readiness, configure_logging, serve_operations
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.desk import Database

log = structlog.get_logger()


@dataclass(frozen=True)
class Process:
    """What every process of ours has."""

    settings: Settings
    redis: Redis
    layout: Layout
    readiness: Readiness
    stop: asyncio.Event

    async def watch_redis(self) -> None:
        """Keep the ``redis`` condition of ``/ready`` true to the facts."""
        while True:
            try:
                await self.redis.ping()
            except REDIS_AWAY as error:
                self.readiness.set("redis", f"{type(error).__name__}: start it, or set PARVIS_REDIS_URL")
            else:
                self.readiness.set("redis", None)
            await asyncio.sleep(1.0)


async def run_process(
    settings: Settings, port: int, conditions: tuple[str, ...], body: Callable[[Process], Any]
) -> None:
    """Run ``body`` with what every process has, until SIGTERM or SIGINT."""
    from bot.inbox.consumer import ensure_groups

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    readiness = Readiness("redis", *conditions)
    serve_operations(port, readiness)
    redis = open_redis(settings.redis.address)
    process = Process(settings, redis, Layout(settings.inbox.shards), readiness, stop)
    log.info("started", port=port)
    watching = asyncio.create_task(process.watch_redis())
    try:
        starting = asyncio.create_task(until_redis_answers(lambda: ensure_groups(redis, process.layout)))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if starting.done():
            starting.result()
            # What is loaded by now stays: no collection needs to walk it again.
            gc.collect()
            gc.freeze()
            await body(process)
        starting.cancel()
    finally:
        watching.cancel()
        await redis.aclose()
        log.info("stopped")


def start_process(name: str, settings: Settings, main: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    configure_logging(name, settings.core.log_format, settings.core.log_level)
    try:
        import uvloop

        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:  # where uvloop does not exist, asyncio's own loop does
        loop_factory = None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(settings))


async def watch_database(process: Process, database: "Database") -> None:
    from bot.desk import DeskUnavailable

    while True:
        try:
            await database.ping()
        except DeskUnavailable as error:
            process.readiness.set("database", f"{error}: check PARVIS_DATABASE_URL")
        else:
            process.readiness.set("database", None)
        await asyncio.sleep(1.0)
