"""X's answers, as the brand's sender and poller meet them."""

import dataclasses
import json

import pytest
from authlib.oauth1 import ClientAuth


@pytest.fixture
def older_shape(settings):
    return dataclasses.replace(settings.x, shape="account_activity")


async def test_accepted_message_is_stored_and_told_as_sent(client, gateway):
    await client.write("x", "43", text="hello", wait=True)
    response = await client.x_send("43", "Hi!")
    assert response.status_code == 201
    event_id = response.json()["data"]["dm_event_id"]
    assert response.json()["data"]["dm_conversation_id"] == f"43-{client.settings.x.account_id}"
    await client.quiet()
    data = gateway.x_events[-1]
    assert data["event_type"] == "dm.sent"
    event = data["payload"]["direct_message_events"][0]
    assert event["id"] == event_id
    assert event["message_create"]["sender_id"] == client.settings.x.account_id
    assert "source_app_id" not in event["message_create"]
    assert (await client.conversation("x", "43"))[-1]["text"] == "Hi!"


async def test_older_shape_names_the_sending_application(client, gateway, older_shape):
    client.simulator.x.events.account = older_shape
    await client.write("x", "43", text="hello", wait=True)
    await client.x_send("43", "Hi!")
    await client.http.post("/api/x/users/43/human_reply", json={"text": "Ann here"})
    await client.quiet()
    received, own, foreign = map(json.loads, gateway.bodies)
    assert received["for_user_id"] == client.settings.x.account_id
    assert received["users"]["43"]["id"] == "43"
    own_create = own["direct_message_events"][0]["message_create"]
    foreign_create = foreign["direct_message_events"][0]["message_create"]
    assert own_create["source_app_id"] == client.settings.x.app_id
    assert foreign_create["source_app_id"] != client.settings.x.app_id
    assert own["apps"][client.settings.x.app_id]["id"] == client.settings.x.app_id


async def test_attachment_comes_with_its_short_link(client, gateway):
    await client.write("x", "43", text="look", attachment="image", wait=True)
    data = gateway.x_events[0]["payload"]["direct_message_events"][0]["message_create"]["message_data"]
    link = data["entities"]["urls"][0]
    assert data["attachment"]["type"] == "media"
    assert data["text"][slice(*link["indices"])] == link["url"]


async def test_addresses_are_shortened_and_three_characters_escaped(client, gateway):
    await client.write("x", "43", text="a <b> & https://shop.example/lyon, ok", wait=True)
    data = gateway.x_events[0]["payload"]["direct_message_events"][0]["message_create"]["message_data"]
    link = data["entities"]["urls"][0]
    assert link["expanded_url"] == "https://shop.example/lyon"
    assert data["text"] == f"a &lt;b&gt; &amp; {link['url']}, ok"
    assert (await client.conversation("x", "43"))[0]["text"] == "a <b> & https://shop.example/lyon, ok"


async def test_media_of_read_back_events_are_included_when_asked_for(client):
    await client.write("x", "43", attachment="video", wait=True)
    path = "/2/dm_events?dm_event.fields=attachments&expansions=attachments.media_keys"
    body = (await client.x_call("GET", path)).json()
    assert body["data"][0]["attachments"]["media_keys"] == [body["includes"]["media"][0]["media_key"]]
    assert body["includes"]["media"][0]["type"] == "video"


@pytest.mark.parametrize(("user", "body"), [("ann", {"text": "hi"}), ("43", {"attachment": "location"})])
async def test_what_x_does_not_know_is_refused(client, user, body):
    assert (await client.http.post(f"/api/x/users/{user}/messages", json=body)).status_code == 400


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"client_secret": "other"},
        {"token": "other"},
        {"token_secret": "other"},
        {"signature_method": "PLAINTEXT"},
    ],
)
async def test_wrongly_signed_call_is_unauthorised(client, changes):
    await client.write("x", "43", text="hello", wait=True)
    response = await client.x_call("POST", "/2/dm_conversations/with/43/messages", {"text": "Hi"}, **changes)
    assert response.status_code == 401
    assert response.json()["title"] == "Unauthorized"


async def test_signature_covers_the_query(client):
    assert (await client.x_call("GET", "/2/dm_events?max_results=5&event_types=MessageCreate")).status_code == 200
    url = f"{client.http.base_url}/2/dm_events?max_results=5"
    account = client.settings.x
    auth = ClientAuth(account.consumer_key, account.consumer_secret, account.access_token, account.access_token_secret)
    _, headers, _ = auth.prepare("GET", url, {"Content-Type": "application/json"}, b"")
    assert (await client.http.get(url.replace("=5", "=6"), headers=headers)).status_code == 401
    assert (await client.http.get(url, headers=headers)).status_code == 200
    replayed = await client.http.get(url, headers=headers)
    assert replayed.status_code == 401


