"""A message as X tells of it: in both generations of webhook payloads, and read back through the API.

Sources: docs.x.com, x-api/activity/introduction, x-api/account-activity/introduction, x-api/direct-messages/lookup.
"""

from datetime import UTC, datetime
from typing import Any

from simulator.conversations import Conversation, Message
from simulator.settings import XAccount
from simulator.x.ids import order_of
from simulator.x.text import Written, write_down

OTHER_APP_ID = "258901"
"""Whatever application a person answers with on x.com."""
_MEDIA_TYPES = {"image": "photo", "video": "video", "sticker": "animated_gif"}
ATTACHMENTS = frozenset(_MEDIA_TYPES)


class Events:
    def __init__(self, account: XAccount, brand_name: str, media_url: str) -> None:
        self.account = account
        self.brand_name = brand_name
        self._media_url = media_url

    def posted(self, conversation: Conversation, message: Message, event_type: str, tag: str | None) -> dict[str, Any]:
        """The webhook's payload, in the shape that the account has."""
        event = self._event(conversation, message)
        if self.account.shape == "activity":
            return self._activity(conversation, event, event_type, tag)
        return self._account_activity(conversation, event)

    def _event(self, conversation: Conversation, message: Message) -> dict[str, Any]:
        from_customer = message.sender == "user"
        written = _written(message)
        data: dict[str, Any] = {"text": written.text, "entities": written.entities}
        if message.attachment:
            data["attachment"] = {"type": "media", "media": self._medium(message, written.urls[-1]["url"])}
        elif message.payload is not None:
            data["quick_reply_response"] = {"type": "options", "metadata": message.payload}
        create: dict[str, Any] = {
            "target": {"recipient_id": self.account.account_id if from_customer else conversation.user},
            "sender_id": conversation.user if from_customer else self.account.account_id,
            "message_data": data,
        }
        if self.account.shape == "account_activity" and not from_customer:
            create["source_app_id"] = self.account.app_id if message.origin == "application" else OTHER_APP_ID
        return {
            "type": "message_create",
            "id": message.id,
            "created_timestamp": str(round(message.at * 1000)),
            "message_create": create,
        }

    def _medium(self, message: Message, link: str) -> dict[str, Any]:
        return {
            "id": order_of(message),
            "id_str": str(order_of(message)),
            "type": _MEDIA_TYPES[message.attachment or "image"],
            "url": link,
            "media_url_https": f"{self._media_url}/{message.attachment}",
        }

    def _activity(
        self, conversation: Conversation, event: dict[str, Any], event_type: str, tag: str | None
    ) -> dict[str, Any]:
        users = {
            conversation.user: {"data": {"id": conversation.user, "username": _username(conversation)}},
            self.account.account_id: {"data": {"id": self.account.account_id, "username": self.brand_username()}},
        }
        data: dict[str, Any] = {
            # Negative ones occur; the id stays the same when the event is posted again.
            "event_uuid": f"-{event['id']}" if int(event["id"][-1:] or "0", 36) % 2 else event["id"],
            "filter": {"user_id": self.account.account_id},
            "event_type": event_type,
            "payload": {"direct_message_events": [event], "users": users},
        }
        if tag:
            data["tag"] = tag
        return {"data": data}

    def _account_activity(self, conversation: Conversation, event: dict[str, Any]) -> dict[str, Any]:
        payload: dict[str, Any] = {"for_user_id": self.account.account_id, "direct_message_events": [event]}
        if app_id := event["message_create"].get("source_app_id"):
            name = self.brand_name if app_id == self.account.app_id else "X Web App"
            payload["apps"] = {app_id: {"id": app_id, "name": name, "url": "https://x.com"}}
        payload["users"] = {
            conversation.user: {
                "id": conversation.user,
                "name": conversation.name,
                "screen_name": _username(conversation),
            },
            self.account.account_id: {
                "id": self.account.account_id,
                "name": self.brand_name,
                "screen_name": self.brand_username(),
            },
        }
        return payload

    def brand_username(self) -> str:
        return "".join(letter for letter in self.brand_name if letter.isascii() and letter.isalnum())[:15] or "brand"

    def conversation_id(self, user: str) -> str:
        both = sorted([user, self.account.account_id], key=lambda one: (len(one), one))
        return "-".join(both)

    # Read back

    def stored(self, conversation: Conversation, message: Message, fields: set[str]) -> dict[str, Any]:
        """With those of ``fields`` that the message has."""
        sender = conversation.user if message.sender == "user" else self.account.account_id
        written = _written(message)
        event: dict[str, Any] = {
            "id": message.id,
            "event_type": "MessageCreate",
            "text": written.text,
            "entities": {"urls": written.urls} if written.urls else None,
            "sender_id": sender,
            "dm_conversation_id": self.conversation_id(conversation.user),
            "created_at": rfc3339(message.at),
        }
        if message.attachment:
            event["attachments"] = {"media_keys": [_media_key(message)]}
        return {name: value for name, value in event.items() if name in fields and value is not None}

    def included_media(self, messages: list[Message]) -> dict[str, Any]:
        media = [
            {
                "media_key": _media_key(message),
                "type": _MEDIA_TYPES[message.attachment],
                "url": f"{self._media_url}/{message.attachment}",
            }
            for message in messages
            if message.attachment
        ]
        return {"includes": {"media": media}} if media else {}


def rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at * 1000) % 1000:03d}Z"


def _written(message: Message) -> Written:
    return write_down(message.text or "", message.id if message.attachment else None)


def _media_key(message: Message) -> str:
    return f"3_{order_of(message)}"


def _username(conversation: Conversation) -> str:
    plain = "".join(letter for letter in conversation.name.lower() if letter.isascii())
    return f"{plain}_{conversation.user[-4:]}"
