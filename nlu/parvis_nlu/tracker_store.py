"""Conversations in Redis, as the Rasa process knows them: it reads them, and whoever asked for a turn stores them.

A turn gives the conversation after it as a value, with the version that it followed. The caller stores that value in
the same step in which the replies go on their way, and only over that very version: either both happen or neither, and
a turn that began from an old state cannot overwrite a newer one. Rasa's own Redis store is not enough for that:

- it merges two turns of a conversation, and guards them with a lock that a killed process leaves behind for a minute;
- Rasa wraps its stores so that an unreachable Redis silently starts a new conversation in memory; here it is an error;
- a conversation is kept at a bounded length, so that its turns never get slower: what the oldest turns left behind
  (slots, an open form) is kept, their words are not;
- a conversation whose last turn this process made is not read again, as long as the caller names its version;
- what nobody has added to for ``record_exp`` seconds expires, since it is personal data.
"""

from __future__ import annotations

import json
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import SerializedTrackerAsText, TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, ActiveLoop, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.utils.common import all_subclasses
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from parvis_nlu.errors import StorageAway

VERSION_PREFIX = "parvis:version:"
EVENTS_PREFIX = "parvis:events:"
_DAY = 24 * 3600
_SECONDS_FOR_REDIS = 5.0
_MOST_KEPT = 500

# Rasa's own lookup (``Event.resolve_by_type``) walks all classes again for every event: 25 ms for 20 turns.
_EVENT_TYPES: dict[str, type[Event]] = {kind.type_name: kind for kind in reversed(all_subclasses(Event))}

_encode = json.JSONEncoder(ensure_ascii=False).encode

# JSON that is not indented holds no line break of its own.
_BETWEEN_EVENTS = ",\n"


@dataclass(frozen=True)
class Conversation:
    """What a turn made of a conversation, to be stored for ``seconds`` if what is stored has the version ``after`` (""
    where nothing is). A version is a name that no other state has. ``events`` are to be appended to the stored ones if
    the conversation ``continues``, and replace them if not."""

    after: str
    version: str
    events: str
    continues: bool
    seconds: int


class StoredTracker(DialogueStateTracker):
    """A tracker that remembers which stored version it was read from; "" is a conversation that is not stored yet.

    ``stored`` is what its events were read from, by the events' identity: they never change, so they are written back
    as they came. ``given`` is what was made of it last for the caller to store.
    """

    version = ""
    given: Conversation | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored: dict[int, tuple[Event, str]] = {}

    def to_be_stored(self, stored: str) -> Conversation | None:
        """What was given last, if it follows ``stored``, the version that is; None when it is stored itself."""
        return self.given if self.given and self.given.after == stored else None


