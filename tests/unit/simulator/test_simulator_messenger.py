"""The Graph API's answers, as the brand's sender meets them."""

import time

import pytest


def error_of(response):
    error = response.json()["error"]
    return error["code"], error.get("error_subcode")


async def test_accepted_message_is_stored_echoed_and_reported_delivered(client, gateway):
    await client.write("messenger", "42", text="bonjour", wait=True)
    response = await client.messenger_send("42", "Bonjour !", metadata="reply-1")
    mid = response.json()["message_id"]
    assert response.json() == {"recipient_id": "42", "message_id": mid}
    await client.quiet()
    _, echo, delivery = gateway.messenger_items
    assert echo["sender"] == {"id": client.settings.messenger.page_id}
    assert echo["recipient"] == {"id": "42"}
    assert echo["message"] == {
        "is_echo": True,
        "app_id": int(client.settings.messenger.app_id),
        "metadata": "reply-1",
        "mid": mid,
        "text": "Bonjour !",
    }
    assert delivery["delivery"]["mids"] == [mid]
    stored = (await client.conversation("messenger", "42"))[-1]
    assert (stored["from"], stored["text"], stored["id"]) == ("brand", "Bonjour !", mid)


async def test_answer_from_the_page_inbox_is_a_foreign_echo(client, gateway):
    await client.write("messenger", "42", text="bonjour", wait=True)
    response = await client.http.post("/api/messenger/users/42/human_reply", json={"text": "Ici Anne."})
    assert response.status_code == 200
    await client.quiet()
    echo = gateway.standby_items[-1]["message"]
    assert echo["is_echo"]
    assert echo["app_id"] != int(client.settings.messenger.app_id)
    assert (await client.conversation("messenger", "42"))[-1]["origin"] == "inbox"


async def test_tapped_quick_reply_arrives_with_its_title_and_payload(client, gateway):
    await client.write("messenger", "42", text="bonjour", wait=True)
    replies = [{"content_type": "text", "title": "Horaires", "payload": "/faq_hours"}]
    await client.messenger_send("42", "Que puis-je ?", quick_replies=replies)
    await client.write("messenger", "42", payload="/faq_hours", wait=True)
    message = gateway.messenger_items[-1]["message"]
    assert message["text"] == "Horaires"
    assert message["quick_reply"] == {"payload": "/faq_hours"}


async def test_payload_that_no_quick_reply_offered_is_a_postback(client, gateway):
    await client.write("messenger", "42", payload="GET_STARTED", title="Démarrer", wait=True)
    postback = gateway.messenger_items[0]["postback"]
    assert (postback["title"], postback["payload"]) == ("Démarrer", "GET_STARTED")


async def test_sticker_carries_its_number_and_no_text(client, gateway):
    await client.write("messenger", "42", attachment="sticker", wait=True)
    message = gateway.messenger_items[0]["message"]
    assert "text" not in message
    assert message["attachments"][0]["payload"]["sticker_id"] == 369239263222822


async def test_image_points_at_a_picture_that_can_be_fetched(client, gateway):
    await client.write("messenger", "42", attachment="image", wait=True)
    url = gateway.messenger_items[0]["message"]["attachments"][0]["payload"]["url"]
    response = await client.http.get(url)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("image/")


async def test_typing_dots_and_seen_mark_are_kept(client):
    await client.write("messenger", "42", text="bonjour", wait=True)
    for action in ("mark_seen", "typing_on"):
        body = {"recipient": {"id": "42"}, "sender_action": action}
        assert (await client.graph("POST", "messages", json=body)).json() == {"recipient_id": "42"}
    conversation = client.simulator.conversations.find("messenger", "42")
    assert conversation.typing_until == pytest.approx(time.time() + 20, abs=2)
    assert (await client.conversation("messenger", "42"))[0]["seen"] is True
    await client.messenger_send("42")
    assert conversation.typing_until == 0


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"text": "x" * 2001}, 100),
        ({"text": ""}, 100),
        ({"quick_replies": [{"content_type": "text", "title": "A", "payload": "a"}] * 14}, 100),
        ({"quick_replies": [{"content_type": "text", "title": "A", "payload": "p" * 1001}]}, 100),
        ({"metadata": "m" * 1001}, 100),
    ],
)
async def test_message_beyond_a_limit_is_refused(client, message, code):
    await client.write("messenger", "42", text="bonjour", wait=True)
    response = await client.messenger_send("42", **({"text": "ok"} | message))
    assert response.status_code == 400
    assert error_of(response) == (code, None)


async def test_longest_allowed_text_passes(client):
    await client.write("messenger", "42", text="bonjour", wait=True)
    assert (await client.messenger_send("42", "é" * 2000)).status_code == 200


async def test_stranger_cannot_be_written_to(client):
    assert error_of(await client.messenger_send("nobody")) == (100, 2018001)


async def test_wrong_token_and_missing_proof_are_refused(client):
    await client.write("messenger", "42", text="bonjour", wait=True)
    assert error_of(await client.graph("POST", "messages", json={}, token="stolen"))[0] == 190
    missing = await client.graph("POST", "messages", json={}, params={"appsecret_proof": ""})
    wrong = await client.graph("POST", "messages", json={}, params={"appsecret_proof": "00"})
    assert error_of(missing)[0] == error_of(wrong)[0] == 100
    assert (await client.http.get("/api/stats")).json()["sends"]["messenger"] == {
        "accepted": 0,
        "refused": 3,
        "cut": 0,
    }


async def test_subscription_is_told(client):
    data = (await client.graph("GET", "subscribed_apps")).json()["data"]
    assert data[0]["id"] == client.settings.messenger.app_id
    assert "messages" in data[0]["subscribed_fields"]


@pytest.mark.parametrize(("verify_token", "accepted"), [("simulated-verify-token", True), ("guessed", False)])
async def test_callback_is_registered_only_after_the_handshake(client, verify_token, accepted):
    account = client.settings.messenger
    form = {
        "object": "page",
        "callback_url": f"{client.settings.gateway_url}/webhooks/messenger",
        "verify_token": verify_token,
        "access_token": f"{account.app_id}|{account.app_secret}",
    }
    response = await client.http.post(f"/v25.0/{account.app_id}/subscriptions", data=form)
    assert (response.status_code == 200) is accepted
