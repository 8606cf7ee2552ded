"""A conversation is kept short without forgetting where it stands."""

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActiveLoop,
    BotUttered,
    SessionStarted,
    SlotSet,
    UserUttered,
)

from parvis_nlu.tracker_store import ConversationStore, StoredTracker

DOMAIN = Domain.from_yaml(
    """
version: "3.1"
intents: [greet]
slots:
  language: {type: text, initial_value: fr, mappings: [{type: custom}]}
  city: {type: text, mappings: [{type: custom}]}
  contact: {type: text, mappings: [{type: custom}]}
forms:
  contact_form: {required_slots: [contact]}
"""
)


@pytest.fixture
def store() -> ConversationStore:
    return ConversationStore(DOMAIN, keep_turns=5)  # opens no connection before it is used


def conversation(store: ConversationStore, turns: int) -> StoredTracker:
    tracker = store.init_tracker("messenger:P:U")
    tracker.update(SessionStarted(), DOMAIN)
    for number in range(turns):
        tracker.update(ActionExecuted("action_listen"), DOMAIN)
        tracker.update(UserUttered(f"message {number}", message_id=str(number)), DOMAIN)
        if number == 1:
            tracker.update(SlotSet("language", "en"), DOMAIN)
            tracker.update(SlotSet("city", "Lyon"), DOMAIN)
            tracker.update(ActiveLoop("contact_form"), DOMAIN)
        tracker.update(BotUttered(f"answer {number}"), DOMAIN)
    return tracker


def restored(store: ConversationStore, tracker: StoredTracker) -> StoredTracker:
    again = store.init_tracker(tracker.sender_id)
    again.update_with_events(store.shortened(tracker), DOMAIN, override_timestamp=False)
    return again


def test_a_short_conversation_is_kept_whole(store: ConversationStore) -> None:
    tracker = conversation(store, 9)
    assert store.shortened(tracker) == list(tracker.events)


def test_a_long_conversation_keeps_its_last_turns(store: ConversationStore) -> None:
    kept = [e.text for e in store.shortened(conversation(store, 10)) if isinstance(e, UserUttered)]
    assert kept == [f"message {number}" for number in range(5, 10)]


def test_slots_and_the_open_form_outlive_the_turns_that_set_them(store: ConversationStore) -> None:
    tracker = restored(store, conversation(store, 40))
    assert tracker.get_slot("language") == "en"
    assert tracker.get_slot("city") == "Lyon"
    assert tracker.get_slot("contact") is None
    assert tracker.active_loop_name == "contact_form"
    assert tracker.applied_events()  # or the next message would open a new session


def test_five_hundred_turns_take_no_more_room_than_ten(store: ConversationStore) -> None:
    tracker = conversation(store, 1)
    for number in range(500):
        tracker.update(UserUttered(f"more {number}"), DOMAIN)
        tracker = restored(store, tracker)
    assert len(tracker.events) < 60
