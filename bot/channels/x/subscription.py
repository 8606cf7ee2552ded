"""Registering the webhook, keeping it valid, and subscribing the account's direct messages to it.

Sources: docs.x.com, "x-api/webhooks/quickstart" and "x-api/activity/quickstart". X marks a webhook invalid when its
challenge fails, and an invalid webhook receives nothing.
"""

from typing import Final
from urllib.parse import urlsplit

from bot.channels.base import GiveUp, WebhookState
from bot.channels.vendor_json import JsonObject, id_at, object_at, objects_at, text_at
from bot.channels.x.api import XApi

EVENT_TYPES: Final = ("dm.received", "dm.sent")
"""What customers write, and what is written to them, by us or by a colleague on x.com."""

_PAGES: Final = 20

_NO_SUBSCRIPTION: Final = (
    "X refuses to subscribe the account's direct messages ({code}): the access token must be the account's own, with"
    " permission to read and write direct messages, and the plan must have subscriptions left."
)


class XSubscription:
    def __init__(self, api: XApi, account_id: str) -> None:
        self._api = api
        self._account_id = account_id

    async def register(self, public_url: str) -> WebhookState:
        """Looks before it creates, so that repeating it changes nothing. Raises ``SendFailed``."""
        url = webhook_url(public_url)
        webhook = await self._find_webhook(url)
        try:
            if webhook is None:
                await self._api.call(self._api.application, "POST", "/2/webhooks", body={"url": url}, repeatable=True)
            elif webhook.get("valid") is not True:
                await self._validate(id_at(webhook, "id"))
        except GiveUp as refusal:
            return WebhookState(_refusal(url, refusal.code))
        webhook = await self._find_webhook(url)
        if webhook is not None:
            try:
                await self._subscribe(id_at(webhook, "id"))
            except GiveUp as refusal:
                return WebhookState(_NO_SUBSCRIPTION.format(code=refusal.code))
        return await self.check(public_url)

    async def check(self, public_url: str) -> WebhookState:
        """Raises ``SendFailed``."""
        url = webhook_url(public_url)
        webhook = await self._find_webhook(url)
        if webhook is None:
            return WebhookState(f"X knows no webhook at {url}. Run `parvis channels register`.")
        if webhook.get("valid") is not True:
            return WebhookState(
                f"X holds the webhook at {url} for invalid and sends nothing: its challenge failed. Make sure that the"
                " address is reachable with a valid certificate, then run `parvis channels register`."
            )
        if missing := self._missing(await self._subscriptions(), id_at(webhook, "id")):
            return WebhookState(
                f"The account is not subscribed to {', '.join(missing)}. Run `parvis channels register`."
            )
        return WebhookState()

    async def _find_webhook(self, url: str) -> JsonObject | None:
        answer = await self._api.get(self._api.application, "/2/webhooks")
        return next((webhook for webhook in objects_at(answer, "data") if text_at(webhook, "url") == url), None)

    async def _validate(self, webhook_id: str) -> None:
        """Have X repeat the challenge, which re-enables the webhook."""
        await self._api.call(self._api.application, "PUT", f"/2/webhooks/{webhook_id}", repeatable=True)

    async def _subscribe(self, webhook_id: str) -> None:
        subscriptions = await self._subscriptions()
        for event_type in self._missing(subscriptions, webhook_id):
            elsewhere = next((item for item in subscriptions if self._is_ours(item, event_type)), None)
            if elsewhere is not None:
                path = f"/2/activity/subscriptions/{id_at(elsewhere, 'subscription_id')}"
                body: JsonObject = {"webhook_id": webhook_id, "tag": _tag(event_type)}
                await self._api.call(self._api.user, "PUT", path, body=body, repeatable=True)
                continue
            body = {
                "event_type": event_type,
                "filter": {"user_id": self._account_id},
                "tag": _tag(event_type),
                "webhook_id": webhook_id,
            }
            # Direct messages are private events: the account itself has to ask for them.
            await self._api.call(self._api.user, "POST", "/2/activity/subscriptions", body=body, repeatable=True)

    async def _subscriptions(self) -> list[JsonObject]:
        found: list[JsonObject] = []
        parameters: dict[str, str] = {}
        for _ in range(_PAGES):
            answer = await self._api.get(self._api.application, "/2/activity/subscriptions", **parameters)
            found.extend(objects_at(answer, "data"))
            token = text_at(object_at(answer, "meta"), "next_token")
            if not token:
                break
            parameters = {"pagination_token": token}
        return found

    def _missing(self, subscriptions: list[JsonObject], webhook_id: str) -> list[str]:
        return [
            event_type
            for event_type in EVENT_TYPES
            if not any(
                self._is_ours(item, event_type) and id_at(item, "webhook_id") == webhook_id for item in subscriptions
            )
        ]

    def _is_ours(self, subscription: JsonObject, event_type: str) -> bool:
        return (
            subscription.get("event_type") == event_type
            and id_at(object_at(subscription, "filter"), "user_id") == self._account_id
        )


def _tag(event_type: str) -> str:
    return f"parvis {event_type}"


def webhook_url(public_url: str) -> str:
    """The webhook's full address, whether given as such or as the gateway's base address."""
    base = public_url.rstrip("/")
    return base if base.endswith("/webhooks/x") else f"{base}/webhooks/x"


def _refusal(url: str, code: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or ":" in parts.netloc:
        return f"X refuses {url} ({code}): it must begin with https:// and name no port. Set PARVIS_GATEWAY_PUBLIC_URL."
    return (
        f"X refuses {url} ({code}): its challenge failed, or the application has no webhook left. Make sure that the"
        " address is reachable with a valid certificate, that PARVIS_X_CONSUMER_SECRET is the application's API secret,"
        " and that the developer portal lists no other webhook."
    )
