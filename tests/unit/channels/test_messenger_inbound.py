"""Every shape that Messenger posts, read into the project's vocabulary. All values are invented."""

import json
import time
from functools import cache
from typing import Any

import pytest

from bot.channels.base import MalformedPayload
from bot.channels.messenger import MessengerChannel
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

AT = 1_790_000_000_123
CUSTOMER = {"sender": {"id": "PSID1"}, "recipient": {"id": "PAGE1"}, "timestamp": AT}
PAGE = {"sender": {"id": "PAGE1"}, "recipient": {"id": "PSID1"}, "timestamp": AT}


@cache
def channel(app_id: str = "111") -> MessengerChannel:
    return MessengerChannel("PAGE1", app_id, "secret", "token", "word", "https://graph.example/v25.0")


def parse(payload: Any, app_id: str = "111") -> list[Event]:
    return channel(app_id).parse(json.dumps(payload).encode())


def page(*entries: Any) -> dict[str, Any]:
    return {"object": "page", "entry": list(entries)}


def entry(**content: Any) -> dict[str, Any]:
    return {"id": "PAGE1", "time": AT, **content}


def read(item: Any, key: str = "messaging", app_id: str = "111") -> Event:
    (event,) = parse(page(entry(**{key: [item]})), app_id)
    return event


def message(**content: Any) -> InboundMessage:
    event = read({**CUSTOMER, "message": {"mid": "m_a1", **content}})
    assert isinstance(event, InboundMessage)
    return event


def notice(item: Any, key: str = "messaging") -> Notice:
    event = read(item, key)
    assert isinstance(event, Notice)
    return event


def unknown(item: Any, key: str = "messaging") -> str:
    event = read(item, key)
    assert isinstance(event, UnknownEvent)
    return event.name


# Messages


def test_text_is_read_with_who_when_and_where() -> None:
    event = message(text="Vous ouvrez à quelle heure ?")
    assert event.conversation_id == "messenger:PAGE1:PSID1"
    assert event.message_id == "m_a1"
    assert event.text == "Vous ouvrez à quelle heure ?"
    assert event.occurred_at == pytest.approx(1_790_000_000.123)


def test_tapped_quick_reply_has_payload_and_title() -> None:
    event = message(text="Yes", quick_reply={"payload": "/affirm"})
    assert (event.payload, event.text) == ("/affirm", "Yes")


def test_reply_to_another_message_is_a_message() -> None:
    assert message(text="this one", reply_to={"mid": "m_z9", "is_self_reply": False}).text == "this one"


@pytest.mark.parametrize(
    ("vendor", "kind"),
    [
        ("image", AttachmentKind.IMAGE),
        ("audio", AttachmentKind.AUDIO),
        ("video", AttachmentKind.VIDEO),
        ("file", AttachmentKind.FILE),
        ("reel", AttachmentKind.SHARE),
        ("ig_reel", AttachmentKind.SHARE),
        ("post", AttachmentKind.SHARE),
        ("ig_post", AttachmentKind.SHARE),
        ("template", AttachmentKind.OTHER),
        ("appointment_booking", AttachmentKind.OTHER),
        ("from_the_future", AttachmentKind.OTHER),
    ],
)
def test_attachment_without_text_is_a_message(vendor: str, kind: AttachmentKind) -> None:
    event = message(attachments=[{"type": vendor, "payload": {"url": "https://cdn.example/1", "title": "T"}}])
    assert event.text is None
    assert event.attachments == (Attachment(kind, "https://cdn.example/1", "T"),)


@pytest.mark.parametrize("vendor", ["sticker", "image"])
def test_sticker_is_one_in_its_new_and_in_its_old_form(vendor: str) -> None:
    event = message(attachments=[{"type": vendor, "payload": {"url": "https://s", "sticker_id": 369239263222822}}])
    assert event.attachments == (Attachment(AttachmentKind.STICKER, "https://s"),)


def test_sticker_sent_in_both_forms_counts_once() -> None:
    payload = {"url": "https://s", "sticker_id": 369239263222822}
    event = message(attachments=[{"type": "image", "payload": payload}, {"type": "sticker", "payload": payload}])
    assert len(event.attachments) == 1


def test_location_is_a_geo_uri() -> None:
    event = message(attachments=[{"type": "location", "payload": {"coordinates": {"lat": 45.76, "long": 4.83}}}])
    assert event.attachments == (Attachment(AttachmentKind.LOCATION, "geo:45.760000,4.830000"),)


@pytest.mark.parametrize("payload", [{"payload": None}, {}, {"payload": {}}])
def test_shared_link_may_come_without_payload(payload: dict[str, Any]) -> None:
    event = message(text="https://shop.example", attachments=[{"type": "fallback", **payload}])
    assert (event.text, event.attachments) == ("https://shop.example", (Attachment(AttachmentKind.SHARE),))


