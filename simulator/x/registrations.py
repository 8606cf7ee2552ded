"""Webhooks and subscriptions of an X application, and the CRC that keeps a webhook valid.

Sources: docs.x.com, x-api/webhooks/quickstart and x-api/activity/quickstart.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from simulator.settings import XAccount
from simulator.signing import same, sign_for_x
from simulator.webhooks import WebhookDispatcher
from simulator.x.errors import bad_request
from simulator.x.events import rfc3339
from simulator.x.ids import Snowflakes

log = structlog.get_logger()

CRC_SECONDS = 3.0
CRC_INTERVAL_SECONDS = 3600.0


@dataclass(slots=True)
class Webhook:
    id: str
    url: str
    valid: bool = True
    created_at: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "url": self.url, "valid": self.valid, "created_at": rfc3339(self.created_at)}


@dataclass(slots=True)
class Subscription:
    id: str
    event_type: str
    user_id: str
    webhook_id: str | None
    tag: str | None = None
    created_at: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, Any]:
        facts = {
            "subscription_id": self.id,
            "event_type": self.event_type,
            "filter": {"user_id": self.user_id},
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.created_at),
            "tag": self.tag,
            "webhook_id": self.webhook_id,
        }
        return {name: value for name, value in facts.items() if value is not None}


class Registrations:
    """``url``, the gateway's, is registered from the start, with the brand's account subscribed."""

    def __init__(self, ids: Snowflakes, account: XAccount, dispatcher: WebhookDispatcher, url: str) -> None:
        self._ids = ids
        self._consumer_secret = account.consumer_secret
        self._dispatcher = dispatcher
        webhook = Webhook(ids.next(), url)
        self.webhooks: dict[str, Webhook] = {webhook.id: webhook}
        self.subscriptions: dict[str, Subscription] = {}
        for event_type in ("dm.received", "dm.sent"):
            self.subscribe(event_type, account.account_id, webhook.id)

    def subscription_of(self, event_type: str) -> Subscription | None:
        return next((one for one in self.subscriptions.values() if one.event_type == event_type), None)

    async def register_webhook(self, url: str) -> Webhook:
        """Raises ``XError``. The real platform wants https without a port; a loopback gateway has neither."""
        address = urlsplit(url)
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise bad_request("UrlValidationFailed: the callback url must use https")
        if any(webhook.url == url for webhook in self.webhooks.values()):
            raise bad_request("DuplicateUrlFailed: a webhook for this url exists already")
        if await self.challenge(url) is not True:
            raise bad_request("CrcValidationFailed: the callback url did not answer the CRC check")
        webhook = Webhook(self._ids.next(), url)
        self.webhooks[webhook.id] = webhook
        return webhook

    def delete_webhook(self, webhook: Webhook) -> None:
        """Its subscriptions go with it."""
        del self.webhooks[webhook.id]
        self.subscriptions = {key: one for key, one in self.subscriptions.items() if one.webhook_id != webhook.id}

    def webhook(self, webhook_id: str) -> Webhook:
        if webhook_id not in self.webhooks:
            raise bad_request("WebhookIdInvalid: the webhook was not found")
        return self.webhooks[webhook_id]

    async def revalidate(self, webhook: Webhook) -> bool:
        webhook.valid = await self.challenge(webhook.url) is True
        return webhook.valid

    async def challenge(self, url: str) -> bool | None:
        """The CRC. False: a wrong answer; None: no answer, which X forgives for 28 hours."""
        token = secrets.token_urlsafe(24)
        expected = sign_for_x(self._consumer_secret, token.encode())
        try:
            async with (
                asyncio.timeout(CRC_SECONDS),
                self._dispatcher.session.get(url, params={"crc_token": token}, allow_redirects=False) as response,
            ):
                if response.status >= 400:
                    return None
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
        except ValueError:
            return False
        given = answer.get("response_token") if isinstance(answer, dict) else None
        return isinstance(given, str) and same(given, expected)

    async def challenge_hourly(self) -> None:
        while True:
            await asyncio.sleep(CRC_INTERVAL_SECONDS)
            for webhook in list(self.webhooks.values()):
                if webhook.valid and await self.challenge(webhook.url) is False:
                    webhook.valid = False
                    log.warning("webhook_invalidated", webhook_id=webhook.id)

    def subscribe(self, event_type: str, user_id: str, webhook_id: str | None, tag: str | None = None) -> Subscription:
        subscription = Subscription(self._ids.next(), event_type, user_id, webhook_id, tag)
        self.subscriptions[subscription.id] = subscription
        return subscription