class ConversationStore(TrackerStore, SerializedTrackerAsText):
    """Rasa's interface to the above. Raises ``StorageAway``."""

    def __init__(
        self,
        domain: Domain | None = None,
        host: str = "redis://127.0.0.1:6379/0",
        event_broker: EventBroker | None = None,
        record_exp: int = 30 * _DAY,
        keep_turns: int = 10,
        **kwargs: Any,
    ) -> None:
        """``host`` is a Redis address (``redis://``, ``rediss://``): Rasa passes the endpoint's ``url`` by this name.

        ``record_exp`` is in seconds after the last turn. Between ``keep_turns`` and twice as many turns are kept.
        """
        super().__init__(domain, event_broker, **kwargs)
        self._expiry = int(record_exp)
        self._keep_turns = int(keep_turns)
        # One retry: after a restart of Redis the connection is stale, and only its use tells. One connection: a pool
        # would first look whether it is, and send nothing meanwhile.
        self._redis: Redis[str] = Redis.from_url(
            host,
            decode_responses=True,
            single_connection_client=True,
            socket_timeout=_SECONDS_FOR_REDIS,
            socket_connect_timeout=_SECONDS_FOR_REDIS,
            retry=Retry(NoBackoff(), 1),
            retry_on_error=[RedisConnectionError],
        )
        self._kept: OrderedDict[str, StoredTracker] = OrderedDict()

    def init_tracker(self, sender_id: str) -> StoredTracker:
        return StoredTracker(sender_id, self.domain.slots, max_event_history=self.max_event_history)

    async def resume(self, sender_id: str, version: str, message_id: str) -> StoredTracker:
        """The conversation of that version, for the turn of that message. If the turn was made before and not stored
        yet, the conversation after it."""
        kept = self._kept.get(sender_id)
        if kept and kept.to_be_stored(version) and holds(kept, message_id):
            return kept
        # Taken out: only a turn that is complete puts it back, as it is then.
        self._kept.pop(sender_id, None)
        if kept and kept.version == version:
            return kept
        stored = await self.retrieve(sender_id) if version else None
        return stored or self.init_tracker(sender_id)

    async def retrieve(self, sender_id: str) -> StoredTracker | None:
        try:
            version, events = await self._redis.mget(VERSION_PREFIX + sender_id, EVENTS_PREFIX + sender_id)
        except RedisError as error:
            raise StorageAway(type(error).__name__) from error
        return None if events is None or version is None else self._read(sender_id, version, events)

    def _read(self, sender_id: str, version: str, events: str) -> StoredTracker:
        tracker = self.init_tracker(sender_id)
        tracker.version = version
        tracker.events.extend(_read_event(parameters) for parameters in json.loads(f"[{events}]"))
        texts = events.split(_BETWEEN_EVENTS)
        if len(texts) == len(tracker.events):
            tracker.stored = {id(event): (event, text) for event, text in zip(tracker.events, texts, strict=True)}
        tracker.replay_events()
        return tracker

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Raises ``NotImplementedError``: what is stored apart from its replies could be stored without them."""
        raise NotImplementedError("whoever asks for a turn stores the conversation: see Conversation")

    def give(self, tracker: StoredTracker) -> Conversation:
        """The conversation as its caller shall store it. It is taken to be stored, until the caller says otherwise by
        naming another version."""
        events = self.shortened(tracker)
        whole = not events or events[0] is tracker.events[0]
        # Events are only ever added to a tracker, so what is stored is still the beginning of it.
        kept = tracker.stored if whole else {}
        new = {id(event): tracker.stored.get(id(event)) or (event, _written(event)) for event in events[len(kept) :]}
        text = (_BETWEEN_EVENTS if kept else "") + _BETWEEN_EVENTS.join(text for _, text in new.values())
        given = Conversation(tracker.version, uuid.uuid4().hex, text, bool(kept), self._expiry)
        tracker.given, tracker.version, tracker.stored = given, given.version, kept | new
        if whole:
            self._keep(tracker)
        return given

    def _keep(self, tracker: StoredTracker) -> None:
        self._kept[tracker.sender_id] = tracker
        self._kept.move_to_end(tracker.sender_id)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    async def keys(self) -> Iterable[str]:
        return [key.removeprefix(EVENTS_PREFIX) async for key in self._redis.scan_iter(match=EVENTS_PREFIX + "*")]

    def shortened(self, tracker: DialogueStateTracker) -> list[Event]:
        """The tracker's events, or from twice ``keep_turns`` turns on what the last ``keep_turns`` need."""
        events = list(tracker.events)
        turns = [index for index, event in enumerate(events) if type(event) is UserUttered]
        if len(turns) < 2 * self._keep_turns:
            return events
        cut = turns[-self._keep_turns]
        return [*self._left_behind(tracker, events[:cut]), *events[cut:]]

    def _left_behind(self, tracker: DialogueStateTracker, events: list[Event]) -> list[Event]:
        """The state after ``events`` as the fewest events that lead to it."""
        past = self.init_tracker(tracker.sender_id)
        past.update_with_events(events, self.domain, override_timestamp=False)
        at = events[-1].timestamp
        state: list[Event] = [
            SlotSet(slot.name, slot.value, timestamp=at)
            for slot in past.slots.values()
            if slot.value != slot.initial_value
        ]
        if past.active_loop_name:
            state.append(ActiveLoop(past.active_loop_name, timestamp=at))
        return [*state, ActionExecuted(ACTION_LISTEN_NAME, timestamp=at)]


def holds(tracker: DialogueStateTracker, message_id: str) -> bool:
    """Whether the turn of that message is in the conversation."""
    return any(type(event) is UserUttered and event.message_id == message_id for event in tracker.events)


def _written(event: Event) -> str:
    return _encode(event.as_dict())


def _read_event(parameters: dict[str, Any]) -> Event:
    return _EVENT_TYPES[parameters["event"]]._from_parameters(parameters)