def test_postback_is_a_message_with_title_and_payload() -> None:
    event = read({**CUSTOMER, "postback": {"mid": "m_b2", "title": "Start", "payload": "GET_STARTED"}})
    assert isinstance(event, InboundMessage)
    assert (event.message_id, event.text, event.payload) == ("m_b2", "Start", "GET_STARTED")


def test_postback_from_a_plugin_names_the_user_by_reference_and_the_time_in_seconds() -> None:
    item = {"sender": {"user_ref": "r-7"}, "recipient": {"id": "PAGE1"}, "timestamp": "1790000000"}
    event = read({**item, "postback": {"mid": "m_b3", "title": "Start", "payload": "GET_STARTED"}})
    assert isinstance(event, InboundMessage)
    assert (event.user_id, event.occurred_at) == ("user_ref.r-7", 1_790_000_000.0)


def test_message_without_an_id_gets_the_same_one_at_every_delivery() -> None:
    def tap(payload: str) -> InboundMessage:
        event = read({**CUSTOMER, "postback": {"title": "Start", "payload": payload}})
        assert isinstance(event, InboundMessage)
        return event

    assert tap("A").message_id == tap("A").message_id
    assert tap("A").message_id != tap("B").message_id


def test_message_that_carries_only_a_referral_is_a_notice() -> None:
    assert notice({**CUSTOMER, "message": {"mid": "m1", "referral": {"ref": "ad"}}}).kind is NoticeKind.REFERRAL


@pytest.mark.parametrize("content", [{}, {"text": ""}, {"text": "  "}, {"is_deleted": True}, {"is_unsupported": True}])
def test_message_that_says_nothing_is_an_unknown_event(content: dict[str, Any]) -> None:
    assert unknown({**CUSTOMER, "message": {"mid": "m1", **content}}).startswith("message")


def test_nul_characters_are_taken_out() -> None:
    assert message(text="a\0b").text == "ab"


def test_half_an_emoji_does_not_cost_the_batch() -> None:
    body = json.dumps(page(entry(messaging=[{**CUSTOMER, "message": {"mid": "m1", "text": "HALF \\\\ud83d"}}])))
    (event,) = channel().parse(body.replace("HALF", r"\ud83d \ud83d\ude00").encode())
    assert isinstance(event, InboundMessage)
    assert event.text == "\ufffd 😀 \\\\ud83d"


# Echoes


def echo(content: dict[str, Any], own_app_id: str = "111") -> Echo:
    event = read({**PAGE, "message": {"is_echo": True, "mid": "m_c3", **content}}, app_id=own_app_id)
    assert isinstance(event, Echo)
    return event


@pytest.mark.parametrize("app_id", [111, "111"])
def test_own_echo_brings_back_the_reply_id(app_id: int | str) -> None:
    event = echo({"app_id": app_id, "metadata": "r1.0", "text": "Bonjour"})
    assert (event.user_id, event.origin, event.reply_id) == ("PSID1", EchoOrigin.OWN, "r1.0")
    assert (event.message_id, event.text) == ("m_c3", "Bonjour")


@pytest.mark.parametrize("app_id", [26390203743090, "263902037430900", 222, None])
def test_echo_of_the_page_inbox_or_another_tool_is_foreign(app_id: Any) -> None:
    event = echo({"app_id": app_id, "metadata": "theirs", "text": "Bonjour, Ann ici"})
    assert (event.origin, event.reply_id) == (EchoOrigin.FOREIGN, None)


def test_echo_is_of_unknown_origin_while_our_own_id_is_not_configured() -> None:
    assert echo({"app_id": 222, "metadata": "r1.0"}, own_app_id="").origin is EchoOrigin.UNKNOWN


def test_audio_echo_is_no_message() -> None:
    assert echo({"app_id": 111, "attachments": [{"type": "audio", "payload": {"url": "https://a"}}]}).text is None


def test_what_the_page_wrote_is_never_a_message_even_without_the_echo_flag() -> None:
    assert isinstance(read({**PAGE, "message": {"mid": "m_c3", "text": "Bonjour"}}), Echo)


def test_echo_flag_counts_even_without_a_sender() -> None:
    event = read({"recipient": {"id": "PSID1"}, "message": {"is_echo": True, "mid": "m_c3", "app_id": 111}})
    assert isinstance(event, Echo)


# Notices


