"""Whatever a body holds, a channel reads it or calls it malformed; it never breaks and never takes long."""

import copy
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bot.channels.base import Channel, MalformedPayload
from bot.channels.messenger import MessengerChannel
from bot.channels.vocabulary import decode_event, encode
from bot.channels.x import XChannel

MESSENGER = MessengerChannel("PAGE1", "111", "secret", "token", "word", "https://graph.example/v25.0")
X = XChannel("900", "13", "key", "secret", "token", "token-secret", "bearer", "https://api.example")
CHANNELS = pytest.mark.parametrize("channel", [MESSENGER, X], ids=["messenger", "x"])

PARTIES = {"sender": {"id": "PSID1"}, "recipient": {"id": "PAGE1"}, "timestamp": 1_790_000_000_000}
ATTACHMENT = {"type": "location", "title": "t", "payload": {"url": "https://u", "coordinates": {"lat": 1.5, "long": 2}}}
ITEMS = [
    {"message": {"mid": "m", "text": "x", "quick_reply": {"payload": "p"}, "attachments": [ATTACHMENT]}},
    {"message": {"is_echo": True, "app_id": 111, "mid": "m", "metadata": "r"}},
    {"postback": {"mid": "m", "title": "t", "payload": "p"}},
    {"delivery": {"mids": ["m"], "watermark": 1}},
    {"read": {"watermark": 1}},
    {"reaction": {"mid": "m"}},
    {"message_edit": {"mid": "m", "text": "x"}},
    {"response_feedback": {"mid": "m", "feedback": "f"}},
    {"optin": {"user_ref": "u", "notification_messages_status": "s"}},
    {"policy_enforcement": {"action": "a", "reason": "r"}},
    {"app_roles": {"1": ["r"]}},
    {"referral": {"ref": "r"}},
]
CHANGE = {"field": "feed", "value": {"item": "comment", "verb": "add", "from": {"id": "7"}, "comment_id": "c"}}
MESSENGER_BODY = {
    "object": "page",
    "entry": [
        {
            "id": "PAGE1",
            "time": 1_790_000_000_000,
            "messaging": [{**PARTIES, **item} for item in ITEMS],
            "standby": [{**PARTIES, **ITEMS[0]}],
            "changes": [CHANGE],
        }
    ],
}
DATA = {
    "text": "x https://t.co/a",
    "entities": {"urls": [{"url": "https://t.co/a", "expanded_url": "https://b"}]},
    "quick_reply_response": {"metadata": "p"},
    "attachment": {"type": "media", "media": {"type": "photo", "media_url_https": "https://m"}},
}
CREATE = {"target": {"recipient_id": "900"}, "sender_id": "42", "source_app_id": "13", "message_data": DATA}
MESSAGE = {"type": "message_create", "id": "55", "created_timestamp": "1790000000000", "message_create": CREATE}
X_BODIES = [
    {
        "for_user_id": "900",
        "direct_message_events": [MESSAGE],
        "direct_message_indicate_typing_events": [{"sender_id": "42", "target": {"recipient_id": "900"}}],
        "direct_message_mark_read_events": [{"sender_id": "42", "last_read_event_id": "1"}],
        "tweet_create_events": [{"id_str": "7", "text": "t", "user": {"id_str": "42"}, "extended_tweet": {}}],
    },
    {
        "data": {
            "filter": {"user_id": "900"},
            "event_type": "dm.received",
            "payload": {"direct_message_events": [MESSAGE]},
        }
    },
    {"data": {"filter": {}, "event_type": "oauth.revoke", "payload": {"user_id": "900", "date_time": "2026-01-01"}}},
    {"data": {"event_type": "chat.received", "payload": {"id": "1", "sender_id": "42", "created_at_msec": "1"}}},
    {"data": {"event_type": "post.reply.create", "payload": {"id": "1", "author_id": "42", "text": "t"}}},
    {"user_event": {"revoke": {"source": {"user_id": "900"}, "date_time": "2026-01-01T00:00:00Z"}}},
    {"replay_job_status": {"job_state": "Complete"}},
]
BODIES = [(MESSENGER, MESSENGER_BODY), *((X, body) for body in X_BODIES)]

NUMBERS: list[Any] = [True, False, 0, -1, 1.5, 10**30, -(10**30), 1e308]
STRANGE: list[Any] = [None, *NUMBERS, "", " ", "\0", "é" * 50, "9" * 50, [], [[]], [None], {}, {"": {}}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def replaced(body: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(body)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return changed


def parse_anything(channel: Channel, body: bytes) -> None:
    """Whatever comes out can be stored and read back."""
    try:
        events = channel.parse(body)
    except MalformedPayload:
        return
    for event in events:
        assert decode_event(encode(event)) == event


@pytest.mark.parametrize(("channel", "body"), BODIES, ids=lambda value: "" if isinstance(value, dict) else value.name)
def test_any_value_of_a_wrong_type_is_survived(channel: Channel, body: Any) -> None:
    for path in places(body):
        for strange in STRANGE:
            parse_anything(channel, json.dumps(replaced(body, path, strange)).encode())


@pytest.mark.parametrize("seed", range(20))
def test_several_wrong_values_at_once_are_survived(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(30):
        channel, body = chance.choice(BODIES)
        for _ in range(chance.randrange(2, 6)):
            body = replaced(body, chance.choice(list(places(body))), chance.choice(STRANGE))
        parse_anything(channel, json.dumps(body).encode())


@CHANNELS
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b"5",
        b'"page"',
        b"{",
        b"{}{}",
        b"not json",
        b'{"a":NaN}',
        b'{"a":1e999}',
        b'{"a":1' + b"0" * 5000 + b"}",
        b'{"object":"page","entry":"\xff\xfe"}',
        "\ufeff{}".encode(),
        b"object=page&entry=1",
        b"[" * 500_000,
        b'{"data":' * 200_000,
        b'{"entry":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    ],
)
def test_body_that_cannot_be_read_is_malformed(channel: Channel, body: bytes) -> None:
    with pytest.raises(MalformedPayload):
        channel.parse(body)


@CHANNELS
def test_deep_nesting_inside_a_field_is_survived(channel: Channel) -> None:
    nested = b'{"a":' * 900 + b"1" + b"}" * 900
    parse_anything(channel, b'{"object":"page","for_user_id":"900","entry":[{"id":"PAGE1","messaging":[%s]}]}' % nested)
    parse_anything(channel, b'{"data":{"event_type":"dm.received","payload":%s}}' % nested)


@CHANNELS
def test_error_does_not_quote_the_body(channel: Channel) -> None:
    with pytest.raises(MalformedPayload) as refusal:
        channel.parse(b'{"text":"my card is 4970101234567890" oops')
    assert "4970" not in str(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("channel", "body"),
    [
        (MESSENGER, {"object": "page", "entry": [{"id": "PAGE1", "messaging": [{**PARTIES, **ITEMS[0]}] * 3000}]}),
        (X, {"for_user_id": "900", "direct_message_events": [MESSAGE] * 3000}),
    ],
    ids=["messenger", "x"],
)
def test_largest_batch_is_read_within_a_second(channel: Channel, body: Any) -> None:
    raw = json.dumps(body).encode()
    started = time.perf_counter()
    assert len(channel.parse(raw)) == 3000
    assert time.perf_counter() - started < 1
