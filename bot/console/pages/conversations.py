"""Conversations as they go on: who has each, what was said, taking over and handing back."""

from typing import TYPE_CHECKING, Any, Final

from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse

from bot.channels.vocabulary import ChannelName
from bot.console.accounts import Entry, Right
from bot.console.page import address_of, field, needs, redirect, render, signed_in
from bot.console.security import own_path
from bot.desk.recent import recent_conversations
from bot.inbox.owners import Owner, OwnerConflict, OwnerKind

if TYPE_CHECKING:
    from bot.console.application import Console

_TRANSCRIPT: Final = 100


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = ConversationPages(console)
    work, one = Right.WORK_TICKETS, "/conversations/<conversation_id:str>"
    app.add_route(needs(work, pages.list), "/conversations", name="conversations")
    app.add_route(needs(work, pages.show), one, name="conversation", unquote=True)
    app.add_route(needs(work, pages.take_over), f"{one}/take-over", methods=["POST"], unquote=True, name="take_over")
    app.add_route(needs(work, pages.hand_back), f"{one}/hand-back", methods=["POST"], unquote=True, name="hand_back")


class ConversationPages:
    def __init__(self, console: "Console") -> None:
        self._console = console

    async def list(self, request: Request) -> HTTPResponse:
        console = self._console
        await console.readings.note(request, "conversations_listed")
        owners = await console.conversations.held()
        return render(
            request,
            "conversations.html",
            recent=await recent_conversations(console.desk.database),
            owners={owner.conversation_id: owner for owner in owners},
            names=await console.names(),
        )

    async def show(self, request: Request, conversation_id: str) -> HTTPResponse:
        return await self._page(request, conversation_id)

    async def take_over(self, request: Request, conversation_id: str) -> HTTPResponse:
        _check(conversation_id)
        expected = _read_owner(conversation_id, field(request, "expected"))
        await self._record(request, "conversation_taken", conversation_id)
        outcome = await self._console.conversations.take_over(
            conversation_id, signed_in(request).user.handle, expected=expected
        )
        return await self._answer(request, conversation_id, outcome, "conversation_taken")

    async def hand_back(self, request: Request, conversation_id: str) -> HTTPResponse:
        _check(conversation_id)
        await self._record(request, "conversation_given", conversation_id)
        outcome = await self._console.conversations.hand_back(conversation_id, signed_in(request).user.handle)
        return await self._answer(request, conversation_id, outcome, "conversation_given")

    async def _answer(
        self, request: Request, conversation_id: str, outcome: Owner | OwnerConflict, said: str
    ) -> HTTPResponse:
        if isinstance(outcome, OwnerConflict):
            return await self._page(request, conversation_id, outcome.owner)
        return redirect(own_path(field(request, "next")), said)

    async def _page(self, request: Request, conversation_id: str, rival: Owner | None = None) -> HTTPResponse:
        console, words = self._console, request.ctx.words
        transcript = await console.reader.transcript(conversation_id, limit=_TRANSCRIPT)
        if not transcript:
            raise NotFound
        await console.readings.note(request, "conversation_read", conversation_id)
        names = await console.names()
        ticket = await console.desk.find_ticket(conversation_id)
        who = names.get(rival.name, rival.name) or words(f"owner.{rival.kind}") if rival else ""
        return render(
            request,
            "conversation.html",
            409 if rival else 200,
            conversation_id=conversation_id,
            channel=conversation_id.partition(":")[0],
            transcript=transcript,
            owner=await console.conversations.owner(conversation_id),
            ticket=ticket,
            names=names,
            problem=words("conflict.conversation", who=who) if rival else "",
        )

    async def _record(self, request: Request, action: str, conversation_id: str) -> None:
        user = signed_in(request).user
        await self._console.audit.record(Entry(user.email, action, conversation_id, address=address_of(request)))


def _check(conversation_id: str) -> None:
    """Raises ``NotFound`` on what is no conversation of ours."""
    channel, _, rest = conversation_id.partition(":")
    if channel not in set(ChannelName) or rest.count(":") != 1:
        raise NotFound


def _read_owner(conversation_id: str, written: str) -> Owner | None:
    try:
        return Owner.read(conversation_id, written)
    except ValueError:
        return Owner(conversation_id, OwnerKind.BOT)
