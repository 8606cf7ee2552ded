"""Who read or changed what, for admins."""

from typing import TYPE_CHECKING, Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from bot.console.accounts import Right
from bot.console.page import needs, render

if TYPE_CHECKING:
    from bot.console.application import Console

_PAGE = 100


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    async def show(request: Request) -> HTTPResponse:
        before = request.args.get("before", "")
        subject, actor = request.args.get("subject", "").strip(), request.args.get("actor", "").strip()
        entries = await console.audit.newest(
            before=int(before) if before.isdecimal() else None, subject=subject, actor=actor, limit=_PAGE
        )
        return render(
            request,
            "audit.html",
            entries=entries,
            subject=subject,
            actor=actor,
            older=entries[-1][0] if len(entries) == _PAGE else None,
        )

    app.add_route(needs(Right.MANAGE_USERS, show), "/audit", name="audit")
