"""Faults do exactly what was ordered, as often as ordered."""

import asyncio
import time

import httpx
import pytest


@pytest.fixture
async def ready(client):
    await client.write("messenger", "42", text="bonjour", wait=True)
    await client.write("x", "43", text="hello", wait=True)
    return client


async def test_send_fails_as_often_as_ordered_and_then_works(ready):
    await ready.fault(send_status=500, times=2)
    answers = [await ready.messenger_send("42") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [500, 500, 200]
    assert answers[0].json()["error"]["code"] == 2
    assert len(await ready.conversation("messenger", "42")) == 2


async def test_fault_keeps_to_its_channel_and_customer(ready):
    await ready.write("messenger", "44", text="bonjour", wait=True)
    await ready.fault(send_status=503, channel="messenger", user="42")
    assert (await ready.x_send("43")).status_code == 201
    assert (await ready.messenger_send("44")).status_code == 200
    assert (await ready.messenger_send("42")).status_code == 503


async def test_ordered_error_code_is_answered(ready):
    await ready.fault(channel="messenger", error={"code": 190, "subcode": 460})
    response = await ready.messenger_send("42")
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["error_subcode"]) == (400, 190, 460)
    await ready.fault(channel="x", send_status=429, error={"code": 88})
    response = await ready.x_send("43")
    assert (response.status_code, response.json()["errors"][0]["code"]) == (429, 88)


@pytest.mark.parametrize("channel", ["messenger", "x"])
async def test_cut_send_is_accepted_and_echoed_but_never_answered(ready, gateway, channel):
    await ready.fault(cut=True)
    send, user = (ready.messenger_send, "42") if channel == "messenger" else (ready.x_send, "43")
    with pytest.raises(httpx.TransportError):
        await send(user, "did it arrive?")
    await ready.quiet()
    assert (await ready.conversation(channel, user))[-1]["text"] == "did it arrive?"
    assert any(b"did it arrive?" in body for body in gateway.bodies)


@pytest.mark.parametrize("channel", ["messenger", "x"])
async def test_send_cut_before_acceptance_leaves_no_trace(ready, channel):
    await ready.fault(cut_before=True)
    send, user = (ready.messenger_send, "42") if channel == "messenger" else (ready.x_send, "43")
    with pytest.raises(httpx.TransportError):
        await send(user, "gone")
    assert [message["from"] for message in await ready.conversation(channel, user)] == ["user"]
    assert (await send(user, "again")).is_success


async def test_echo_stays_away_until_cleared(ready, gateway):
    before = len(gateway.bodies)
    await ready.fault(no_echo=True)
    await ready.messenger_send("42")
    await ready.x_send("43")
    await ready.quiet()
    assert len(gateway.bodies) == before
    await ready.http.delete("/api/faults")
    await ready.x_send("43")
    await ready.quiet()
    assert len(gateway.bodies) == before + 1


async def test_answer_comes_late_when_ordered(ready):
    await ready.fault(delay_ms=150, times=1)
    started = time.monotonic()
    await ready.x_send("43")
    assert time.monotonic() - started >= 0.15


async def test_ordered_rate_limit_ends_by_itself(ready):
    await ready.fault(channel="x", rate_limit={"remaining": 1, "reset_in": 0.4})
    answers = [await ready.x_send("43") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 429]
    assert float(answers[1].headers["x-rate-limit-reset"]) - time.time() < 2
    assert (await ready.messenger_send("42")).status_code == 200
    deadline = time.monotonic() + 30
    while (await ready.x_send("43")).status_code == 429:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_throttled_messenger_send_names_the_limit(ready):
    await ready.fault(channel="messenger", rate_limit={"remaining": 0, "reset_in": 120})
    response = await ready.messenger_send("42")
    assert response.json()["error"]["code"] == 613
    assert '"estimated_time_to_regain_access": 2' in response.headers["X-Business-Use-Case-Usage"]
    await ready.http.delete("/api/faults")
    await ready.fault(channel="messenger", rate_limit={"remaining": 1, "reset_in": 5})
    allowed, refused = [await ready.messenger_send("42") for _ in range(2)]
    assert (allowed.status_code, '"call_count": 1,' in allowed.headers["X-App-Usage"]) == (200, True)
    assert 1 <= int(refused.headers["Retry-After"]) <= 5


async def test_typing_dots_do_not_use_up_a_fault(ready):
    await ready.fault(send_status=500)
    body = {"recipient": {"id": "42"}, "sender_action": "typing_on"}
    assert (await ready.graph("POST", "messages", json=body)).status_code == 200
    assert (await ready.messenger_send("42")).status_code == 500


@pytest.mark.parametrize(
    "order", [{"sned_status": 500}, {"send_status": "500"}, {"send_status": 200}, {"channel": "sms"}, []]
)
async def test_misspelt_order_is_refused(client, order):
    assert (await client.http.post("/api/faults", json=order)).status_code == 400


@pytest.mark.parametrize(
    "body", [{}, {"txt": "hi"}, {"text": 3}, {"attachment": "hologram"}, {"text": "x" * 20_001}, {"text": ""}]
)
async def test_misspelt_message_is_refused(client, body):
    assert (await client.http.post("/api/x/users/43/messages", json=body)).status_code == 400
