"""What goes out to Messenger, and what its answers mean."""

import hashlib
import hmac
import inspect
import json
import time
from typing import Any

import pytest

from bot.channels.base import Allowance, AlreadySent, GiveUp, OutcomeUnknown, PauseChannel, TryAgain, WaitUntil
from bot.channels.http import Answer, Request
from bot.channels.messenger import MessengerChannel
from bot.channels.messenger.errors import RULES
from bot.channels.vocabulary import Activity, Author, ChannelName, OutboundMessage, QuickReply, ThreadControl
from tests.unit.channels.answering import Answering, answer, body_of, url_of

MESSAGE = OutboundMessage(ChannelName.MESSENGER, "PAGE1", "PSID1", "r1.0", "Bonjour")


class Graph:
    """A platform that answers as told and keeps what it was asked."""

    def __init__(self, status: int = 200, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self.requests: list[Request] = []
        sent = {"recipient_id": "PSID1", "message_id": "m_1"}
        self._answer = status, sent if body is None else body, headers
        self.channel = MessengerChannel(
            "PAGE1", "111", "secret", "token", "word", "https://graph.example/v25.0/", Answering(self._handle)
        )

    def _handle(self, request: Request) -> Answer:
        self.requests.append(request)
        return answer(*self._answer)

    @property
    def body(self) -> Any:
        return body_of(self.requests[-1])


def compose(text: str, *quick_replies: QuickReply) -> list[OutboundMessage]:
    return Graph().channel.compose("PSID1", "r1", text, quick_replies, 1_790_000_000.0)


# Composing


def test_short_reply_is_one_message() -> None:
    (message,) = compose("Bonjour", QuickReply("Oui", "/affirm"))
    assert message == OutboundMessage(
        ChannelName.MESSENGER,
        "PAGE1",
        "PSID1",
        "r1.0",
        "Bonjour",
        (QuickReply("Oui", "/affirm"),),
        1_790_000_000.0,
    )


def test_long_reply_is_cut_at_2000_characters_with_quick_replies_on_the_last_part() -> None:
    sentence = "Nos magasins ouvrent à dix heures. "
    parts = compose(sentence * 150, QuickReply("Oui", "/affirm"))
    assert [part.reply_id for part in parts] == ["r1.0", "r1.1", "r1.2"]
    assert all(len(part.text) <= 2000 and part.text.endswith(".") for part in parts)
    assert [bool(part.quick_replies) for part in parts] == [False, False, True]


def test_quick_replies_are_fitted() -> None:
    offered = [QuickReply(f"Une réponse assez longue {number}", f"/p{number}") for number in range(20)]
    (message,) = compose("?", QuickReply(" ", "/blank"), QuickReply("Big", "x" * 1001), QuickReply("No", ""), *offered)
    assert len(message.quick_replies) == 13
    assert message.quick_replies[0] == QuickReply("Une réponse assez l…", "/p0")
    assert all(len(quick.title) <= 20 for quick in message.quick_replies)


def test_blank_reply_makes_no_message() -> None:
    assert compose("  ", QuickReply("Oui", "/affirm")) == []


# Sending


async def test_message_is_sent_as_a_response_with_our_id_and_a_proof() -> None:
    graph = Graph()
    message = OutboundMessage(
        ChannelName.MESSENGER, "PAGE1", "PSID1", "r1.0", "Bonjour", (QuickReply("Oui", "/affirm"),), time.time()
    )
    sent = await graph.channel.send(message)
    (request,) = graph.requests
    assert (sent.message_id, sent.allowance) == ("m_1", None)
    assert (request.method, url_of(request).path) == ("POST", "/v25.0/PAGE1/messages")
    assert request.headers["Authorization"] == "Bearer token"
    assert url_of(request).query["appsecret_proof"] == hmac.new(b"secret", b"token", hashlib.sha256).hexdigest()
    assert "token" not in request.url
    assert graph.body == {
        "recipient": {"id": "PSID1"},
        "messaging_type": "RESPONSE",
        "message": {
            "text": "Bonjour",
            "metadata": "r1.0",
            "quick_replies": [{"content_type": "text", "title": "Oui", "payload": "/affirm"}],
        },
    }


async def test_user_of_a_plugin_is_addressed_by_reference() -> None:
    graph = Graph()
    await graph.channel.send(OutboundMessage(ChannelName.MESSENGER, "PAGE1", "user_ref.r-7", "r1.0", "Bonjour"))
    assert graph.body["recipient"] == {"user_ref": "r-7"}


def test_no_caller_can_ask_for_a_tag() -> None:
    """The human-agent tag follows from who typed the words and when; nobody can name it."""
    assert not {"tag", "messaging_type"} & set(OutboundMessage.__struct_fields__)
    for method in (MessengerChannel.send, MessengerChannel.compose, MessengerChannel.show_activity):
        assert not {"tag", "messaging_type", "kwargs"} & set(inspect.signature(method).parameters)


async def test_message_outside_the_window_is_given_up_before_any_call() -> None:
    graph = Graph()
    late = OutboundMessage(
        ChannelName.MESSENGER, "PAGE1", "PSID1", "r1.0", "Bonjour", to_reply_at=time.time() - 24 * 3600 - 1
    )
    with pytest.raises(GiveUp) as failure:
        await graph.channel.send(late)
    assert failure.value.code == "window"
    assert graph.requests == []


def written(author: Author, hours_ago: float) -> OutboundMessage:
    heard_at = time.time() - hours_ago * 3600
    return OutboundMessage(
        ChannelName.MESSENGER, "PAGE1", "PSID1", "r1.0", "Bonjour", to_reply_at=heard_at, author=author
    )


async def test_only_what_a_person_typed_goes_out_under_the_human_agent_tag_and_only_after_a_day() -> None:
    graph = Graph()
    await graph.channel.send(written(Author.AGENT, 25))
    assert (graph.body["messaging_type"], graph.body["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    await graph.channel.send(written(Author.AGENT, 23))
    assert graph.body["messaging_type"] == "RESPONSE"
    assert "tag" not in graph.body


@pytest.mark.parametrize(("author", "hours"), [(Author.ASSISTANT, 25), (Author.DESK, 25), (Author.AGENT, 7 * 24 + 1)])
async def test_nobody_writes_after_their_window(author: Author, hours: float) -> None:
    graph = Graph()
    with pytest.raises(GiveUp):
        await graph.channel.send(written(author, hours))
    assert graph.requests == []


@pytest.mark.parametrize(
    ("control", "edge", "target"),
    [
        (ThreadControl.TAKE, "take_thread_control", {}),
        (ThreadControl.RELEASE, "release_thread_control", {}),
        (ThreadControl.TO_INBOX, "pass_thread_control", {"target_app_id": "263902037430900"}),
    ],
)
async def test_a_thread_is_taken_released_and_passed_to_the_inbox(
    control: ThreadControl, edge: str, target: dict[str, str]
) -> None:
    graph = Graph(body={"success": True})
    await graph.channel.control_thread("PSID1", control)
    assert url_of(graph.requests[-1]).path == f"/v25.0/PAGE1/{edge}"
    assert graph.body == {"recipient": {"id": "PSID1"}, **target}


async def test_answer_without_a_message_id_leaves_the_outcome_open() -> None:
    for body in ({}, b"", b"<html>"):
        with pytest.raises(OutcomeUnknown):
            await Graph(body=body).channel.send(MESSAGE)


@pytest.mark.parametrize(("activity", "action"), [(Activity.SEEN, "mark_seen"), (Activity.TYPING, "typing_on")])
async def test_signs_of_life_are_requests_of_their_own(activity: Activity, action: str) -> None:
    graph = Graph()
    await graph.channel.show_activity("PSID1", activity)
    assert graph.body == {"recipient": {"id": "PSID1"}, "sender_action": action}


async def test_there_is_nothing_to_ask_and_nothing_to_poll() -> None:
    graph = Graph()
    assert await graph.channel.find_sent(MESSAGE, 0, frozenset()) is None
    assert await graph.channel.poll(0) == []
    assert graph.requests == []


# Usage headers


def usage(call_count: int, minutes: int) -> dict[str, str]:
    business = {"PAGE1": [{"type": "messenger", "call_count": call_count, "estimated_time_to_regain_access": minutes}]}
    return {"X-Business-Use-Case-Usage": json.dumps(business)}


async def test_spent_usage_allows_nothing_more_until_access_returns() -> None:
    sent = await Graph(headers=usage(100, 19)).channel.send(MESSAGE)
    assert sent.allowance is not None
    assert sent.allowance.remaining == 0
    assert sent.allowance.resets_at == pytest.approx(time.time() + 19 * 60, abs=5)


@pytest.mark.parametrize("key", ["call_count", "total_time", "total_cputime"])
async def test_spent_application_usage_counts_too(key: str) -> None:
    sent = await Graph(headers={"X-App-Usage": json.dumps({key: 101})}).channel.send(MESSAGE)
    assert sent.allowance is not None
    assert sent.allowance.resets_at == pytest.approx(time.time() + 300, abs=5)


@pytest.mark.parametrize("headers", [usage(99, 0), {"X-App-Usage": "{"}, {"X-App-Usage": '{"call_count":"x"}'}, {}])
async def test_other_usage_allows_on(headers: dict[str, str]) -> None:
    sent = await Graph(headers=headers).channel.send(MESSAGE)
    assert sent.allowance is None


# Errors: every code of the reference

CODES = [
    (1, None, TryAgain),
    (2, None, TryAgain),
    (1200, None, TryAgain),
    (1, 1357046, AlreadySent),
    *((code, None, WaitUntil) for code in (4, 17, 32, 341, 613, 80001, 80006)),
    (613, 2018338, WaitUntil),
    (368, None, WaitUntil),
    (10, 2018278, GiveUp),
    (10, 2018065, GiveUp),
    (10, 2534022, GiveUp),
    (10, 2018108, GiveUp),
    (551, None, GiveUp),
    (551, 1545041, GiveUp),
    (200, 1545041, GiveUp),
    (10, 1893063, PauseChannel),
    (2022, None, PauseChannel),
    (10, 2022, PauseChannel),
    (100, None, GiveUp),
    (100, 2018001, GiveUp),
    (100, 33, GiveUp),
    (100, 2534037, GiveUp),
    (2018300, None, GiveUp),
    (10, 2018300, GiveUp),
    (100, 2018300, GiveUp),
    (9000001, None, GiveUp),
    *((190, subcode, PauseChannel) for subcode in (None, 458, 459, 460, 463, 467)),
    (102, None, PauseChannel),
    (104, None, PauseChannel),
    (3, None, PauseChannel),
    (10, None, PauseChannel),
    (200, None, PauseChannel),
    (230, None, PauseChannel),
    (299, None, PauseChannel),
    (2200, None, GiveUp),
    (424242, None, GiveUp),
]


def error(code: Any, subcode: Any = None, **more: Any) -> dict[str, Any]:
    told = {"message": "words for people", "type": "OAuthException", "code": code, "fbtrace_id": "A1", **more}
    return {"error": told if subcode is None else {**told, "error_subcode": subcode}}


@pytest.mark.parametrize(("code", "subcode", "expected"), CODES)
async def test_every_code_has_its_consequence(code: int, subcode: int | None, expected: type[Exception]) -> None:
    with pytest.raises(expected) as failure:
        await Graph(400, error(code, subcode)).channel.send(MESSAGE)
    assert type(failure.value) is expected
    assert failure.value.args[0].startswith(str(code) if subcode is None else f"{code}/{subcode}")
    assert "words for people" not in str(failure.value)


def test_every_row_of_the_table_is_tested() -> None:
    assert set(RULES) <= {(code, subcode) for code, subcode, _ in CODES}


async def test_codes_may_be_written_as_text() -> None:
    with pytest.raises(PauseChannel):
        await Graph(400, error("190", "460")).channel.send(MESSAGE)


async def test_error_inside_a_success_is_an_error() -> None:
    with pytest.raises(PauseChannel):
        await Graph(200, error(190)).channel.send(MESSAGE)


@pytest.mark.parametrize(
    ("status", "more", "expected"),
    [
        (400, {"is_transient": True}, TryAgain),
        (500, {}, TryAgain),
        (429, {}, WaitUntil),
        (401, {}, PauseChannel),
        (403, {}, PauseChannel),
    ],
)
async def test_unknown_code_is_judged_by_flag_and_status(
    status: int, more: dict[str, Any], expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        await Graph(status, error(424242, **more)).channel.send(MESSAGE)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (500, OutcomeUnknown),
        (502, OutcomeUnknown),
        (503, OutcomeUnknown),
        (504, OutcomeUnknown),
        (429, WaitUntil),
        (401, PauseChannel),
        (404, GiveUp),
        (302, GiveUp),
    ],
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>Bad gateway</html>", b"[]", b'{"error":"text"}', b'{"error":{"code":null}}']
)
async def test_answer_that_is_not_metas_is_judged_by_its_status(
    status: int, body: bytes, expected: type[Exception]
) -> None:
    with pytest.raises(expected) as failure:
        await Graph(status, body).channel.send(MESSAGE)
    assert failure.value.args[0].startswith(f"http-{status}")


async def wait_of(code: int, subcode: int | None = None, headers: dict[str, str] | None = None) -> float:
    with pytest.raises(WaitUntil) as failure:
        await Graph(400, error(code, subcode), headers).channel.send(MESSAGE)
    return failure.value.until - time.time()


async def test_wait_lasts_as_long_as_the_header_says() -> None:
    assert await wait_of(80006, headers=usage(100, 19)) == pytest.approx(19 * 60, abs=5)
    assert await wait_of(613, headers={"Retry-After": "120"}) == pytest.approx(120, abs=5)


async def test_wait_without_a_header_depends_on_the_code() -> None:
    assert await wait_of(613) == pytest.approx(60, abs=5)
    assert await wait_of(4) == pytest.approx(300, abs=5)
    assert await wait_of(613, 2018338) == pytest.approx(3600, abs=5)
    assert await wait_of(368) == pytest.approx(6 * 3600, abs=5)


async def test_absurd_wait_is_not_believed() -> None:
    assert await wait_of(613, headers={"Retry-After": "999999999"}) <= 25 * 3600
    assert await wait_of(613, headers={"Retry-After": "-5"}) == pytest.approx(60, abs=5)


async def test_allowance_is_told_in_the_shared_form() -> None:
    sent = await Graph(headers=usage(250, 0)).channel.send(MESSAGE)
    assert isinstance(sent.allowance, Allowance)
