"""A webhook that the platform lost is registered again; while that fails, the second way in is used."""

import asyncio
import json
import time

import pytest

from bot.channels.base import TryAgain, WebhookState
from bot.channels.vocabulary import ChannelName, InboundMessage
from bot.gateway.watch import WebhookWatch
from bot.inbox import keys
from tests.integration.inbox.platform import MemoryPlatform


class Watched(MemoryPlatform):
    """``problem`` is what the platform says of our webhook; ``mendable`` whether registering again helps."""

    def __init__(self) -> None:
        super().__init__(ChannelName.X, "900")
        self.problem: str | None = None
        self.mendable = True
        self.away = False
        self.checks = 0
        self.registered: list[str] = []
        self.polled_since: list[float] = []
        self.missed: list[InboundMessage] = []

    async def check(self, public_url: str) -> WebhookState:
        self.checks += 1
        if self.away:
            raise TryAgain("network", "unreachable")
        return WebhookState(self.problem)

    async def register(self, public_url: str) -> WebhookState:
        self.registered.append(public_url)
        if self.mendable:
            self.problem = None
        return WebhookState(self.problem)

    async def poll(self, since: float) -> list[InboundMessage]:
        self.polled_since.append(since)
        return self.missed


@pytest.fixture
def platform() -> Watched:
    return Watched()


@pytest.fixture
async def watching(redis, intake, platform):
    tasks: list[asyncio.Task[None]] = []

    def start() -> None:
        watch = WebhookWatch(redis, platform, intake, "https://hello.example.com")
        tasks.append(asyncio.create_task(watch.run()))

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until(condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)


async def state_of(redis) -> dict:
    while (stored := await redis.get(keys.webhook_state(ChannelName.X, "900"))) is None:
        await asyncio.sleep(0.02)
    return json.loads(stored)


async def test_a_valid_webhook_is_left_alone(redis, platform, watching):
    watching()
    assert (await state_of(redis))["problem"] is None
    assert platform.registered == []
    assert platform.polled_since == []


async def test_a_lost_webhook_is_registered_again(redis, platform, watching):
    platform.problem = "no subscription"
    watching()
    assert (await state_of(redis))["problem"] is None
    assert platform.registered == ["https://hello.example.com"]


async def test_while_the_webhook_is_invalid_messages_are_fetched_and_enter_the_inbox_once(
    redis, layout, platform, watching
):
    platform.problem, platform.mendable = "invalid", False
    message = InboundMessage(ChannelName.X, "900", "42", time.time() - 60, "55", "hello")
    platform.missed = [message, message]
    watching()
    await until(lambda: platform.polled_since)
    stream = layout.inbox(message.conversation_id)
    while not await redis.xlen(stream):
        await asyncio.sleep(0.02)
    assert await redis.xlen(stream) == 1
    assert time.time() - 600 < platform.polled_since[0] < time.time()


async def test_after_an_outage_it_looks_back_to_when_all_was_last_well(redis, platform, watching):
    platform.problem, platform.mendable = "invalid", False
    well_until = time.time() - 7200
    state = {"problem": "invalid", "checked_at": well_until, "well_until": well_until}
    await redis.set(keys.webhook_state(ChannelName.X, "900"), json.dumps(state))
    watching()
    await until(lambda: platform.polled_since)
    assert well_until - 600 < platform.polled_since[0] < well_until


async def test_a_platform_that_does_not_answer_is_asked_again_soon(platform, watching):
    platform.away = True
    watching()
    await until(lambda: platform.checks >= 2, seconds=10)
    platform.away = False
    await until(lambda: platform.checks >= 3, seconds=10)


async def test_of_two_gateways_one_watches(platform, watching):
    watching()
    watching()
    await until(lambda: platform.checks)
    await asyncio.sleep(0.5)
    assert platform.checks == 1