@pytest.mark.parametrize(
    ("item", "kind", "message_id", "text"),
    [
        ({"message_edit": {"mid": "m1", "text": "new", "num_edit": 1}}, NoticeKind.EDITED, "m1", "new"),
        ({"message_edit": {"mid": "m1", "text": "new", "num_edit": "1"}}, NoticeKind.EDITED, "m1", "new"),
        (
            {"reaction": {"reaction": "love", "emoji": "❤", "action": "react", "mid": "m2"}},
            NoticeKind.REACTION,
            "m2",
            None,
        ),
        ({"response_feedback": {"feedback": "Good response", "mid": "m3"}}, NoticeKind.FEEDBACK, "m3", "Good response"),
        ({"referral": {"ref": "x", "source": "ADS", "type": "OPEN_THREAD"}}, NoticeKind.REFERRAL, None, None),
        (
            {"optin": {"type": "notification_messages", "notification_messages_token": "t"}},
            NoticeKind.OPT_IN,
            None,
            None,
        ),
        ({"optin": {"ref": "plugin"}}, NoticeKind.OPT_IN, None, None),
        (
            {"optin": {"type": "notification_messages", "notification_messages_status": "STOP NOTIFICATIONS"}},
            NoticeKind.OPT_OUT,
            None,
            None,
        ),
        (
            {"pass_thread_control": {"previous_owner_app_id": None, "new_owner_app_id": 222}},
            NoticeKind.THREAD_CONTROL,
            None,
            None,
        ),
        ({"take_thread_control": {"new_owner_app_id": "222"}}, NoticeKind.THREAD_CONTROL, None, None),
        ({"request_thread_control": {"requested_owner_app_id": 222}}, NoticeKind.THREAD_CONTROL, None, None),
    ],
)
def test_what_needs_no_answer_is_a_notice(
    item: Any, kind: NoticeKind, message_id: str | None, text: str | None
) -> None:
    event = notice({**CUSTOMER, **item})
    assert (event.kind, event.user_id, event.message_id, event.text) == (kind, "PSID1", message_id, text)


def test_delivery_without_a_timestamp_names_each_message() -> None:
    item = {
        "sender": {"id": "PSID1"},
        "recipient": {"id": "PAGE1"},
        "delivery": {"mids": ["m1", "m2"], "watermark": AT},
    }
    first, second = parse(page(entry(messaging=[item])))
    assert isinstance(first, Notice)
    assert isinstance(second, Notice)
    assert (first.kind, first.message_id, second.message_id) == (NoticeKind.DELIVERED, "m1", "m2")
    assert first.occurred_at == pytest.approx(AT / 1000)


def test_delivery_may_lack_message_ids() -> None:
    assert notice({**CUSTOMER, "delivery": {"watermark": AT}}).kind is NoticeKind.DELIVERED


def test_read_receipt_happened_at_its_watermark() -> None:
    assert notice({**CUSTOMER, "read": {"watermark": AT - 5000}}).occurred_at == pytest.approx(AT / 1000 - 5)


def test_events_without_a_sender_name_nobody() -> None:
    item = {"recipient": {"id": "PAGE1"}, "timestamp": AT}
    policy = notice({**item, "policy_enforcement": {"action": "block", "reason": "spam"}})
    assert (policy.kind, policy.user_id, policy.text) == (NoticeKind.POLICY, "", "block: spam")
    assert notice({**item, "policy_enforcement": {"action": "unblock"}}).text == "unblock"
    assert notice({**item, "app_roles": {"111": ["primary_receiver"]}}).kind is NoticeKind.THREAD_CONTROL


@pytest.mark.parametrize(
    ("item", "ours"),
    [
        ({"pass_thread_control": {"previous_owner_app_id": None, "new_owner_app_id": 111}}, True),
        ({"pass_thread_control": {"previous_owner_app_id": "111", "new_owner_app_id": "222"}}, False),
        ({"take_thread_control": {"previous_owner_app_id": "111", "new_owner_app_id": 263902037430900}}, False),
        ({"request_thread_control": {"requested_owner_app_id": 222}}, None),
        ({"app_roles": {"111": ["primary_receiver"]}}, None),
    ],
)
def test_a_passed_or_taken_thread_says_whose_it_is(item: Any, ours: bool | None) -> None:
    assert notice({**CUSTOMER, **item}).ours is ours


def test_message_for_another_application_is_not_ours_to_answer() -> None:
    picture = {"type": "image", "payload": {"url": "https://example.com/1.jpg"}}
    event = notice({**CUSTOMER, "message": {"mid": "m1", "text": "hello", "attachments": [picture]}}, key="standby")
    assert (event.kind, event.message_id, event.text, event.ours) == (NoticeKind.STANDBY, "m1", "hello", False)
    assert [attachment.kind for attachment in event.attachments] == [AttachmentKind.IMAGE]


def test_button_tapped_on_standby_is_told_once_though_it_has_no_id() -> None:
    tapped, again = (notice({**CUSTOMER, "postback": {"title": "Start"}}, key="standby") for _ in range(2))
    assert (tapped.kind, tapped.text) == (NoticeKind.STANDBY, "Start")
    assert tapped.message_id == again.message_id
    receipt = notice({**CUSTOMER, "read": {"watermark": 1790000000000}}, key="standby")
    assert (receipt.message_id, receipt.text) == (None, None)


