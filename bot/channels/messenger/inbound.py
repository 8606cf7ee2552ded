"""What Messenger posts to the webhook, in the project's vocabulary.

Shapes are those of developers.facebook.com, Business Messaging, Messenger Platform, "Webhooks" and "Webhook Events
Reference" (one page an event). They vary more than the pages say, so every field is read leniently.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from bot.channels.base import Handshake, MalformedPayload
from bot.channels.messenger.plain import read_plain_texts
from bot.channels.signature import hex_signature, require_equal, same_secret
from bot.channels.vendor_json import (
    JsonObject,
    event_name,
    first_time,
    id_at,
    object_at,
    objects_at,
    read_object,
    text_at,
    time_at,
)
from bot.channels.vocabulary import (
    Attachment,
    AttachmentKind,
    ChannelName,
    Echo,
    EchoOrigin,
    Event,
    InboundMessage,
    Notice,
    NoticeKind,
    UnknownEvent,
)

USER_REF_PREFIX: Final = "user_ref."
"""Marks a user known only by the reference of a page plugin, who is addressed by it instead of a page-scoped id."""

_ENTRY_FACTS: Final = frozenset({"id", "time", "uid", "hop_context"})
_ITEM_FACTS: Final = frozenset({"sender", "recipient", "timestamp", "prior_message"})

_ATTACHMENT_KINDS: Final = {
    "image": AttachmentKind.IMAGE,
    "audio": AttachmentKind.AUDIO,
    "video": AttachmentKind.VIDEO,
    "file": AttachmentKind.FILE,
    "sticker": AttachmentKind.STICKER,
    "location": AttachmentKind.LOCATION,
    "fallback": AttachmentKind.SHARE,
    "share": AttachmentKind.SHARE,
    "reel": AttachmentKind.SHARE,
    "ig_reel": AttachmentKind.SHARE,
    "post": AttachmentKind.SHARE,
    "ig_post": AttachmentKind.SHARE,
}

_PUBLIC_ITEMS: Final = ("comment", "post", "status", "photo", "video", "share", "mention")

_THREAD_CONTROL: Final = ("pass_thread_control", "take_thread_control", "request_thread_control", "app_roles")


class MessengerInbound:
    """Verifies and reads webhook requests of one page. Does no I/O."""

    def __init__(self, page_id: str, app_id: str, app_secret: str, verify_token: str) -> None:
        self._page_id = page_id
        self._app_id = app_id
        self._app_secret = app_secret
        self._verify_token = verify_token
        self._readers: Final[dict[str, Callable[[JsonObject, JsonObject, float], Iterator[Event]]]] = {
            "message": self._read_message,
            "postback": self._read_postback,
            "message_edit": self._read_edit,
            "reaction": self._read_reaction,
            "read": self._read_receipt,
            "delivery": self._read_delivery,
            "response_feedback": self._read_feedback,
            "referral": self._read_referral,
            "optin": self._read_optin,
            "policy_enforcement": self._read_policy,
            **dict.fromkeys(_THREAD_CONTROL, self._read_thread_control),
        }

    def answer_handshake(self, query: Mapping[str, str]) -> Handshake:
        """Return the challenge to whoever knows our verify token (page "Webhooks", verification requests)."""
        if query.get("hub.mode") != "subscribe" or not same_secret(
            self._verify_token, query.get("hub.verify_token", "")
        ):
            return Handshake(status=403, body="the verify token does not match")
        return Handshake(status=200, body=query.get("hub.challenge", ""))

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check ``X-Hub-Signature-256`` over the bytes as received. Raises ``BadSignature``.

        The legacy SHA-1 header is not read. Meta signs the escaped form of the text that it sends, so that decoding and
        encoding again before the check would break it.
        """
        require_equal(hex_signature(self._app_secret, body), headers.get("x-hub-signature-256"), self._app_secret)

    def parse(self, body: bytes) -> list[Event]:
        """Read one webhook body, which may batch several entries. Raises ``MalformedPayload``."""
        plain = read_plain_texts(body, self._page_id)
        return self._read_leniently(body) if plain is None else plain

    def _read_leniently(self, body: bytes) -> list[Event]:
        payload = read_object(body)
        if not isinstance(payload.get("object"), str) or not isinstance(payload.get("entry"), list):
            raise MalformedPayload("the body is not a webhook of the Graph API")
        if payload["object"] != "page":
            # Another product of the same app (instagram, permissions): refusing it would make Meta disable the webhook.
            return [self._unknown("", first_time(), "object", payload["object"])]
        return [event for entry in objects_at(payload, "entry") for event in self._read_entry(entry)]

    def _read_entry(self, entry: JsonObject) -> Iterator[Event]:
        at = first_time(time_at(entry, "time"))
        if id_at(entry, "id") != self._page_id:
            yield self._unknown("", at, "other_account")
            return
        for item in objects_at(entry, "messaging"):
            yield from self._read_item(item, at)
        for item in objects_at(entry, "standby"):
            yield from self._read_standby(item, at)
        for change in objects_at(entry, "changes"):
            yield self._read_change(change, at)
        for key in entry.keys() - _ENTRY_FACTS - {"messaging", "standby", "changes"}:
            yield self._unknown("", at, key)

    def _read_item(self, item: JsonObject, entry_time: float) -> Iterator[Event]:
        at = first_time(time_at(item, "timestamp"), entry_time)
        for key, reader in self._readers.items():
            if isinstance(item.get(key), dict):
                yield from reader(item, item[key], at)
                return
        yield self._unknown(self._customer(item), at, next((key for key in item if key not in _ITEM_FACTS), ""))

    def _customer(self, item: JsonObject) -> str:
        """Whoever is not the page; empty where an event names nobody."""
        for side in ("sender", "recipient"):
            party = object_at(item, side)
            user = id_at(party, "id")
            if user and user != self._page_id:
                return user
            if reference := id_at(party, "user_ref"):
                return USER_REF_PREFIX + reference
        return ""

    def _read_message(self, item: JsonObject, message: JsonObject, at: float) -> Iterator[Event]:
        user = self._customer(item)
        if message.get("is_echo") is True or id_at(object_at(item, "sender"), "id") == self._page_id:
            yield self._echo(user, message, at)
            return
        text = text_at(message, "text")
        payload = text_at(object_at(message, "quick_reply"), "payload")
        attachments = _read_attachments(message)
        if user and (text or payload or attachments):
            message_id = id_at(message, "mid") or _derived_id(user, item, text or payload or "")
            yield self._inbound(user, at, message_id, text, payload, attachments)
        elif user and isinstance(message.get("referral"), dict):
            yield self._notice(user, at, NoticeKind.REFERRAL, id_at(message, "mid"))
        else:
            yield self._unknown(user, at, "message", next((key for key in message if key != "mid"), ""))

    def _echo(self, user: str, message: JsonObject, at: float) -> Event:
        message_id = id_at(message, "mid")
        if not user or not message_id:
            return self._unknown(user, at, "message", "is_echo")
        origin = self._origin(id_at(message, "app_id"))
        # Another application's metadata means nothing here.
        reply_id = text_at(message, "metadata") if origin is not EchoOrigin.FOREIGN else None
        return Echo(
            ChannelName.MESSENGER, self._page_id, user, at, message_id, origin, reply_id, text_at(message, "text")
        )

    def _origin(self, app_id: str) -> EchoOrigin:
        """Anything but our own id is foreign: Meta's pages print two different ids for its own inbox."""
        if not self._app_id:
            return EchoOrigin.UNKNOWN
        return EchoOrigin.OWN if app_id == self._app_id else EchoOrigin.FOREIGN

    def _read_postback(self, item: JsonObject, postback: JsonObject, at: float) -> Iterator[Event]:
        user = self._customer(item)
        title, payload = text_at(postback, "title"), text_at(postback, "payload")
        if not user or not (title or payload):
            yield self._unknown(user, at, "postback")
            return
        # Older API versions send postbacks without an id.
        message_id = id_at(postback, "mid") or _derived_id(user, item, payload or title or "")
        yield self._inbound(user, at, message_id, title, payload, ())

    def _read_edit(self, item: JsonObject, edit: JsonObject, at: float) -> Iterator[Event]:
        yield self._notice(self._customer(item), at, NoticeKind.EDITED, id_at(edit, "mid"), text_at(edit, "text"))

    def _read_reaction(self, item: JsonObject, reaction: JsonObject, at: float) -> Iterator[Event]:
        yield self._notice(self._customer(item), at, NoticeKind.REACTION, id_at(reaction, "mid"))

    def _read_receipt(self, item: JsonObject, read: JsonObject, at: float) -> Iterator[Event]:
        yield self._notice(self._customer(item), first_time(time_at(read, "watermark"), at), NoticeKind.READ)

    def _read_delivery(self, item: JsonObject, delivery: JsonObject, at: float) -> Iterator[Event]:
        """One notice a message; ``mids`` is optional, the watermark then covers all before it."""
        user, moment = self._customer(item), first_time(time_at(delivery, "watermark"), at)
        mids = delivery.get("mids")
        known = [mid for mid in mids if isinstance(mid, str) and mid] if isinstance(mids, list) else []
        for mid in known or [""]:
            yield self._notice(user, moment, NoticeKind.DELIVERED, mid)

    def _read_feedback(self, item: JsonObject, feedback: JsonObject, at: float) -> Iterator[Event]:
        mid, words = id_at(feedback, "mid"), text_at(feedback, "feedback")
        yield self._notice(self._customer(item), at, NoticeKind.FEEDBACK, mid, words)

    def _read_referral(self, item: JsonObject, _referral: JsonObject, at: float) -> Iterator[Event]:
        yield self._notice(self._customer(item), at, NoticeKind.REFERRAL)

    def _read_optin(self, item: JsonObject, optin: JsonObject, at: float) -> Iterator[Event]:
        reference = id_at(optin, "user_ref")
        user = self._customer(item) or (USER_REF_PREFIX + reference if reference else "")
        stopped = (text_at(optin, "notification_messages_status") or "").upper().startswith("STOP")
        yield self._notice(user, at, NoticeKind.OPT_OUT if stopped else NoticeKind.OPT_IN)

    def _read_policy(self, item: JsonObject, policy: JsonObject, at: float) -> Iterator[Event]:
        words = ": ".join(part for part in (text_at(policy, "action"), text_at(policy, "reason")) if part)
        yield self._notice(self._customer(item), at, NoticeKind.POLICY, text=words)

    def _read_thread_control(self, item: JsonObject, control: JsonObject, at: float) -> Iterator[Event]:
        """Passed or taken; a mere request, and the roles of applications, change nothing."""
        owner = id_at(control, "new_owner_app_id")
        ours = owner == self._app_id if owner and self._app_id else None
        yield self._notice(self._customer(item), at, NoticeKind.THREAD_CONTROL, ours=ours)

    def _read_standby(self, item: JsonObject, entry_time: float) -> Iterator[Event]:
        """Another application owns the conversation: its customer is not ours to answer, but echoes still settle."""
        at = first_time(time_at(item, "timestamp"), entry_time)
        message = object_at(item, "message")
        if message.get("is_echo") is True:
            yield self._echo(self._customer(item), message, at)
            return
        postback = object_at(item, "postback")
        words = text_at(message, "text") or text_at(postback, "title")
        mid = id_at(message, "mid") or id_at(postback, "mid")
        if words and not mid:
            mid = _derived_id(self._customer(item), item, words)
        attachments = _read_attachments(message)
        yield self._notice(
            self._customer(item), at, NoticeKind.STANDBY, mid, words, ours=False, attachments=attachments
        )

    def _read_change(self, change: JsonObject, entry_time: float) -> Event:
        """A change on the page's public side (``feed``, ``mention``)."""
        field, value = change.get("field"), object_at(change, "value")
        author = id_at(object_at(value, "from"), "id") or id_at(value, "sender_id")
        at = first_time(time_at(value, "created_time"), entry_time)
        item, verb = value.get("item"), value.get("verb")
        if field not in ("feed", "mention") or item not in _PUBLIC_ITEMS or verb not in ("add", None):
            return self._unknown("", at, field, item, verb)
        if not author or author == self._page_id:
            # Our own comment, or the assistant would answer itself.
            return self._unknown("", at, field, item, "own")
        about = id_at(value, "comment_id") or id_at(value, "post_id")
        return self._notice(author, at, NoticeKind.PUBLIC_POST, about, text_at(value, "message"))

    def _inbound(
        self,
        user: str,
        at: float,
        message_id: str,
        text: str | None,
        payload: str | None,
        attachments: tuple[Attachment, ...],
    ) -> InboundMessage:
        return InboundMessage(ChannelName.MESSENGER, self._page_id, user, at, message_id, text, payload, attachments)

    def _notice(
        self,
        user: str,
        at: float,
        kind: NoticeKind,
        message_id: str = "",
        text: str | None = None,
        ours: bool | None = None,
        attachments: tuple[Attachment, ...] = (),
    ) -> Notice:
        return Notice(
            ChannelName.MESSENGER, self._page_id, user, at, kind, message_id or None, text or None, ours, attachments
        )

    def _unknown(self, user: str, at: float, *name: object) -> UnknownEvent:
        return UnknownEvent(ChannelName.MESSENGER, self._page_id, user, at, event_name(*name))


