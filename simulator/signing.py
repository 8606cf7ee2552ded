"""Signatures of both platforms, made as they make them and checked as they check them."""

import base64
import hashlib
import hmac
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit
from urllib.request import parse_http_list, parse_keqv_list

from authlib.oauth1.rfc5849.signature import construct_base_string, hmac_sha1_signature
from authlib.oauth1.rfc5849.util import unescape

_CLOCK_TOLERANCE_SECONDS = 300
_REMEMBERED_NONCES = 20_000


class BadAuthorization(Exception):
    """The request's credentials are absent or wrong. The reason is for the developer and holds no secret."""


def sign_for_messenger(app_secret: str, body: bytes) -> str:
    """The value of ``X-Hub-Signature-256``."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def sign_for_x(consumer_secret: str, body: bytes) -> str:
    """The value of ``x-twitter-webhooks-signature``, and of a CRC's ``response_token``."""
    digest = hmac.new(consumer_secret.encode(), body, hashlib.sha256).digest()
    return "sha256=" + base64.b64encode(digest).decode()


def app_secret_proof(app_secret: str, access_token: str) -> str:
    return hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()


def same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


class OAuth1Verifier:
    """Checks OAuth 1.0a user-context requests (RFC 5849, HMAC-SHA1), each nonce once."""

    def __init__(
        self,
        consumer_key: str,
        consumer_secret: str,
        access_token: str,
        access_token_secret: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._consumer_key = consumer_key
        self._consumer_secret = consumer_secret
        self._access_token = access_token
        self._access_token_secret = access_token_secret
        self._now = now
        self._nonces: OrderedDict[str, None] = OrderedDict()

    def verify(self, method: str, url: str, authorization: str | None) -> None:
        """``url`` is the whole address with its query. A JSON body is not part of the signature (RFC 5849, 3.4.1.3.1).

        Raises ``BadAuthorization``.
        """
        given = _read_header(authorization)
        self._check_identity(given)
        self._check_freshness(given)
        parameters = [*parse_qsl(urlsplit(url).query, keep_blank_values=True), *given.items()]
        base_string = construct_base_string(method, url, parameters)
        expected = hmac_sha1_signature(base_string, self._consumer_secret, self._access_token_secret)
        if not same(expected, unescape(given.get("oauth_signature", ""))):
            raise BadAuthorization("the signature does not match the request")
        self._use_nonce(given)

    def _check_identity(self, given: dict[str, str]) -> None:
        if given.get("oauth_signature_method") != "HMAC-SHA1":
            raise BadAuthorization("oauth_signature_method must be HMAC-SHA1")
        if not same(unescape(given.get("oauth_consumer_key", "")), self._consumer_key):
            raise BadAuthorization("unknown consumer key")
        if not same(unescape(given.get("oauth_token", "")), self._access_token):
            raise BadAuthorization("unknown access token")

    def _check_freshness(self, given: dict[str, str]) -> None:
        timestamp = given.get("oauth_timestamp", "")
        if not timestamp.isdecimal() or abs(self._now() - int(timestamp)) > _CLOCK_TOLERANCE_SECONDS:
            raise BadAuthorization("the timestamp is out of bounds")
        if not given.get("oauth_nonce"):
            raise BadAuthorization("the nonce is missing")
        if _nonce_key(given) in self._nonces:
            raise BadAuthorization("the nonce was used before")

    def _use_nonce(self, given: dict[str, str]) -> None:
        self._nonces[_nonce_key(given)] = None
        while len(self._nonces) > _REMEMBERED_NONCES:
            self._nonces.popitem(last=False)


def _nonce_key(given: dict[str, str]) -> str:
    return f"{given['oauth_timestamp']}:{given['oauth_nonce']}"


def _read_header(authorization: str | None) -> dict[str, str]:
    scheme, _, rest = (authorization or "").partition(" ")
    if scheme.lower() != "oauth":
        raise BadAuthorization("an OAuth 1.0a user context is required")
    try:
        given = parse_keqv_list(parse_http_list(rest))
    except (ValueError, IndexError) as error:
        raise BadAuthorization("the Authorization header cannot be read") from error
    given.pop("realm", None)
    return given
