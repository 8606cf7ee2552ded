"""For leads: who is there, how much each has, and who answers what."""

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
        now = datetime.now(UTC)
        people = [user for user in await console.users.all() if user.may(Right.WORK_TICKETS)]
        loads = {user.handle: (await console.reader.counts(user.handle, now)).mine for user in people}
        return render(
            request,
            "team.html",
            people=people,
            loads=loads,
            present=await console.presence.present(),
            counts=await console.reader.counts("", now),
            teams=console.desk.routing.teams,
            routes=console.desk.routing.routes,
            names={user.handle: user.name for user in people},
        )

    app.add_route(needs(Right.LEAD_TEAM, show), "/team", name="team")
