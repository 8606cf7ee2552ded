"""What an operator is told of a webhook, and what registering asks of the platforms."""

from collections.abc import Callable
from typing import Any

import pytest

from bot.channels.base import PauseChannel, WaitUntil
from bot.channels.http import Answer, Request
from bot.channels.messenger import MessengerChannel
from bot.channels.messenger.subscription import NEEDED_FIELDS
from bot.channels.x import XChannel
from tests.unit.channels.answering import Answering, answer, body_of, url_of

GATEWAY = "https://brand.example"
MESSENGER_URL = f"{GATEWAY}/webhooks/messenger"
X_URL = f"{GATEWAY}/webhooks/x"


def call_of(request: Request) -> str:
    return f"{request.method} {url_of(request).path}"


class Platform:
    """Answers each "METHOD path" as laid out; a list is used up one by one, its last for good."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.requests: list[Request] = []
        self.answers = answers

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        laid_out = self.answers[call_of(request)]
        if isinstance(laid_out, list):
            laid_out = laid_out.pop(0) if len(laid_out) > 1 else laid_out[0]
        status, body = laid_out if isinstance(laid_out, tuple) else (200, laid_out)
        return answer(status, body)

    def calls(self) -> list[str]:
        return [call_of(request) for request in self.requests]

    def body(self, call: str) -> Any:
        (request,) = (request for request in self.requests if call_of(request) == call)
        return body_of(request)

    def messenger(self, app_id: str = "111") -> MessengerChannel:
        return MessengerChannel(
            "PAGE1", app_id, "secret", "token", "word", "https://graph.example/v25.0", Answering(self)
        )

    def x(self) -> XChannel:
        return XChannel("900", "13", "key", "secret", "token", "ts", "bearer", "https://api.example", Answering(self))


# Messenger

APP = "/v25.0/111/subscriptions"
PAGE = "/v25.0/PAGE1/subscribed_apps"


def app_answer(**changes: Any) -> dict[str, Any]:
    fields = [{"name": name, "version": "v25.0"} for name in NEEDED_FIELDS]
    return {"data": [{"object": "page", "callback_url": MESSENGER_URL, "active": True, "fields": fields, **changes}]}


def page_answer(**changes: Any) -> dict[str, Any]:
    return {"data": [{"id": "111", "name": "Parvis", "subscribed_fields": list(NEEDED_FIELDS), **changes}]}


async def test_page_is_registered_at_both_levels_with_the_fields_that_we_read() -> None:
    platform = Platform(
        {
            f"POST {APP}": {"success": True},
            f"POST {PAGE}": {"success": True},
            f"GET {APP}": app_answer(),
            f"GET {PAGE}": page_answer(),
        }
    )
    assert (await platform.messenger().register(GATEWAY)).problem is None
    assert platform.calls() == [f"POST {APP}", f"POST {PAGE}", f"GET {APP}", f"GET {PAGE}"]
    asked = platform.body(f"POST {APP}")
    assert (asked["object"], asked["callback_url"], asked["verify_token"]) == ("page", MESSENGER_URL, "word")
    assert set(NEEDED_FIELDS) <= set(asked["fields"].split(","))
    assert url_of(platform.requests[1]).query["subscribed_fields"] == asked["fields"]
    tokens = [request.headers["Authorization"] for request in platform.requests]
    assert tokens == ["Bearer 111|secret", "Bearer token", "Bearer 111|secret", "Bearer token"]
    assert "word" not in platform.requests[0].url


@pytest.mark.parametrize(
    ("app", "page", "said"),
    [
        ({"data": []}, page_answer(), "does not call"),
        (app_answer(object="user"), page_answer(), "does not call"),
        (app_answer(callback_url="https://elsewhere.example"), page_answer(), "does not call"),
        (app_answer(active=False), page_answer(), "switched off"),
        (app_answer(fields=[{"name": "messages"}]), page_answer(), "messaging_postbacks, message_echoes"),
        (app_answer(), {"data": []}, "not subscribed"),
        (app_answer(), page_answer(id="222"), "not subscribed"),
        (app_answer(), page_answer(subscribed_fields=["messages"]), "messaging_postbacks, message_echoes"),
        (app_answer(), page_answer(subscribed_fields=None), "messages"),
        (app_answer(), {"data": "odd"}, "not subscribed"),
    ],
)
async def test_what_is_wrong_with_the_page_is_said_with_what_to_do(app: Any, page: Any, said: str) -> None:
    problem = (await Platform({f"GET {APP}": app, f"GET {PAGE}": page}).messenger().check(GATEWAY)).problem
    assert problem is not None
    assert said in problem
    assert "parvis channels register" in problem


async def test_full_address_is_taken_as_it_is() -> None:
    platform = Platform({f"GET {APP}": app_answer(), f"GET {PAGE}": page_answer()})
    for address in (MESSENGER_URL, f"{GATEWAY}/", f"{MESSENGER_URL}/"):
        assert (await platform.messenger().check(address)).problem is None


async def test_address_that_meta_cannot_verify_is_a_problem() -> None:
    refusal = (400, {"error": {"code": 2200, "message": "words", "type": "OAuthException"}})
    problem = (await Platform({f"POST {APP}": refusal}).messenger().register(GATEWAY)).problem
    assert problem is not None
    assert "PARVIS_MESSENGER_VERIFY_TOKEN" in problem
    assert "word" not in problem.replace("words", "")


async def test_missing_application_id_is_said_before_any_call() -> None:
    platform = Platform({})
    for state in (await platform.messenger("").check(GATEWAY), await platform.messenger("").register(GATEWAY)):
        assert "PARVIS_MESSENGER_APP_ID" in (state.problem or "")
    assert platform.requests == []


# X

HOOKS = "/2/webhooks"
SUBSCRIPTIONS = "/2/activity/subscriptions"


def hooks(valid: bool = True, url: str = X_URL) -> dict[str, Any]:
    return {"data": [{"id": "7", "url": url, "valid": valid}], "meta": {"result_count": 1}}


def subscription(event_type: str, number: str = "1", user: str = "900", webhook: str = "7") -> dict[str, Any]:
    return {"subscription_id": number, "event_type": event_type, "filter": {"user_id": user}, "webhook_id": webhook}


def subscriptions(*items: Any, token: str | None = None) -> dict[str, Any]:
    meta = {"total_subscriptions": len(items)} | ({"next_token": token} if token else {})
    return {"data": list(items), "meta": meta}


COMPLETE = subscriptions(subscription("dm.received"), subscription("dm.sent", "2"))


async def test_new_webhook_is_created_and_both_kinds_of_messages_subscribed() -> None:
    platform = Platform(
        {
            f"GET {HOOKS}": [{"data": []}, hooks()],
            f"POST {HOOKS}": hooks()["data"][0],
            f"GET {SUBSCRIPTIONS}": [subscriptions(), COMPLETE],
            f"POST {SUBSCRIPTIONS}": {"data": {}},
        }
    )
    assert (await platform.x().register(GATEWAY)).problem is None
    assert platform.body(f"POST {HOOKS}") == {"url": X_URL}
    created = [request for request in platform.requests if call_of(request) == f"POST {SUBSCRIPTIONS}"]
    assert [body_of(request) for request in created] == [
        {"event_type": kind, "filter": {"user_id": "900"}, "tag": f"parvis {kind}", "webhook_id": "7"}
        for kind in ("dm.received", "dm.sent")
    ]
    assert all(request.headers["Authorization"].startswith("OAuth ") for request in created)
    others = [request for request in platform.requests if request not in created]
    assert {request.headers["Authorization"] for request in others} == {"Bearer bearer"}


async def test_registering_again_changes_nothing() -> None:
    platform = Platform({f"GET {HOOKS}": hooks(), f"GET {SUBSCRIPTIONS}": COMPLETE})
    assert (await platform.x().register(GATEWAY)).problem is None
    assert all(call.startswith("GET") for call in platform.calls())


async def test_invalid_webhook_is_validated_again() -> None:
    platform = Platform(
        {
            f"GET {HOOKS}": [hooks(valid=False), hooks()],
            f"PUT {HOOKS}/7": {"data": {"valid": True}},
            f"GET {SUBSCRIPTIONS}": COMPLETE,
        }
    )
    assert (await platform.x().register(GATEWAY)).problem is None
    assert f"PUT {HOOKS}/7" in platform.calls()


async def test_subscription_of_another_webhook_is_moved_to_ours() -> None:
    elsewhere = subscriptions(subscription("dm.received", webhook="6"), subscription("dm.sent", "2"))
    platform = Platform(
        {
            f"GET {HOOKS}": hooks(),
            f"GET {SUBSCRIPTIONS}": [elsewhere, COMPLETE],
            f"PUT {SUBSCRIPTIONS}/1": {"data": {}},
        }
    )
    assert (await platform.x().register(GATEWAY)).problem is None
    assert platform.body(f"PUT {SUBSCRIPTIONS}/1")["webhook_id"] == "7"


async def test_subscriptions_are_looked_for_on_every_page() -> None:
    pages = [subscriptions(subscription("dm.received"), token="B"), subscriptions(subscription("dm.sent", "2"))]
    platform = Platform({f"GET {HOOKS}": hooks(), f"GET {SUBSCRIPTIONS}": pages})
    assert (await platform.x().check(GATEWAY)).problem is None
    assert url_of(platform.requests[-1]).query["pagination_token"] == "B"


@pytest.mark.parametrize(
    ("webhooks", "subscribed", "said"),
    [
        ({"data": []}, COMPLETE, "no webhook"),
        (hooks(url="https://elsewhere.example"), COMPLETE, "no webhook"),
        (hooks(valid=False), COMPLETE, "invalid"),
        (hooks(), subscriptions(), "dm.received, dm.sent"),
        (hooks(), subscriptions(subscription("dm.received"), subscription("dm.sent", user="901")), "dm.sent"),
        (hooks(), subscriptions(subscription("dm.received"), subscription("dm.sent", webhook="6")), "dm.sent"),
        ({"data": "odd"}, COMPLETE, "no webhook"),
        (hooks(), {"data": ["odd", {"filter": 1}]}, "dm.received, dm.sent"),
    ],
)
async def test_what_is_wrong_with_the_webhook_is_said_with_what_to_do(
    webhooks: Any, subscribed: Any, said: str
) -> None:
    platform = Platform({f"GET {HOOKS}": webhooks, f"GET {SUBSCRIPTIONS}": subscribed})
    problem = (await platform.x().check(GATEWAY)).problem
    assert problem is not None
    assert said in problem
    assert "parvis channels register" in problem


REFUSED = (400, {"title": "Invalid Request", "type": "https://api.x.com/2/problems/invalid-request"})


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://brand.example", "https://"),
        ("https://brand.example:8443", "no port"),
        ("https://brand.example:99999", "no port"),
        (GATEWAY, "challenge failed"),
    ],
)
async def test_refused_address_is_a_problem_with_its_likely_cause(address: str, said: str) -> None:
    platform = Platform({f"GET {HOOKS}": {"data": []}, f"POST {HOOKS}": REFUSED})
    assert said in ((await platform.x().register(address)).problem or "")


async def test_refused_subscription_is_a_problem() -> None:
    forbidden = (403, {"title": "Forbidden", "type": "about:blank"})
    platform = Platform(
        {f"GET {HOOKS}": hooks(), f"GET {SUBSCRIPTIONS}": subscriptions(), f"POST {SUBSCRIPTIONS}": forbidden}
    )
    problem = (await platform.x().register(GATEWAY)).problem
    assert problem is not None
    assert "http-403" in problem


@pytest.mark.parametrize(
    "ask",
    [lambda channel: channel.check(GATEWAY), lambda channel: channel.register(GATEWAY)],
    ids=["check", "register"],
)
@pytest.mark.parametrize(("status", "expected"), [(401, PauseChannel), (429, WaitUntil)])
async def test_platform_that_does_not_answer_is_no_statement_about_the_webhook(
    ask: Callable[[Any], Any], status: int, expected: type[Exception]
) -> None:
    failing = (status, {"title": "?"})
    with pytest.raises(expected):
        await ask(Platform({f"GET {HOOKS}": failing}).x())
    with pytest.raises(expected):
        await ask(Platform({f"GET {APP}": failing, f"POST {APP}": failing}).messenger())
