"""Any process may be killed at any moment: every accepted message is answered, none twice, none out of order."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.scenarios.installation import Installation, eventually
from tests.scenarios.responses import response_of

USERS = 50
_HOURS = {"utter_store_hours_open", "utter_store_hours_closed", "utter_store_hours_holiday"}

# The third is answered by the action server, the others by Rasa alone.
QUESTIONS = [
    ("Quels sont vos moyens de paiement ?", {"utter_faq_payment_methods"}),
    ("combien coûte la livraison ?", {"utter_faq_delivery_cost"}),
    ("vous ouvrez à quelle heure à Lyon ?", _HOURS),
    ("quels sont les délais de livraison ?", {"utter_faq_delivery_time"}),
    ("quelle est votre politique de retour ?", {"utter_faq_return_policy"}),
    ("avez-vous des cartes cadeaux ?", {"utter_faq_gift_card"}),
]


@pytest.mark.parametrize("process", ["gateway", "worker", "sender", "rasa", "actions", "redis"])
def test_killed_amid_300_messages_every_one_is_answered_once_and_in_order(parvis: Installation, process: str):
    customers = _customers(process)
    accepted_before = _accepted(parvis)
    for text, _ in QUESTIONS:
        for channel, user in customers:
            parvis.write(channel, user, text)
    eventually(lambda: _accepted(parvis) > accepted_before + 80, seconds=60, every=0.02)
    parvis.kill(process)
    replies = _wait_for_all(parvis, customers)
    for customer, received in replies.items():
        names = [response_of(text) for text in received]
        assert names.count("utter_holding") <= 1, f"{customer} was told to wait more than once"
        introduction, *answers = [name for name in names if name != "utter_holding"]
        assert introduction == "utter_introduction", customer
        assert len(answers) == len(QUESTIONS), f"{customer} got {_told(parvis, customer)}"
        assert all(name in expected for name, (_, expected) in zip(answers, QUESTIONS, strict=True)), (
            customer,
            answers,
        )
    assert parvis.parvis("dead-letters", "list").stdout.strip() == "No dead letters."


def test_tickets_survive_the_death_of_the_action_server_and_are_opened_once(parvis: Installation):
    customers = [("messenger", str(7_700_000_000_000 + number)) for number in range(20)]
    for channel, user in customers:
        parvis.write(channel, user, "C'est un scandale, mon colis est arrivé cassé !")
    parvis.kill("actions")
    for channel, user in customers:
        eventually(lambda channel=channel, user=user: len(parvis.replies(channel, user)) >= 3, seconds=60)
    with sqlite3.connect(parvis.home / "parvis.db") as database:
        for channel, user in customers:
            conversation = f"{channel}:%:{user}"
            [[count]] = database.execute("SELECT count(*) FROM tickets WHERE conversation_id LIKE ?", (conversation,))
            assert count == 1
            names = [response_of(text) for text in parvis.replies(channel, user)]
            assert names.count("utter_introduction_sober") == 1, "once, and sober to the upset"


def test_sends_cut_off_before_the_answer_are_settled_by_their_echo(parvis: Installation):
    customers = _customers("cut")[:10]
    parvis.fault(cut=True, times=5)
    for channel, user in customers:
        parvis.write(channel, user, QUESTIONS[0][0])
    for channel, user in customers:
        eventually(lambda channel=channel, user=user: len(parvis.replies(channel, user)) >= 2, seconds=60)
    time.sleep(2)
    for channel, user in customers:
        names = [response_of(text) for text in parvis.replies(channel, user)]
        assert names == ["utter_introduction", "utter_faq_payment_methods"], (channel, user)


def test_a_platform_that_fails_is_tried_again_until_it_takes_the_reply(parvis: Installation, user: str):
    parvis.fault(send_status=500, times=3)
    parvis.write("messenger", user, QUESTIONS[0][0])
    replies = eventually(lambda: len(found := parvis.replies("messenger", user)) >= 2 and found, seconds=60)
    assert [response_of(text) for text in replies] == ["utter_introduction", "utter_faq_payment_methods"]


def test_a_dead_token_pauses_the_channel_until_it_is_resumed(parvis: Installation, user: str):
    parvis.fault(send_status=400, times=1, channel="messenger", error={"code": 190, "subcode": 460})
    parvis.write("messenger", user, QUESTIONS[0][0])
    eventually(lambda: not parvis.ready("sender")[0])
    _, report = parvis.ready("sender")
    assert "190" in report["problems"]["channel_messenger"]
    assert 'parvis_channel_paused{channel="messenger"} 1.0' in parvis.metrics("sender")
    parvis.write("x", user, "which payment methods do you take?")
    eventually(lambda: len(parvis.replies("x", user)) >= 2)
    assert parvis.replies("messenger", user) == []
    parvis.parvis("channels", "resume", "messenger")
    eventually(lambda: len(parvis.replies("messenger", user)) >= 2)
    eventually(lambda: parvis.ready("sender")[0])


def _customers(name: str) -> list[tuple[str, str]]:
    """Half on each channel, and new ones for each test."""
    first = 10**9 * (100 + sum(name.encode()))
    return [(("messenger", "x")[number % 2], str(first + number)) for number in range(USERS)]


def _told(parvis: Installation, customer: tuple[str, str]) -> list[tuple[float, str, str | None]]:
    """When the brand said what, and under which id of ours."""
    brand = [message for message in parvis.conversation(*customer) if message["from"] == "brand"]
    return [(message["at"], response_of(message["text"]), message["metadata"]) for message in brand]


def _accepted(parvis: Installation) -> int:
    return int(parvis.simulator.get("/api/stats").json()["sends"]["accepted"])


def _wait_for_all(parvis: Installation, customers: list[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """All replies, once nothing more comes."""
    wanted = len(QUESTIONS) + 1

    def read() -> dict[tuple[str, str], list[str]]:
        with ThreadPoolExecutor(8) as readers:
            return dict(zip(customers, readers.map(lambda one: parvis.replies(*one), customers), strict=True))

    def complete() -> bool:
        return all(sum(response_of(text) != "utter_holding" for text in texts) >= wanted for texts in read().values())

    eventually(complete, seconds=180, every=1.0)
    time.sleep(3)  # a reply sent twice would come now
    return read()
