"""The box in which an agent writes to a customer, on a ticket's page and on a conversation's own."""

from typing import TYPE_CHECKING, Final

from sanic import Request
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse, json

from bot.console.page import field
from bot.desk.replies import CannedReply, Filled

if TYPE_CHECKING:
    from bot.console.application import Console

_TEXT_LENGTH: Final = 2000


def typed_text(request: Request) -> str:
    return field(request, "text").replace("\r\n", "\n")[:_TEXT_LENGTH]


def canned_replies(console: "Console", language: str) -> list[tuple[str, list[CannedReply]]]:
    """By language, the customer's first."""
    languages = ("en", "fr") if language == "en" else ("fr", "en")
    return [(one, console.writing.canned(one)) for one in languages]


def told_filled(request: Request, filled: Filled) -> HTTPResponse:
    """For the reply box, with what is still to be completed in words."""
    words = request.ctx.words
    missing = ", ".join(words(f"placeholder.{name}") for name in filled.missing)
    return json({"text": filled.text, "missing": words("reply.missing", names=missing) if missing else ""})


def chosen_reply(request: Request, console: "Console") -> str:
    """The text of the canned reply that is asked for. Raises ``NotFound``."""
    canned = {one.key: one.text for one in console.writing.canned(request.args.get("language", ""))}
    try:
        return canned[request.args.get("key", "")]
    except KeyError as error:
        raise NotFound from error
