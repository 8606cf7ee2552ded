"""The queue: which tickets there are, by what matters to whoever looks; search; views that people save."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from sanic import Request, Sanic
from sanic.exceptions import BadRequest
from sanic.response import HTTPResponse

from bot.channels.vocabulary import ChannelName
from bot.console.accounts import Right
from bot.console.page import field, needs, redirect, render, signed_in
from bot.desk import Priority, QueueFilter, QueueRow, TicketStatus
from bot.desk.tickets import OPEN_STATUSES

if TYPE_CHECKING:
    from bot.console.application import Console

_PAGE: Final = 50
_STATUSES: Final[dict[str, tuple[TicketStatus, ...]]] = {
    "": OPEN_STATUSES,
    **{status.value: (status,) for status in TicketStatus},
    "all": tuple(TicketStatus),
}
_FIELDS: Final = ("q", "status", "who", "late", "team", "priority", "channel", "language", "topic", "tag")


def add_to(app: Sanic[Any, Any], console: "Console") -> None:
    pages = QueuePages(console)
    app.add_route(needs(Right.WORK_TICKETS, pages.show), "/tickets", name="tickets")
    app.add_route(needs(Right.WORK_TICKETS, pages.save_view), "/views", methods=["POST"], name="save_view")
    app.add_route(
        needs(Right.WORK_TICKETS, pages.delete_view),
        "/views/<view_id:int>/delete",
        methods=["POST"],
        name="delete_view",
    )


@dataclass(frozen=True)
class Choice:
    """What is chosen in the queue's address; ``who`` is ``me``, ``nobody``, ``watched`` or an agent."""

    q: str = ""
    status: str = ""
    who: str = ""
    late: str = ""
    team: str = ""
    priority: str = ""
    channel: str = ""
    language: str = ""
    topic: str = ""
    tag: str = ""

    @classmethod
    def read(cls, query: dict[str, str]) -> "Choice":
        """Raises ``BadRequest``."""
        choice = cls(**{name: query.get(name, "").strip()[:200] for name in _FIELDS})
        if choice.status not in _STATUSES or choice.priority not in ("", *Priority):
            raise BadRequest("an unknown status or priority")
        return choice

    @property
    def query(self) -> str:
        return urlencode({name: value for name in _FIELDS if (value := getattr(self, name))})

    def but(self, **changed: str) -> str:
        """The address of the same choice but for what is named."""
        return self._address(Choice(**{**{name: getattr(self, name) for name in _FIELDS}, **changed}))

    @staticmethod
    def _address(choice: "Choice") -> str:
        return f"/tickets?{choice.query}" if choice.query else "/tickets"

    def filter(self, agent: str, now: datetime) -> QueueFilter:
        named = {"me": agent, "nobody": None, "watched": None}
        return QueueFilter(
            statuses=_STATUSES[self.status],
            team=self.team or None,
            assignee=named.get(self.who, self.who) or None,
            unassigned=self.who == "nobody",
            watched_by=agent if self.who == "watched" else None,
            priority=Priority(self.priority) if self.priority else None,
            channel=self.channel or None,
            language=self.language or None,
            topic=self.topic or None,
            tag=self.tag.lower() or None,
            late_at=now if self.late else None,
        )


class QueuePages:
    def __init__(self, console: "Console") -> None:
        self._console = console

    async def show(self, request: Request) -> HTTPResponse:
        console, user, now = self._console, signed_in(request).user, datetime.now(UTC)
        choice = Choice.read({name: request.args.get(name, "") for name in request.args})
        rows, following = await self._found(request, choice, user.handle, now)
        return render(
            request,
            "queue.html",
            choice=choice,
            rows=rows,
            following=following,
            counts=await console.reader.counts(user.handle, now),
            views=await console.views.of(user.id),
            names=await console.names(),
            teams=console.desk.routing.teams,
            topics=console.desk.routing.labels(request.ctx.words.language),
            statuses=list(TicketStatus),
            priorities=list(Priority),
            channels=list(ChannelName),
            is_away=await console.availability.is_away(user.handle),
            now=now,
        )

    async def _found(
        self, request: Request, choice: Choice, agent: str, now: datetime
    ) -> tuple[tuple[QueueRow, ...], str | None]:
        reader = self._console.reader
        if choice.q:
            wanted = choice.filter(agent, now)
            # Who looks for a customer looks among all tickets.
            among = wanted if choice.status else replace(wanted, statuses=tuple(TicketStatus))
            found = await reader.search(choice.q, among, limit=_PAGE)
            await self._console.readings.note(request, "tickets_searched", each=True, found=len(found))
            return tuple(found), None
        await self._console.readings.note(request, "tickets_listed")
        try:
            page = await reader.queue(choice.filter(agent, now), limit=_PAGE, after=request.args.get("after"))
        except ValueError as error:
            raise BadRequest("no such place in the list") from error
        return page.rows, page.next

    async def save_view(self, request: Request) -> HTTPResponse:
        choice = Choice.read(dict(parse_qsl(field(request, "chosen"))))
        name = field(request, "name")[:60]
        if not name:
            raise BadRequest("a view needs a name")
        await self._console.views.save(signed_in(request).user.id, name, choice.query)
        return redirect(choice.but(), "view_saved")

    async def delete_view(self, request: Request, view_id: int) -> HTTPResponse:
        await self._console.views.delete(signed_in(request).user.id, view_id)
        return redirect("/tickets", "view_deleted")
