"""One ticket: what was said, what is owed, and everything that an agent may do with it."""

import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sanic import Request, Sanic
from sanic.exceptions import BadRequest, NotFound
from sanic.response import HTTPResponse

from bot.console.accounts import Entry, Right
from bot.console.page import address_of, field, needs, redirect, render, signed_in
from bot.console.reply_box import canned_replies, chosen_reply, told_filled, typed_text
from bot.console.security import own_path
from bot.desk import (
    Actor,
    Changed,
    Conflict,
    ContactKind,
    NotAllowed,
    Outcome,
    Priority,
    TicketStatus,
    UnknownTicket,
)
from bot.desk.writing import WindowShut
from bot.inbox.owners import OwnerConflict, OwnerKind

if TYPE_CHECKING:
    from bot.console.application import Console

_TRANSCRIPT: Final = 60

NEXT_STATUSES: Final[dict[TicketStatus, tuple[TicketStatus, ...]]] = {
    TicketStatus.NEW: (TicketStatus.OPEN, TicketStatus.WAITING, TicketStatus.SOLVED, TicketStatus.CLOSED),
    TicketStatus.OPEN: (TicketStatus.WAITING, TicketStatus.SOLVED, TicketStatus.CLOSED),
    TicketStatus.WAITING: (TicketStatus.OPEN, TicketStatus.SOLVED, TicketStatus.CLOSED),
    TicketStatus.SOLVED: (TicketStatus.OPEN, TicketStatus.CLOSED),
    TicketStatus.CLOSED: (TicketStatus.OPEN,),
}
"""What an agent may make of a ticket, as the desk allows it."""

Result = Outcome | WindowShut | OwnerConflict
Command = Callable[[Request, str, Actor], Awaitable[Result]]


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = TicketPages(console)
    work = Right.WORK_TICKETS
    app.add_route(needs(work, pages.show), "/tickets/<reference:str>", name="ticket")
    app.add_route(needs(work, pages.fill), "/tickets/<reference:str>/fill", name="fill")
    app.add_route(needs(work, pages.act), "/tickets/<reference:str>/<command:str>", methods=["POST"], name="act")


