"""Conversations in a real Redis, as turns go on with them. ``PARVIS_TEST_REDIS_URL`` says where it is."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import EventVerbosity
from redis import Redis

from parvis_nlu.errors import StorageAway
from parvis_nlu.tracker_store import EVENTS_PREFIX, VERSION_PREFIX, Conversation, ConversationStore, StoredTracker

ADDRESS = os.environ.get("PARVIS_TEST_REDIS_URL", "")
pytestmark = pytest.mark.skipif(not ADDRESS, reason="PARVIS_TEST_REDIS_URL is not set")

DOMAIN = Domain.from_yaml(
    """
version: "3.1"
slots:
  language: {type: text, initial_value: fr, mappings: [{type: custom}]}
"""
)


def run(test: Callable[[ConversationStore, str], Awaitable[None]], address: str = ADDRESS) -> None:
    asyncio.run(test(ConversationStore(DOMAIN, address, record_exp=3600), f"x:A:{uuid.uuid4().hex}"))


def store_it(who: str, given: Conversation) -> None:
    """As the caller of a turn does."""
    redis = Redis.from_url(ADDRESS)
    redis.set(VERSION_PREFIX + who, given.version)
    (redis.append if given.continues else redis.set)(EVENTS_PREFIX + who, given.events)


def says(tracker: StoredTracker, text: str) -> None:
    tracker.update(UserUttered(text, message_id=text), DOMAIN)


def said(tracker: StoredTracker) -> list[str]:
    return [event.text for event in tracker.events if isinstance(event, UserUttered)]


def test_a_conversation_comes_back_as_it_was_given() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        tracker = await store.resume(who, "", "m1")
        events = [
            SessionStarted(),
            UserUttered("héhé 😀", {"name": "greet", "confidence": 0.9}, message_id="m1", metadata={"channel": "x"}),
            SlotSet("language", "en"),
            BotUttered("Hello", {"buttons": [{"title": "A", "payload": "/a"}]}),
        ]
        tracker.update_with_events(events, DOMAIN)
        given = store.give(tracker)
        store_it(who, given)
        again = await ConversationStore(DOMAIN, ADDRESS).resume(who, given.version, "m2")
        assert [event.as_dict() for event in again.events] == [event.as_dict() for event in tracker.events]
        assert again.get_slot("language") == "en"

    run(scenario)


def test_a_conversation_is_given_with_the_version_it_follows_and_how_long_it_is_kept() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        first = store.give(await store.resume(who, "", "m1"))
        store_it(who, first)
        second = store.give(await store.resume(who, first.version, "m2"))
        assert (first.after, second.after) == ("", first.version)
        assert second.version not in ("", first.version)
        assert (first.seconds, second.seconds) == (3600, 3600)

    run(scenario)


def test_only_what_is_new_is_given_until_the_conversation_is_shortened() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        tracker = await store.resume(who, "", "m")
        given = []
        for turn in range(20):
            says(tracker, f"m{turn}")
            given.append(store.give(tracker))
            store_it(who, given[-1])
            tracker = await store.resume(who, given[-1].version, "next")
        assert [turn for turn, one in enumerate(given) if not one.continues] == [0, 19]
        assert given[18].events.count("m18")
        assert not given[18].events.count("m17")
        assert said(await ConversationStore(DOMAIN, ADDRESS).resume(who, given[-1].version, "next")) == [
            f"m{turn}" for turn in range(10, 20)
        ]

    run(scenario)


def test_a_conversation_that_is_kept_is_the_one_that_is_stored() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        tracker = await store.resume(who, "", "m")
        for turn in range(25):
            tracker.update_with_events(
                [UserUttered(f"héhé {turn}"), SlotSet("language", "en"), BotUttered("Hi")], DOMAIN
            )
            given = store.give(tracker)
            store_it(who, given)
            kept = await store.resume(who, given.version, "next")
            stored = await ConversationStore(DOMAIN, ADDRESS).resume(who, given.version, "next")
            assert kept.version == stored.version == given.version
            assert kept.current_state(EventVerbosity.ALL) == stored.current_state(EventVerbosity.ALL)
            tracker = kept

    run(scenario)


def test_what_somebody_else_has_stored_is_read() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        first = store.give(await store.resume(who, "", "m1"))
        store_it(who, first)
        elsewhere = ConversationStore(DOMAIN, ADDRESS)
        theirs = await elsewhere.resume(who, first.version, "elsewhere")
        says(theirs, "elsewhere")
        second = elsewhere.give(theirs)
        store_it(who, second)
        assert said(await store.resume(who, second.version, "m3")) == ["elsewhere"]

    run(scenario)


def test_a_conversation_that_is_stored_no_more_is_forgotten() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        tracker = await store.resume(who, "", "m1")
        says(tracker, "m1")
        store.give(tracker)
        assert said(await store.resume(who, "", "m2")) == []

    run(scenario)


def test_nothing_is_left_of_a_turn_that_broke_off() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        given = store.give(await store.resume(who, "", "m1"))
        store_it(who, given)
        says(await store.resume(who, given.version, "m2"), "lost")
        assert said(await store.resume(who, given.version, "m2")) == []

    run(scenario)


def test_a_turn_that_was_not_stored_is_given_again_for_its_message_and_forgotten_for_another() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        tracker = await store.resume(who, "", "m1")
        says(tracker, "m1")
        given = store.give(tracker)
        again = await store.resume(who, "", "m1")
        assert again.to_be_stored("") is given
        assert again.to_be_stored(given.version) is None
        assert said(await store.resume(who, "", "m2")) == []

    run(scenario)


def test_conversations_can_be_listed() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        store_it(who, store.give(await store.resume(who, "", "m1")))
        assert who in await store.keys()

    run(scenario)


def test_a_conversation_cannot_be_stored_without_its_replies() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        with pytest.raises(NotImplementedError):
            await store.save(store.init_tracker(who))

    run(scenario)


def test_an_unreachable_redis_is_an_error_and_no_empty_memory() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        with pytest.raises(StorageAway):
            await store.resume(who, "stored by another", "m1")

    run(scenario, "redis://127.0.0.1:1/0")
