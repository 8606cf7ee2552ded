"""Events reach the gateway signed, in order, again until taken, with the same bytes."""

import asyncio
import json

from simulator.conversations import Status
from simulator.webhooks import Delivery, WebhookDispatcher


async def test_messenger_message_arrives_signed_in_the_platforms_form(client, gateway):
    mid = await client.write("messenger", "42", text="où / quand ?", wait=True)
    assert b"o\\u00f9 \\/ quand ?" in gateway.bodies[0]
    item = gateway.messenger_items[0]
    assert item["sender"] == {"id": "42"}
    assert item["recipient"] == {"id": client.settings.messenger.page_id}
    assert item["message"] == {"mid": mid, "text": "où / quand ?"}


async def test_x_message_arrives_signed_as_an_activity_event(client, gateway):
    event_id = await client.write("x", "43", text="où ?", wait=True)
    data = gateway.x_events[0]
    assert data["event_type"] == "dm.received"
    assert data["filter"] == {"user_id": client.settings.x.account_id}
    event = data["payload"]["direct_message_events"][0]
    assert event["id"] == event_id
    assert event["message_create"]["sender_id"] == "43"
    assert event["message_create"]["message_data"]["text"] == "où ?"
    assert data["payload"]["users"]["43"]["data"]["id"] == "43"


async def test_refused_webhook_comes_again_with_the_same_bytes(client, gateway):
    gateway.statuses = [503, 500]
    await client.write("messenger", "42", text="bonjour", wait=True)
    assert len(gateway.attempts) == 3
    assert len(set(gateway.attempts)) == 1
    assert (await client.conversation("messenger", "42"))[0]["status"] == "delivered"


async def test_message_written_while_the_gateway_is_away_arrives_when_it_is_back(client, gateway):
    await gateway.stop()
    await client.write("messenger", "42", text="un")
    await client.write("messenger", "42", text="deux")
    await client.until(lambda: client.simulator.dispatcher.counts.refused >= 2)
    assert [message["status"] for message in await client.conversation("messenger", "42")] == ["pending", "pending"]
    await gateway.start()
    await client.quiet()
    assert [item["message"]["text"] for item in gateway.messenger_items] == ["un", "deux"]


async def test_messages_of_one_conversation_keep_their_order_through_failures(client, gateway):
    gateway.statuses = [500, 200, 503, 200, 500]
    for number in range(15):
        await client.write("messenger", "42", text=str(number))
    await client.quiet()
    assert [item["message"]["text"] for item in gateway.messenger_items] == [str(number) for number in range(15)]


async def test_conversations_do_not_wait_for_one_another(client, gateway):
    gateway.delay_seconds = 0.2
    started = asyncio.get_running_loop().time()
    await asyncio.gather(*(client.write("x", f"{number}", text="hi", wait=True) for number in range(20)))
    assert asyncio.get_running_loop().time() - started < 2.0
    assert len(gateway.bodies) == 20


async def test_redelivery_posts_the_same_webhook_again(client, gateway):
    await client.write("x", "43", text="twice", redeliver=3, wait=True)
    assert len(gateway.bodies) == 4
    assert len(set(gateway.bodies)) == 1


async def test_known_message_id_is_redelivered_and_not_stored_twice(client, gateway):
    first = await client.write("messenger", "42", text="bonjour", message_id="m_mine", wait=True)
    again = await client.write("messenger", "42", text="bonjour", message_id="m_mine", wait=True)
    assert first == again == "m_mine"
    assert len(await client.conversation("messenger", "42")) == 1
    assert [item["message"]["mid"] for item in gateway.messenger_items] == ["m_mine", "m_mine"]
    assert gateway.messenger_items[0]["timestamp"] == gateway.messenger_items[1]["timestamp"]


async def test_webhook_is_given_up_after_its_time():
    dispatcher = WebhookDispatcher(give_up_seconds=0.3)
    await dispatcher.open()
    outcome: list[str] = []
    done = asyncio.Event()
    delivery = Delivery("http://127.0.0.1:9/", b"{}", {}, on_failed=lambda: outcome.append("failed"), done=done)
    dispatcher.enqueue("messenger:42", delivery)
    await asyncio.wait_for(done.wait(), 5)
    assert outcome == ["failed"]
    assert (dispatcher.counts.failed, dispatcher.counts.pending) == (1, 0)
    await dispatcher.close()


async def test_nothing_is_posted_while_the_page_is_unsubscribed(client, gateway):
    assert (await client.graph("DELETE", "subscribed_apps")).json() == {"success": True}
    await client.write("messenger", "42", text="anybody?", wait=True)
    assert gateway.attempts == []
    assert (await client.conversation("messenger", "42"))[0]["status"] == Status.UNSENT
    await client.graph("POST", "subscribed_apps", params={"subscribed_fields": "messages"})
    await client.write("messenger", "42", text="hello", wait=True)
    assert len(gateway.bodies) == 1


async def test_stats_count_what_was_delivered(client, gateway):
    gateway.statuses = [503]
    await client.write("messenger", "42", text="bonjour", wait=True)
    stats = (await client.http.get("/api/stats")).json()
    assert stats["webhooks"] == {"delivered": 1, "pending": 0, "failed": 0, "attempts": 2, "refused": 1}
    assert json.dumps(stats["sends"]["accepted"]) == "0"
