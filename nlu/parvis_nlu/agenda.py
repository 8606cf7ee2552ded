"""What a turn serves, in which order: what a follow-up is about, and which of two requests comes first.

Both need the conversation, which the model that reads messages does not see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rasa.shared.core.events import SessionStarted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    INTENT,
    INTENT_NAME_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)

from parvis_nlu.classifier import FURTHER_REQUESTS
from parvis_nlu.entities import ELLIPTIC
from parvis_nlu.gravity import gravity_of
from parvis_nlu.language import LANGUAGE_ENTITY
from parvis_nlu.safety import SEVERITY_ENTITY, SIGN_ENTITY

Parsed = dict[str, Any]

_TURNS_BACK = 3
_ANSWER = gravity_of("faq_")
# What a follow-up leaves out, it keeps; a new day replaces the day, a new city the city.
_KEPT = {"weekday": "when", "date": "when", "store": "where", "product_family": "what"}
# These say whose follow-up it is, or that it is none.
_OF_ITS_OWN = ("chitchat_", "human_", "contentious_")
_GIVES_CONTACT = "human_contact_details"


def agenda(parsed: Parsed, tracker: DialogueStateTracker) -> list[Parsed]:
    """The message as one or two requests, each parsed, in the order in which they are to be served.

    A general answer comes before what is taken inside, whose form ends the turn with a question. Of two things to be
    taken inside, the graver alone is served: its ticket holds the whole message. So it is with somebody who is upset or
    in danger: what delivery costs is not the first thing to be told.
    """
    parsed = with_topic(parsed, tracker)
    if any(entity[ENTITY_ATTRIBUTE_TYPE] == SIGN_ENTITY for entity in parsed[ENTITIES]):
        return [parsed]
    further = next((f for f in parsed.get(FURTHER_REQUESTS) or () if gravity_of(f[INTENT]) == _ANSWER), None)
    if further is None or further[INTENT] == _name(parsed):
        return [parsed]
    question = _on_its_own(parsed, further)
    if gravity_of(_name(parsed)) != _ANSWER:  # it ends with a question of ours: which number, or which was meant
        # A number given answers the form: it goes first, so that the form does not ask for it again.
        contact_first = tracker.active_loop_name is not None and _name(parsed) == _GIVES_CONTACT
        return [parsed, question] if contact_first else [question, parsed]
    rest = {**parsed, ENTITIES: [entity for entity in parsed[ENTITIES] if entity not in question[ENTITIES]]}
    rest[ENTITIES] += [entity for entity in question[ENTITIES] if entity[ENTITY_ATTRIBUTE_TYPE] == LANGUAGE_ENTITY]
    return [question, rest] if parsed[TEXT].lstrip().startswith(further[TEXT]) else [rest, question]


def with_topic(parsed: Parsed, tracker: DialogueStateTracker) -> Parsed:
    """A follow-up ("et le dimanche ?") with the intent of the question that it follows, and what that one named."""
    if not parsed.get(ELLIPTIC) or tracker.active_loop_name is not None or _name(parsed).startswith(_OF_ITS_OWN):
        return parsed
    question = _question_before(tracker)
    if question is None:
        return parsed
    named = {_KEPT.get(entity[ENTITY_ATTRIBUTE_TYPE]) for entity in parsed[ENTITIES]}
    kept = [entity for entity in question.entities if _KEPT.get(entity[ENTITY_ATTRIBUTE_TYPE]) not in {*named, None}]
    intent = {INTENT_NAME_KEY: question.intent[INTENT_NAME_KEY], PREDICTED_CONFIDENCE_KEY: 1.0}
    return {**parsed, INTENT: intent, ENTITIES: [*parsed[ENTITIES], *kept]}


def _question_before(tracker: DialogueStateTracker) -> UserUttered | None:
    """The last general question of the session, with nothing but small talk since."""
    for turn, message in enumerate(_messages_before(tracker), 1):
        intent = message.intent.get(INTENT_NAME_KEY) or ""
        if intent.startswith("faq_"):
            return message
        if turn == _TURNS_BACK or not intent.startswith("chitchat_"):
            return None
    return None


def _messages_before(tracker: DialogueStateTracker) -> Iterator[UserUttered]:
    """Of this session, the newest first."""
    for event in reversed(tracker.events):
        if isinstance(event, SessionStarted):
            return
        if isinstance(event, UserUttered):
            yield event


def _on_its_own(parsed: Parsed, further: Mapping[str, Any]) -> Parsed:
    """The part of a message that asks something else, as if it were the message."""
    start = max(parsed[TEXT].find(further[TEXT]), 0)
    end = start + len(further[TEXT])
    entities = [
        entity
        for entity in parsed[ENTITIES]
        if entity[ENTITY_ATTRIBUTE_TYPE] not in (SIGN_ENTITY, SEVERITY_ENTITY)
        and (entity[ENTITY_ATTRIBUTE_TYPE] == LANGUAGE_ENTITY or start <= entity[ENTITY_ATTRIBUTE_START] < end)
    ]
    intent = {INTENT_NAME_KEY: further[INTENT], PREDICTED_CONFIDENCE_KEY: further[PREDICTED_CONFIDENCE_KEY]}
    alone = {key: value for key, value in parsed.items() if key != FURTHER_REQUESTS}
    return {**alone, TEXT: further[TEXT], INTENT: intent, ENTITIES: entities}


def _name(parsed: Parsed) -> str:
    return parsed[INTENT].get(INTENT_NAME_KEY) or ""
