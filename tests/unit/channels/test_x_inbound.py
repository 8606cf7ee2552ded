"""Every shape that X posts, old and new, read into the project's vocabulary. All values are invented."""

import json
from functools import cache
from typing import Any

import pytest

from bot.channels.vocabulary import (
    Attachment,
    AttachmentKind,
    Echo,
    EchoOrigin,
    Event,
    InboundMessage,
    Notice,
    NoticeKind,
    UnknownEvent,
)
from bot.channels.x import XChannel

AT = 1_790_000_000_123


@cache
def channel(app_id: str) -> XChannel:
    return XChannel("900", app_id, "key", "secret", "token", "token-secret", "bearer", "https://api.example")


def parse(payload: Any, app_id: str = "13") -> list[Event]:
    return channel(app_id).parse(json.dumps(payload).encode())


def direct_message(sender: str = "42", recipient: str = "900", text: str = "hi", **more: Any) -> dict[str, Any]:
    create = {
        "target": {"recipient_id": recipient},
        "sender_id": sender,
        "message_data": {"text": text, "entities": {"urls": [], "hashtags": []}, **more.pop("data", {})},
        **more,
    }
    return {"type": "message_create", "id": "55", "created_timestamp": str(AT), "message_create": create}


def account_activity(*items: Any, user: str = "900", key: str = "direct_message_events") -> dict[str, Any]:
    return {"for_user_id": user, key: list(items), "apps": {"13": {"id": "13"}}, "users": {"42": {"id": "42"}}}


def activity(event_type: str, payload: Any, **more: Any) -> dict[str, Any]:
    data = {
        "event_uuid": "-685",
        "filter": {"user_id": "900"},
        "event_type": event_type,
        "tag": "t",
        "payload": payload,
    }
    return {"data": {**data, **more}}


def activity_message(item: dict[str, Any], event_type: str = "dm.received") -> dict[str, Any]:
    users = {"42": {"data": {"id": "42", "username": "ann"}}}
    return activity(event_type, {"direct_message_events": [item], "users": users})


BOTH_SHAPES = pytest.mark.parametrize("shape", [account_activity, activity_message])


def one(payload: Any, app_id: str = "13") -> Event:
    (event,) = parse(payload, app_id)
    return event


def inbound(payload: Any) -> InboundMessage:
    event = one(payload)
    assert isinstance(event, InboundMessage)
    return event


def echo(payload: Any, app_id: str = "13") -> Echo:
    event = one(payload, app_id)
    assert isinstance(event, Echo)
    return event


def notice(payload: Any) -> Notice:
    event = one(payload)
    assert isinstance(event, Notice)
    return event


def unknown(payload: Any) -> str:
    event = one(payload)
    assert isinstance(event, UnknownEvent)
    return event.name


# Direct messages


@BOTH_SHAPES
def test_message_is_read_with_who_when_and_where(shape: Any) -> None:
    event = inbound(shape(direct_message(text="where is my order??")))
    assert event.conversation_id == "x:900:42"
    assert (event.message_id, event.text) == ("55", "where is my order??")
    assert event.occurred_at == pytest.approx(1_790_000_000.123)


def test_message_is_the_same_in_both_shapes() -> None:
    item = direct_message(text="once")
    assert one(account_activity(item)) == one(activity_message(item))


@BOTH_SHAPES
def test_escaped_characters_are_written_out_once(shape: Any) -> None:
    assert inbound(shape(direct_message(text="a &lt;b&gt; &amp;lt; &copy;"))).text == "a <b> &lt; &copy;"


@BOTH_SHAPES
def test_short_links_are_written_out(shape: Any) -> None:
    links = [{"url": "https://t.co/a1", "expanded_url": "https://shop.example/p/1?a=1&b=2"}]
    item = direct_message(text="this one https://t.co/a1 please", data={"entities": {"urls": links}})
    assert inbound(shape(item)).text == "this one https://shop.example/p/1?a=1&b=2 please"


@BOTH_SHAPES
@pytest.mark.parametrize("host", ["twitter.com", "x.com"])
def test_picture_alone_has_no_text(shape: Any, host: str) -> None:
    links = [{"url": "https://t.co/p1", "expanded_url": f"https://{host}/messages/media/55"}]
    media = {"type": "photo", "media_url_https": "https://ton.example/1.jpg", "url": "https://t.co/p1"}
    data = {"entities": {"urls": links}, "attachment": {"type": "media", "media": media}}
    event = inbound(shape(direct_message(text=" https://t.co/p1", data=data)))
    assert event.text is None
    assert event.attachments == (Attachment(AttachmentKind.IMAGE, "https://ton.example/1.jpg"),)


