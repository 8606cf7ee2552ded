"""Calls to the Graph API on behalf of a page, or of the application itself."""

import hashlib
import hmac
from collections.abc import Mapping

from bot.channels.base import MalformedPayload
from bot.channels.http import Answer, Client, exchange, json_request, with_query
from bot.channels.messenger.errors import classify
from bot.channels.vendor_json import JsonObject, read_object


class GraphNode:
    """One node of the graph and a token for it. ``api_url`` ends in the version: ``https://graph.facebook.com/v25.0``."""

    def __init__(self, client: Client, api_url: str, node_id: str, token: str, app_secret: str) -> None:
        self._client = client
        self._url = f"{api_url.rstrip('/')}/{node_id}"
        # In a header rather than the address, which proxies and logs keep.
        self._headers = {"Authorization": f"Bearer {token}"}
        # Shows that the caller also holds the app secret; mandatory once "Require App Secret" is on
        # (developers.facebook.com, Graph API, "Secure Graph API Calls").
        self._proof = hmac.digest(app_secret.encode(), token.encode(), hashlib.sha256).hex()

    async def post(
        self, edge: str, body: JsonObject | None = None, *, repeatable: bool = False, **parameters: str
    ) -> tuple[JsonObject, Mapping[str, str]]:
        """Raises ``SendFailed``."""
        return await self._call("POST", edge, parameters, body, repeatable)

    async def get(self, edge: str, **parameters: str) -> JsonObject:
        """Raises ``SendFailed``."""
        answer, _ = await self._call("GET", edge, parameters, None, repeatable=True)
        return answer

    async def _call(
        self, method: str, edge: str, parameters: dict[str, str], body: JsonObject | None, repeatable: bool
    ) -> tuple[JsonObject, Mapping[str, str]]:
        url = with_query(f"{self._url}/{edge}", {**parameters, "appsecret_proof": self._proof})
        request = json_request(method, url, self._headers, body)
        answer = await exchange(self._client, request, repeatable=repeatable)
        if failure := classify(answer, repeatable=repeatable):
            raise failure
        return _read_object(answer), answer.headers


def _read_object(answer: Answer) -> JsonObject:
    try:
        return read_object(answer.body)
    except MalformedPayload:
        return {}