def test_echo_in_standby_still_settles_a_reply() -> None:
    item = {**PAGE, "message": {"is_echo": True, "mid": "m1", "app_id": 111, "metadata": "r1.0"}}
    event = read(item, key="standby")
    assert isinstance(event, Echo)
    assert event.reply_id == "r1.0"


# The page's public side


def comment(**value: Any) -> dict[str, Any]:
    usual = {"item": "comment", "verb": "add", "comment_id": "P_C1", "post_id": "PAGE1_P", "message": "help?"}
    return {
        "field": "feed",
        "value": {**usual, "from": {"id": "77", "name": "Ann"}, "created_time": 1790000000, **value},
    }


def test_comment_under_a_post_is_a_public_post() -> None:
    event = notice(comment(), key="changes")
    assert (event.kind, event.user_id, event.message_id, event.text) == (NoticeKind.PUBLIC_POST, "77", "P_C1", "help?")
    assert event.occurred_at == 1_790_000_000.0


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (comment(**{"from": {"id": "PAGE1"}}), "feed.comment.own"),
        (comment(verb="remove"), "feed.comment.remove"),
        (comment(item="reaction"), "feed.reaction.add"),
        ({"field": "ratings", "value": {}}, "ratings"),
        ({}, "unnamed"),
    ],
)
def test_other_changes_are_unknown_events(change: Any, name: str) -> None:
    assert unknown(change, key="changes") == name


# Envelopes


def test_batches_lose_nothing() -> None:
    items = [{**CUSTOMER, "message": {"mid": f"m{number}", "text": "x"}} for number in range(4)]
    events = parse(page(entry(messaging=items[:2]), entry(messaging=items[2:], changes=[comment()])))
    assert [event.message_id for event in events if isinstance(event, InboundMessage)] == ["m0", "m1", "m2", "m3"]
    assert len(events) == 5


def test_one_odd_item_does_not_cost_the_others() -> None:
    odd: list[Any] = ["text", None, 5, [], {}, {**CUSTOMER, "message": "text"}, {**CUSTOMER, "message": {"mid": []}}]
    good = {**CUSTOMER, "message": {"mid": "m1", "text": "still here"}}
    events = parse(page("odd", entry(messaging=[*odd, good])))
    assert sum(isinstance(event, InboundMessage) for event in events) == 1
    assert sum(isinstance(event, UnknownEvent) for event in events) == len(odd) + 1


def test_new_kind_of_event_is_named() -> None:
    assert unknown({**CUSTOMER, "from_the_future": {"a": 1}}) == "from_the_future"


def test_name_of_an_unknown_event_never_carries_words() -> None:
    assert unknown({**CUSTOMER, "my card is 4970 1012 3456 7890": {}}) == "unnamed"


def test_new_key_of_an_entry_is_named() -> None:
    (event,) = parse(page(entry(from_the_future=[1])))
    assert isinstance(event, UnknownEvent)
    assert event.name == "from_the_future"


def test_event_of_another_page_is_not_ours() -> None:
    other = {"id": "PAGE2", "time": AT, "messaging": [{**CUSTOMER, "message": {"mid": "m1", "text": "x"}}]}
    (event,) = parse(page(other))
    assert isinstance(event, UnknownEvent)
    assert (event.name, event.user_id) == ("other_account", "")


def test_other_product_of_the_application_is_ignored_not_refused() -> None:
    (event,) = parse({"object": "instagram", "entry": [{"id": "PAGE1"}]})
    assert isinstance(event, UnknownEvent)
    assert event.name == "object.instagram"


def test_event_without_any_time_happened_now() -> None:
    (event,) = parse(
        page({"id": "PAGE1", "messaging": [{"sender": {"id": "PSID1"}, "message": {"mid": "m", "text": "x"}}]})
    )
    assert event.occurred_at == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize("timestamp", [-1, 0, 1e300, 10**300, True, "soon", "nan", "inf", "9" * 400, [], {}])
def test_absurd_time_is_not_believed(timestamp: Any) -> None:
    event = read({**CUSTOMER, "timestamp": timestamp, "message": {"mid": "m1", "text": "x"}})
    assert event.occurred_at == pytest.approx(AT / 1000)


@pytest.mark.parametrize(
    "payload", [{}, {"object": "page"}, {"object": "page", "entry": {}}, {"object": 5, "entry": []}]
)
def test_body_that_is_no_webhook_of_the_graph_api_is_malformed(payload: Any) -> None:
    with pytest.raises(MalformedPayload):
        parse(payload)
