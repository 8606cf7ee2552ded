"""Conversations in a real Redis: replaced as a whole or not at all. ``PARVIS_TEST_REDIS_URL`` says where it is."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, SessionStarted, SlotSet, UserUttered
from rasa.shared.core.trackers import EventVerbosity
from redis import Redis

from parvis_nlu.errors import ConversationChanged, StorageAway
from parvis_nlu.tracker_store import KEY_PREFIX, ConversationStore

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


def test_a_conversation_comes_back_as_it_was_saved() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        tracker = await store.get_or_create_tracker(who, append_action_listen=False)
        events = [
            SessionStarted(),
            UserUttered("héhé 😀", {"name": "greet", "confidence": 0.9}, message_id="m1", metadata={"channel": "x"}),
            SlotSet("language", "en"),
            BotUttered("Hello", {"buttons": [{"title": "A", "payload": "/a"}]}),
        ]
        tracker.update_with_events(events, DOMAIN)
        await store.save(tracker)
        again = await store.retrieve(who)
        assert again is not None
        assert [event.as_dict() for event in again.events] == [event.as_dict() for event in tracker.events]
        assert again.get_slot("language") == "en"

    run(scenario)


def test_an_empty_conversation_is_not_stored() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        await store.get_or_create_tracker(who)
        assert await store.retrieve(who) is None

    run(scenario)


def test_a_turn_that_read_an_older_state_cannot_overwrite_a_newer_one() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        first, second = await store.create_tracker(who), await store.create_tracker(who)
        first.update(UserUttered("first"), DOMAIN)
        second.update(UserUttered("second"), DOMAIN)
        await store.save(first)
        with pytest.raises(ConversationChanged):
            await store.save(second)
        stored = await store.retrieve(who)
        assert stored is not None
        assert [e.text for e in stored.events if isinstance(e, UserUttered)] == ["first"]
        stored.update(UserUttered("third"), DOMAIN)
        await store.save(stored)
        await store.save(stored)

    run(scenario)


def test_a_conversation_that_is_kept_is_the_one_that_is_stored() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        tracker = await store.create_tracker(who)
        for turn in range(25):
            tracker.update_with_events(
                [UserUttered(f"héhé {turn}"), SlotSet("language", "en"), BotUttered("Hi")], DOMAIN
            )
            await store.save(tracker)
            kept = await store.retrieve(who)
            stored = await ConversationStore(DOMAIN, ADDRESS).retrieve(who)
            assert kept is not None
            assert stored is not None
            assert kept.version == stored.version == turn + 1
            assert kept.current_state(EventVerbosity.ALL) == stored.current_state(EventVerbosity.ALL)
            tracker = kept

    run(scenario)


def test_what_somebody_else_has_changed_is_read_again() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        await store.save(await store.create_tracker(who))
        elsewhere = ConversationStore(DOMAIN, ADDRESS)
        theirs = await elsewhere.retrieve(who)
        assert theirs is not None
        theirs.update(UserUttered("elsewhere"), DOMAIN)
        await elsewhere.save(theirs)
        ours = await store.retrieve(who)
        assert ours is not None
        assert [e.text for e in ours.events if isinstance(e, UserUttered)] == ["elsewhere"]

    run(scenario)


def test_a_conversation_that_was_deleted_is_forgotten() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        await store.save(await store.create_tracker(who))
        Redis.from_url(ADDRESS).delete(KEY_PREFIX + who)
        assert await store.retrieve(who) is None

    run(scenario)


def test_nothing_is_left_of_a_turn_that_was_not_saved() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        await store.save(await store.create_tracker(who))
        broken_off = await store.retrieve(who)
        assert broken_off is not None
        broken_off.update(UserUttered("lost"), DOMAIN)
        again = await store.retrieve(who)
        assert again is not None
        assert not [event for event in again.events if isinstance(event, UserUttered)]

    run(scenario)


def test_a_conversation_expires() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        await store.save(await store.create_tracker(who))
        assert 3590 <= Redis.from_url(ADDRESS).ttl(KEY_PREFIX + who) <= 3600

    run(scenario)


def test_conversations_can_be_listed() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        await store.save(await store.create_tracker(who))
        assert who in await store.keys()

    run(scenario)


def test_an_unreachable_redis_is_an_error_and_no_empty_memory() -> None:
    async def scenario(store: ConversationStore, who: str) -> None:
        with pytest.raises(StorageAway):
            await store.retrieve(who)
        with pytest.raises(StorageAway):
            await store.save(store.init_tracker(who))

    run(scenario, "redis://127.0.0.1:1/0")
