"""Keeping the page subscribed: Meta unsubscribes an application whose webhook failed for an hour ("Webhooks")."""

from typing import Final

from bot.channels.base import WebhookState
from bot.channels.messenger.graph import GraphApi
from bot.channels.vendor_json import JsonObject, id_at, objects_at

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


class MessengerSubscription:
    def __init__(self, graph: GraphApi, app_id: str) -> None:
        self._graph = graph
        self._app_id = app_id

    async def register(self, public_url: str) -> WebhookState:
        """Raises ``SendFailed``. Repeating it changes nothing."""
        fields = ",".join((*NEEDED_FIELDS, *USEFUL_FIELDS))
        await self._graph.post("subscribed_apps", {"subscribed_fields": fields}, repeatable=True)
        return await self.check(public_url)

    async def check(self, public_url: str) -> WebhookState:
        """Raises ``SendFailed``. The address itself is set in the App Dashboard and not told to a page's token."""
        answer = await self._graph.get("subscribed_apps")
        ours = next((app for app in objects_at(answer, "data") if self._is_ours(app)), None)
        if ours is None:
            return WebhookState(
                "The page is not subscribed to this application, so no message arrives. Run `parvis channels register`;"
                f" in the App Dashboard the callback URL must be {webhook_url(public_url)}."
            )
        if missing := _missing_fields(ours):
            return WebhookState(
                f"The page's subscription lacks {', '.join(missing)}. Run `parvis channels register`, and subscribe"
                " the same fields in the App Dashboard."
            )
        return WebhookState()

    def _is_ours(self, app: JsonObject) -> bool:
        return id_at(app, "id") == self._app_id


def _missing_fields(app: JsonObject) -> list[str]:
    subscribed = app.get("subscribed_fields")
    names = subscribed if isinstance(subscribed, list) else []
    return [field for field in NEEDED_FIELDS if field not in names]


def webhook_url(public_url: str) -> str:
    """The webhook's full address, whether given as such or as the gateway's base address."""
    base = public_url.rstrip("/")
    return base if base.endswith("/webhooks/messenger") else f"{base}/webhooks/messenger"
