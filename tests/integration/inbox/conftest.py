from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bot.inbox.connection import open_redis
from bot.inbox.consumer import ensure_groups
from bot.inbox.intake import Intake
from bot.inbox.keys import Layout


@pytest.fixture
def layout() -> Layout:
    return Layout(shards=4)


@pytest.fixture
async def redis(valkey, layout) -> AsyncIterator[Redis]:
    client = open_redis(valkey.address)
    await ensure_groups(client, layout)
    yield client
    await client.aclose()


@pytest.fixture
async def intake(redis, layout) -> AsyncIterator[Intake]:
    running = Intake(redis, layout)
    running.start()
    yield running
    await running.stop()


@pytest.fixture
def nothing_grows_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was noted with an entry holds, however slow the machine is."""
    monkeypatch.setattr("bot.inbox.consumer._FRESH_SECONDS", 600)
