"""The connection to Redis, and what to do while it is away."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from importlib import resources
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import BusyLoadingError, ConnectionError, ReadOnlyError, TimeoutError

log = structlog.get_logger()

REDIS_AWAY = (ConnectionError, TimeoutError, BusyLoadingError, ReadOnlyError, OSError)

_USES = re.compile(r"^-- Uses (\w+)\.lua\.$", re.MULTILINE)

Result = TypeVar("Result")


class CancellableRedis(Redis):
    """redis-py sends within ``asyncio.wait_for``, which before Python 3.12 swallows a cancellation that comes just as
    the command has left: whoever was told to stop would then go on for ever."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        answer = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        if task and task.cancelling() > before:
            raise asyncio.CancelledError
        return answer


def open_redis(address: str, *, timeout: float = 5.0) -> Redis:
    """``timeout`` in seconds bounds one command; blocking reads ask for less."""
    return CancellableRedis.from_url(
        address,
        socket_timeout=timeout,
        socket_connect_timeout=1.0,
        # A command is tried again by the caller, who knows what a repetition would do.
        retry=Retry(NoBackoff(), 0),
        health_check_interval=30,
    )


def load_script(redis: Redis, name: str) -> AsyncScript:
    """Of the folder ``scripts``. What it says to use, the function of another file, stands before it."""
    source = _source(name)
    return redis.register_script("".join([*map(_source, _USES.findall(source)), source]))


def _source(name: str) -> str:
    return resources.files("bot.inbox").joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")


def backoff_seconds(attempt: int, *, base: float = 0.2, most: float = 30.0) -> float:
    """Full jitter: a random wait up to ``base * 2**attempt``, at most ``most`` seconds."""
    return random.uniform(0, min(most, base * 2 ** min(attempt, 16)))  # noqa: S311 -- spreads load, guards nothing


async def until_redis_answers(command: Callable[[], Awaitable[Result]]) -> Result:
    """Repeat ``command`` until Redis answers. Only for commands that may be repeated."""
    attempt = 0
    while True:
        try:
            return await command()
        except REDIS_AWAY as error:
            if attempt == 0:
                log.warning("redis_away", error=type(error).__name__)
            attempt += 1
            await asyncio.sleep(0.05 + backoff_seconds(attempt, base=0.05, most=1.0))


def text(value: object) -> str:
    """Redis' answer as text; redis-py types it as anything it could be."""
    return value.decode() if isinstance(value, bytes) else str(value)
