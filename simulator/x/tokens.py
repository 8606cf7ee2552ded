"""Which token may do what."""

import structlog
from sanic import Request

from simulator.settings import XAccount
from simulator.signing import BadAuthorization, OAuth1Verifier, same
from simulator.x.errors import XError

log = structlog.get_logger()


class Tokens:
    def __init__(self, account: XAccount) -> None:
        self._bearer_token = account.bearer_token
        self._oauth1 = OAuth1Verifier(
            account.consumer_key, account.consumer_secret, account.access_token, account.access_token_secret
        )

    def authorise_user(self, request: Request) -> None:
        """OAuth 1.0a user context; app-only tokens may not touch direct messages. Raises ``XError``."""
        authorization = request.headers.get("authorization", "")
        if authorization.lower().startswith("bearer "):
            detail = "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint."
            problem = "https://api.x.com/2/problems/unsupported-authentication"
            raise XError(403, "Unsupported Authentication", detail, problem)
        try:
            self._oauth1.verify(request.method, request.url, authorization)
        except BadAuthorization as error:
            log.info("oauth_refused", reason=str(error))
            raise XError(401, "Unauthorized", "Unauthorized") from error

    def authorise_app(self, request: Request) -> None:
        """App-only bearer token. Raises ``XError``."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not same(token.strip(), self._bearer_token):
            raise XError(401, "Unauthorized", "Unauthorized")

    def authorise_either(self, request: Request) -> None:
        if request.headers.get("authorization", "").lower().startswith("oauth "):
            self.authorise_user(request)
        else:
            self.authorise_app(request)
