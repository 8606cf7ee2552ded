"""Conversations as they go on: who has each, what was said, taking over, writing, giving up, linking to a ticket."""

import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

import structlog
from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse

from bot.channels.base import SendFailed
from bot.channels.vocabulary import ChannelName
from bot.console.accounts import Entry, Right
from bot.console.page import address_of, field, needs, redirect, render, signed_in
from bot.console.reply_box import canned_replies, chosen_reply, told_filled, typed_text
from bot.console.security import own_path
from bot.desk import Actor, NotAllowed, Outcome, UnknownTicket
from bot.desk.recent import recent_conversations
from bot.desk.writing import WindowShut
from bot.inbox.owners import Owner, OwnerConflict, OwnerKind

if TYPE_CHECKING:
    from bot.console.application import Console

_TRANSCRIPT: Final = 100

Result = Owner | OwnerConflict | Outcome | WindowShut
Command = Callable[[Request, str, str], Awaitable[Result]]

log = structlog.get_logger()


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = ConversationPages(console)
    work, one = Right.WORK_TICKETS, "/conversations/<conversation_id:str>"
    app.add_route(needs(work, pages.list), "/conversations", name="conversations")
    app.add_route(needs(work, pages.show), one, name="conversation", unquote=True)
    app.add_route(needs(work, pages.fill), f"{one}/fill", name="fill_conversation", unquote=True)
    app.add_route(
        needs(work, pages.act), f"{one}/<command:str>", methods=["POST"], name="act_on_conversation", unquote=True
    )


class ConversationPages:
    def __init__(self, console: "Console") -> None:
        self._console = console
        # Each with what is written in the audit log and, afterwards, said to whoever did it.
        self._commands: dict[str, tuple[str, Command]] = {
            "take-over": ("conversation_taken", self._take_over),
            "hand-back": ("conversation_given", self._hand_back),
            "pass": ("conversation_passed", self._pass),
            "release": ("conversation_released", self._release),
            "reply": ("conversation_replied", self._reply),
            "link": ("conversation_linked", self._link),
        }

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

    async def fill(self, request: Request, conversation_id: str) -> HTTPResponse:
        """A canned reply with what is known of any conversation in it."""
        _check(conversation_id)
        text = chosen_reply(request, self._console)
        return told_filled(request, self._console.writing.fill_without_ticket(text, signed_in(request).user.name))

    async def act(self, request: Request, conversation_id: str, command: str) -> HTTPResponse:
        _check(conversation_id)
        if command not in self._commands:
            raise NotFound
        action, run = self._commands[command]
        await self._record(request, action, conversation_id)
        problem, result = "", None
        try:
            result = await run(request, conversation_id, signed_in(request).user.handle)
        except UnknownTicket:
            problem = "ticket.problem.reference_unknown"
        except NotAllowed:
            problem = "conversations.not_allowed"
        except SendFailed as error:
            log.warning("thread_control_refused", channel=conversation_id.partition(":")[0], code=error.code)
            problem = "conversations.refused"
        if isinstance(result, WindowShut):
            problem = "ticket.problem.shut"
        if problem or isinstance(result, OwnerConflict):
            await self._record(request, "conversation_unchanged", conversation_id, command=command)
            rival = result.owner if isinstance(result, OwnerConflict) else None
            return await self._page(request, conversation_id, problem=problem, rival=rival, status=409)
        return redirect(own_path(field(request, "next")), action)

    async def _record(self, request: Request, action: str, conversation_id: str, **detail: str) -> None:
        user = signed_in(request).user
        entry = Entry(user.email, action, conversation_id, dict(detail), address_of(request))
        await self._console.audit.record(entry)

    # Commands

    async def _take_over(self, request: Request, conversation_id: str, agent: str) -> Result:
        expected = _read_owner(conversation_id, field(request, "expected"))
        return await self._console.conversations.take_over(conversation_id, agent, expected=expected)

    async def _hand_back(self, _: Request, conversation_id: str, agent: str) -> Result:
        return await self._console.conversations.hand_back(conversation_id, agent)

    async def _pass(self, _: Request, conversation_id: str, agent: str) -> Result:
        _require_routing(conversation_id)
        return await self._console.conversations.pass_to_inbox(conversation_id, agent)

    async def _release(self, _: Request, conversation_id: str, agent: str) -> Result:
        _require_routing(conversation_id)
        return await self._console.conversations.release(conversation_id, agent)

    async def _reply(self, request: Request, conversation_id: str, agent: str) -> Result:
        key = field(request, "key") or str(uuid.uuid4())
        return await self._console.writing.say(conversation_id, Actor.agent(agent), typed_text(request), key=key)

    async def _link(self, request: Request, conversation_id: str, agent: str) -> Result:
        if not await self._console.reader.transcript(conversation_id, limit=1):
            raise NotFound
        reference, why = field(request, "ticket"), field(request, "why")[:500]
        return await self._console.life.link(reference, Actor.agent(agent), conversation_id, why)

    # The page

    async def _page(
        self,
        request: Request,
        conversation_id: str,
        *,
        problem: str = "",
        rival: Owner | None = None,
        status: int = 200,
    ) -> HTTPResponse:
        console, words = self._console, request.ctx.words
        transcript = await console.reader.transcript(conversation_id, limit=_TRANSCRIPT)
        if not transcript:
            raise NotFound
        await console.readings.note(request, "conversation_read", conversation_id)
        names = await console.names()
        who = names.get(rival.name, rival.name) or words(f"owner.{rival.kind}") if rival else ""
        language = await console.conversations.language(conversation_id) or words.language
        return render(
            request,
            "conversation.html",
            status,
            conversation_id=conversation_id,
            channel=conversation_id.partition(":")[0],
            transcript=transcript,
            owner=await console.conversations.owner(conversation_id),
            window=await console.writing.window(conversation_id),
            ticket=await console.desk.find_ticket(conversation_id),
            open_ticket=await console.writing.open_ticket(conversation_id),
            names=names,
            customer_language=language,
            canned=canned_replies(console, language),
            key=field(request, "key") or str(uuid.uuid4()),
            typed=field(request, "text"),
            problem=words("conflict.conversation", who=who) if rival else words(problem) if problem else "",
        )


def _check(conversation_id: str) -> None:
    """Raises ``NotFound`` on what is no conversation of ours."""
    channel, _, rest = conversation_id.partition(":")
    if channel not in set(ChannelName) or rest.count(":") != 1:
        raise NotFound


def _require_routing(conversation_id: str) -> None:
    """Messenger alone gives a conversation to one application at a time. Raises ``NotAllowed``."""
    if not conversation_id.startswith(f"{ChannelName.MESSENGER}:"):
        raise NotAllowed("this platform passes no conversations")


def _read_owner(conversation_id: str, written: str) -> Owner | None:
    try:
        return Owner.read(conversation_id, written)
    except ValueError:
        return Owner(conversation_id, OwnerKind.BOT)
