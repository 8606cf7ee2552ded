"""What every page needs: who asks, in which language, and how an answer is written."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from babel.dates import format_datetime, format_timedelta
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from sanic import Request
from sanic import html as html_response
from sanic.exceptions import Forbidden
from sanic.response import HTTPResponse
from sanic.response import redirect as redirect_response

from bot.console.accounts import Right, SignedIn
from bot.console.words import Words

Handler = Callable[..., Coroutine[Any, Any, HTTPResponse | None]]
"""None: it has sent its answer itself."""

_FOLDER: Final = Path(__file__).parent
_templates: Final = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_CSRF_FIELD: Final = Markup('<input type="hidden" name="csrf_token" value="{}">')

NAVIGATION: Final[list[tuple[Right | None, str, str]]] = [
    (Right.WORK_TICKETS, "/tickets", "nav.tickets"),
    (Right.WORK_TICKETS, "/conversations", "nav.conversations"),
    (Right.WORK_TICKETS, "/callbacks", "nav.callbacks"),
    (Right.LEAD_TEAM, "/team", "nav.team"),
    (Right.LEAD_TEAM, "/dead-letters", "nav.dead_letters"),
    (Right.MANAGE_USERS, "/users", "nav.users"),
    (Right.MANAGE_USERS, "/audit", "nav.audit"),
]
"""Who sees it, its address, and the phrase that names it."""


class NotSignedIn(Exception):
    pass


def signed_in(request: Request) -> SignedIn:
    """Raises ``NotSignedIn``."""
    found: SignedIn | None = request.ctx.signed_in
    if found is None:
        raise NotSignedIn
    return found


def asks_by_itself(request: Request) -> bool:
    """A page that keeps itself up to date, without anybody's hand."""
    return request.path.startswith("/events") or "x-live" in request.headers


def address_of(request: Request) -> str:
    return str(request.remote_addr or request.ip)


def needs(right: Right, handler: Handler) -> Handler:
    """The handler, for people who have the right; others are told so."""

    @wraps(handler)
    async def guarded(request: Request, *arguments: Any, **named: Any) -> HTTPResponse | None:
        if not signed_in(request).user.may(right):
            raise Forbidden(f"{right} is needed")
        return await handler(request, *arguments, **named)

    return guarded


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTTPResponse:
    """A page or a part of one. ``said`` in the address names a phrase that a redirect left to be said."""
    words: Words = request.ctx.words
    who: SignedIn | None = request.ctx.signed_in
    said = request.args.get("said", "")
    common = {
        "words": words,
        "language": words.language,
        "who": who,
        "user": who.user if who else None,
        "csrf_token": who.csrf_token if who else "",
        "path": _shown_at(request),
        "said": words(f"said.{said}") if words.has(f"said.{said}") else "",
        "navigation": NAVIGATION,
        "brand": request.app.ctx.brand,
        "span": partial(format_timedelta, locale=words.language),
        "number": partial(format_decimal, locale=words.language),
        "since": partial(_since, language=words.language),
        "moment": partial(_moment, language=words.language, zone=request.app.ctx.time_zone),
        "csrf": lambda: Markup('<input type="hidden" name="csrf_token" value="{}">').format(
            who.csrf_token if who else ""
        ),
    }
    return html_response(_templates.get_template(template).render(common | values), status=status)


def _shown_at(request: Request) -> str:
    """The path to ask for when the page is wanted again; what answers a form has none of its own."""
    return request.path if request.method == "GET" else urlsplit(request.headers.get("referer", "")).path or "/"


def _moment(at: datetime, language: str, zone: ZoneInfo) -> str:
    # Beside French colleagues a day is never taken for a month.
    locale = "en_GB" if language == "en" else language
    return str(format_datetime(at, "short", tzinfo=zone, locale=locale))


def _since(at: datetime, language: str) -> str:
    """How long ago, or until: "in 3 hours"."""
    return str(format_timedelta(at - datetime.now(UTC), add_direction=True, locale=language))


def redirect(path: str, said: str = "") -> HTTPResponse:
    joint = "&" if "?" in path else "?"
    return redirect_response(f"{path}{joint}said={quote(said)}" if said else path, status=303)


def field(request: Request, name: str) -> str:
    """One field of the form that was sent, trimmed; empty when it is missing."""
    return password_field(request, name).strip()


def password_field(request: Request, name: str) -> str:
    """As it was typed: blanks belong to a password."""
    return next(iter(fields(request, name)), "")


def fields(request: Request, name: str) -> list[str]:
    """Every value of a field that may be sent several times."""
    form = request.get_form()
    return [str(value) for value in form.getlist(name, [])] if form else []
