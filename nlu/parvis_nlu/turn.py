"""One turn: a customer's message in, the assistant's messages out, exactly once for a message id.

A turn gives the conversation after it to whoever asked, who stores it together with the replies. Whatever stops it
before that, a dead action server, a killed process, leaves the stored conversation as it was, so the caller simply asks
again. What actions did outside (a ticket) is theirs to keep idempotent by message id.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Reversible
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

from rasa.core.actions.action import (
    Action,
    ActionBotResponse,
    ActionExecutionRejection,
    ActionExtractSlots,
    ActionListen,
    create_bot_utterance,
)
from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import FailSafeTrackerStore, TrackerStore
from rasa.shared.core.constants import ACTION_VALIDATE_SLOT_MAPPINGS, SlotMappingType
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionReverted,
    BotUttered,
    Event,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import TEXT

from parvis_nlu.agenda import agenda
from parvis_nlu.decided import DecidedTurns
from parvis_nlu.endpoint import WatchedEndpoint, read_answers_quickly
from parvis_nlu.errors import TurnBroken
from parvis_nlu.graph import StraightGraphRunner
from parvis_nlu.manner import is_silent
from parvis_nlu.plain import PlainAnswer, PlainAnswers
from parvis_nlu.tracker_store import Conversation, ConversationStore, StoredTracker, holds

INTRODUCTION = "utter_introduction"
"""The response that opens every session: that the customer is talking to an automated assistant."""

SORRY_FOR_LANGUAGE = "utter_sorry_for_language"
"""The response that is said once a session to a customer whose language is not served."""

LANGUAGE_SLOT = "language"
OTHER_LANGUAGE = "other_language"
"""Entity and slot: the language, not a served one, that a customer writes (ISO 639-1)."""


@dataclass(frozen=True)
class Turn:
    """``channel`` is the platform's name, by which responses may vary. ``metadata`` reaches the actions as it is.
    ``version`` of the conversation as it is stored, "" where it is not."""

    sender: str
    message: str
    message_id: str
    channel: str
    metadata: dict[str, Any] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True)
class Answer:
    """``language`` of the conversation as the domain's slot of that name has it. ``silent``: having nothing to say is
    intended, since the customer asked for silence. ``conversation`` is to be stored; None where it is, with this turn
    in it."""

    messages: list[dict[str, Any]]
    language: str | None
    silent: bool = False
    conversation: Conversation | None = None


class TurnRunner:
    """Runs turns on a loaded agent. Turns of one conversation wait for each other; others do not."""

    def __init__(self, agent: Agent) -> None:
        self._processor = TurnProcessor(agent.processor)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def prepare(self) -> None:
        """Read a message once, so that whatever is made at the first use is there."""
        self._processor.read("Bonjour")

    async def run(self, turn: Turn) -> Answer:
        """Raises ``TurnStopped``."""
        async with self._lock(turn.sender):
            tracker = await self._processor.resume(turn)
            if not holds(tracker, turn.message_id):
                await self._processor.take(_message_of(turn), tracker)
            return Answer(
                replies_to(tracker, turn.message_id),
                _language(tracker),
                is_silent(tracker),
                tracker.to_be_stored(turn.version),
            )

    def _lock(self, sender: str) -> asyncio.Lock:
        return self._locks.setdefault(sender, asyncio.Lock())


class TurnProcessor(MessageProcessor):
    """Rasa's processor, with an introduction at the start of a session and without its habit of swallowing failures.

    Much of what Rasa does again at every turn is done once here; what is decided, said and stored is the same.
    """

    def __init__(self, processor: MessageProcessor) -> None:
        """Shares the model that ``processor`` has loaded: loading it again would cost seconds and its memory twice."""
        vars(self).update(vars(processor))
        self.tracker_store = _bare(processor.tracker_store)
        self.graph_runner = StraightGraphRunner(processor.graph_runner)
        self._domain_of_fillable_slots = _with_fillable_slots(self.domain)
        self._decided = DecidedTurns.of_model(self.graph_runner, self.model_metadata.core_target, self.domain)
        self._plain = PlainAnswers(processor.action_endpoint)
        if processor.action_endpoint is not None:
            self.action_endpoint = WatchedEndpoint(processor.action_endpoint)
            read_answers_quickly()
        self._slots_action = ActionExtractSlots(self.action_endpoint)
        self._nobody = DialogueStateTracker.from_events("", [])

    def read(self, text: str) -> dict[str, Any]:
        """What Rasa's ``parse_message`` finds, without its copies for a log. It depends on the text alone."""
        parsed = self._parse_message_with_graph(UserMessage(text), self._nobody)
        self._update_full_retrieval_intent(parsed)
        return parsed

    async def resume(self, turn: Turn) -> StoredTracker:
        """The conversation that the turn goes on with."""
        tracker = await self.tracker_store.resume(turn.sender, turn.version, turn.message_id)
        tracker.model_id = self.model_metadata.model_id
        tracker.assistant_id = tracker.assistant_id or self.model_metadata.assistant_id
        return tracker

    async def take(self, message: UserMessage, tracker: StoredTracker) -> None:
        """Run the turn on its conversation. The steps are those of ``MessageProcessor.handle_message``."""
        parsed = self.read(message.text)
        await self._update_tracker_session(tracker, message.output_channel, message.metadata)
        for request in agenda(parsed, tracker):
            message.text = request[TEXT]
            await self.answer(message, request, tracker)
        self.tracker_store.give(tracker)

    async def answer(self, message: UserMessage, parsed: dict[str, Any], tracker: DialogueStateTracker) -> None:
        """Add to the conversation what the customer said, as ``parsed``, and all that follows from it."""
        message.parse_data = parsed
        output = message.output_channel
        await self._handle_message_with_tracker(message, tracker)
        await self._extract_slots(output, tracker)
        await self._introduce(output, tracker)
        await self._apologise_for_language(output, tracker)
        await self._run_prediction_loop(output, tracker)

    async def _update_tracker_session(
        self, tracker: DialogueStateTracker, output_channel: OutputChannel, metadata: dict[str, Any] | None = None
    ) -> None:
        """Rasa's looks at the whole conversation, twice, to see that its session goes on."""
        if not _has_written_within(self.domain.session_config.session_expiration_time * 60, tracker):
            await super()._update_tracker_session(tracker, output_channel, metadata)

    async def _extract_slots(self, output: OutputChannel, tracker: DialogueStateTracker) -> None:
        """Rasa's ``run_action_extract_slots``; of a domain's slots most are facts, which no message fills."""
        events = await self._slots_action.run(output, self.nlg, tracker, self._domain_of_fillable_slots)
        tracker.update_with_events(events, self.domain)

    def _predict_next_with_tracker(self, tracker: DialogueStateTracker) -> PolicyPrediction:
        return self._decided.predict(tracker) or super()._predict_next_with_tracker(tracker)

    @staticmethod
    def _log_slots(tracker: DialogueStateTracker) -> None:
        """Nothing: what is known of a customer is not for a log, and to write it all out takes time."""

    async def _introduce(self, output: NamedOutput, tracker: DialogueStateTracker) -> None:
        """After the slots, so that the language is known."""
        if _began_session(tracker.events):
            await self._say(INTRODUCTION, output, tracker)

    async def _apologise_for_language(self, output: NamedOutput, tracker: DialogueStateTracker) -> None:
        language = next(tracker.get_latest_entity_values(OTHER_LANGUAGE), None)
        slot = tracker.slots.get(OTHER_LANGUAGE)
        if language is None or slot is None or (slot.value == language and not _began_session(tracker.events)):
            return
        tracker.update(SlotSet(OTHER_LANGUAGE, language), self.domain)
        await self._say(SORRY_FOR_LANGUAGE, output, tracker)

    async def _say(self, response: str, output: NamedOutput, tracker: DialogueStateTracker) -> None:
        """As words only, so that no policy sees an action more."""
        if response not in self.domain.responses:
            return
        words = await self.nlg.generate(response, tracker, output.name())
        if words is not None:
            words["utter_action"] = response
            tracker.update(create_bot_utterance(words), self.domain)

    async def _run_action(
        self,
        action: Action,
        tracker: DialogueStateTracker,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        prediction: PolicyPrediction,
    ) -> bool:
        action = self._plain.instead_of(action, tracker)
        if type(action) not in (ActionBotResponse, ActionListen, PlainAnswer):
            return await super()._run_action(OutspokenAction(action), tracker, output_channel, nlg, prediction)
        # They only read slots and never refuse: Rasa's copy of the conversation, for an action undone, is not needed.
        events = await OutspokenAction(action).run(output_channel, nlg, tracker, self.domain)
        tracker.update_with_events(prediction.events, self.domain)
        tracker.update(action.event_for_successful_execution(prediction), self.domain)
        tracker.update_with_events(events, self.domain)
        return self.should_predict_another_action(action.name())


