"""What goes out to X, how it is signed, and what its answers mean."""

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import pytest

from bot.channels.base import GiveUp, OutcomeUnknown, PauseChannel, TryAgain, WaitUntil
from bot.channels.http import Answer, Request
from bot.channels.vocabulary import Activity, ChannelName, OutboundMessage, QuickReply
from bot.channels.x import XChannel
from bot.channels.x.errors import NUMBERS, PROBLEMS, Verdict
from tests.unit.channels.answering import Answering, answer, body_of, url_of

MESSAGE = OutboundMessage(ChannelName.X, "900", "42", "r1.0", "Bonjour")
SENT = {"data": {"dm_conversation_id": "42-900", "dm_event_id": "56"}}


class Api:
    """A platform that answers as told and keeps what it was asked."""

    def __init__(self, status: int = 201, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self.requests: list[Request] = []
        self.answer: Callable[[Request], Answer] = lambda _: answer(status, SENT if body is None else body, headers)
        self.channel = XChannel(
            "900",
            "13",
            "key",
            "secret",
            "token",
            "token secret&",
            "bearer",
            "https://api.example",
            Answering(self._handle),
        )

    def _handle(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answer(request)


def compose(text: str, *quick_replies: QuickReply) -> list[OutboundMessage]:
    return Api().channel.compose("42", "r1", text, quick_replies, 1_790_000_000.0)


# Composing


def test_quick_replies_become_numbered_lines() -> None:
    yes, no = QuickReply("Oui", "/affirm"), QuickReply(" Non ", "/deny")
    (message,) = compose("Est-ce bien cela ?", yes, no)
    assert message.text == "Est-ce bien cela ?\n\n1. Oui\n2. Non"
    assert message.quick_replies == (yes, no)
    assert (message.reply_id, message.to_reply_at) == ("r1.0", 1_790_000_000.0)


def test_long_reply_is_cut_at_10000_characters() -> None:
    parts = compose("Nos magasins ouvrent à dix heures. " * 400, QuickReply("Oui", "/affirm"))
    assert [part.reply_id for part in parts] == ["r1.0", "r1.1"]
    assert all(len(part.text) <= 10_000 for part in parts)
    assert [bool(part.quick_replies) for part in parts] == [False, True]
    assert parts[-1].text.endswith("1. Oui")


def test_blank_reply_makes_no_message() -> None:
    assert compose(" ", QuickReply("Oui", "/affirm")) == []


# Sending


def base_string(request: Request, parameters: dict[str, str]) -> str:
    """Worked out from RFC 5849, 3.4.1, without the library that signs."""

    def escape(text: str) -> str:
        return quote(text, safe="-._~")

    sent_to = urlsplit(request.url)
    pairs = [*parse_qsl(sent_to.query, keep_blank_values=True), *parameters.items()]
    encoded = sorted((escape(name), escape(value)) for name, value in pairs if name != "oauth_signature")
    url = f"{sent_to.scheme}://{sent_to.netloc}{sent_to.path}"
    return "&".join(
        escape(part) for part in (request.method, url, "&".join(f"{name}={value}" for name, value in encoded))
    )


def require_user_signature(request: Request) -> None:
    header = request.headers["Authorization"]
    assert header.startswith("OAuth ")
    parameters = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', header)}
    assert parameters["oauth_signature_method"] == "HMAC-SHA1"
    assert (parameters["oauth_consumer_key"], parameters["oauth_token"]) == ("key", "token")
    assert "oauth_body_hash" not in parameters
    digest = hmac.new(b"secret&token%20secret%26", base_string(request, parameters).encode(), hashlib.sha1).digest()
    assert parameters["oauth_signature"] == base64.b64encode(digest).decode()


async def test_message_is_sent_as_the_account_with_its_body_outside_the_signature() -> None:
    api = Api()
    sent = await api.channel.send(MESSAGE)
    (request,) = api.requests
    assert (sent.message_id, sent.allowance) == ("56", None)
    assert (request.method, url_of(request).path) == ("POST", "/2/dm_conversations/with/42/messages")
    assert request.headers["Content-Type"] == "application/json"
    assert body_of(request) == {"text": "Bonjour"}
    require_user_signature(request)


async def test_every_request_has_its_own_nonce() -> None:
    api = Api()
    await api.channel.send(MESSAGE)
    await api.channel.send(MESSAGE)
    assert api.requests[0].headers["Authorization"] != api.requests[1].headers["Authorization"]


async def test_signature_covers_the_query() -> None:
    api = Api(200, {"meta": {"result_count": 0}})
    await api.channel.poll(0)
    assert "," in url_of(api.requests[0]).query["dm_event.fields"]
    require_user_signature(api.requests[0])


@pytest.mark.parametrize("user", ["", "42/../../tweets", "ann", "٤٢", "4" * 20, "42?x=1"])
async def test_nothing_but_a_number_becomes_part_of_the_address(user: str) -> None:
    api = Api()
    with pytest.raises(GiveUp):
        await api.channel.send(OutboundMessage(ChannelName.X, "900", user, "r1.0", "Bonjour"))
    assert api.requests == []


async def test_keys_are_not_used_over_an_open_line() -> None:
    channel = XChannel("900", "13", "key", "secret", "token", "ts", "bearer", "http://api.example")
    with pytest.raises(PauseChannel):
        await channel.send(MESSAGE)


async def test_no_sign_of_life_is_shown() -> None:
    api = Api()
    await api.channel.show_activity("42", Activity.TYPING)
    assert api.requests == []


# Limits


def limits(family: str, remaining: int | str, seconds: float) -> dict[str, str]:
    return {f"{family}-remaining": str(remaining), f"{family}-reset": str(round(time.time() + seconds))}


async def test_headers_tell_what_may_still_be_sent() -> None:
    sent = await Api(headers=limits("x-rate-limit", 14, 600)).channel.send(MESSAGE)
    assert sent.allowance is not None
    assert sent.allowance.remaining == 14
    assert sent.allowance.resets_at == pytest.approx(time.time() + 600, abs=5)


async def test_tightest_limit_counts() -> None:
    headers = (
        limits("x-rate-limit", 14, 600) | limits("x-user-limit-24hour", 0, 7200) | limits("x-app-limit-24hour", 9, 9)
    )
    sent = await Api(headers=headers).channel.send(MESSAGE)
    assert sent.allowance is not None
    assert sent.allowance.remaining == 0
    assert sent.allowance.resets_at == pytest.approx(time.time() + 7200, abs=5)


@pytest.mark.parametrize("value", ["", "soon", "-1", "1e9", "²", "9" * 400])
async def test_limit_that_cannot_be_read_is_none(value: str) -> None:
    api = Api()
    headers = {"x-rate-limit-remaining": value, "x-rate-limit-reset": value}
    api.answer = lambda _: answer(201, SENT, headers)
    assert (await api.channel.send(MESSAGE)).allowance is None


async def wait_of(headers: dict[str, str], body: Any = None) -> float:
    with pytest.raises(WaitUntil) as failure:
        await Api(429, body or {"title": "Too Many Requests"}, headers).channel.send(MESSAGE)
    return failure.value.until - time.time()


async def test_throttled_until_the_spent_window_opens() -> None:
    spent = limits("x-rate-limit", 0, 600)
    assert await wait_of(spent) == pytest.approx(600, abs=5)
    assert await wait_of(spent | limits("x-app-limit-24hour", 0, 7200)) == pytest.approx(7200, abs=5)
    assert await wait_of(spent | limits("x-app-limit-24hour", 5, 7200)) == pytest.approx(600, abs=5)
    del spent["x-rate-limit-remaining"]
    assert await wait_of(spent) == pytest.approx(600, abs=5)


async def test_throttled_without_a_window_waits_as_told_or_a_minute() -> None:
    assert await wait_of({}) == pytest.approx(60, abs=5)
    assert await wait_of({"Retry-After": "30"}) == pytest.approx(30, abs=5)
    date = datetime.fromtimestamp(time.time() + 90, UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert await wait_of({"Retry-After": date}) == pytest.approx(90, abs=5)
    assert await wait_of({"Retry-After": "Wed"}) == pytest.approx(60, abs=5)


async def test_absurd_reset_is_not_believed() -> None:
    assert await wait_of(limits("x-rate-limit", 0, 10**8)) <= 25 * 3600
    assert 0 < await wait_of(limits("x-rate-limit", 0, -500)) < 5


# Errors

CONSEQUENCES: dict[Verdict, type[Exception]] = {
    Verdict.TRY_AGAIN: TryAgain,
    Verdict.WAIT: WaitUntil,
    Verdict.GIVE_UP: GiveUp,
    Verdict.PAUSE: PauseChannel,
    Verdict.UNKNOWN: OutcomeUnknown,
}


def problem(kind: str, status: int) -> dict[str, Any]:
    return {"title": "words", "detail": "words", "type": f"https://api.x.com/2/problems/{kind}", "status": status}


@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        (400, problem("invalid-request", 400), GiveUp, "400/invalid-request"),
        (401, {"title": "Unauthorized", "type": "about:blank", "status": 401}, PauseChannel, "http-401"),
        (401, {"errors": [{"code": 89, "message": "words"}]}, PauseChannel, "401/89"),
        (402, {"title": "CreditsDepleted"}, PauseChannel, "http-402"),
        (403, {"title": "Forbidden", "type": "about:blank", "status": 403}, GiveUp, "http-403"),
        (403, {"errors": [{"code": 349, "message": "words"}]}, GiveUp, "403/349"),
        (403, problem("client-forbidden", 403), PauseChannel, "403/client-forbidden"),
        (403, problem("unsupported-authentication", 403), PauseChannel, "403/unsupported-authentication"),
        (403, problem("oauth1-permissions", 403), PauseChannel, "403/oauth1-permissions"),
        (403, problem("not-authorized-for-resource", 403), GiveUp, "403/not-authorized-for-resource"),
        (404, problem("resource-not-found", 404), GiveUp, "404/resource-not-found"),
        (429, {"errors": [{"code": 88, "message": "words"}]}, WaitUntil, "429/88"),
        (429, problem("rate-limit-exceeded", 429), WaitUntil, "429/rate-limit-exceeded"),
        (429, problem("usage-capped", 429), PauseChannel, "429/usage-capped"),
        (429, {"title": "Too Many Requests"}, WaitUntil, "http-429"),
        (500, {"title": "Internal Server Error"}, TryAgain, "http-500"),
        (503, {"errors": [{"code": 130, "message": "words"}]}, TryAgain, "503/130"),
        (504, {"title": "Gateway Timeout"}, OutcomeUnknown, "http-504"),
        (599, {"title": "?"}, TryAgain, "http-599"),
        (418, {"title": "?"}, GiveUp, "http-418"),
        (302, b"", GiveUp, "http-302"),
        (500, b"", OutcomeUnknown, "http-500"),
        (502, b"<html>Bad gateway</html>", OutcomeUnknown, "http-502"),
        (200, {"errors": [{"code": 88}]}, WaitUntil, "200/88"),
        (200, {"errors": [problem("client-forbidden", 403)]}, PauseChannel, "200/client-forbidden"),
        (200, {"data": None, "errors": [{"code": 64}]}, PauseChannel, "200/64"),
        (200, {"errors": [{"title": "?"}]}, OutcomeUnknown, "http-200"),
        (200, {}, OutcomeUnknown, "no-message-id"),
        (201, b"<html>", OutcomeUnknown, "no-message-id"),
    ],
)
async def test_every_answer_has_its_consequence(status: int, body: Any, expected: type[Exception], code: str) -> None:
    with pytest.raises(expected) as failure:
        await Api(status, body).channel.send(MESSAGE)
    assert type(failure.value) is expected
    assert failure.value.args[0].startswith(f"{code}:")
    assert "words" not in str(failure.value)


@pytest.mark.parametrize("number", NUMBERS)
async def test_older_numbers_keep_their_meaning_at_any_status(number: int) -> None:
    with pytest.raises(CONSEQUENCES[NUMBERS[number].verdict]):
        await Api(400, {"errors": [{"message": "words", "code": number}]}).channel.send(MESSAGE)


@pytest.mark.parametrize("kind", PROBLEMS)
@pytest.mark.parametrize("host", ["api.x.com", "api.twitter.com"])
async def test_problem_types_keep_their_meaning_at_any_status(kind: str, host: str) -> None:
    with pytest.raises(CONSEQUENCES[PROBLEMS[kind].verdict]):
        await Api(400, {"type": f"https://{host}/2/problems/{kind}"}).channel.send(MESSAGE)


async def test_message_that_went_out_beside_an_error_is_sent() -> None:
    sent = await Api(200, {**SENT, "errors": [{"code": 88}]}).channel.send(MESSAGE)
    assert sent.message_id == "56"


# Looking for a message whose outcome is unknown


def event(number: int, text: str, at: float, sender: str = "900", **more: Any) -> dict[str, Any]:
    created = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {
        "id": str(number),
        "event_type": "MessageCreate",
        "text": text,
        "sender_id": sender,
        "created_at": created,
        **more,
    }


STARTED = 1_790_000_000.0


async def find(*events: dict[str, Any], text: str = "Bonjour", known: frozenset[str] = frozenset()) -> str | None:
    api = Api(200, {"data": list(events), "meta": {"result_count": len(events)}})
    message = OutboundMessage(ChannelName.X, "900", "42", "r1.0", text)
    return await api.channel.find_sent(message, STARTED, known)


async def test_message_that_went_out_is_found() -> None:
    api = Api(200, {"data": [event(57, "Bonjour", STARTED + 1)]})
    assert await api.channel.find_sent(MESSAGE, STARTED, frozenset()) == "57"
    (request,) = api.requests
    assert (request.method, url_of(request).path) == ("GET", "/2/dm_conversations/with/42/dm_events")
    require_user_signature(request)


async def test_message_that_did_not_go_out_is_not_found() -> None:
    assert await find() is None
    assert await find(event(57, "Bonjour", STARTED - 60)) is None
    assert await find(event(57, "Bonsoir", STARTED + 1)) is None
    assert await find(event(57, "Bonjour", STARTED + 1, sender="42")) is None


async def test_time_cut_to_the_second_is_no_reason_to_send_twice() -> None:
    assert await find(event(57, "Bonjour", STARTED - 2)) == "57"


async def test_message_accounted_for_is_passed_over() -> None:
    events = [event(58, "Bonjour", STARTED + 3), event(57, "Bonjour", STARTED + 1)]
    assert await find(*events) == "57"
    assert await find(*events, known=frozenset({"57"})) == "58"
    assert await find(*events, known=frozenset({"57", "58"})) is None


@pytest.mark.parametrize(
    ("text", "reported", "urls"),
    [
        ("Voir https://shop.example/p?a=1&b=2 ici", "Voir https://t.co/a1 ici", []),
        ("Voir shop.example/retours.", "Voir https://t.co/a1.", []),
        (
            "Voir https://shop.example/p",
            "Voir https://t.co/a1",
            [{"url": "https://t.co/a1", "expanded_url": "https://shop.example/p"}],
        ),
        ("Prix < 10 & plus", "Prix &lt; 10 &amp; plus", []),
        ("cafe\u0301", "café", []),
        ("Bonjour\n", "Bonjour", []),
    ],
)
async def test_text_is_recognised_as_x_rewrites_it(text: str, reported: str, urls: list[Any]) -> None:
    assert await find(event(57, reported, STARTED + 1, urls=urls), text=text) == "57"


async def test_another_text_with_a_link_is_not_taken_for_ours() -> None:
    assert await find(event(57, "Autre https://t.co/a1", STARTED + 1), text="Voir https://shop.example") is None


async def test_older_pages_are_read_only_as_far_as_needed() -> None:
    api = Api()
    pages = {
        None: {"data": [event(59, "x", STARTED + 9)], "meta": {"next_token": "B"}},
        "B": {"data": [event(57, "Bonjour", STARTED + 1), event(50, "x", STARTED - 60)], "meta": {"next_token": "C"}},
    }
    api.answer = lambda request: answer(200, pages[url_of(request).query.get("pagination_token")])
    assert await api.channel.find_sent(MESSAGE, STARTED, frozenset()) == "57"
    assert len(api.requests) == 2


async def test_question_that_x_cannot_answer_now_may_be_asked_again() -> None:
    for status in (500, 502, 504):
        with pytest.raises(TryAgain):
            await Api(status, b"").channel.find_sent(MESSAGE, STARTED, frozenset())
