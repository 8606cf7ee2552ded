"""Signing in with the brand's identity provider: OpenID Connect, authorization code flow with PKCE, through Authlib.

Sources: openid.net/specs/openid-connect-core-1_0.html (3.1), RFC 7636, RFC 9700.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from bot.console.accounts.rights import Role
from bot.console.accounts.secrets import Vault, new_token

log = structlog.get_logger()

_SIGN_IN_SECONDS: Final = 600
_CLOCK_LEEWAY_SECONDS: Final = 60
# Signed by the provider's key; "none" and shared-secret signatures are not accepted.
_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class IdentityNotProved(Exception):
    """The provider's answer cannot be trusted, or did not come; the reason is for the log."""


@dataclass(frozen=True)
class Identity:
    """``roles`` is empty when no claim of the provider's says any: then the account's own hold."""

    subject: str
    email: str
    name: str
    roles: frozenset[Role]


@dataclass(frozen=True)
class ProviderSettings:
    """``roles``: value of the claim ``roles_claim`` to role. ``label`` is what the button says."""

    issuer: str
    client_id: str
    client_secret: str
    label: str = "OpenID Connect"
    scope: str = "openid email profile"
    roles_claim: str = ""
    roles: dict[str, Role] = field(default_factory=dict)


class IdentityProvider:
    def __init__(self, settings: ProviderSettings, redirect_url: str, vault: Vault) -> None:
        self.settings = settings
        self._redirect_url = redirect_url
        self._vault = vault
        self._metadata: dict[str, Any] | None = None
        self._keys: KeySet | None = None

    async def begin(self, next_path: str) -> tuple[str, str]:
        """Where the browser goes, and the sealed state that it must bring back in a cookie.

        Raises ``IdentityNotProved`` when the provider does not answer.
        """
        state, nonce, verifier = new_token(), new_token(), new_token() + new_token()
        metadata = await self._discover()
        async with self._client() as client:
            address, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        sealed = self._vault.seal(json.dumps({"state": state, "nonce": nonce, "verifier": verifier, "next": next_path}))
        return str(address), sealed

    async def finish(self, query: dict[str, str], sealed: str) -> tuple[Identity, str]:
        """Who it is, and where they wanted to go. Raises ``IdentityNotProved``."""
        opened = self._vault.open(sealed, _SIGN_IN_SECONDS)
        if opened is None:
            raise IdentityNotProved("the sign-in was not begun in this browser, or too long ago")
        begun = json.loads(opened)
        if query.get("state") != begun["state"]:
            raise IdentityNotProved("the state is another's")
        if "code" not in query:
            raise IdentityNotProved(f"the provider refused: {query.get('error', 'no code')[:100]}")
        claims = await self._claims(query["code"], begun["verifier"], begun["nonce"])
        return self._identity(claims), begun["next"]

    async def _claims(self, code: str, verifier: str, nonce: str) -> dict[str, Any]:
        metadata = await self._discover()
        try:
            async with self._client() as client:
                token = await client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=verifier)
        except (AuthlibBaseError, httpx2.HTTPError, ValueError) as error:
            raise IdentityNotProved(f"no token: {type(error).__name__}") from error
        if not isinstance(token.get("id_token"), str):
            raise IdentityNotProved("the answer has no id_token")
        return await self._verified(token["id_token"], nonce, metadata["issuer"], token.get("access_token"))

    async def _verified(self, id_token: str, nonce: str, issuer: str, access_token: str | None) -> dict[str, Any]:
        try:
            try:
                decoded = jwt.decode(id_token, await self._key_set(), algorithms=_ALGORITHMS)
            except (JoseError, ValueError):
                # The provider may have changed its keys since they were read.
                decoded = jwt.decode(id_token, await self._key_set(again=True), algorithms=_ALGORITHMS)
            options = {
                "iss": {"essential": True, "value": issuer},
                "aud": {"essential": True, "value": self.settings.client_id},
                "sub": {"essential": True},
            }
            parameters = {"nonce": nonce, "client_id": self.settings.client_id, "access_token": access_token}
            claims = CodeIDToken(decoded.claims, decoded.header, options, parameters)
            claims.validate(leeway=_CLOCK_LEEWAY_SECONDS)
        except (JoseError, ValueError, AuthlibBaseError) as error:
            raise IdentityNotProved(f"the id_token does not hold: {type(error).__name__}") from error
        return dict(decoded.claims)

    def _identity(self, claims: dict[str, Any]) -> Identity:
        email = claims.get("email")
        if not isinstance(email, str) or "@" not in email or claims.get("email_verified") is False:
            raise IdentityNotProved("the provider gives no verified e-mail address")
        values = claims.get(self.settings.roles_claim, []) if self.settings.roles_claim else []
        values = [values] if isinstance(values, str) else values
        known = [self.settings.roles[value] for value in values if value in self.settings.roles]
        name = str(claims.get("name") or email.partition("@")[0])
        return Identity(f"{claims['iss']}#{claims['sub']}", email, name[:120], frozenset(known))

    async def _discover(self) -> dict[str, Any]:
        if self._metadata is None:
            issuer = self.settings.issuer.rstrip("/")
            metadata = await self._fetch(f"{issuer}/.well-known/openid-configuration")
            if str(metadata.get("issuer", "")).rstrip("/") != issuer:
                raise IdentityNotProved("the provider calls itself by another name than PARVIS_CONSOLE_OIDC_ISSUER")
            self._metadata = metadata
        return self._metadata

    async def _key_set(self, *, again: bool = False) -> KeySet:
        if self._keys is None or again:
            metadata = await self._discover()
            self._keys = KeySet.import_key_set(await self._fetch(metadata["jwks_uri"]))  # type: ignore[arg-type]
        return self._keys

    async def _fetch(self, address: str) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=10, follow_redirects=False) as client:
                response = await client.get(address)
                response.raise_for_status()
                document = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise IdentityNotProved(f"{address} does not answer: {type(error).__name__}") from error
        if not isinstance(document, dict):
            raise IdentityNotProved(f"{address} answers no object")
        return document

    def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            self.settings.client_id,
            self.settings.client_secret,
            scope=self.settings.scope,
            redirect_uri=self._redirect_url,
            code_challenge_method="S256",
            timeout=10,
        )
