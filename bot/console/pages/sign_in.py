"""Signing in and out, by password or with the brand's identity provider; choosing a language."""

from typing import TYPE_CHECKING, Any

import structlog
from sanic import Request, Sanic
from sanic.response import HTTPResponse

from bot.console.accounts import Refusal, SignInRefused, User
from bot.console.accounts.oidc import IdentityNotProved, IdentityProvider
from bot.console.page import address_of, field, password_field, redirect, render, signed_in
from bot.console.security import own_path
from bot.console.words import LANGUAGES

if TYPE_CHECKING:
    from bot.console.application import Console

log = structlog.get_logger()

_YEAR_SECONDS = 365 * 86400
_SIGN_IN_SECONDS = 600


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = SignInPages(console)
    app.add_route(pages.show, "/sign-in", name="sign_in")
    app.add_route(pages.check, "/sign-in", methods=["POST"])
    app.add_route(pages.sign_out, "/sign-out", methods=["POST"])
    app.add_route(pages.choose_language, "/language", methods=["POST"])
    if console.provider is not None:
        elsewhere = ProviderPages(console, console.provider)
        app.add_route(elsewhere.begin, "/oidc/begin")
        app.add_route(elsewhere.come_back, "/oidc/callback")


async def enter(console: "Console", request: Request, user: User, next_path: str) -> HTTPResponse:
    """Begin a session and go on."""
    token = await console.sessions.begin(user.id)
    response = redirect(own_path(next_path))
    cookies = request.app.ctx.cookies
    cookies.set(response, cookies.session, token, console.session_seconds)
    return response


class SignInPages:
    def __init__(self, console: "Console") -> None:
        self._console = console

    async def show(self, request: Request) -> HTTPResponse:
        if request.ctx.signed_in is not None:
            return redirect(own_path(request.args.get("next")))
        return self._form(request)

    async def check(self, request: Request) -> HTTPResponse:
        email, proof, address = field(request, "email"), field(request, "proof"), address_of(request)
        sign_in = self._console.sign_in
        try:
            if proof:
                user = await sign_in.with_code(proof, field(request, "code"), address)
            else:
                user = await sign_in.with_password(email, password_field(request, "password"), address)
        except SignInRefused as refused:
            return self._form(request, refused, email)
        return await enter(self._console, request, user, field(request, "next"))

    async def sign_out(self, request: Request) -> HTTPResponse:
        await self._console.sessions.end(signed_in(request).token_hash)
        response = redirect("/sign-in", "signed_out")
        cookies = request.app.ctx.cookies
        cookies.delete(response, cookies.session)
        return response

    async def choose_language(self, request: Request) -> HTTPResponse:
        language = field(request, "language")
        response = redirect(own_path(field(request, "next")))
        if language in LANGUAGES:
            request.app.ctx.cookies.set(response, "language", language, _YEAR_SECONDS)
            if request.ctx.signed_in is not None:
                await self._console.users.set_language(request.ctx.signed_in.user.id, language)
        return response

    def _form(self, request: Request, refused: SignInRefused | None = None, email: str = "") -> HTTPResponse:
        """Once the password was right its proof is sent along with the code; the password itself never comes back."""
        refusal = refused.refusal if refused else None
        statuses = {None: 200, Refusal.CODE_NEEDED: 200, Refusal.TOO_MANY: 429}
        return render(
            request,
            "sign_in.html",
            statuses.get(refusal, 401),
            next=own_path(request.args.get("next") or field(request, "next")),
            email=email,
            proof=refused.proof if refused else "",
            refusal=refusal.value if refusal else "",
            wait_minutes=-(-refused.wait_seconds // 60) if refused else 0,
            provider=self._console.provider.settings.label if self._console.provider else "",
        )


class ProviderPages:
    def __init__(self, console: "Console", provider: IdentityProvider) -> None:
        self._console = console
        self._provider = provider

    async def begin(self, request: Request) -> HTTPResponse:
        try:
            address, sealed = await self._provider.begin(own_path(request.args.get("next")))
        except IdentityNotProved as error:
            log.warning("identity_provider_away", reason=str(error))
            return render(request, "error.html", 503, problem="provider_away")
        response = redirect(address)
        cookies = request.app.ctx.cookies
        cookies.set(response, cookies.begun, sealed, _SIGN_IN_SECONDS)
        return response

    async def come_back(self, request: Request) -> HTTPResponse:
        query = {name: request.args.get(name, "") for name in request.args}
        cookies = request.app.ctx.cookies
        try:
            identity, next_path = await self._provider.finish(query, request.cookies.get(cookies.begun) or "")
            user = await self._console.sign_in.with_identity(
                identity.subject,
                identity.email,
                identity.name,
                identity.roles,
                request.ctx.words.language,
                address_of(request),
            )
        except IdentityNotProved as error:
            log.warning("identity_not_proved", reason=str(error))
            return render(request, "error.html", 401, problem="identity_not_proved")
        except SignInRefused:
            return render(request, "error.html", 403, problem="not_invited")
        response = await enter(self._console, request, user, next_path)
        cookies.delete(response, cookies.begun)
        return response