@pytest.mark.parametrize(
    ("attachment", "kind"),
    [
        ({"type": "media", "media": {"type": "video"}}, AttachmentKind.VIDEO),
        ({"type": "media", "media": {"type": "animated_gif"}}, AttachmentKind.IMAGE),
        ({"type": "location", "location": {}}, AttachmentKind.LOCATION),
        ({"type": "media"}, AttachmentKind.OTHER),
        ("odd", AttachmentKind.OTHER),
    ],
)
def test_attachments_are_told_apart(attachment: Any, kind: AttachmentKind) -> None:
    (read,) = inbound(account_activity(direct_message(text="", data={"attachment": attachment}))).attachments
    assert read.kind is kind


def test_tapped_quick_reply_has_a_payload() -> None:
    data = {"quick_reply_response": {"type": "options", "metadata": "/affirm"}}
    assert inbound(account_activity(direct_message(text="Yes", data=data))).payload == "/affirm"


@BOTH_SHAPES
def test_what_the_account_wrote_is_never_a_message(shape: Any) -> None:
    event = echo(shape(direct_message("900", "42", "Bonjour")))
    assert (event.user_id, event.message_id, event.text) == ("42", "55", "Bonjour")


@pytest.mark.parametrize(
    ("source", "own", "origin"),
    [
        ("13", "13", EchoOrigin.OWN),
        (13, "13", EchoOrigin.OWN),
        ("258901", "13", EchoOrigin.FOREIGN),
        (None, "13", EchoOrigin.UNKNOWN),
        ("258901", "", EchoOrigin.UNKNOWN),
    ],
)
def test_origin_of_an_echo_is_told_by_its_application(source: Any, own: str, origin: EchoOrigin) -> None:
    item = direct_message("900", "42", "Bonjour", source_app_id=source)
    assert echo(account_activity(item), app_id=own).origin is origin
    assert echo(activity_message(item, "dm.sent"), app_id=own).origin is origin


def test_sent_message_of_the_new_shape_does_not_say_who_wrote_it() -> None:
    assert echo(activity_message(direct_message("900", "42"), "dm.sent")).origin is EchoOrigin.UNKNOWN


@BOTH_SHAPES
@pytest.mark.parametrize(("sender", "recipient"), [("42", "77"), ("", "900"), ("42", ""), ("900", "900")])
def test_message_between_others_is_not_ours(shape: Any, sender: str, recipient: str) -> None:
    assert unknown(shape(direct_message(sender, recipient))).endswith("message_create")


def test_other_kind_of_direct_message_event_is_unknown() -> None:
    assert unknown(account_activity({**direct_message(), "type": "welcome"})) == "direct_message_events.welcome"


def test_empty_message_is_unknown() -> None:
    assert unknown(account_activity(direct_message(text=" "))) == "direct_message_events.empty"


# Other events of the older shape


def test_typing_is_a_notice() -> None:
    item = {"created_timestamp": str(AT), "sender_id": "42", "target": {"recipient_id": "900"}}
    event = notice(account_activity(item, key="direct_message_indicate_typing_events"))
    assert (event.kind, event.user_id) == (NoticeKind.TYPING, "42")


@pytest.mark.parametrize(("sender", "recipient"), [("42", "900"), ("900", "42")])
def test_read_receipt_names_customer_and_message(sender: str, recipient: str) -> None:
    item = {"sender_id": sender, "target": {"recipient_id": recipient}, "last_read_event_id": "54"}
    event = notice(account_activity(item, key="direct_message_mark_read_events"))
    assert (event.kind, event.user_id, event.message_id) == (NoticeKind.READ, "42", "54")


def tweet(**more: Any) -> dict[str, Any]:
    return {"id": 77, "id_str": "77", "text": "@brand help…", "user": {"id_str": "42"}, "timestamp_ms": str(AT), **more}


def test_mention_is_a_public_post_with_its_full_text() -> None:
    item = tweet(extended_tweet={"full_text": "@brand help &amp; thanks, at length"})
    payload = {**account_activity(item, key="tweet_create_events"), "user_has_blocked": "false"}
    event = notice(payload)
    assert (event.kind, event.user_id, event.message_id) == (NoticeKind.PUBLIC_POST, "42", "77")
    assert event.text == "@brand help & thanks, at length"
    assert event.occurred_at == pytest.approx(AT / 1000)


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (tweet(user={"id_str": "900"}), "tweet_create_events.own"),
        (tweet(user={"id": 900}), "tweet_create_events.own"),
        (tweet(retweeted_status={"id_str": "1"}), "tweet_create_events.repost"),
    ],
)
def test_own_posts_and_reposts_are_not_for_us(item: Any, name: str) -> None:
    assert unknown(account_activity(item, key="tweet_create_events")) == name


@pytest.mark.parametrize("key", ["tweet_delete_events", "favorite_events", "follow_events", "from_the_future"])
def test_other_events_are_named(key: str) -> None:
    assert unknown(account_activity({"status": {"id": "1"}}, key=key)) == key