class TicketPages:
    def __init__(self, console: "Console") -> None:
        self._console = console
        self._commands: dict[str, Command] = {
            "take": self._take,
            "assign": self._assign,
            "move": self._move,
            "status": self._set_status,
            "priority": self._set_priority,
            "category": self._set_category,
            "language": self._set_language,
            "note": self._note,
            "tag": self._tag,
            "untag": self._untag,
            "watch": self._watch,
            "unwatch": self._unwatch,
            "contact": self._contact,
            "merge": self._merge,
            "link": self._link,
            "unlink": self._unlink,
            "split": self._split,
            "reply": self._reply,
        }

    async def show(self, request: Request, reference: str) -> HTTPResponse:
        return await self._page(request, reference)

    async def fill(self, request: Request, reference: str) -> HTTPResponse:
        """A canned reply with the ticket's facts in it, for the reply box."""
        text, agent = chosen_reply(request, self._console), signed_in(request).user.name
        try:
            return told_filled(request, await self._console.writing.fill(text, reference, agent))
        except UnknownTicket as error:
            raise NotFound from error

    async def act(self, request: Request, reference: str, command: str) -> HTTPResponse:
        run = self._commands.get(command)
        if run is None:
            raise NotFound
        try:
            before = await self._console.reader.ticket(reference)
        except UnknownTicket as error:
            raise NotFound from error
        await self._record(request, f"ticket_{command}", before.reference)
        problem, result = "", None
        try:
            result = await run(request, before.reference, Actor.agent(signed_in(request).user.handle))
        except UnknownTicket:
            problem = "reference_unknown"
        except NotAllowed:
            problem = "not_allowed"
        if isinstance(result, Changed):
            back = field(request, "next") or f"/tickets/{result.ticket.reference}"
            return redirect(own_path(back), _SAID.get(command, "ticket_changed"))
        await self._record(request, "ticket_unchanged", before.reference, command=command)
        status = 400 if problem == "reference_unknown" else 409
        return await self._page(request, reference, problem=problem, result=result, status=status)

    async def _record(self, request: Request, action: str, reference: str, **detail: str) -> None:
        user = signed_in(request).user
        await self._console.audit.record(Entry(user.email, action, reference, dict(detail), address_of(request)))

    # Commands

    async def _take(self, _: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.take(reference, by)

    async def _assign(self, request: Request, reference: str, by: Actor) -> Result:
        to = field(request, "assignee") or None
        if to is not None and to not in await self._console.names():
            raise BadRequest("nobody of that name")
        return await self._console.life.assign(reference, by, _seen(request), to, _why(request))

    async def _move(self, request: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.move(reference, by, _seen(request), field(request, "team"), _why(request))

    async def _set_status(self, request: Request, reference: str, by: Actor) -> Result:
        to = _one_of(TicketStatus, field(request, "status"))
        return await self._console.life.set_status(reference, by, _seen(request), to, _why(request))

    async def _set_priority(self, request: Request, reference: str, by: Actor) -> Result:
        to = _one_of(Priority, field(request, "priority"))
        return await self._console.life.set_priority(reference, by, _seen(request), to, _why(request))

    async def _set_category(self, request: Request, reference: str, by: Actor) -> Result:
        to = field(request, "category")
        return await self._console.life.set_category(reference, by, _seen(request), to, _why(request))

    async def _set_language(self, request: Request, reference: str, by: Actor) -> Result:
        if (to := field(request, "language")) not in ("fr", "en"):
            raise BadRequest("no such language")
        return await self._console.life.set_language(reference, by, _seen(request), to, _why(request))

    async def _note(self, request: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.add_note(reference, by, typed_text(request))

    async def _tag(self, request: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.add_tag(reference, by, field(request, "tag"))

    async def _untag(self, request: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.remove_tag(reference, by, field(request, "tag"))

    async def _watch(self, _: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.watch(reference, by)

    async def _unwatch(self, _: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.unwatch(reference, by)

    async def _contact(self, request: Request, reference: str, by: Actor) -> Result:
        """Called or e-mailed. A call that nobody answered is only noted: it gives no answer to the customer."""
        if field(request, "answered") == "no":
            note = request.ctx.words("contact.no_answer")
            return await self._console.life.add_note(reference, by, f"{note} {typed_text(request)}".strip())
        kind = _one_of(ContactKind, field(request, "kind"))
        return await self._console.life.record_contact(reference, by, kind, typed_text(request))

    async def _merge(self, request: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.merge(reference, by, _seen(request), field(request, "into"), _why(request))

    async def _link(self, request: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.link_tickets(reference, by, field(request, "ticket"), _why(request))

    async def _unlink(self, request: Request, reference: str, by: Actor) -> Result:
        return await self._console.life.unlink(reference, by, field(request, "conversation"), _why(request))

    async def _split(self, request: Request, reference: str, by: Actor) -> Result:
        topic = field(request, "topic")
        if topic not in self._console.desk.routing.labels(""):
            raise BadRequest("no such topic")
        return await self._console.life.split_off(
            reference, by, _seen(request), topic, typed_text(request), _why(request)
        )

    async def _reply(self, request: Request, reference: str, by: Actor) -> Result:
        then = field(request, "then")
        return await self._console.writing.reply(
            reference,
            by,
            typed_text(request),
            key=field(request, "key") or str(uuid.uuid4()),
            seen=_seen(request),
            then=_one_of(TicketStatus, then) if then else None,
        )

    # The page

    async def _page(
        self, request: Request, reference: str, *, problem: str = "", result: Result | None = None, status: int = 200
    ) -> HTTPResponse:
        console, words = self._console, request.ctx.words
        try:
            ticket = await console.reader.ticket(reference)
        except UnknownTicket as error:
            raise NotFound from error
        await console.readings.note(request, "ticket_read", ticket.reference)
        names = await console.names()
        history = await console.reader.history(ticket.reference)
        return render(
            request,
            "ticket.html",
            status,
            ticket=ticket,
            history=history,
            signs=list(dict.fromkeys(sign for event in history for sign in event.detail.get("signs", ()))),
            severity=max((event.detail.get("severity") or "" for event in history), key=_GRAVITY.index, default=""),
            transcript=await console.reader.transcript(ticket.conversation_id, limit=_TRANSCRIPT),
            earlier=await console.reader.earlier_tickets(ticket.reference),
            window=await console.writing.window(ticket.conversation_id),
            owner=await console.conversations.owner(ticket.conversation_id),
            canned=canned_replies(console, ticket.language),
            people=[one for one in await console.users.all() if one.may(Right.WORK_TICKETS)],
            names=names,
            teams=console.desk.routing.teams,
            topics=console.desk.routing.labels(request.ctx.words.language),
            next_statuses=NEXT_STATUSES[ticket.status] if ticket.merged_into is None else (),
            priorities=list(Priority),
            now=datetime.now(UTC),
            key=field(request, "key") or str(uuid.uuid4()),
            typed=field(request, "text"),
            why=_why(request),
            problem=words(f"ticket.problem.{problem}") if problem else self._kindly(request, result, names),
        )

    def _kindly(self, request: Request, result: Result | None, names: dict[str, str]) -> str:
        """What became of a command that was not done."""
        words = request.ctx.words
        if isinstance(result, Conflict):
            who = names.get(result.by.name, result.by.name) or words(f"actor.{result.by.kind}")
            at = result.at.astimezone(request.app.ctx.time_zone).strftime("%H:%M")
            key = f"conflict.{result.kind}"
            return str(words(key if words.has(key) else "conflict.other", who=who, at=at))
        if isinstance(result, OwnerConflict):
            name = result.owner.name
            who = names.get(name, name) if result.owner.kind is OwnerKind.AGENT else words(f"owner.{result.owner.kind}")
            return str(words("conflict.conversation", who=who))
        return str(words("ticket.problem.shut")) if isinstance(result, WindowShut) else ""


# How grave the signs in a message may be, the gravest last.
_GRAVITY: Final = ("", "high", "critical")
_SAID: Final = {"take": "ticket_taken", "reply": "reply_sent", "note": "note_added", "merge": "ticket_merged"}


def _seen(request: Request) -> int:
    try:
        return int(field(request, "seen"))
    except ValueError as error:
        raise BadRequest("which version of the ticket was seen?") from error


def _why(request: Request) -> str:
    return field(request, "why")[:500]


def _one_of(kind: Any, value: str) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise BadRequest(f"no such {kind.__name__}") from error
