"""What could not be handled, for leads: why, and whether to try again. What is inside is shown to nobody."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sanic import Request, Sanic
from sanic.response import HTTPResponse

from bot.console.accounts import Entry, Right
from bot.console.page import address_of, field, needs, redirect, render, signed_in

if TYPE_CHECKING:
    from bot.console.application import Console

_SHOWN: Final = 100


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    async def show(request: Request) -> HTTPResponse:
        letters = await console.dead_letters.list(_SHOWN)
        return render(
            request,
            "dead_letters.html",
            letters=[(letter, datetime.fromtimestamp(letter.parked_at, UTC)) for letter in letters],
            count=await console.dead_letters.count(),
        )

    async def act(request: Request) -> HTTPResponse:
        letter_id, drops = field(request, "id"), field(request, "act") == "drop"
        action = "dead_letter_dropped" if drops else "dead_letter_replayed"
        await console.audit.record(
            Entry(signed_in(request).user.email, action, letter_id[:320], address=address_of(request))
        )
        letters = console.dead_letters
        done = await (letters.drop(letter_id) if drops else letters.replay(letter_id))
        return redirect("/dead-letters", action if done else "dead_letter_gone")

    app.add_route(needs(Right.LEAD_TEAM, show), "/dead-letters", name="dead_letters")
    app.add_route(needs(Right.LEAD_TEAM, act), "/dead-letters", methods=["POST"], name="act_on_dead_letter")
