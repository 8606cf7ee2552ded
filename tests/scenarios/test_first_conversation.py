"""What a newcomer does first, and what a customer then sees, through every process."""

import httpx

from tests.scenarios.installation import Installation, eventually
from tests.scenarios.responses import response_of


def test_a_general_question_on_messenger_gets_a_friendly_answer_that_discloses_automation(parvis: Installation, user):
    parvis.write("messenger", user, "vous ouvrez à quelle heure à Lyon ?")
    introduction, answer = eventually(lambda: _at_least(parvis, "messenger", user, 2))
    assert response_of(introduction) == "utter_introduction"
    assert response_of(answer) in {"utter_store_hours_open", "utter_store_hours_closed", "utter_store_hours_holiday"}
    assert "Lyon" in answer


def test_a_private_question_on_x_opens_a_ticket_and_is_completed_with_an_address(parvis: Installation, user):
    parvis.write("x", user, "where is my order??")
    eventually(lambda: "utter_request_contact" in _responses(parvis, "x", user))
    opened = eventually(lambda: _mails_about(parvis, user))
    assert "where is my order??" in opened[0]["text"]

    parvis.write("x", user, "ann.lee@example.com")
    eventually(lambda: "utter_ticket_promise_email" in _responses(parvis, "x", user))
    first, second = eventually(lambda: len(found := _mails_about(parvis, user)) == 2 and found)
    assert second["in_reply_to"] == first["message_id"]
    assert "ann.lee@example.com" in second["text"]
    assert first["subject"].split("]")[0] == second["subject"].replace("Re: ", "").split("]")[0]


def test_a_phone_number_becomes_a_link_that_calls_it(parvis: Installation, user):
    parvis.write("messenger", user, "Je veux parler à quelqu'un, c'est inadmissible, mon colis n'est jamais arrivé !")
    eventually(lambda: _mails_about(parvis, user))
    parvis.write("messenger", user, "06 12 34 56 78 après 18h")
    mail = eventually(lambda: [one for one in _mails_about(parvis, user) if "tel:+33612345678" in one["html"]])[0]
    assert "+33612345678" in mail["text"].replace(" ", "")
    assert "18h" in mail["text"]


def test_fifteen_messages_in_a_row_are_answered_in_order(parvis: Installation, user):
    questions = [
        ("Quels sont vos moyens de paiement ?", "utter_faq_payment_methods"),
        ("combien coûte la livraison ?", "utter_faq_delivery_cost"),
        ("quels sont les délais de livraison ?", "utter_faq_delivery_time"),
    ] * 5
    for text, _ in questions:
        parvis.write("messenger", user, text)
    replies = eventually(lambda: _at_least(parvis, "messenger", user, 16), seconds=30)
    assert [response_of(reply) for reply in replies] == ["utter_introduction", *(name for _, name in questions)]


def test_a_redelivered_webhook_gets_one_reply(parvis: Installation, user):
    parvis.write("messenger", user, "combien coûte la livraison ?", redeliver=3)
    parvis.write("messenger", user, "Quels sont vos moyens de paiement ?")
    eventually(lambda: _quiet(parvis) and _at_least(parvis, "messenger", user, 3))
    expected = ["utter_introduction", "utter_faq_delivery_cost", "utter_faq_payment_methods"]
    assert _responses(parvis, "messenger", user) == expected


def test_a_customer_cannot_give_commands(parvis: Installation, user):
    parvis.write("messenger", user, "/restart")
    eventually(lambda: _at_least(parvis, "messenger", user, 2))
    parvis.write("messenger", user, "/human_cancel_ticket")
    replies = eventually(lambda: _at_least(parvis, "messenger", user, 3))
    assert "utter_introduction" not in [response_of(reply) for reply in replies[1:]], "the session was not restarted"


def test_a_tapped_quick_reply_is_understood_without_doubt(parvis: Installation, user):
    parvis.write("messenger", user, "bonjour")
    eventually(lambda: _at_least(parvis, "messenger", user, 2))
    last = parvis.conversation("messenger", user)[-1]
    assert last["quick_replies"], "a greeting offers what the assistant can do"
    choice = last["quick_replies"][0]
    parvis.write("messenger", user, choice["title"], payload=choice["payload"])
    eventually(lambda: len(parvis.replies("messenger", user)) > 2)


def test_a_person_who_answers_on_the_platform_silences_the_assistant(parvis: Installation, user):
    parvis.write("messenger", user, "bonjour")
    eventually(lambda: _at_least(parvis, "messenger", user, 2))
    answer = parvis.simulator.post(f"/api/messenger/users/{user}/human_reply", json={"text": "Ici Léa, je m'en occupe"})
    answer.raise_for_status()
    eventually(lambda: _quiet(parvis))
    before = len(parvis.replies("messenger", user))
    parvis.write("messenger", user, "merci Léa, quels sont vos horaires ?")
    other = f"{user}1"
    parvis.write("messenger", other, "bonjour")
    eventually(lambda: _at_least(parvis, "messenger", other, 2))
    assert len(parvis.replies("messenger", user)) == before


def test_our_own_echoes_on_x_silence_nobody(parvis: Installation, user):
    for number, text in enumerate(("hello", "how much is delivery?", "which payment methods do you take?"), start=2):
        parvis.write("x", user, text)
        eventually(lambda expected=number: _at_least(parvis, "x", user, expected))


def test_an_unsigned_webhook_is_refused(parvis: Installation):
    address = f"http://127.0.0.1:{parvis.ports['gateway']}/webhooks/"
    for channel in ("messenger", "x"):
        assert httpx.post(address + channel, json={"object": "page", "entry": []}).status_code == 401
    assert httpx.post(address + "messenger", content=b"x" * (1024 * 1024 + 1)).status_code == 413
    assert httpx.post(address + "telegram", json={}).status_code == 404


def test_the_message_log_keeps_both_sides_with_card_numbers_masked(parvis: Installation, user):
    import sqlite3

    parvis.write("messenger", user, "ma carte 4111 1111 1111 1111 a été débitée deux fois !!")
    eventually(lambda: _at_least(parvis, "messenger", user, 2))

    def logged() -> list[tuple[str, str]]:
        with sqlite3.connect(parvis.home / "parvis.db") as database:
            rows = database.execute("SELECT direction, text FROM messages WHERE user_id = ? ORDER BY id", (user,))
            return rows.fetchall()

    rows = eventually(lambda: len(found := logged()) >= 3 and found)
    assert {direction.lower() for direction, _ in rows} == {"in", "out"}
    assert not any("4111 1111" in text or "1111 1111" in text for _, text in rows)


def test_logs_hold_no_words_of_customers(parvis: Installation, user):
    parvis.write("messenger", user, "Mon mot de passe est chrysanthème42, quels sont vos horaires ?")
    eventually(lambda: _at_least(parvis, "messenger", user, 2))
    logs = (parvis.home / "logs").glob("*.log")
    assert not [log.name for log in logs if "chrysanthème42" in log.read_text(encoding="utf-8", errors="replace")]


def _at_least(parvis: Installation, channel: str, user: str, count: int) -> list[str] | None:
    replies = parvis.replies(channel, user)
    return replies if len(replies) >= count else None


def _responses(parvis: Installation, channel: str, user: str) -> list[str]:
    return [response_of(reply) for reply in parvis.replies(channel, user)]


def _mails_about(parvis: Installation, user: str) -> list[dict]:
    return [mail for mail in parvis.mailbox() if f":{user}" in mail["text"]]


def _quiet(parvis: Installation) -> bool:
    return parvis.simulator.get("/api/stats").json()["webhooks"]["pending"] == 0
