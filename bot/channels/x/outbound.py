"""Writing direct messages through the X API v2 (docs.x.com, "x-api/direct-messages/manage")."""

import re
import time
import unicodedata
from typing import Final

from bot.channels.base import GiveUp, OutcomeUnknown, Sent
from bot.channels.text import split
from bot.channels.vendor_json import JsonObject, id_at, object_at, objects_at, text_at, time_at
from bot.channels.vocabulary import ChannelName, OutboundMessage, QuickReply
from bot.channels.x.api import XApi
from bot.channels.x.errors import allowance
from bot.channels.x.inbound import readable_text

TEXT_LIMIT: Final = 10_000
"""Characters, by the older configuration endpoint; the v2 schema names only a minimum."""

_USER_ID: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_SHORT_LINK: Final = re.compile(r"https://t\.co/[A-Za-z0-9]+")
_CLOCK_SKEW_SECONDS: Final = 5.0
"""Between this machine and X, whose times are cut to the second."""
_PAGES: Final = 3


def compose(
    account_id: str,
    user_id: str,
    reply_id: str,
    text: str,
    quick_replies: tuple[QuickReply, ...],
    to_reply_at: float | None,
) -> list[OutboundMessage]:
    """Quick replies become numbered lines: v2 knows no buttons.

    The last part keeps them as data too, so that a typed number or title can be read back as a tap.
    """
    offered = tuple(quick for quick in quick_replies if quick.title.strip())
    parts = split(_with_numbers(text, offered), TEXT_LIMIT)
    last = len(parts) - 1
    return [
        OutboundMessage(
            channel=ChannelName.X,
            account_id=account_id,
            user_id=user_id,
            reply_id=f"{reply_id}.{number}",
            text=part,
            quick_replies=offered if number == last else (),
            to_reply_at=to_reply_at,
        )
        for number, part in enumerate(parts)
    ]


def _with_numbers(text: str, quick_replies: tuple[QuickReply, ...]) -> str:
    if not quick_replies or not text.strip():
        return text
    lines = (f"{number}. {quick.title.strip()}" for number, quick in enumerate(quick_replies, start=1))
    return "\n".join((text.rstrip() + "\n", *lines))


class XOutbound:
    def __init__(self, api: XApi, account_id: str) -> None:
        self._api = api
        self._account_id = account_id

    async def send(self, message: OutboundMessage) -> Sent:
        """One direct message. Raises ``SendFailed``."""
        path = f"{_conversation(message.user_id)}/messages"
        answer, headers = await self._api.call(self._api.user, "POST", path, body={"text": message.text})
        message_id = id_at(object_at(answer, "data"), "dm_event_id")
        if not message_id:
            raise OutcomeUnknown("no-message-id", "X took the request but names no message")
        return Sent(message_id, allowance(headers))

    async def find_sent(self, message: OutboundMessage, started_at: float, known_ids: frozenset[str]) -> str | None:
        """The id of the account's earliest message since ``started_at`` with this text, not in ``known_ids``.

        Raises ``SendFailed``.
        """
        earliest = started_at - _CLOCK_SKEW_SECONDS
        found = None
        token = ""
        for _ in range(_PAGES):
            answer = await self._read_conversation(message.user_id, token)
            events = objects_at(answer, "data")
            for event in events:  # newest first
                if self._is_it(event, message.text, earliest) and id_at(event, "id") not in known_ids:
                    found = id_at(event, "id")
            token = text_at(object_at(answer, "meta"), "next_token") or ""
            if not token or any((time_at(event, "created_at") or time.time()) < earliest for event in events):
                break
        return found

    async def _read_conversation(self, user_id: str, token: str) -> JsonObject:
        parameters = {
            "dm_event.fields": "id,text,sender_id,created_at,event_type,entities",
            "event_types": "MessageCreate",
            "max_results": "100",
        }
        if token:
            parameters["pagination_token"] = token
        return await self._api.get(self._api.user, f"{_conversation(user_id)}/dm_events", **parameters)

    def _is_it(self, event: JsonObject, text: str, earliest: float) -> bool:
        created_at = time_at(event, "created_at")
        return (
            id_at(event, "sender_id") == self._account_id
            and created_at is not None
            and created_at >= earliest
            and is_same_text(text, event)
        )


def _conversation(user_id: str) -> str:
    if not _USER_ID.fullmatch(user_id):
        # It becomes part of the address; nothing but a number may.
        raise GiveUp("user-id", "not a user id of X")
    return f"/2/dm_conversations/with/{user_id}"


def is_same_text(sent: str, event: JsonObject) -> bool:
    """Whether X reports ``sent``, in which it has put a t.co link in the place of every address, bare domains too."""
    written = _normalise(sent)
    if _normalise(readable_text(event) or "") == written:
        return True
    pieces = _SHORT_LINK.split(_normalise(text_at(event, "text") or ""))
    return len(pieces) > 1 and re.fullmatch(r"\S+".join(map(re.escape, pieces)), written) is not None


def _normalise(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()
