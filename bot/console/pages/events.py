"""Server-sent events: a page learns here that what it shows has changed (``bot.console.live``)."""

import json
import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Final

import structlog
from sanic import Request, Sanic
from sanic.response import HTTPResponse, empty

from bot.console.accounts import Right, User
from bot.console.live import CONVERSATIONS, TICKETS
from bot.console.page import field, needs, redirect, signed_in
from bot.console.security import own_path
from bot.desk import DeskUnavailable
from bot.inbox.connection import REDIS_AWAY

if TYPE_CHECKING:
    from bot.console.application import Console

log = structlog.get_logger()

_BEAT_SECONDS: Final = 5.0
_PRESENT_EVERY_SECONDS: Final = 30.0
# Then the browser asks again, and whoever was signed out meanwhile is refused.
_LASTS_SECONDS: Final = 300.0


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = EventPages(console)
    app.add_route(needs(Right.WORK_TICKETS, pages.stream), "/events", name="events")
    app.add_route(needs(Right.WORK_TICKETS, pages.type), "/events/typing", methods=["POST"], name="typing")
    app.add_route(needs(Right.WORK_TICKETS, pages.be_away), "/away", methods=["POST"], name="away")


class EventPages:
    def __init__(self, console: "Console") -> None:
        self._console = console

    async def stream(self, request: Request) -> HTTPResponse | None:
        user = signed_in(request).user
        reference = request.args.get("ticket", "")
        topics = {topic for topic in (TICKETS, CONVERSATIONS) if topic in request.args.getlist("on", [])}
        topics |= {f"conversation:{one}" for one in request.args.getlist("conversation", [])}
        topics |= {f"ticket:{reference}"} if reference else set()
        response = await request.respond(content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        until = time.monotonic() + _LASTS_SECONDS
        try:
            with self._console.live.listening(topics, reference) as listener:
                await response.send("retry: 2000\n\n")
                await self._beat(user, reference, first=True)
                told: dict[str, bool] = {}
                beaten = present = time.monotonic()
                while time.monotonic() < until:
                    await listener.wait(_BEAT_SECONDS)
                    if listener.changed:
                        listener.changed = False
                        await response.send("event: changed\ndata: {}\n\n")
                    if listener.others is not None and listener.others != told:
                        told = listener.others
                        await response.send(f"event: looking\ndata: {await self._others(user, told)}\n\n")
                    now = time.monotonic()
                    if now - beaten >= _BEAT_SECONDS:
                        await response.send(": beat\n\n")
                        await self._beat(user, reference, first=now - present >= _PRESENT_EVERY_SECONDS)
                        present = now if now - present >= _PRESENT_EVERY_SECONDS else present
                        beaten = now
        finally:
            if reference:
                await _if_answering(self._console.looking.leave(reference, user.handle))
        await response.eof()
        return None

    async def type(self, request: Request) -> HTTPResponse:
        if reference := field(request, "ticket"):
            await _if_answering(self._console.looking.type(reference, signed_in(request).user.handle))
        return empty()

    async def be_away(self, request: Request) -> HTTPResponse:
        """Whether the agent wants new tickets."""
        user, away = signed_in(request).user, field(request, "away") == "yes"
        await self._console.availability.set(user.handle, away=away)
        await self._console.presence.seen(user.handle, away=away)
        return redirect(own_path(field(request, "next")))

    async def _beat(self, user: User, reference: str, *, first: bool) -> None:
        if reference:
            await _if_answering(self._console.looking.look(reference, user.handle))
        if first:
            await _if_answering(self._be_present(user.handle))

    async def _be_present(self, agent: str) -> None:
        await self._console.presence.seen(agent, away=await self._console.availability.is_away(agent))

    async def _others(self, user: User, looking: dict[str, bool]) -> str:
        names = await self._console.names()
        others = [
            {"name": names.get(agent, agent), "typing": typing}
            for agent, typing in looking.items()
            if agent != user.handle
        ]
        return json.dumps(others)


async def _if_answering(act: Awaitable[None]) -> None:
    """Presence is a courtesy: a page goes on without it."""
    try:
        await act
    except (DeskUnavailable, *REDIS_AWAY) as error:
        log.warning("presence_unknown", error=type(error).__name__)
