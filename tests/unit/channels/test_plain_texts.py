"""The fast way of reading a plain text says what the lenient one says, and leaves to it whatever is not plain."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from bot.channels.messenger import plain as messenger_plain
from bot.channels.messenger.inbound import MessengerInbound
from bot.channels.vocabulary import ChannelName, InboundMessage
from bot.channels.x import plain as x_plain
from bot.channels.x.inbound import XInbound

Change = Callable[[dict[str, Any]], Any]

MESSENGER = MessengerInbound("PAGE", "APP", "secret", "verify")
X = XInbound("900", "APP", "secret")

MESSENGER_BODY: dict[str, Any] = {
    "object": "page",
    "entry": [
        {
            "id": "PAGE",
            "time": 1790000000123,
            "messaging": [
                {
                    "sender": {"id": "42"},
                    "recipient": {"id": "PAGE"},
                    "timestamp": 1790000000123,
                    "message": {"mid": "m_1", "text": "Où êtes-vous ? 🙂"},
                }
            ],
        }
    ],
}

X_BODY: dict[str, Any] = {
    "data": {
        "event_uuid": "-685",
        "filter": {"user_id": "900"},
        "event_type": "dm.received",
        "tag": "in",
        "payload": {
            "direct_message_events": [
                {
                    "type": "message_create",
                    "id": "55",
                    "created_timestamp": "1790000000123",
                    "message_create": {
                        "target": {"recipient_id": "900"},
                        "sender_id": "42",
                        "message_data": {
                            "text": "Où êtes-vous ? 🙂",
                            "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []},
                        },
                    },
                }
            ],
            "users": {"42": {"data": {"id": "42", "username": "ann"}}},
        },
    }
}


@pytest.fixture(autouse=True)
def _one_moment(monkeypatch):
    """An event without a time has just arrived: both ways read it in the same moment."""
    monkeypatch.setattr("bot.channels.vendor_json.time.time", lambda: 1790000007.0)


def item(body: dict[str, Any]) -> dict[str, Any]:
    return body["entry"][0]["messaging"][0]


def message(body: dict[str, Any]) -> dict[str, Any]:
    return body["data"]["payload"]["direct_message_events"][0]


def create(body: dict[str, Any]) -> dict[str, Any]:
    return message(body)["message_create"]


def changed(body: dict[str, Any], change: Change) -> bytes:
    other = copy.deepcopy(body)
    change(other)
    return json.dumps(other).encode()


def test_plain_text_on_messenger_is_read_the_fast_way():
    body = json.dumps(MESSENGER_BODY).encode()
    expected = InboundMessage(ChannelName.MESSENGER, "PAGE", "42", 1790000000.123, "m_1", "Où êtes-vous ? 🙂")
    assert messenger_plain.read_plain_texts(body, "PAGE") == [expected]
    assert MESSENGER.parse(body) == MESSENGER._read_leniently(body) == [expected]


def test_plain_text_on_x_is_read_the_fast_way():
    body = json.dumps(X_BODY).encode()
    expected = InboundMessage(ChannelName.X, "900", "42", 1790000000.123, "55", "Où êtes-vous ? 🙂")
    assert x_plain.read_plain_texts(body, "900") == [expected]
    assert X.parse(body) == X._read_leniently(body) == [expected]


MESSENGER_CHANGES: dict[str, Change] = {
    "two messages": lambda body: body["entry"][0]["messaging"].append(
        {**item(body), "message": {"mid": "m_2", "text": "b"}}
    ),
    "two entries": lambda body: body["entry"].append(copy.deepcopy(body["entry"][0])),
    "no entry": lambda body: body["entry"].clear(),
    "no item": lambda body: body["entry"][0]["messaging"].clear(),
    "another page": lambda body: body["entry"][0].update(id="OTHER"),
    "another product": lambda body: body.update(object="instagram"),
    "an echo": lambda body: item(body)["message"].update(is_echo=True, app_id=7),
    "the page writes": lambda body: item(body)["sender"].update(id="PAGE"),
    "a quick reply": lambda body: item(body)["message"].update(quick_reply={"payload": "P"}),
    "a picture": lambda body: item(body)["message"].update(attachments=[{"type": "image", "payload": {"url": "u"}}]),
    "a reference": lambda body: item(body).update(sender={"user_ref": "r"}),
    "an unknown field": lambda body: item(body)["message"].update(nlp={"entities": {}}),
    "a postback beside it": lambda body: item(body).update(postback={"payload": "P"}),
    "standby beside it": lambda body: body["entry"][0].update(standby=[item(body)]),
    "a number for an id": lambda body: item(body)["sender"].update(id=42),
    "white space around an id": lambda body: item(body)["message"].update(mid=" m_1\n"),
    "NUL in an id": lambda body: item(body)["sender"].update(id="4\x002"),
    "an empty id": lambda body: item(body)["sender"].update(id=""),
    "an empty message id": lambda body: item(body)["message"].update(mid=""),
    "NUL in the text": lambda body: item(body)["message"].update(text="a\x00b"),
    "white space around the text": lambda body: item(body)["message"].update(text="  a \n"),
    "no ink": lambda body: item(body)["message"].update(text=" \n"),
    "an empty text": lambda body: item(body)["message"].update(text=""),
    "a text that is none": lambda body: item(body)["message"].update(text=7),
    "seconds": lambda body: item(body).update(timestamp=1790000000),
    "a time as text": lambda body: item(body).update(timestamp="1790000000123"),
    "a time as fraction": lambda body: item(body).update(timestamp=1790000000123.5),
    "a time in the far future": lambda body: item(body).update(timestamp=10**15),
    "a huge time": lambda body: item(body).update(timestamp=10**30),
    "no time of the entry": lambda body: body["entry"][0].pop("time"),
}

X_CHANGES: dict[str, Change] = {
    "two messages": lambda body: body["data"]["payload"]["direct_message_events"].append({**message(body), "id": "56"}),
    "no message": lambda body: body["data"]["payload"].update(direct_message_events=[], created_at=1790000000),
    "another account": lambda body: body["data"]["filter"].update(user_id="901"),
    "an empty filter": lambda body: body["data"].update(filter={}),
    "sent by the account": lambda body: body["data"].update(event_type="dm.sent"),
    "the account writes": lambda body: create(body).update(sender_id="900", target={"recipient_id": "42"}),
    "to somebody else": lambda body: create(body)["target"].update(recipient_id="43"),
    "a source application": lambda body: create(body).update(source_app_id="13"),
    "a link": lambda body: create(body)["message_data"].update(
        text="see https://t.co/a", entities={"urls": [{"url": "https://t.co/a", "expanded_url": "https://a.example"}]}
    ),
    "an escape": lambda body: create(body)["message_data"].update(text="a &lt; b"),
    "a picture": lambda body: create(body)["message_data"].update(
        attachment={"type": "media", "media": {"type": "photo", "media_url_https": "u"}}
    ),
    "a tapped option": lambda body: create(body)["message_data"].update(
        quick_reply_response={"type": "options", "metadata": "id2"}
    ),
    "white space around the text": lambda body: create(body)["message_data"].update(text="  a \n"),
    "no ink": lambda body: create(body)["message_data"].update(text=" \n"),
    "NUL in the text": lambda body: create(body)["message_data"].update(text="a\x00b"),
    "white space around an id": lambda body: message(body).update(id=" 55"),
    "an id as number": lambda body: message(body).update(id=55),
    "seconds": lambda body: message(body).update(created_timestamp="1790000000"),
    "other digits": lambda body: message(body).update(created_timestamp="١٧٩٠٠٠٠٠٠٠١٢٣", created_at=1790000000),
    "a time as number": lambda body: message(body).update(created_timestamp=1790000000123),
    "no entities": lambda body: create(body)["message_data"].pop("entities"),
    "no users": lambda body: body["data"]["payload"].pop("users"),
    "another kind": lambda body: message(body).update(type="participants_join"),
    "the older shape": lambda body: body.update(for_user_id="900", direct_message_events=[message(body)]),
}


@pytest.mark.parametrize("change", MESSENGER_CHANGES.values(), ids=MESSENGER_CHANGES.keys())
def test_both_ways_of_reading_messenger_agree(change):
    body = changed(MESSENGER_BODY, change)
    assert MESSENGER.parse(body) == MESSENGER._read_leniently(body)


@pytest.mark.parametrize("change", X_CHANGES.values(), ids=X_CHANGES.keys())
def test_both_ways_of_reading_x_agree(change):
    body = changed(X_BODY, change)
    assert X.parse(body) == X._read_leniently(body)


def test_half_an_emoji_does_not_lose_the_message():
    body = json.dumps(MESSENGER_BODY).encode().replace(b"\\ud83d\\ude42", b"\\ud83d")
    [event] = MESSENGER.parse(body)
    assert isinstance(event, InboundMessage)
    assert event.text == "Où êtes-vous ? \ufffd"
