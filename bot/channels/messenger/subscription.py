"""Keeping the webhook subscribed: Meta unsubscribes an application whose webhook failed for an hour ("Webhooks").

Two subscriptions must hold, and only fields of both are delivered (Graph API reference, "Page Subscribed Apps"): the
application's, which names the address, and the page's, which names the application.
"""

from typing import Final

from bot.channels.base import GiveUp, WebhookState
from bot.channels.messenger.graph import GraphNode
from bot.channels.vendor_json import JsonObject, id_at, objects_at, text_at

NEEDED_FIELDS: Final = ("messages", "messaging_postbacks", "message_echoes")
"""Without these customers go unheard, or a colleague's answer in the page's inbox goes unseen."""

USEFUL_FIELDS: Final = (
    "message_deliveries",
    "message_edits",
    "message_reactions",
    "message_reads",
    "messaging_handovers",
    "messaging_optins",
    "messaging_policy_enforcement",
    "messaging_referrals",
    "standby",
)
# Left out on purpose: "response_feedback", which puts thumbs under every message of the brand, and "feed", the page's
# public side, which nothing here answers yet. Both are understood should an operator subscribe them.

_FIELDS: Final = ",".join((*NEEDED_FIELDS, *USEFUL_FIELDS))


class MessengerSubscription:
    def __init__(self, page: GraphNode, application: GraphNode, app_id: str, verify_token: str) -> None:
        self._page = page
        self._application = application
        self._app_id = app_id
        self._verify_token = verify_token

    async def register(self, public_url: str) -> WebhookState:
        """Raises ``SendFailed``. Repeating it changes nothing."""
        if not self._app_id:
            return _NO_APP_ID
        url = webhook_url(public_url)
        try:
            await self._application.post(
                "subscriptions",
                repeatable=True,
                # In the body: the verify token is a secret, and addresses are logged.
                body={"object": "page", "callback_url": url, "verify_token": self._verify_token, "fields": _FIELDS},
            )
        except GiveUp as refusal:
            return WebhookState(
                f"Meta refuses {url} ({refusal.code}). It must begin with https://, be reachable with a valid"
                " certificate, and answer the verify token in PARVIS_MESSENGER_VERIFY_TOKEN."
            )
        await self._page.post("subscribed_apps", repeatable=True, subscribed_fields=_FIELDS)
        return await self.check(public_url)

    async def check(self, public_url: str) -> WebhookState:
        """Raises ``SendFailed``."""
        if not self._app_id:
            return _NO_APP_ID
        return WebhookState(await self._application_problem(webhook_url(public_url)) or await self._page_problem())

    async def _application_problem(self, url: str) -> str | None:
        answer = await self._application.get("subscriptions")
        pages = [item for item in objects_at(answer, "data") if item.get("object") == "page"]
        ours = next((item for item in pages if text_at(item, "callback_url") == url), None)
        if ours is None:
            return f"Meta does not call {url}. Run `parvis channels register`."
        if ours.get("active") is not True:
            return f"Meta has switched off the webhook at {url} after failures. Run `parvis channels register`."
        return _missing("application", [text_at(field, "name") for field in objects_at(ours, "fields")])

    async def _page_problem(self) -> str | None:
        answer = await self._page.get("subscribed_apps")
        ours = next((app for app in objects_at(answer, "data") if self._is_ours(app)), None)
        if ours is None:
            return (
                "The page is not subscribed to this application, so no message arrives: Meta unsubscribes a page whose"
                " webhook failed for an hour. Run `parvis channels register`."
            )
        subscribed = ours.get("subscribed_fields")
        return _missing("page", subscribed if isinstance(subscribed, list) else [])

    def _is_ours(self, app: JsonObject) -> bool:
        return id_at(app, "id") == self._app_id


_NO_APP_ID: Final = WebhookState(
    "PARVIS_MESSENGER_APP_ID is not set: it stands in the App Dashboard under Basic settings."
)


def _missing(who: str, subscribed: list[str | None]) -> str | None:
    missing = [field for field in NEEDED_FIELDS if field not in subscribed]
    return f"The {who}'s subscription lacks {', '.join(missing)}. Run `parvis channels register`." if missing else None


def webhook_url(public_url: str) -> str:
    """The webhook's full address, whether given as such or as the gateway's base address."""
    base = public_url.rstrip("/")
    return base if base.endswith("/webhooks/messenger") else f"{base}/webhooks/messenger"
