"""Writing to customers through Messenger's Send API (Messenger Platform, "Send Messages")."""

import time
from collections.abc import Mapping
from typing import Final

from bot.channels.base import Allowance, GiveUp, OutcomeUnknown, Sent
from bot.channels.http import wait_until
from bot.channels.messenger.errors import is_spent, regain_seconds
from bot.channels.messenger.graph import GraphNode
from bot.channels.messenger.inbound import USER_REF_PREFIX
from bot.channels.text import shorten, split
from bot.channels.vendor_json import JsonObject, id_at
from bot.channels.vocabulary import Activity, Author, ChannelName, OutboundMessage, QuickReply, ThreadControl

TEXT_LIMIT: Final = 2000
"""Characters, by the software development kits; Meta's own page no longer says."""
QUICK_REPLIES_LIMIT: Final = 13
TITLE_LIMIT: Final = 20
PAYLOAD_LIMIT: Final = 1000
WINDOW_SECONDS: Final = 24 * 3600.0
PERSON_WINDOW_SECONDS: Final = 7 * 24 * 3600.0
"""For words that a person typed, under the tag HUMAN_AGENT."""
SENDS_PER_SECOND: Final = 300.0
"""Text messages of one page ("Rate Limits")."""

PAGE_INBOX: Final = "263902037430900"
"""The application that is the page's own inbox ("Conversation Routing")."""

_CONTROLS: Final = {
    ThreadControl.TAKE: "take_thread_control",
    ThreadControl.RELEASE: "release_thread_control",
    ThreadControl.TO_INBOX: "pass_thread_control",
}
_REGAIN_SECONDS: Final = 300.0
_ACTIONS: Final = {Activity.SEEN: "mark_seen", Activity.TYPING: "typing_on"}


def compose(
    page_id: str,
    user_id: str,
    reply_id: str,
    text: str,
    quick_replies: tuple[QuickReply, ...],
    to_reply_at: float | None,
) -> list[OutboundMessage]:
    """Quick replies go with the last part: Messenger takes them off the screen as soon as another message follows."""
    parts = split(text, TEXT_LIMIT)
    last = len(parts) - 1
    fitting = _fit(quick_replies)
    return [
        OutboundMessage(
            channel=ChannelName.MESSENGER,
            account_id=page_id,
            user_id=user_id,
            reply_id=f"{reply_id}.{number}",
            text=part,
            quick_replies=fitting if number == last else (),
            to_reply_at=to_reply_at,
        )
        for number, part in enumerate(parts)
    ]


def _fit(quick_replies: tuple[QuickReply, ...]) -> tuple[QuickReply, ...]:
    """Titles are shortened; a payload is not, for it would then mean something else. Messenger refuses an empty one."""
    offered = [quick for quick in quick_replies if quick.title.strip() and 0 < len(quick.payload) <= PAYLOAD_LIMIT]
    return tuple(
        QuickReply(shorten(quick.title, TITLE_LIMIT), quick.payload) for quick in offered[:QUICK_REPLIES_LIMIT]
    )


class MessengerOutbound:
    def __init__(self, page: GraphNode) -> None:
        self._page = page

    async def send(self, message: OutboundMessage) -> Sent:
        """One call of the Send API. Raises ``SendFailed``."""
        answer, headers = await self._page.post("messages", _send_body(message))
        message_id = id_at(answer, "message_id")
        if not message_id:
            raise OutcomeUnknown("no-message-id", "Messenger took the request but names no message")
        return Sent(message_id, _allowance(headers))

    async def show_activity(self, user_id: str, activity: Activity) -> None:
        """Raises ``SendFailed``. "typing" ends by itself after 20 s or with the next message."""
        body = {"recipient": _recipient(user_id), "sender_action": _ACTIONS[activity]}
        await self._page.post("messages", body, repeatable=True)

    async def control_thread(self, user_id: str, control: ThreadControl) -> None:
        """Messenger Platform, "Conversation Routing". Raises ``SendFailed``."""
        body: JsonObject = {"recipient": _recipient(user_id)}
        if control is ThreadControl.TO_INBOX:
            body["target_app_id"] = PAGE_INBOX
        await self._page.post(_CONTROLS[control], body, repeatable=True)


def _type_of(message: OutboundMessage) -> dict[str, str]:
    """The tag is for what a person typed, and for nothing else: Meta punishes its abuse. Raises ``GiveUp``."""
    age = 0.0 if message.to_reply_at is None else time.time() - message.to_reply_at
    if age <= WINDOW_SECONDS:
        return {"messaging_type": "RESPONSE"}
    if message.author is not Author.AGENT:
        raise GiveUp("window", "more than 24 h since the customer's message; a person has to answer")
    if age > PERSON_WINDOW_SECONDS:
        raise GiveUp("window", "more than 7 days since the customer's message; call or e-mail instead")
    return {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}


def _send_body(message: OutboundMessage) -> JsonObject:
    """Raises ``GiveUp`` outside the window."""
    content: JsonObject = {"text": message.text, "metadata": message.reply_id}
    if message.quick_replies:
        content["quick_replies"] = [
            {"content_type": "text", "title": quick.title, "payload": quick.payload} for quick in message.quick_replies
        ]
    return {"recipient": _recipient(message.user_id), **_type_of(message), "message": content}


def _recipient(user_id: str) -> JsonObject:
    reference = user_id.removeprefix(USER_REF_PREFIX)
    return {"id": user_id} if reference == user_id else {"user_ref": reference}


def _allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Nothing more may go out once a usage header stands at 100 %; below that Meta tells no number of messages."""
    if not is_spent(headers):
        return None
    return Allowance(remaining=0, resets_at=wait_until(regain_seconds(headers) or _REGAIN_SECONDS))