def test_several_kinds_in_one_body_are_all_read() -> None:
    typing = {"sender_id": "42", "target": {"recipient_id": "900"}}
    payload = {
        **account_activity({**direct_message(), "id": "1"}, "odd", {**direct_message(), "id": "2"}),
        "direct_message_indicate_typing_events": [typing],
    }
    kinds = [type(event) for event in parse(payload)]
    assert kinds == [InboundMessage, UnknownEvent, InboundMessage, Notice]


def test_withdrawn_permission_is_a_notice_in_both_shapes() -> None:
    revoke = {"date_time": "2026-11-20T10:00:00Z", "target": {"app_id": "13"}, "source": {"user_id": "900"}}
    assert notice({"user_event": {"revoke": revoke}}).kind is NoticeKind.REVOKED
    payload = {"date_time": "2026-11-20T10:00:00+00:00", "user_id": "900", "app_id": "13"}
    event = notice(activity("oauth.revoke", payload, filter={}))
    assert (event.kind, event.occurred_at) == (NoticeKind.REVOKED, 1_795_168_800.0)


def test_permission_withdrawn_by_somebody_else_is_not_ours() -> None:
    assert unknown({"user_event": {"revoke": {"source": {"user_id": "5"}}}}) == "other_account"
    assert unknown(activity("oauth.revoke", {"user_id": "5"}, filter={})) == "other_account"


def test_end_of_a_replay_is_a_notice() -> None:
    event = notice({"replay_job_status": {"webhook_id": "1", "job_state": "Complete", "job_state_description": "…"}})
    assert (event.kind, event.text) == (NoticeKind.REPLAY, "Complete")


# Other events of the newer shape


@pytest.mark.parametrize("event_type", ["post.mention.create", "post.reply.create"])
def test_post_that_names_or_answers_us_is_a_public_post(event_type: str) -> None:
    payload = {"id": "77", "text": "hey @brand", "author_id": "42", "created_at": "2026-07-24T21:23:23.000Z"}
    event = notice(activity(event_type, payload, includes={"users": []}))
    assert (event.kind, event.user_id, event.message_id, event.text) == (
        NoticeKind.PUBLIC_POST,
        "42",
        "77",
        "hey @brand",
    )
    assert event.occurred_at == 1_784_928_203.0
    assert unknown(activity(event_type, {**payload, "author_id": "900"})) == f"{event_type}.own"


def test_encrypted_chat_is_told_but_not_read() -> None:
    payload = {"id": "e4f4", "sender_id": "42", "created_at_msec": str(AT), "encoded_event": "CwABAAAA"}
    event = notice(activity("chat.received", payload))
    assert (event.kind, event.user_id, event.message_id, event.text) == (NoticeKind.ENCRYPTED, "42", "e4f4", None)


@pytest.mark.parametrize(
    ("event_type", "kind"), [("dm.read", NoticeKind.READ), ("dm.indicate_typing", NoticeKind.TYPING)]
)
def test_receipt_and_typing_without_a_published_shape_are_read_as_far_as_they_go(
    event_type: str, kind: NoticeKind
) -> None:
    assert notice(activity(event_type, {"sender_id": "42"})).user_id == "42"
    older = {"sender_id": "42", "target": {"recipient_id": "900"}}
    key = "direct_message_mark_read_events" if kind is NoticeKind.READ else "direct_message_indicate_typing_events"
    assert notice(activity(event_type, {key: [older]})).kind is kind
    assert notice(activity(event_type, {})).kind is kind


@pytest.mark.parametrize("event_type", ["chat.sent", "post.create", "profile.update.bio", "from.the.future"])
def test_other_types_are_named(event_type: str) -> None:
    assert unknown(activity(event_type, {"id": "1"})) == event_type


def test_message_event_without_messages_is_unknown() -> None:
    assert unknown(activity("dm.received", {})) == "dm.received"


def test_data_may_be_a_list() -> None:
    first, second = activity_message(direct_message()), activity("dm.read", {"sender_id": "42"})
    assert [type(event) for event in parse({"data": [first["data"], "odd", second["data"]]})] == [
        InboundMessage,
        UnknownEvent,
        Notice,
    ]


# Envelopes


def test_event_of_another_account_is_not_ours() -> None:
    assert unknown(account_activity(direct_message("42", "901"), user="901")) == "other_account"
    assert unknown(activity("dm.received", {"direct_message_events": []}, filter={"user_id": "901"})) == "other_account"


@pytest.mark.parametrize(("payload", "name"), [({}, "unnamed"), ({"from_the_future": 1}, "from_the_future")])
def test_unknown_body_is_named(payload: Any, name: str) -> None:
    assert unknown(payload) == name
