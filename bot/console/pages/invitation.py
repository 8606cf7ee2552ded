"""Accepting an invitation: the first admin's, or somebody's who is to choose a password."""

from typing import TYPE_CHECKING, Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from bot.console.accounts import InvalidInvitation, Purpose, WeakPassword
from bot.console.page import address_of, field, password_field, redirect, render
from bot.console.pages.sign_in import enter

if TYPE_CHECKING:
    from bot.console.application import Console


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = InvitationPages(console)
    app.add_route(pages.show, "/first-admin/<token:str>", name="first_admin")
    app.add_route(pages.show, "/invitation/<token:str>", name="invitation")
    app.add_route(pages.become_first_admin, "/first-admin/<token:str>", methods=["POST"])
    app.add_route(pages.choose_password, "/invitation/<token:str>", methods=["POST"])


class InvitationPages:
    def __init__(self, console: "Console") -> None:
        self._console = console

    async def show(self, request: Request, token: str) -> HTTPResponse:
        return await self._form(request, token)

    async def become_first_admin(self, request: Request, token: str) -> HTTPResponse:
        email, name = field(request, "email"), field(request, "name")
        if "@" not in email or not name:
            return await self._form(request, token, "incomplete", email, name)
        try:
            user = await self._console.invitations.accept_as_first_admin(
                token,
                email=email,
                name=name,
                password=password_field(request, "password"),
                language=request.ctx.words.language,
                address=address_of(request),
            )
        except WeakPassword as weak:
            return await self._form(request, token, weak.problem, email, name)
        except InvalidInvitation:
            return render(request, "error.html", 410, problem="used_invitation")
        return await enter(self._console, request, user, "/")

    async def choose_password(self, request: Request, token: str) -> HTTPResponse:
        password = password_field(request, "password")
        try:
            await self._console.invitations.accept(token, password, address=address_of(request))
        except WeakPassword as weak:
            return await self._form(request, token, weak.problem)
        except InvalidInvitation:
            return render(request, "error.html", 410, problem="used_invitation")
        # Signed in by hand, so that a second factor is asked where there is one.
        return redirect("/sign-in", "password_chosen")

    async def _form(
        self, request: Request, token: str, problem: str = "", email: str = "", name: str = ""
    ) -> HTTPResponse:
        try:
            purpose, owner = await self._console.invitations.purpose_of(token)
        except InvalidInvitation:
            return render(request, "error.html", 410, problem="used_invitation")
        return render(
            request,
            "invitation.html",
            400 if problem else 200,
            is_first=purpose is Purpose.FIRST_ADMIN,
            owner=owner,
            problem=problem,
            email=email,
            name=name,
        )