def _read_attachments(message: JsonObject) -> tuple[Attachment, ...]:
    # Each once: until August 2026 a sticker came both as "sticker" and as "image" (page "messages").
    return tuple(dict.fromkeys(_read_attachment(item) for item in objects_at(message, "attachments")))


def _read_attachment(item: JsonObject) -> Attachment:
    payload = object_at(item, "payload")
    kind = item.get("type")
    known = _ATTACHMENT_KINDS.get(kind, AttachmentKind.OTHER) if isinstance(kind, str) else AttachmentKind.OTHER
    if id_at(payload, "sticker_id"):
        known = AttachmentKind.STICKER
    url = text_at(payload, "url") or text_at(item, "url")
    if known is AttachmentKind.LOCATION:
        url = _geo_uri(object_at(payload, "coordinates")) or url
    return Attachment(known, url, text_at(payload, "title") or text_at(item, "title"))


def _geo_uri(coordinates: JsonObject) -> str | None:
    """RFC 5870; None without a latitude and a longitude on this earth."""
    latitude, longitude = coordinates.get("lat"), coordinates.get("long")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return f"geo:{latitude:.6f},{longitude:.6f}"


def _derived_id(user: str, item: JsonObject, content: str) -> str:
    """An id for a message that has none, the same at every delivery of the same event."""
    facts = f"{user}\n{item.get('timestamp')}\n{content}"
    return "derived." + hashlib.sha256(facts.encode("utf-8", "replace")).hexdigest()[:32]