class OutspokenAction(Action):
    """An action whose failure stops the turn. A rejection is no failure: it lets another policy decide."""

    def __init__(self, action: Action) -> None:
        self._action = action

    def name(self) -> str:
        return self._action.name()

    def event_for_successful_execution(self, prediction: PolicyPrediction) -> ActionExecuted:
        return self._action.event_for_successful_execution(prediction)

    async def run(
        self,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
    ) -> list[Event]:
        try:
            return await self._action.run(output_channel, nlg, tracker, domain)
        except ActionExecutionRejection:
            raise
        except Exception as error:
            raise TurnBroken(f"{self.name()}: {type(error).__name__}") from error


class NamedOutput(OutputChannel):
    """Sends nothing: the replies are read from the conversation, so that a repeated answer is the very same.

    Its name picks the ``channel:`` variations of responses.
    """

    def __init__(self, channel: str) -> None:
        self._channel = channel

    def name(self) -> str:  # type: ignore[override]  # Rasa asks the instance, though it declares a class method
        return self._channel

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        return


def _message_of(turn: Turn) -> UserMessage:
    return UserMessage(
        turn.message,
        NamedOutput(turn.channel),
        turn.sender,
        input_channel=turn.channel,
        message_id=turn.message_id,
        metadata=turn.metadata,
    )


