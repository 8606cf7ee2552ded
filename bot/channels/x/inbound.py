"""What X posts to the webhook, and what polling fetches, in the project's vocabulary.

Two shapes arrive, depending on how the account is subscribed (docs.x.com): the X Activity API, one event in ``data``
(pages "x-api/activity/event-payloads"), and the older, deprecated Account Activity API, several kinds side by side
under ``for_user_id`` ("x-api/account-activity/introduction"). Direct messages look the same inside both. Whatever the
way in, a message is known by its direct-message id, so that the same one is never answered twice.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from bot.channels.base import Handshake
from bot.channels.signature import base64_signature, require_equal
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
from bot.channels.x.plain import read_plain_texts

# X answers whoever asks with the HMAC of the crc_token, which is the very signature that its POST requests carry: a
# token that reads as a JSON body would make us sign a stranger's forgery. X's own tokens are plain words.
_CRC_TOKEN: Final = re.compile(r"[A-Za-z0-9+/=_.~-]{1,512}", re.ASCII)

_AAA_FACTS: Final = frozenset({"for_user_id", "users", "apps", "user_has_blocked"})

_MOST_LINKS: Final = 100

_MEDIA_KINDS: Final = {
    "photo": AttachmentKind.IMAGE,
    "animated_gif": AttachmentKind.IMAGE,
    "video": AttachmentKind.VIDEO,
    "audio": AttachmentKind.AUDIO,
}


class XInbound:
    """Verifies and reads webhook requests of one account. Does no I/O."""

    def __init__(self, account_id: str, app_id: str, consumer_secret: str) -> None:
        self._account_id = account_id
        self._app_id = app_id
        self._consumer_secret = consumer_secret
        self._account_activity: Final[dict[str, Callable[[JsonObject, str], Event]]] = {
            "direct_message_events": self._read_direct_message,
            "direct_message_indicate_typing_events": self._read_typing,
            "direct_message_mark_read_events": self._read_receipt,
            "tweet_create_events": self._read_tweet,
        }
        self._activity: Final[dict[str, Callable[[JsonObject, str], Iterator[Event]]]] = {
            "dm.received": self._read_activity_messages,
            "dm.sent": self._read_activity_messages,
            "dm.read": self._read_activity_receipt,
            "dm.indicate_typing": self._read_activity_typing,
            "post.mention.create": self._read_activity_post,
            "post.reply.create": self._read_activity_post,
            "post.quote.create": self._read_activity_post,
            "chat.received": self._read_encrypted,
            "oauth.revoke": self._read_revocation,
        }

    def answer_handshake(self, query: Mapping[str, str]) -> Handshake:
        """Answer the challenge-response check (docs.x.com, "x-api/webhooks/quickstart")."""
        token = query.get("crc_token", "")
        if not self._consumer_secret or not _CRC_TOKEN.fullmatch(token):
            return Handshake(status=400, body="crc_token is missing or not a plain word")
        answer = base64_signature(self._consumer_secret, token.encode())
        return Handshake(status=200, body=f'{{"response_token":"{answer}"}}', content_type="application/json")

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Check ``x-twitter-webhooks-signature`` over the bytes as received. Raises ``BadSignature``."""
        expected = base64_signature(self._consumer_secret, body)
        require_equal(expected, headers.get("x-twitter-webhooks-signature"), self._consumer_secret)

    def parse(self, body: bytes) -> list[Event]:
        """Read one webhook body of either shape. Raises ``MalformedPayload``."""
        plain = read_plain_texts(body, self._account_id)
        return self._read_leniently(body) if plain is None else plain

    def _read_leniently(self, body: bytes) -> list[Event]:
        payload = read_object(body)
        if "for_user_id" in payload:
            return list(self._read_account_activity(payload))
        if "data" in payload:
            return [event for data in objects_at(payload, "data") for event in self._read_activity(data)]
        if "user_event" in payload:
            return [self._read_user_event(object_at(payload, "user_event"))]
        if "replay_job_status" in payload:
            status = object_at(payload, "replay_job_status")
            state = event_name(status.get("job_state") or status.get("replay_job_state"))
            return [self._notice("", first_time(), NoticeKind.REPLAY, text=state)]
        return [self._unknown("", first_time(), next(iter(payload), ""))]

    # Account Activity API

    def _read_account_activity(self, payload: JsonObject) -> Iterator[Event]:
        if id_at(payload, "for_user_id") != self._account_id:
            yield self._unknown("", first_time(), "other_account")
            return
        for key in payload:
            if key in _AAA_FACTS:
                continue
            reader = self._account_activity.get(key)
            for item in objects_at(payload, key):
                yield reader(item, key) if reader else self._unknown("", _moment(item), key)

    def _read_direct_message(self, item: JsonObject, name: str) -> Event:
        create = object_at(item, "message_create")
        sender = id_at(create, "sender_id")
        recipient = id_at(object_at(create, "target"), "recipient_id")
        message_id, at = id_at(item, "id"), _moment(item)
        user = self._other_of(sender, recipient)
        if item.get("type", "message_create") != "message_create" or not user or not message_id:
            # Another kind, or a conversation that this account is not one of the two sides of.
            return self._unknown("", at, name, item.get("type"))
        data = object_at(create, "message_data")
        text, attachments = _read_content(data)
        if sender == self._account_id:
            return self._echo(user, at, message_id, self._origin(id_at(create, "source_app_id")), text)
        tapped = text_at(object_at(data, "quick_reply_response"), "metadata")
        if not (text or tapped or attachments):
            return self._unknown(user, at, name, "empty")
        return self._inbound(user, at, message_id, text, tapped, attachments)

    def _read_typing(self, item: JsonObject, _name: str) -> Event:
        return self._notice(self._party_of(item), _moment(item), NoticeKind.TYPING)

    def _read_receipt(self, item: JsonObject, _name: str) -> Event:
        return self._notice(self._party_of(item), _moment(item), NoticeKind.READ, id_at(item, "last_read_event_id"))

    def _read_tweet(self, tweet: JsonObject, name: str) -> Event:
        """A post (v1.1 object) that mentions or answers the account, or that it wrote itself."""
        author = id_at(object_at(tweet, "user"), "id_str") or id_at(object_at(tweet, "user"), "id")
        at = first_time(time_at(tweet, "timestamp_ms"), time_at(tweet, "created_at"))
        if not author or author == self._account_id:
            return self._unknown("", at, name, "own")
        if isinstance(tweet.get("retweeted_status"), dict):
            return self._unknown(author, at, name, "repost")
        text = text_at(object_at(tweet, "extended_tweet"), "full_text") or text_at(tweet, "text")
        post_id = id_at(tweet, "id_str") or id_at(tweet, "id")
        return self._notice(author, at, NoticeKind.PUBLIC_POST, post_id, _unescape(text))

    def _read_user_event(self, event: JsonObject) -> Event:
        """``user_event.revoke`` stands alone, without ``for_user_id``."""
        revoke = object_at(event, "revoke")
        at = first_time(time_at(revoke, "date_time"))
        if not revoke:
            return self._unknown("", at, "user_event", next(iter(event), ""))
        if id_at(object_at(revoke, "source"), "user_id") not in ("", self._account_id):
            return self._unknown("", at, "other_account")
        return self._notice("", at, NoticeKind.REVOKED)

    # X Activity API

    def _read_activity(self, data: JsonObject) -> Iterator[Event]:
        name = event_name(data.get("event_type"))
        payload = object_at(data, "payload")
        # A revocation comes with an empty filter ("x-api/activity/event-payloads").
        owner = id_at(object_at(data, "filter"), "user_id") or id_at(payload, "user_id")
        reader = self._activity.get(name)
        if owner not in ("", self._account_id):
            yield self._unknown("", _moment(payload), "other_account")
        elif reader:
            yield from reader(payload, name)
        else:
            yield self._unknown("", _moment(payload), name)

    def _read_activity_messages(self, payload: JsonObject, name: str) -> Iterator[Event]:
        items = objects_at(payload, "direct_message_events")
        if not items:
            yield self._unknown("", _moment(payload), name)
        for item in items:
            yield self._read_direct_message(item, name)

    def _read_activity_receipt(self, payload: JsonObject, name: str) -> Iterator[Event]:
        # X publishes no sample; the fields are either the payload's own or those of the older shape.
        for item in objects_at(payload, "direct_message_mark_read_events") or [payload]:
            yield self._read_receipt(item, name)

    def _read_activity_typing(self, payload: JsonObject, name: str) -> Iterator[Event]:
        for item in objects_at(payload, "direct_message_indicate_typing_events") or [payload]:
            yield self._read_typing(item, name)

    def _read_activity_post(self, payload: JsonObject, name: str) -> Iterator[Event]:
        author, at = id_at(payload, "author_id"), _moment(payload)
        if not author or author == self._account_id:
            yield self._unknown("", at, name, "own")
            return
        text = _unescape(text_at(payload, "text"))
        yield self._notice(author, at, NoticeKind.PUBLIC_POST, id_at(payload, "id"), text)

    def _read_encrypted(self, payload: JsonObject, _name: str) -> Iterator[Event]:
        """An end-to-end encrypted chat, which only a device holding the account's keys can read."""
        yield self._notice(self._party_of(payload), _moment(payload), NoticeKind.ENCRYPTED, id_at(payload, "id"))

    def _read_revocation(self, payload: JsonObject, _name: str) -> Iterator[Event]:
        yield self._notice("", _moment(payload), NoticeKind.REVOKED)

    # GET /2/dm_events

    def read_polled(self, item: JsonObject, media: Mapping[str, JsonObject]) -> Event:
        """One event of the v2 lookup, with the same id as on the webhook. ``media`` is by ``media_key``."""
        at, message_id, sender = _moment(item), id_at(item, "id"), id_at(item, "sender_id")
        user = self._other_of_conversation(item)
        if item.get("event_type", "MessageCreate") != "MessageCreate" or not (user and message_id and sender):
            return self._unknown("", at, "dm_events", item.get("event_type"))
        text, attachments = _read_polled_content(item, media)
        if sender == self._account_id:
            return self._echo(user, at, message_id, EchoOrigin.UNKNOWN, text)
        if not (text or attachments):
            return self._unknown(user, at, "dm_events", "empty")
        return self._inbound(user, at, message_id, text, None, attachments)

    def _other_of_conversation(self, item: JsonObject) -> str:
        """One-to-one conversations are named "smaller-larger" user id ("x-api/direct-messages/lookup/integrate")."""
        sender = id_at(item, "sender_id")
        first, dash, second = id_at(item, "dm_conversation_id").partition("-")
        if not dash:
            return ""
        user = self._other_of(first, second)
        return user if sender in (user, self._account_id) else ""

    # Common

    def _other_of(self, one: str, two: str) -> str:
        """The other side of a conversation with the account; empty where it is not one of the two."""
        if one == self._account_id:
            return two if two != self._account_id else ""
        return one if two == self._account_id else ""

    def _party_of(self, item: JsonObject) -> str:
        """Who reads, types or writes; seen from the account itself, to whom."""
        sender = id_at(item, "sender_id") or id_at(item, "user_id")
        return sender if sender != self._account_id else id_at(object_at(item, "target"), "recipient_id")

    def _origin(self, source_app_id: str) -> EchoOrigin:
        """``dm.sent`` of the X Activity API names no application."""
        if not source_app_id or not self._app_id:
            return EchoOrigin.UNKNOWN
        return EchoOrigin.OWN if source_app_id == self._app_id else EchoOrigin.FOREIGN

    def _echo(self, user: str, at: float, message_id: str, origin: EchoOrigin, text: str | None) -> Echo:
        return Echo(ChannelName.X, self._account_id, user, at, message_id, origin, None, text)

    def _inbound(
        self,
        user: str,
        at: float,
        message_id: str,
        text: str | None,
        payload: str | None,
        attachments: tuple[Attachment, ...],
    ) -> InboundMessage:
        return InboundMessage(ChannelName.X, self._account_id, user, at, message_id, text, payload, attachments)

    def _notice(self, user: str, at: float, kind: NoticeKind, message_id: str = "", text: str | None = None) -> Notice:
        return Notice(ChannelName.X, self._account_id, user, at, kind, message_id or None, text or None)

    def _unknown(self, user: str, at: float, *name: object) -> UnknownEvent:
        return UnknownEvent(ChannelName.X, self._account_id, user, at, event_name(*name))


