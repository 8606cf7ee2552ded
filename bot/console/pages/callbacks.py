"""Customers to be called today, soonest first."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from bot.console.accounts import Right
from bot.console.page import needs, render

if TYPE_CHECKING:
    from bot.console.application import Console


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    async def show(request: Request) -> HTTPResponse:
        await console.readings.note(request, "callbacks_listed")
        now = datetime.now(UTC)
        return render(
            request,
            "callbacks.html",
            rows=await console.reader.callbacks(now.astimezone(console.desk.routing.hours.time_zone).date()),
            names=await console.names(),
            topics=console.desk.routing.labels(request.ctx.words.language),
            teams=console.desk.routing.teams,
            now=now,
        )

    app.add_route(needs(Right.WORK_TICKETS, show), "/callbacks", name="callbacks")
