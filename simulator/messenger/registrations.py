"""Where the Page's webhooks go, and which fields it is subscribed to (messenger-platform/webhooks)."""

import secrets
from typing import Any

import aiohttp

from simulator.messenger.errors import GraphError
from simulator.webhooks import WebhookDispatcher

DEFAULT_FIELDS = (
    "messages",
    "messaging_postbacks",
    "message_echoes",
    "message_deliveries",
    "message_reads",
    "messaging_handovers",
    "standby",
)


class Registrations:
    """``url``, the gateway's, is registered from the start, with the Page subscribed."""

    def __init__(self, dispatcher: WebhookDispatcher, url: str) -> None:
        self._dispatcher = dispatcher
        self.callback_url = url
        self.subscribed_fields: list[str] = list(DEFAULT_FIELDS)

    def subscribed_apps(self, app_id: str, name: str) -> list[dict[str, Any]]:
        if not self.subscribed_fields:
            return []
        return [{"id": app_id, "name": name, "subscribed_fields": self.subscribed_fields}]

    async def verify_callback(self, url: str, verify_token: str) -> None:
        """The GET handshake of ``hub.challenge``. Raises ``GraphError``."""
        challenge = str(secrets.randbelow(10**9))
        query = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge}
        try:
            async with self._dispatcher.session.get(url, params=query, allow_redirects=False) as response:
                answer = await response.text()
                verified = response.status == 200 and answer.strip() == challenge
        except (aiohttp.ClientError, OSError, TimeoutError):
            verified = False
        if not verified:
            raise GraphError(2200, "(#2200) Callback verification failed")
        self.callback_url = url