def _moment(item: JsonObject) -> float:
    return first_time(
        time_at(item, "created_timestamp"),
        time_at(item, "created_at_msec"),
        time_at(item, "created_at"),
        time_at(item, "date_time"),
    )


def _read_content(data: JsonObject) -> tuple[str | None, tuple[Attachment, ...]]:
    attachments = tuple(attachment for item in objects_at(data, "attachment") for attachment in _read_attachments(item))
    return readable_text(data), attachments


def _read_attachments(item: JsonObject) -> Iterator[Attachment]:
    media = object_at(item, "media")
    if item.get("type") == "location":
        yield Attachment(AttachmentKind.LOCATION)
        return
    yield Attachment(_media_kind(media), text_at(media, "media_url_https") or text_at(media, "media_url"))


def _read_polled_content(
    item: JsonObject, media: Mapping[str, JsonObject]
) -> tuple[str | None, tuple[Attachment, ...]]:
    keys = object_at(item, "attachments").get("media_keys")
    known = [media.get(key, {}) for key in keys if isinstance(key, str)] if isinstance(keys, list) else []
    attachments = tuple(
        Attachment(_media_kind(medium), text_at(medium, "url") or text_at(medium, "preview_image_url"))
        for medium in known
    )
    shares = tuple(Attachment(AttachmentKind.SHARE) for _ in objects_at(item, "referenced_tweets"))
    return readable_text(item), attachments + shares


def _media_kind(media: JsonObject) -> AttachmentKind:
    kind = media.get("type")
    return _MEDIA_KINDS.get(kind, AttachmentKind.OTHER) if isinstance(kind, str) else AttachmentKind.OTHER


def readable_text(data: JsonObject) -> str | None:
    """The text as it was written: X escapes three characters and puts a t.co link in the place of every address.

    An attached picture adds a link of its own, which is no text of the customer.
    """
    text = _unescape(text_at(data, "text"))
    if text is None:
        return None
    # The lookup endpoints list the links beside the text, webhooks among its entities.
    links = objects_at(object_at(data, "entities"), "urls") or objects_at(data, "urls")
    for url in links[:_MOST_LINKS]:
        short, full = text_at(url, "url"), text_at(url, "expanded_url")
        if short and full:
            text = text.replace(short, "" if _is_media_link(full) else full)
    return text.strip() or None


def _is_media_link(url: str) -> bool:
    return re.match(r"https://(?:twitter|x)\.com/messages/media/", url) is not None


def _unescape(text: str | None) -> str | None:
    """Only these three: whatever else looks like an entity is what the customer typed."""
    if not text or "&" not in text:
        return text
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
