"""Calls to the X API, as the account (OAuth 1.0a) or as the application (bearer token)."""

from collections.abc import Generator
from typing import Any

import httpx
from authlib.oauth1 import ClientAuth
from authlib.oauth1.rfc5849.errors import InsecureTransportError

from bot.channels.base import PauseChannel
from bot.channels.http import exchange
from bot.channels.vendor_json import JsonObject
from bot.channels.x.errors import classify, read_answer


class UserContext(httpx.Auth):
    """OAuth 1.0a as RFC 5849 has it: a JSON body takes no part in the signature.

    Authlib's own httpx client would add ``oauth_body_hash``, a draft beyond the RFC, to a JSON request, or send it
    without its body; X documents neither ("fundamentals/authentication/oauth-1-0a/creating-a-signature"), and clients
    that let the body into the signature are answered 401.
    """

    def __init__(self, consumer_key: str, consumer_secret: str, access_token: str, access_token_secret: str) -> None:
        self._signer = ClientAuth(consumer_key, consumer_secret, access_token, access_token_secret)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        try:
            _, headers, _ = self._signer.sign(request.method, str(request.url), {}, b"")
        except InsecureTransportError as error:
            raise PauseChannel("insecure-address", "OAuth 1.0a needs an https address outside this machine") from error
        request.headers["Authorization"] = headers["Authorization"]
        yield request


class BearerToken(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._header
        yield request


class XApi:
    """``api_url`` has no version, e.g. ``https://api.x.com``."""

    def __init__(self, client: httpx.AsyncClient, api_url: str, user: UserContext, application: BearerToken) -> None:
        self._client = client
        self._api_url = api_url.rstrip("/")
        self.user = user
        """Direct messages and private subscriptions are the account's own; an application token is refused."""
        self.application = application
        """Webhooks belong to the application ("x-api/webhooks/quickstart")."""

    async def call(
        self,
        auth: httpx.Auth,
        method: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: JsonObject | None = None,
        repeatable: bool = False,
    ) -> tuple[JsonObject, httpx.Headers]:
        """Raises ``SendFailed``."""
        content: dict[str, Any] = {} if body is None else {"json": body}
        request = self._client.build_request(method, self._api_url + path, params=parameters, **content)
        # Signed here, once: a client-wide auth would sign every call as the same party.
        signed = next(auth.auth_flow(request))
        response = await exchange(self._client, signed, repeatable=repeatable)
        if failure := classify(response, repeatable=repeatable):
            raise failure
        return read_answer(response), response.headers

    async def get(self, auth: httpx.Auth, path: str, **parameters: str) -> JsonObject:
        """Raises ``SendFailed``."""
        answer, _ = await self.call(auth, "GET", path, parameters=parameters, repeatable=True)
        return answer
