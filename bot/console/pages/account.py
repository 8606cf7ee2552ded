"""One's own account: password, second factor."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from bot.console.accounts import SignInRefused, WeakPassword
from bot.console.accounts.totp import address_of as totp_address
from bot.console.accounts.totp import matching_step, new_secret, picture_of
from bot.console.page import address_of, field, password_field, redirect, render, signed_in

if TYPE_CHECKING:
    from bot.console.application import Console

_SET_UP_SECONDS = 900


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = AccountPages(console)
    app.add_route(pages.show, "/account", name="account")
    app.add_route(pages.change_password, "/account/password", methods=["POST"])
    app.add_route(pages.begin_totp, "/account/totp", methods=["POST"])
    app.add_route(pages.confirm_totp, "/account/totp/confirm", methods=["POST"])
    app.add_route(pages.remove_totp, "/account/totp/remove", methods=["POST"])


class AccountPages:
    def __init__(self, console: "Console") -> None:
        self._console = console

    async def show(self, request: Request) -> HTTPResponse:
        return self._page(request)

    async def change_password(self, request: Request) -> HTTPResponse:
        console, user, address = self._console, signed_in(request).user, address_of(request)
        try:
            await console.sign_in.confirm(user.email, password_field(request, "current"), address)
            await console.users.set_password(
                user.id, password_field(request, "password"), by=user.email, address=address
            )
        except SignInRefused as refused:
            return self._page(request, f"refusal.{refused.refusal}")
        except WeakPassword as weak:
            return self._page(request, f"password.{weak.problem}")
        # All sessions ended with the old password, this one too.
        token = await console.sessions.begin(user.id)
        response = redirect("/account", "password_changed")
        cookies = request.app.ctx.cookies
        cookies.set(response, cookies.session, token, console.session_seconds)
        return response

    async def begin_totp(self, request: Request) -> HTTPResponse:
        return self._totp_page(request, new_secret())

    async def confirm_totp(self, request: Request) -> HTTPResponse:
        console, user = self._console, signed_in(request).user
        secret = console.vault.open(field(request, "sealed"), _SET_UP_SECONDS)
        if secret is None:
            return redirect("/account", "totp_too_late")
        if matching_step(secret, field(request, "code"), datetime.now(UTC), 0) is None:
            return self._totp_page(request, secret, "refusal.wrong_code")
        await console.users.set_totp(user.id, console.vault.seal(secret), by=user.email, address=address_of(request))
        return redirect("/account", "totp_set")

    async def remove_totp(self, request: Request) -> HTTPResponse:
        console, user, address = self._console, signed_in(request).user, address_of(request)
        try:
            await console.sign_in.confirm(user.email, password_field(request, "current"), address)
        except SignInRefused as refused:
            return self._page(request, f"refusal.{refused.refusal}")
        await console.users.set_totp(user.id, None, by=user.email, address=address)
        return redirect("/account", "totp_removed")

    def _page(self, request: Request, problem: str = "") -> HTTPResponse:
        return render(request, "account.html", 400 if problem else 200, problem=problem)

    def _totp_page(self, request: Request, secret: str, problem: str = "") -> HTTPResponse:
        address = totp_address(secret, signed_in(request).user.email, self._console.brand)
        return render(
            request,
            "totp.html",
            400 if problem else 200,
            secret=" ".join(secret[i : i + 4] for i in range(0, len(secret), 4)),
            sealed=self._console.vault.seal(secret),
            picture=picture_of(address),
            problem=problem,
        )
