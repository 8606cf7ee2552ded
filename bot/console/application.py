"""The Sanic application that people of the brand open in a browser."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import structlog
from sanic import Request, Sanic, json
from sanic.exceptions import NotFound, SanicException
from sanic.response import BaseHTTPResponse, HTTPResponse

from bot.channels.base import Channel
from bot.console.accounts import AuditLog, Invitations, SavedViews, Sessions, SignIn, Users
from bot.console.accounts.oidc import IdentityProvider
from bot.console.accounts.secrets import Vault
from bot.console.live import Availability, Live, Looking
from bot.console.page import NAVIGATION, NotSignedIn, asks_by_itself, field, redirect, render, signed_in
from bot.console.pages import (
    account,
    audit,
    callbacks,
    conversations,
    dead_letters,
    events,
    invitation,
    queue,
    sign_in,
    team,
    ticket,
    users,
)
from bot.console.readings import Readings
from bot.console.security import Cookies, comes_from_elsewhere, harden
from bot.console.static_files import add_static_files
from bot.console.words import LANGUAGES, preferred_language, words_of
from bot.desk import Desk, DeskUnavailable, Presence, TicketLife, TicketReader
from bot.desk.conversations import Conversations
from bot.desk.writing import Writing
from bot.inbox.connection import REDIS_AWAY
from bot.inbox.dead_letters import DeadLetters
from bot.operations import Readiness, add_probes

log = structlog.get_logger()

_OPEN_PATHS = ("/static/", "/sign-in", "/first-admin/", "/invitation/", "/oidc/", "/health", "/ready", "/language")


@dataclass(frozen=True)
class Console:
    """What the pages work with. ``session_seconds`` is how long a session may last at most."""

    brand: str
    time_zone: str
    public_url: str
    users: Users
    sessions: Sessions
    sign_in: SignIn
    invitations: Invitations
    audit: AuditLog
    vault: Vault
    provider: IdentityProvider | None
    session_seconds: int
    proxies: int
    views: SavedViews
    readings: Readings
    desk: Desk
    reader: TicketReader
    life: TicketLife
    conversations: Conversations
    writing: Writing
    presence: Presence
    dead_letters: DeadLetters
    live: Live
    looking: Looking
    availability: Availability
    channels: tuple[Channel, ...]

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")

    async def names(self) -> dict[str, str]:
        """What agents are called, by what the desk knows them by."""
        return {user.handle: user.name for user in await self.users.all()}


def create_console(console: Console, readiness: Readiness) -> Sanic[Any, Any]:
    app: Sanic[Any, Any] = Sanic("parvis-console", configure_logging=False)
    app.config.update(
        {
            "ACCESS_LOG": False,
            "REQUEST_MAX_SIZE": 1024 * 1024,
            "PROXIES_COUNT": console.proxies,
            "FALLBACK_ERROR_FORMAT": "text",
            # Pages keep a stream of events open; they ask again when the console is back.
            "GRACEFUL_SHUTDOWN_TIMEOUT": 1.0,
        }
    )
    app.ctx.brand = console.brand
    app.ctx.time_zone = ZoneInfo(console.time_zone)
    app.ctx.cookies = Cookies(secure=console.secure)
    add_static_files(app)
    _add_guards(app, console)
    add_probes(app, readiness)
    _add_errors(app)
    app.add_route(_start, "/", name="start")
    for pages in (
        sign_in,
        invitation,
        account,
        events,
        queue,
        ticket,
        conversations,
        callbacks,
        team,
        dead_letters,
        users,
        audit,
    ):
        pages.add_to(app, console)
    app.add_task(console.live.run())

    @app.after_server_stop
    async def close_channels(*_: Any) -> None:
        for channel in console.channels:
            await channel.close()

    return app


async def _start(request: Request) -> HTTPResponse:
    """The first page that is for whoever asks."""
    user = signed_in(request).user
    return redirect(next((path for right, path, _ in NAVIGATION if right is None or user.may(right)), "/account"))


def _add_guards(app: Sanic[Any, Any], console: Console) -> None:
    async def admit(request: Request) -> HTTPResponse | None:
        """Learns who asks, and refuses what must not come in."""
        request.ctx.signed_in = None
        request.ctx.words = words_of(_language(request))
        if comes_from_elsewhere(request):
            return json({"error": "only the console's own pages may ask for a change"}, status=403)
        if request.path.startswith("/static/"):
            return None
        token = request.cookies.get(app.ctx.cookies.session)
        found = await console.sessions.resolve(token, by_hand=not asks_by_itself(request)) if token else None
        request.ctx.signed_in = found
        if found is None:
            return None if request.path.startswith(_OPEN_PATHS) else _to_sign_in(request)
        request.ctx.words = words_of(found.user.language)
        if request.method == "POST" and not found.sent_by_our_page(_csrf_token(request)):
            return render(request, "error.html", 403, problem="expired_form")
        return None

    app.register_middleware(admit, "request")

    async def close_the_door(request: Request, response: BaseHTTPResponse) -> None:
        harden(request, response, secure=console.secure)

    app.register_middleware(close_the_door, "response")


def _language(request: Request) -> str:
    chosen = request.cookies.get("language", "")
    return chosen if chosen in LANGUAGES else preferred_language(request.headers.get("accept-language", ""))


def _csrf_token(request: Request) -> str:
    return str(request.headers.get("x-csrf-token") or field(request, "csrf_token"))


def _to_sign_in(request: Request) -> HTTPResponse:
    if request.headers.get("accept", "").startswith("text/event-stream") or request.headers.get("x-csrf-token"):
        return json({"error": "signed out"}, status=401)
    target = request.path + (f"?{request.query_string}" if request.query_string else "")
    return redirect(f"/sign-in?next={quote(target)}" if request.path != "/" else "/sign-in")


def _add_errors(app: Sanic[Any, Any]) -> None:
    @app.exception(NotSignedIn)
    async def send_to_sign_in(request: Request, _: Exception) -> HTTPResponse:
        return _to_sign_in(request)

    @app.exception(DeskUnavailable)
    async def say_database_is_away(request: Request, error: DeskUnavailable) -> HTTPResponse:
        log.warning("database_away", reason=str(error))
        return _say(request, 503, "unavailable")

    @app.exception(*REDIS_AWAY)
    async def say_redis_is_away(request: Request, error: Exception) -> HTTPResponse:
        log.warning("redis_away", error=type(error).__name__)
        return _say(request, 503, "unavailable")

    @app.exception(NotFound)
    async def say_nothing_is_here(request: Request, _: Exception) -> HTTPResponse:
        return _say(request, 404, "not_found")

    @app.exception(SanicException)
    async def say_what_went_wrong(request: Request, error: SanicException) -> HTTPResponse:
        status = error.status_code or 500
        return _say(request, status, "forbidden" if status == 403 else "broken" if status >= 500 else "refused")

    @app.exception(Exception)
    async def say_it_is_broken(request: Request, error: Exception) -> HTTPResponse:
        log.error("page_failed", path=request.uri_template, exc_info=error)
        return _say(request, 500, "broken")


def _say(request: Request, status: int, problem: str) -> HTTPResponse:
    if not hasattr(request.ctx, "words"):  # refused before anything was learnt of the request
        request.ctx.signed_in, request.ctx.words = None, words_of("en")
    return render(request, "error.html", status, problem=problem)
