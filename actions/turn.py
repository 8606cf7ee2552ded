"""The turn that an action takes part in, read from what Rasa sends, and the voice it answers with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Tracker

_BUTTON_PREFIX: Final = "/"


@dataclass(frozen=True)
class Turn:
    """One message of a customer. ``text`` is empty for a tapped button; ``occurred_at`` is in UTC seconds.

    ``language`` is the one to answer in; ``written_in`` the one the customer writes, which may be no served one.
    ``candidates`` are the intents that an ambiguous message hovers between, the likeliest first. ``signs`` and
    ``severity`` ("high" or "critical") come from the safety layer.
    """

    conversation_id: str
    channel: str
    account_id: str
    user_id: str
    message_id: str
    text: str
    intent: str
    language: str
    written_in: str
    occurred_at: float
    candidates: tuple[str, ...] = ()
    signs: frozenset[str] = frozenset()
    severity: str | None = None

    @classmethod
    def of(cls, tracker: Tracker) -> "Turn":
        message = tracker.latest_message
        metadata = message.get("metadata") or {}
        conversation_id = metadata.get("conversation_id") or tracker.sender_id
        # Outside our own channel (rasa shell, rasa test) there is no metadata; the id still says who speaks.
        channel, account_id, user_id = (*conversation_id.split(":", 2), "", "")[:3]
        event = _latest_user_event(tracker)
        return cls(
            conversation_id=conversation_id,
            channel=metadata.get("channel") or channel,
            account_id=metadata.get("account_id") or account_id,
            user_id=metadata.get("user_id") or user_id,
            message_id=metadata.get("message_id") or message.get("message_id") or event.get("message_id", ""),
            text=_typed(message.get("text")),
            intent=(message.get("intent") or {}).get("name") or "",
            language=tracker.get_slot("language") or "fr",
            written_in=_written_in(tracker) or tracker.get_slot("language") or "fr",
            occurred_at=float(metadata.get("occurred_at") or event.get("timestamp") or 0.0),
            candidates=candidates_of(message),
            signs=frozenset(map(str, tracker.get_latest_entity_values("sign"))),
            severity=next(tracker.get_latest_entity_values("severity"), None),
        )


AMBIGUOUS: Final = "nlu_ambiguous"


def candidates_of(message: Mapping[str, Any]) -> tuple[str, ...]:
    """The intents that a message hovers between; empty when it is not ambiguous."""
    if (message.get("intent") or {}).get("name") != AMBIGUOUS:
        return ()
    names = [str(ranked.get("name")) for ranked in message.get("intent_ranking") or []]
    return tuple(name for name in names if not name.startswith(("nlu_", "off_topic")))[:2]


def said_before(tracker: Tracker) -> set[str]:
    """The responses that the assistant gave to the message before this one."""
    return next(_said_in_turns_before(tracker), set())


def lost_before(tracker: Tracker) -> list[set[str]]:
    """What was said to the messages just before this one that were not understood either, the newest first."""
    return list(takewhile(lambda said: any(map(_is_lost, said)), _said_in_turns_before(tracker)))


def times_said(tracker: Tracker, response: str) -> int:
    """How often the assistant said it lately (conversations are kept at a bounded length)."""
    bots = (event for event in tracker.events if event.get("event") == "bot")
    return sum((event.get("metadata") or {}).get("utter_action") == response for event in bots)


def message_before(tracker: Tracker) -> Mapping[str, Any]:
    """The message before this one as it was understood; empty for the first."""
    events = (event for event in _events_before_this_turn(tracker) if event.get("event") == "user")
    return next(events, {}).get("parse_data") or {}


def text_before(tracker: Tracker) -> str:
    """What the customer wrote before this message; empty for a tapped button."""
    return _typed(message_before(tracker).get("text"))


def runs_after(tracker: Tracker, *actions: str) -> bool:
    """Whether one of ``actions`` has run since the customer's message."""
    for event in reversed(tracker.events):
        if event.get("event") == "user":
            return False
        if event.get("event") == "action" and event.get("name") in actions:
            return True
    return False


class Voice:
    """Says responses of the domain, which picks the words for the conversation's language and channel."""

    def __init__(self, dispatcher: CollectingDispatcher) -> None:
        self._dispatcher = dispatcher

    def say(
        self, response: str, facts: Mapping[str, str] | None = None, buttons: Sequence[Mapping[str, str]] = ()
    ) -> None:
        """``facts`` are what the response shows in braces besides the domain's slots; ``buttons`` join its own."""
        named: dict[str, Any] = dict(facts or {})
        self._dispatcher.utter_message(response=response, buttons=[dict(button) for button in buttons], **named)


def _typed(text: str | None) -> str:
    return "" if not text or text.startswith(_BUTTON_PREFIX) else text


def _is_lost(response: str) -> bool:
    return response == "utter_ask_which" or response.startswith("utter_off_topic")


def _written_in(tracker: Tracker) -> str | None:
    """The language of the last message that left no doubt about it."""
    for event in reversed(tracker.events):
        entities = (event.get("parse_data") or {}).get("entities") or [] if event.get("event") == "user" else []
        found = {entity.get("entity"): entity.get("value") for entity in entities}
        if language := found.get("other_language") or found.get("language"):
            return str(language)
    return None


def _said_in_turns_before(tracker: Tracker) -> Iterator[set[str]]:
    """The responses to each message before this one, the newest first."""
    said: set[str] = set()
    for event in _events_before_this_turn(tracker):
        if event.get("event") == "user":
            yield said
            said = set()
        if event.get("event") == "bot":
            said.add((event.get("metadata") or {}).get("utter_action") or "")


def _latest_user_event(tracker: Tracker) -> Mapping[str, Any]:
    return next((event for event in reversed(tracker.events) if event.get("event") == "user"), {})


def _events_before_this_turn(tracker: Tracker) -> Iterator[Mapping[str, Any]]:
    """Newest first."""
    events = reversed(tracker.events)
    for event in events:
        if event.get("event") == "user":
            break
    yield from events
