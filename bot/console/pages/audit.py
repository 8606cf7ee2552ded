"""Who read or changed what, for admins."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from bot.console.accounts import Right
from bot.console.page import needs, render
from bot.console.words import Words

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
            told=_told,
            subject=subject,
            actor=actor,
            older=entries[-1][0] if len(entries) == _PAGE else None,
        )

    app.add_route(needs(Right.MANAGE_USERS, show), "/audit", name="audit")


def _told(detail: Mapping[str, Any], words: Words) -> str:
    """What an entry adds, in the reader's language; what has no translation is told as it is written."""
    return " · ".join(_part(key, _shown(key, value, words), words) for key, value in detail.items())


def _part(key: str, shown: str, words: Words) -> str:
    return str(words(f"detail.{key}", value=shown)) if words.has(f"detail.{key}") else f"{key}: {shown}"


def _shown(key: str, value: object, words: Words) -> str:
    """A pair is what was and what is, unless it is a list of roles."""
    match value:
        case bool():
            return str(words("detail.yes" if value else "detail.no"))
        case [before, after] if key != "roles" or isinstance(before, list):
            return f"{_shown(key, before, words)} → {_shown(key, after, words)}"
        case list():
            return ", ".join(_shown(key, one, words) for one in value) or "–"
        case _:
            known = {"roles": f"role.{value}", "with": f"detail.{value}"}.get(key, "")
            return str(words(known)) if words.has(known) else str(value)
