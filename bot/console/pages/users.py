"""Who may sign in, for admins: invite, give roles, deactivate, help somebody who forgot a password."""

from typing import TYPE_CHECKING, Any

from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse

from bot.console.accounts import EmailTaken, LastAdmin, Right, Role, UnknownUser, User
from bot.console.page import address_of, field, fields, needs, redirect, render, signed_in

if TYPE_CHECKING:
    from bot.console.application import Console


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = UserPages(console)
    app.add_route(needs(Right.MANAGE_USERS, pages.show), "/users", name="users")
    app.add_route(needs(Right.MANAGE_USERS, pages.invite), "/users", methods=["POST"])
    app.add_route(needs(Right.MANAGE_USERS, pages.change), "/users/<user_id:int>", methods=["POST"], name="change_user")
    app.add_route(needs(Right.MANAGE_USERS, pages.invite_again), "/users/<user_id:int>/invitation", methods=["POST"])


class UserPages:
    def __init__(self, console: "Console") -> None:
        self._console = console

    async def show(self, request: Request) -> HTTPResponse:
        return await self._page(request)

    async def invite(self, request: Request) -> HTTPResponse:
        email, name, roles = field(request, "email"), field(request, "name"), _roles(request)
        if "@" not in email or not name or not roles:
            return await self._page(request, problem="users.incomplete")
        admin, address = signed_in(request).user.email, address_of(request)
        language = field(request, "language") or request.ctx.words.language
        try:
            user = await self._console.users.create(email, name, roles, language, by=admin, address=address)
        except EmailTaken:
            return await self._page(request, problem="users.email_taken")
        return await self._show_link(request, user)

    async def change(self, request: Request, user_id: int) -> HTTPResponse:
        name, roles, active = field(request, "name"), _roles(request), field(request, "active") == "yes"
        if not name or not roles:
            return await self._page(request, problem="users.incomplete")
        admin, address = signed_in(request).user.email, address_of(request)
        try:
            await self._console.users.change(user_id, roles=roles, active=active, name=name, by=admin, address=address)
        except UnknownUser as error:
            raise NotFound from error
        except LastAdmin:
            return await self._page(request, problem="users.last_admin")
        return redirect("/users", "user_changed")

    async def invite_again(self, request: Request, user_id: int) -> HTTPResponse:
        try:
            user = await self._console.users.get(user_id)
        except UnknownUser as error:
            raise NotFound from error
        return await self._show_link(request, user)

    async def _show_link(self, request: Request, user: User) -> HTTPResponse:
        admin, address = signed_in(request).user.email, address_of(request)
        token = await self._console.invitations.for_user(user, by=admin, address=address)
        return await self._page(request, link=f"{self._console.public_url}/invitation/{token}", invited=user)

    async def _page(
        self, request: Request, problem: str = "", link: str = "", invited: User | None = None
    ) -> HTTPResponse:
        people = await self._console.users.all()
        return render(
            request,
            "users.html",
            400 if problem else 200,
            people=people,
            roles=list(Role),
            problem=problem,
            link=link,
            invited=invited,
        )


def _roles(request: Request) -> set[Role]:
    return {Role(role) for role in fields(request, "roles") if role in set(Role)}