async def test_application_token_may_not_touch_direct_messages(client):
    response = await client.x_app("POST", "/2/dm_conversations/with/43/messages", {"text": "Hi"})
    assert response.status_code == 403
    assert response.json()["type"].endswith("unsupported-authentication")


@pytest.mark.parametrize("body", [{"text": ""}, {"text": "x" * 10_001}, {}, {"text": "Hi", "quick_reply": {}}])
async def test_body_outside_the_schema_is_refused(client, body):
    await client.write("x", "43", text="hello", wait=True)
    response = await client.x_call("POST", "/2/dm_conversations/with/43/messages", body)
    assert response.status_code == 400


async def test_who_never_wrote_cannot_be_written_to(client):
    assert (await client.x_send("99")).status_code == 403


async def test_rate_limit_is_told_and_enforced(client):
    client.simulator.x.send_window.limit = 2
    await client.write("x", "43", text="hello", wait=True)
    answers = [await client.x_send("43", str(number)) for number in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answer.headers["x-rate-limit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert int(answers[2].headers["x-rate-limit-reset"]) > 0


async def test_events_are_read_back_newest_first_in_pages(client):
    for number in range(5):
        await client.write("x", f"{number % 2}", text=str(number), wait=True)
    texts, token = [], ""
    for _ in range(3):
        page = (await client.x_call("GET", f"/2/dm_events?max_results=2{token}")).json()
        texts += [event["text"] for event in page["data"]]
        token = f"&pagination_token={page['meta'].get('next_token')}"
    assert texts == ["4", "3", "2", "1", "0"]
    assert "next_token" not in page["meta"]


async def test_fields_of_an_event_come_only_when_asked_for(client):
    await client.write("x", "43", text="hello", wait=True)
    await client.x_send("43", "Hi!")
    bare = (await client.x_call("GET", "/2/dm_events")).json()["data"][0]
    assert bare.keys() == {"id", "text", "event_type"}
    path = "/2/dm_conversations/with/43/dm_events?dm_event.fields=sender_id,created_at,dm_conversation_id"
    full = (await client.x_call("GET", path)).json()["data"]
    assert [event["sender_id"] for event in full] == [client.settings.x.account_id, "43"]
    assert (await client.x_call("GET", "/2/dm_conversations/with/99/dm_events")).json()["meta"]["result_count"] == 0


async def test_webhook_is_registered_only_after_the_crc(client, gateway):
    url = f"{client.settings.gateway_url}/webhooks/other"
    gateway.crc_secret = "wrong"
    refused = await client.x_app("POST", "/2/webhooks", {"url": url})
    assert refused.status_code == 400
    assert "CrcValidationFailed" in refused.json()["detail"]
    gateway.crc_secret = client.settings.x.consumer_secret
    created = await client.x_app("POST", "/2/webhooks", {"url": url})
    assert created.json()["data"]["valid"] is True
    assert "DuplicateUrlFailed" in (await client.x_app("POST", "/2/webhooks", {"url": url})).json()["detail"]


async def test_public_address_must_use_https(client):
    refused = await client.x_app("POST", "/2/webhooks", {"url": "http://shop.example/webhooks/x"})
    assert "UrlValidationFailed" in refused.json()["detail"]


async def test_invalid_webhook_gets_no_events_until_it_is_validated_again(client, gateway):
    webhook_id = (await client.x_app("GET", "/2/webhooks")).json()["data"][0]["id"]
    gateway.answers_crc = False
    assert (await client.x_app("PUT", f"/2/webhooks/{webhook_id}")).json() == {"data": {"valid": False}}
    await client.write("x", "43", text="lost?", wait=True)
    assert gateway.attempts == []
    assert (await client.x_call("GET", "/2/dm_events")).json()["data"][0]["text"] == "lost?"
    gateway.answers_crc = True
    assert (await client.x_app("PUT", f"/2/webhooks/{webhook_id}")).json() == {"data": {"valid": True}}
    await client.write("x", "43", text="hello", wait=True)
    assert len(gateway.bodies) == 1


async def test_subscriptions_are_listed_made_and_deleted(client):
    listed = (await client.x_app("GET", "/2/activity/subscriptions")).json()
    assert {one["event_type"] for one in listed["data"]} == {"dm.received", "dm.sent"}
    received = next(one for one in listed["data"] if one["event_type"] == "dm.received")
    path = f"/2/activity/subscriptions/{received['subscription_id']}"
    assert (await client.x_app("DELETE", path)).json()["meta"] == {"total_subscriptions": 1}
    body = {
        "event_type": "dm.received",
        "filter": {"user_id": client.settings.x.account_id},
        "webhook_id": received["webhook_id"],
    }
    assert (await client.x_app("POST", "/2/activity/subscriptions", body)).status_code == 200
    assert (await client.x_app("POST", "/2/activity/subscriptions", body)).status_code == 409