def replies_to(tracker: DialogueStateTracker, message_id: str) -> list[dict[str, Any]]:
    """What the assistant said after the message and before the next one. Each request of a message is an event."""
    said: list[dict[str, Any]] = []
    listening = False
    for event in tracker.events:
        if isinstance(event, UserUttered):
            listened, listening = listening, event.message_id == message_id
            said = [] if listening and not listened else said
        elif listening and isinstance(event, BotUttered):
            said += _messages_of(event)
    return said


def _messages_of(event: BotUttered) -> list[dict[str, Any]]:
    buttons = [*(event.data.get("quick_replies") or []), *(event.data.get("buttons") or [])]
    quick_replies = [{"title": button["title"], "payload": button["payload"]} for button in buttons]
    image = event.data.get("image")
    messages = [{"text": text, "quick_replies": []} for text in (event.text, image) if text]
    if messages:
        messages[-1]["quick_replies"] = quick_replies
    return messages


def _language(tracker: DialogueStateTracker) -> str | None:
    slot = tracker.slots.get(LANGUAGE_SLOT)
    return slot.value if slot else None


def _began_session(events: Reversible[Event]) -> bool:
    """Whether the turn that is being run, the last in ``events``, opened a session."""
    turns = 0
    for event in reversed(events):
        if isinstance(event, SessionStarted):
            return True
        turns += isinstance(event, UserUttered)
        if turns > 1:
            return False
    return False


def _has_written_within(seconds: float, tracker: DialogueStateTracker) -> bool:
    """Whether the session's last message is that young. Not where an event undoes others: Rasa then has to look."""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            return time.time() - event.timestamp < seconds
        if isinstance(event, SessionStarted | Restarted | ActionReverted | UserUtteranceReverted):
            return False
    return False


def _with_fillable_slots(domain: Domain) -> Domain:
    """For the action that extracts slots, which tries the mappings of every slot: without those that fill nothing.

    An action that validates slots is given the conversation with all of them, so its domain stays whole.
    """
    if ACTION_VALIDATE_SLOT_MAPPINGS in domain.user_actions:
        return domain
    fillable = copy.copy(domain)
    fillable.slots = [
        slot
        for slot in domain.slots
        if any(
            mapping.get("type") != SlotMappingType.CUSTOM.value or mapping.get("action") for mapping in slot.mappings
        )
    ]
    return fillable


def _bare(store: TrackerStore) -> ConversationStore:
    """The store inside Rasa's fail-safe wrapper, which would answer for an unreachable Redis with an empty memory."""
    return store._tracker_store if isinstance(store, FailSafeTrackerStore) else store
