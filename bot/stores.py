"""What a command does on the stores of an installation, whether its processes run or not."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis

from bot.bootstrap import load_routing_of
from bot.configuration import ConfigurationError
from bot.desk import Desk, DeskUnavailable, UnknownTicket, migrate, open_desk
from bot.inbox.connection import REDIS_AWAY, open_redis
from bot.settings import Settings

Result = TypeVar("Result")


def with_redis(settings: Settings, work: Callable[[Redis], Awaitable[Result]]) -> Result:
    """Raises ``ConfigurationError`` when Redis does not answer."""

    async def run() -> Result:
        redis = open_redis(settings.redis.address)
        try:
            return await work(redis)
        except REDIS_AWAY as error:
            raise ConfigurationError(
                f"Redis does not answer at {settings.redis.address}: start Parvis first (parvis up)"
            ) from error
        finally:
            await redis.aclose()

    return asyncio.run(run())


def with_desk(settings: Settings, work: Callable[[Desk], Awaitable[Result]]) -> Result:
    """Raises ``ConfigurationError`` when the database does not answer, or when there is no such ticket."""

    async def run() -> Result:
        settings.core.home.mkdir(parents=True, exist_ok=True)
        try:
            await migrate(settings.database_url)
            desk = open_desk(settings.database_url, load_routing_of(settings))
            try:
                return await work(desk)
            finally:
                await desk.close()
        except DeskUnavailable as error:
            raise ConfigurationError(f"The database does not answer ({error}): check PARVIS_DATABASE_URL") from error
        except UnknownTicket as error:
            raise ConfigurationError(f"There is no ticket {error}") from error

    return asyncio.run(run())
