"""What happens on the Page, as webhooks tell of it (messenger-platform/webhook-events)."""

import json
import secrets
from typing import Any

from simulator.conversations import Conversation, Message
from simulator.platform import Utterance, now_ms
from simulator.settings import MessengerAccount

Item = dict[str, Any]

LIKE_STICKER_ID = 369239263222822
_FIELD_OF = {
    "message": "messages",
    "postback": "messaging_postbacks",
    "delivery": "message_deliveries",
    "pass_thread_control": "messaging_handovers",
    "take_thread_control": "messaging_handovers",
    "request_thread_control": "messaging_handovers",
}


class Events:
    def __init__(self, account: MessengerAccount, media_url: str) -> None:
        self._page_id = account.page_id
        self._media_url = media_url

    def written(self, conversation: Conversation, utterance: Utterance, timestamp: int) -> Item:
        mid = utterance.message_id or new_mid()
        item = self._from_customer(conversation.user) | {"timestamp": timestamp}
        if utterance.payload is not None:
            return item | _tap(conversation, utterance, mid)
        message: Item = {"mid": mid}
        if utterance.text is not None:
            message["text"] = utterance.text
        if utterance.attachment:
            message["attachments"] = [self._attachment(utterance.attachment)]
        return item | {"message": message}

    def _attachment(self, kind: str) -> Item:
        if kind == "sticker":
            return {"type": "sticker", "payload": {"url": f"{self._media_url}/like", "sticker_id": LIKE_STICKER_ID}}
        if kind == "location":
            coordinates = {"lat": 45.764, "long": 4.8357}
            return {"type": "location", "title": "Lyon", "payload": {"coordinates": coordinates}}
        return {"type": kind, "payload": {"url": f"{self._media_url}/{kind}"}}

    def echo(self, user: str, message: Message, app_id: int | str) -> Item:
        echo: Item = {"is_echo": True, "app_id": app_id, "mid": message.id, "text": message.text}
        if message.metadata is not None:
            echo["metadata"] = message.metadata
        from_page = {"sender": {"id": self._page_id}, "recipient": {"id": user}}
        return from_page | {"timestamp": round(message.at * 1000), "message": echo}

    def delivery(self, user: str, message: Message) -> Item:
        """Delivery receipts carry no timestamp of their own (message-deliveries)."""
        return self._from_customer(user) | {"delivery": {"mids": [message.id], "watermark": now_ms()}}

    def control(self, user: str, kind: str, change: Item) -> Item:
        return self._from_customer(user) | {"timestamp": now_ms(), kind: change | {"metadata": ""}}

    def _from_customer(self, user: str) -> Item:
        return {"sender": {"id": user}, "recipient": {"id": self._page_id}}

    def posted(self, place: str, item: Item) -> bytes:
        """Meta's form: non-ASCII as lower-case escapes, slashes escaped; the signature covers exactly these bytes."""
        payload = {"object": "page", "entry": [{"id": self._page_id, "time": now_ms(), place: [item]}]}
        return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def new_mid() -> str:
    return f"m_{secrets.token_urlsafe(36)}"


def field_of(item: Item) -> str:
    """The field that a Page subscribes to in order to be told."""
    if item.get("message", {}).get("is_echo"):
        return "message_echoes"
    return next(field for kind, field in _FIELD_OF.items() if kind in item)


def without_payload(item: Item) -> Item:
    """Of a button: an application on standby is told the title alone."""
    if "postback" not in item:
        return item
    return item | {"postback": {name: value for name, value in item["postback"].items() if name != "payload"}}


def _tap(conversation: Conversation, utterance: Utterance, mid: str) -> Item:
    """A quick reply arrives as a message with text; any other button as a postback."""
    payload = utterance.payload or ""
    offered = conversation.offered_title(payload)
    title = utterance.title or utterance.text or offered or payload
    if offered is not None:
        return {"message": {"mid": mid, "text": title, "quick_reply": {"payload": payload}}}
    return {"postback": {"mid": mid, "title": title, "payload": payload}}
