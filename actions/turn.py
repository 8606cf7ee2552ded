"""The turn that an action takes part in, read from what Rasa sends, and the voice it answers with."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Tracker

_BUTTON_PREFIX: Final = "/"


@dataclass(frozen=True)
class Turn:
    """One message of a customer. ``text`` is empty for a tapped button; ``occurred_at`` is in UTC seconds."""

    conversation_id: str
    channel: str
    account_id: str
    user_id: str
    message_id: str
    text: str
    intent: str
    language: str
    occurred_at: float

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
            occurred_at=float(metadata.get("occurred_at") or event.get("timestamp") or 0.0),
        )


def said_before(tracker: Tracker) -> set[str]:
    """The responses that the assistant gave to the message before this one."""
    said: set[str] = set()
    for event in _events_before_this_turn(tracker):
        if event.get("event") == "user":
            break
        if event.get("event") == "bot":
            said.add((event.get("metadata") or {}).get("utter_action") or "")
    return said


def text_before(tracker: Tracker) -> str:
    """What the customer wrote before this message; empty for a tapped button."""
    events = (event for event in _events_before_this_turn(tracker) if event.get("event") == "user")
    return _typed(next(events, {}).get("text"))


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

    def say(self, response: str, facts: Mapping[str, str] | None = None) -> None:
        """``facts`` are what the response shows in braces besides the domain's slots."""
        named: dict[str, Any] = dict(facts or {})
        self._dispatcher.utter_message(response=response, **named)


def _typed(text: str | None) -> str:
    return "" if not text or text.startswith(_BUTTON_PREFIX) else text


def _latest_user_event(tracker: Tracker) -> Mapping[str, Any]:
    return next((event for event in reversed(tracker.events) if event.get("event") == "user"), {})


def _events_before_this_turn(tracker: Tracker) -> Iterator[Mapping[str, Any]]:
    """Newest first."""
    events = reversed(tracker.events)
    for event in events:
        if event.get("event") == "user":
            break
    yield from events
