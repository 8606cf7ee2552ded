"""Conversation Routing: one application at a time has a thread, and the others stand by."""

import time

import pytest

INBOX = "263902037430900"
OTHER_OWNER = (10, 2018300)


def error_of(response):
    error = response.json()["error"]
    return error["code"], error.get("error_subcode")


@pytest.fixture
async def begun(client):
    await client.write("messenger", "42", text="bonjour", wait=True)
    return client


async def test_an_idle_thread_is_the_applications_and_sending_makes_it_its_own(begun, gateway):
    assert await begun.thread_owner("42") is None
    assert (await begun.messenger_send("42")).status_code == 200
    assert await begun.thread_owner("42") == begun.settings.messenger.app_id
    assert gateway.standby_items == []


async def test_a_thread_passed_to_the_inbox_leaves_the_application_on_standby(begun, gateway):
    passed = await begun.thread_control("pass", "42", target_app_id=INBOX, metadata="call back")
    assert (passed.status_code, passed.json()) == (200, {"success": True})
    assert await begun.thread_owner("42") == INBOX
    await begun.write("messenger", "42", text="encore moi", wait=True)
    assert [item["message"]["text"] for item in gateway.standby_items] == ["encore moi"]
    assert [item["message"]["text"] for item in gateway.messenger_items] == ["bonjour"]
    for refused in (
        await begun.messenger_send("42"),
        await begun.graph("POST", "messages", json={"recipient": {"id": "42"}, "sender_action": "typing_on"}),
        await begun.thread_control("pass", "42", target_app_id="111"),
        await begun.thread_control("release", "42"),
    ):
        assert error_of(refused) == OTHER_OWNER


async def test_a_button_tapped_on_standby_tells_no_payload(begun, gateway):
    await begun.thread_control("pass", "42", target_app_id=INBOX)
    await begun.write("messenger", "42", payload="GET_STARTED", title="Démarrer", wait=True)
    postback = gateway.standby_items[0]["postback"]
    assert (postback["title"], "payload" in postback) == ("Démarrer", False)


async def test_the_default_application_takes_a_thread_back(begun, gateway):
    await begun.thread_control("pass", "42", target_app_id=INBOX)
    assert (await begun.thread_control("take", "42")).json() == {"success": True}
    assert (await begun.messenger_send("42")).status_code == 200
    await begun.write("messenger", "42", text="merci", wait=True)
    assert gateway.standby_items == []


async def test_a_released_thread_is_idle(begun):
    await begun.messenger_send("42")
    assert (await begun.thread_control("release", "42")).status_code == 200
    assert await begun.thread_owner("42") is None
    assert error_of(await begun.thread_control("release", "42")) == OTHER_OWNER


async def test_whoever_answers_in_the_inbox_takes_the_thread_without_a_word(begun, gateway):
    await begun.http.post("/api/messenger/users/42/human_reply", json={"text": "Ici Anne."})
    await begun.quiet()
    assert await begun.thread_owner("42") == INBOX
    [echo] = gateway.standby_items
    assert echo["message"]["is_echo"]
    assert all("take_thread_control" not in item for item in gateway.messenger_items)


async def test_the_inbox_takes_passes_releases_and_asks_for_a_thread(begun, gateway):
    ours = begun.settings.messenger.app_id
    await begun.messenger_send("42")
    for act in ("request", "take", "pass"):
        assert (await begun.inbox_acts(act, "42")).status_code == 200
    await begun.quiet()
    told = [item for item in gateway.messenger_items if any("thread_control" in key for key in item)]
    assert [{key: item[key] for key in item if "thread_control" in key} for item in told] == [
        {"request_thread_control": {"requested_owner_app_id": INBOX, "metadata": ""}},
        {"take_thread_control": {"previous_owner_app_id": ours, "new_owner_app_id": INBOX, "metadata": ""}},
        {"pass_thread_control": {"previous_owner_app_id": INBOX, "new_owner_app_id": ours, "metadata": ""}},
    ]
    assert (await begun.inbox_acts("release", "42")).status_code == 400
    assert (await begun.inbox_acts("dance", "42")).status_code == 400
    await begun.inbox_acts("take", "42")
    assert (await begun.inbox_acts("release", "42")).json() == {"owner": None}


async def test_control_lapses_a_day_after_the_last_word(begun, monkeypatch):
    await begun.thread_control("pass", "42", target_app_id=INBOX)
    a_day_on = time.time() + 24 * 3600 + 1
    monkeypatch.setattr("simulator.messenger.threads.time.time", lambda: a_day_on)
    assert begun.simulator.messenger.threads.owner("42") is None


async def test_an_application_that_did_not_subscribe_to_standby_hears_nothing(begun, gateway):
    begun.simulator.messenger.registrations.subscribed_fields = ["messages"]
    await begun.thread_control("pass", "42", target_app_id=INBOX)
    await begun.write("messenger", "42", text="allô ?", wait=True)
    assert gateway.standby_items == []


@pytest.mark.parametrize("target", [{}, {"target_app_id": "inbox"}])
async def test_a_thread_is_passed_to_an_application_by_its_number(begun, target):
    assert error_of(await begun.thread_control("pass", "42", **target)) == (100, None)


async def test_nobody_elses_token_moves_a_thread(begun):
    assert (
        error_of(await begun.graph("POST", "take_thread_control", token="x", json={"recipient": {"id": "42"}}))[0]
        == 190
    )
