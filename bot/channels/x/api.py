"""Calls to the X API, as the account (OAuth 1.0a) or as the application (bearer token)."""

from collections.abc import Mapping
from typing import Protocol

from authlib.oauth1 import ClientAuth
from authlib.oauth1.rfc5849.errors import InsecureTransportError

from bot.channels.base import PauseChannel
from bot.channels.http import Client, exchange, json_request, with_query
from bot.channels.vendor_json import JsonObject
from bot.channels.x.errors import classify, read_answer


class Party(Protocol):
    """In whose name a call is made."""

    def authorization(self, method: str, url: str) -> str:
        """The header's value. Raises ``SendFailed``."""
        ...


class UserContext:
    """OAuth 1.0a as RFC 5849 has it: a JSON body takes no part in the signature.

    Given the body, Authlib would add ``oauth_body_hash``, a draft beyond the RFC. X does not document it
    ("fundamentals/authentication/oauth-1-0a/creating-a-signature"), and clients that let the body into the signature
    are answered 401.
    """

    def __init__(self, consumer_key: str, consumer_secret: str, access_token: str, access_token_secret: str) -> None:
        self._signer = ClientAuth(consumer_key, consumer_secret, access_token, access_token_secret)

    def authorization(self, method: str, url: str) -> str:
        try:
            _, headers, _ = self._signer.sign(method, url, {}, b"")
        except InsecureTransportError as error:
            raise PauseChannel("insecure-address", "OAuth 1.0a needs an https address outside this machine") from error
        return str(headers["Authorization"])


class BearerToken:
    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def authorization(self, method: str, url: str) -> str:
        del method, url
        return self._header


class XApi:
    """``api_url`` has no version, e.g. ``https://api.x.com``."""

    def __init__(self, client: Client, api_url: str, user: UserContext, application: BearerToken) -> None:
        self._client = client
        self._api_url = api_url.rstrip("/")
        self.user = user
        """Direct messages and private subscriptions are the account's own; an application token is refused."""
        self.application = application
        """Webhooks belong to the application ("x-api/webhooks/quickstart")."""

    async def call(
        self,
        party: Party,
        method: str,
        path: str,
        *,
        parameters: dict[str, str] | None = None,
        body: JsonObject | None = None,
        repeatable: bool = False,
    ) -> tuple[JsonObject, Mapping[str, str]]:
        """Raises ``SendFailed``."""
        url = with_query(self._api_url + path, parameters or {})
        request = json_request(method, url, {"Authorization": party.authorization(method, url)}, body)
        answer = await exchange(self._client, request, repeatable=repeatable)
        if failure := classify(answer, repeatable=repeatable):
            raise failure
        return read_answer(answer), answer.headers

    async def get(self, party: Party, path: str, **parameters: str) -> JsonObject:
        """Raises ``SendFailed``."""
        answer, _ = await self.call(party, "GET", path, parameters=parameters, repeatable=True)
        return answer
