"""Signing in with an identity provider: a small real one, with its own key, behind real redirects."""

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from aiohttp import web
from joserfc import jwt
from joserfc.jwk import ECKey
from playwright.async_api import Browser, Page, expect

from benchmarks.ports import free_port
from tests.conftest import Valkey
from tests.integration.conftest import migrate_all
from tests.seeded_console import ConsoleProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

CLIENT, SECRET = "parvis", "the console's own secret"
_KEY = {"kid": "one", "use": "sig", "alg": "ES256"}


@dataclass
class Provider:
    """Authorization code flow with PKCE (OpenID Connect Core 1.0, 3.1; RFC 7636).

    ``claims`` are of whoever signs in next.
    """

    port: int
    claims: dict[str, Any] = field(default_factory=dict)
    key: ECKey = field(
        default_factory=lambda: ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
    )
    begun: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/.well-known/openid-configuration", self.describe)
        application.router.add_get("/keys", self.keys)
        application.router.add_get("/authorize", self.authorize)
        application.router.add_post("/token", self.token)
        return application

    async def describe(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }
        )

    async def keys(self, _: web.Request) -> web.Response:
        return web.json_response({"keys": [self.key.as_dict(private=False)]})

    async def authorize(self, request: web.Request) -> web.Response:
        asked = dict(request.query)
        assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (CLIENT, "code", "S256")
        code = secrets.token_urlsafe()
        self.begun[code] = asked
        back = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        raise web.HTTPFound(f"{asked['redirect_uri']}?{back}")

    async def token(self, request: web.Request) -> web.Response:
        sent = await request.post()
        asked = self.begun.pop(str(sent["code"]), None)
        challenge = hashlib.sha256(str(sent["code_verifier"]).encode()).digest()
        if asked is None or base64.urlsafe_b64encode(challenge).rstrip(b"=").decode() != asked["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        now = int(time.time())
        about = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.claims,
        }
        signed = jwt.encode({"alg": "ES256", "kid": "one"}, about, self.key)
        return web.json_response({"access_token": "unused", "token_type": "Bearer", "id_token": signed})


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def provider() -> AsyncIterator[Provider]:
    provider = Provider(free_port())
    runner = web.AppRunner(provider.application(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", provider.port).start()
    yield provider
    await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def console(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ConsoleProcess]:
    home: Path = tmp_path_factory.mktemp("console")
    valkey = Valkey(home)
    valkey.start()
    database_url = f"sqlite+aiosqlite:///{home / 'desk.db'}"
    await migrate_all(database_url)
    process = ConsoleProcess(
        home,
        database_url,
        valkey.address,
        PARVIS_CONSOLE_OIDC_ISSUER=provider.issuer,
        PARVIS_CONSOLE_OIDC_CLIENT_ID=CLIENT,
        PARVIS_CONSOLE_OIDC_CLIENT_SECRET=SECRET,
        PARVIS_CONSOLE_OIDC_LABEL="Lumen ID",
        PARVIS_CONSOLE_OIDC_ROLES_CLAIM="groups",
        PARVIS_CONSOLE_OIDC_ROLES='{"service-clients": "agent", "pilotes": "lead"}',
    )
    try:
        await asyncio.to_thread(process.start)
        yield process
    finally:
        process.stop()
        valkey.kill()


async def come_in(browser: Browser, console: ConsoleProcess) -> Page:
    page = await (await browser.new_context(locale="fr")).new_page()
    await page.goto(f"{console.address}/tickets?who=me")
    await page.get_by_role("link", name="Lumen ID").click()
    return page


async def test_the_providers_groups_become_roles_and_one_goes_on_where_one_wanted(
    provider: Provider, console: ConsoleProcess, browser: Browser
):
    provider.claims = {
        "sub": "42",
        "email": "zoe@maison-lumen.example",
        "email_verified": True,
        "name": "Zoé Petit",
        "groups": ["service-clients"],
    }
    page = await come_in(browser, console)
    await expect(page.locator(".person")).to_contain_text("Zoé Petit")
    assert page.url == f"{console.address}/tickets?who=me"
    await page.goto(f"{console.address}/team")
    await expect(page.locator("h1")).to_have_text("Cette page ne vous est pas ouverte")
    await page.context.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"aud": "somebody else"},
        {"iss": "https://evil.example"},
        {"exp": 1_000_000_000},
        {"email_verified": False},
    ],
)
async def test_an_identity_that_is_not_proved_lets_nobody_in(
    provider: Provider, console: ConsoleProcess, browser: Browser, wrong: dict[str, Any]
):
    sound = {"sub": "43", "email": "eve@maison-lumen.example", "email_verified": True, "groups": ["service-clients"]}
    provider.claims = {**sound, **wrong}
    page = await come_in(browser, console)
    await expect(page.locator("main h1")).to_be_visible()
    assert await page.locator(".person").count() == 0
    await page.context.close()


async def test_somebody_in_no_known_group_is_told_to_ask(provider: Provider, console: ConsoleProcess, browser: Browser):
    provider.claims = {"sub": "44", "email": "max@maison-lumen.example", "email_verified": True, "groups": ["cuisine"]}
    page = await come_in(browser, console)
    await expect(page.locator("h1")).to_have_text("Vous n’avez pas de compte ici")
    await page.context.close()
