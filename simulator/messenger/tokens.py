"""Which token may do what."""

from sanic import Request

from simulator.messenger.errors import GraphError, no_such_object
from simulator.messenger.requests import parameter
from simulator.settings import MessengerAccount
from simulator.signing import app_secret_proof, same


class Tokens:
    def __init__(self, account: MessengerAccount) -> None:
        self._account = account

    def authorise_page(self, request: Request, node: str) -> None:
        """Page token and ``appsecret_proof``, as with "Require App Secret" switched on. Raises ``GraphError``."""
        token = _bearer_token(request)
        if not token:
            raise GraphError(104, "An access token is required to request this resource.")
        if not same(token, self._account.page_token):
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        proof = parameter(request, "appsecret_proof")
        if not proof:
            raise GraphError(100, "API calls from the server require an appsecret_proof argument")
        if not same(proof, app_secret_proof(self._account.app_secret, token)):
            raise GraphError(100, "Invalid appsecret_proof provided in the API argument")
        if node not in (self._account.page_id, "me"):
            raise no_such_object(node)

    def authorise_app(self, request: Request, node: str) -> None:
        """App-level calls take the app token ``<id>|<secret>``. Raises ``GraphError``."""
        if not same(_bearer_token(request), f"{self._account.app_id}|{self._account.app_secret}"):
            raise GraphError(190, "Invalid OAuth access token signature.")
        if node != self._account.app_id:
            raise no_such_object(node)


def _bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "oauth") and token:
        return token.strip()
    return parameter(request, "access_token")
