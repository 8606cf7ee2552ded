"""Watching the webhooks: platforms unsubscribe silently, so ask them every hour, and have a second way in meanwhile.

The verdict is no part of the gateway's ``/ready``: a gateway taken out of rotation could never be verified again.
"""

import asyncio
import json
import secrets

import structlog
from prometheus_client import Gauge
from redis.asyncio import Redis

from bot.channels.base import Channel, SendFailed, WaitUntil
from bot.inbox import keys
from bot.inbox.connection import REDIS_AWAY, backoff_seconds, until_redis_answers
from bot.inbox.intake import InboxUnavailable, Intake
from bot.inbox.leases import Leases
from bot.operations import utc_now

log = structlog.get_logger()

CHECK_SECONDS = 3600.0
POLL_SECONDS = 65.0
"""X allows 15 calls in 15 minutes on ``GET /2/dm_events`` (docs.x.com, fundamentals/rate-limits)."""

_LEASE_SECONDS = 15.0
_OVERLAP_SECONDS = 300.0
_LONGEST_LOOK_BACK_SECONDS = 24 * 3600.0

WEBHOOK_VALID = Gauge("parvis_webhook_valid", "1 while the platform delivers to our webhook", ["channel"])


class WebhookWatch:
    """The watch over one channel's webhook. Of all gateways of an installation, the one with the lease keeps it."""

    def __init__(self, redis: Redis, channel: Channel, intake: Intake, public_url: str) -> None:
        self._redis = redis
        self._channel = channel
        self._intake = intake
        self._public_url = public_url
        self._state_key = keys.webhook_state(channel.name, channel.account_id)
        self._leases = Leases(redis, "watchers", [channel.name], secrets.token_hex(8), _LEASE_SECONDS)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            watching: asyncio.Task[None] | None = None
            try:
                while await self._renew_lease():
                    watching = watching or asyncio.create_task(self._watch())
                    await asyncio.wait({watching}, timeout=_LEASE_SECONDS / 3)
                    if watching.done():
                        watching.result()
            finally:
                if watching:
                    watching.cancel()
            await asyncio.sleep(_LEASE_SECONDS / 3)

    async def _renew_lease(self) -> bool:
        try:
            await self._leases.renew()
        except REDIS_AWAY:
            return False
        return bool(self._leases.held())

    async def _watch(self) -> None:
        well_until = await self._last_known_well()
        unanswered = 0
        while True:
            try:
                problem = await self._check()
                unanswered = 0
            except SendFailed as error:
                unanswered += 1
                problem = f"the platform did not answer the check: {error.code}"
            await self._publish(problem, well_until)
            if problem is None:
                well_until = utc_now()
                await asyncio.sleep(CHECK_SECONDS)
            elif 0 < unanswered <= 5:
                await asyncio.sleep(1.0 + backoff_seconds(unanswered, base=1.0))
            else:
                polled_at, wait = utc_now(), POLL_SECONDS
                try:
                    await self._poll(well_until)
                    well_until = polled_at
                except WaitUntil as error:
                    wait = max(wait, error.until - utc_now())
                except (SendFailed, InboxUnavailable) as error:
                    log.warning("poll_failed", channel=str(self._channel.name), error=type(error).__name__)
                await asyncio.sleep(wait)

    async def _check(self) -> str | None:
        """What is wrong with the webhook, or None. A lost subscription is made again."""
        state = await self._channel.check(self._public_url)
        if state.problem is None:
            return None
        log.warning("webhook_lost", channel=str(self._channel.name), problem=state.problem)
        return (await self._channel.register(self._public_url)).problem

    async def _poll(self, since: float) -> None:
        """The second way in, while the first is broken. The inbox drops duplicates, so an overlap is harmless."""
        oldest = utc_now() - _LONGEST_LOOK_BACK_SECONDS
        await self._intake.append(await self._channel.poll(max(oldest, since - _OVERLAP_SECONDS)))

    async def _last_known_well(self) -> float:
        state = await until_redis_answers(lambda: self._redis.get(self._state_key))
        return float(json.loads(state)["well_until"]) if state else utc_now()

    async def _publish(self, problem: str | None, well_until: float) -> None:
        WEBHOOK_VALID.labels(self._channel.name).set(0 if problem else 1)
        if problem:
            log.error("webhook_invalid", channel=str(self._channel.name), problem=problem)
        now = utc_now()
        state = json.dumps({"problem": problem, "checked_at": now, "well_until": well_until if problem else now})
        await until_redis_answers(lambda: self._redis.set(self._state_key, state))
