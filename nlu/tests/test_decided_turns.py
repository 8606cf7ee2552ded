"""A turn decided by the intent alone ends as Rasa would have ended it: the same events, the same words."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from rasa.core.actions.action import Action
from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import InMemoryTrackerStore
from rasa.model_training import train
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from parvis_nlu.decided import DecidedTurns
from parvis_nlu.turn import NamedOutput, OutspokenAction, TurnProcessor

PROJECT = Path(__file__).resolve().parents[2]

POLICIES = """
recipe: default.v1
assistant_id: test
policies:
  - name: MemoizationPolicy
    max_history: 5
  - name: RulePolicy
    core_fallback_threshold: 0.3
    core_fallback_action_name: action_default_fallback
    enable_fallback_prediction: true
"""

CONDITIONS = """
version: "3.1"
intents: [plain, by_slot, by_entity, by_past, at_start, twice, in_form, unruled]
entities: [town]
slots:
  known: {type: bool, influence_conversation: true, mappings: [{type: custom}]}
  name: {type: text, influence_conversation: false, mappings: [{type: from_text, conditions: [{active_loop: form}]}]}
forms:
  form: {required_slots: [name]}
actions: [action_escalate]
responses:
  utter_plain: [{text: plain}]
  utter_known: [{text: known}]
  utter_unknown: [{text: unknown}]
  utter_town: [{text: town}]
  utter_start: [{text: start}]
  utter_more: [{text: more}]
  utter_ask_name: [{text: name}]
"""

RULES = """
version: "3.1"
rules:
- rule: plain
  steps: [{intent: plain}, {action: utter_plain}]
- rule: known
  condition: [{slot_was_set: [{known: true}]}]
  steps: [{intent: by_slot}, {action: utter_known}]
- rule: unknown
  steps: [{intent: by_slot}, {action: utter_unknown}]
- rule: with a town
  steps: [{intent: by_entity, entities: [town]}, {action: utter_town}]
- rule: without a town
  steps: [{intent: by_entity}, {action: utter_plain}]
- rule: at the start
  conversation_start: true
  steps: [{intent: at_start}, {action: utter_start}]
- rule: later
  steps: [{intent: at_start}, {action: utter_more}]
- rule: twice
  steps: [{intent: twice}, {action: utter_plain}, {action: utter_more}]
- rule: form
  steps: [{intent: in_form}, {action: form}, {active_loop: form}]
"""


class AsRasa(TurnProcessor):
    """Decides every action as Rasa does, with its own graph runner and its own ways to fill slots and run actions."""

    def __init__(self, processor: MessageProcessor) -> None:
        super().__init__(processor)
        self.graph_runner = processor.graph_runner
        self._decided = DecidedTurns({}, 0, self.domain)

    async def _extract_slots(self, output: OutputChannel, tracker: DialogueStateTracker) -> None:
        await self.run_action_extract_slots(output, tracker)

    async def _run_action(
        self,
        action: Action,
        tracker: DialogueStateTracker,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        prediction: PolicyPrediction,
    ) -> bool:
        return await MessageProcessor._run_action(
            self, OutspokenAction(action), tracker, output_channel, nlg, prediction
        )


def trained(folder: Path, domain: Path, data: list[Path]) -> Path:
    (folder / "config.yml").write_text(POLICIES)
    result = train(
        str(domain), str(folder / "config.yml"), [str(path) for path in data], output=str(folder), fixed_model_name="m"
    )
    assert result.model
    return Path(result.model)


def loaded(model: Path, actions: str = "") -> tuple[TurnProcessor, TurnProcessor]:
    """The same model, as it is served, and as Rasa would run it."""
    endpoint = EndpointConfig(actions) if actions else None
    agent = Agent.load(str(model), tracker_store=InMemoryTrackerStore(None), action_endpoint=endpoint)
    return TurnProcessor(agent.processor), AsRasa(agent.processor)


@pytest.fixture(scope="module")
def project_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = PROJECT / "data"
    return trained(
        tmp_path_factory.mktemp("project"), PROJECT / "domain.yml", [data / "rules.yml", data / "stories.yml"]
    )


@pytest.fixture(scope="module")
def with_conditions(tmp_path_factory: pytest.TempPathFactory) -> tuple[TurnProcessor, TurnProcessor]:
    folder = tmp_path_factory.mktemp("conditions")
    (folder / "domain.yml").write_text(CONDITIONS)
    (folder / "rules.yml").write_text(RULES)
    return loaded(trained(folder, folder / "domain.yml", [folder / "rules.yml"]))


FOUND = [{"entity": "language", "value": "en"}, {"entity": "store", "value": "lyon"}]


async def says(
    processor: TurnProcessor, tracker: DialogueStateTracker, intent: str, entities: list[dict[str, Any]]
) -> None:
    np.random.seed(len(tracker.events))  # Rasa draws among a response's variations
    name = str(len(tracker.events))
    message = UserMessage("words", NamedOutput("x"), tracker.sender_id, input_channel="x", message_id=name)
    await processor._update_tracker_session(tracker, message.output_channel, message.metadata)
    parsed = {"text": "words", "intent": {"name": intent, "confidence": 0.9}, "entities": entities}
    await processor.answer(message, parsed, tracker)


async def converse(processor: TurnProcessor, turns: list[tuple[str, list[dict[str, Any]]]]) -> list[dict[str, Any]]:
    tracker = await processor.get_tracker("customer")  # nothing is saved, so it is a new one each time
    for intent, entities in turns:
        await says(processor, tracker, intent, entities)
    return [without_time(event.as_dict()) for event in tracker.events]


def without_time(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "timestamp"}


class ActionServer:
    """Answers every action with what it is told to: a slot that rules look at, and a word."""

    def __init__(self) -> None:
        self.contact_needed: bool | None = None

    async def answer(self, request: web.Request) -> web.Response:
        action = (await request.json())["next_action"]
        events = [{"event": "slot", "name": "contact_needed", "value": self.contact_needed}]
        return web.json_response({"events": events, "responses": [{"text": f"{action} was here"}]})


@pytest.mark.parametrize("contact_needed", [None, False, True])
def test_every_intent_of_the_project_ends_as_with_rasa(project_model: Path, contact_needed: bool | None) -> None:
    async def compare() -> None:
        actions, application = ActionServer(), web.Application()
        actions.contact_needed = contact_needed
        application.router.add_post("/webhook", actions.answer)
        async with TestServer(application) as server:
            ours, rasas = loaded(project_model, str(server.make_url("/webhook")))
            for intent in (*ours.domain.intents, "unheard_of"):
                if intent == "restart":
                    continue
                turns = [("chitchat_greet", []), (intent, []), (intent, FOUND), ("chitchat_thanks", [])]
                assert await converse(ours, turns) == await converse(rasas, turns), intent
            for processor in (ours, rasas):
                await processor.action_endpoint.close()

    asyncio.run(compare())


def test_most_of_the_project_s_answers_need_no_look_at_the_conversation(project_model: Path) -> None:
    ours, _ = loaded(project_model)
    answers = [intent for intent in ours.domain.intents if intent.startswith("faq_")]
    assert answers
    assert all((intent, ()) in ours._decided.decisions for intent in answers)


@pytest.mark.parametrize("intent", ["by_slot", "by_entity", "unruled", "restart", "back", "session_start"])
def test_an_intent_that_does_not_tell_everything_is_left_to_rasa(
    with_conditions: tuple[TurnProcessor, TurnProcessor], intent: str
) -> None:
    ours, _ = with_conditions
    assert ("plain", ()) in ours._decided.decisions
    assert (intent, ()) not in ours._decided.decisions


TURNS: list[tuple[str, list[dict[str, Any]]]] = [
    ("plain", []),
    ("by_slot", []),
    ("by_entity", []),
    ("by_entity", [{"entity": "town", "value": "Lyon"}]),
    ("at_start", []),
    ("twice", []),
    ("in_form", []),
    ("unruled", []),
]


@pytest.mark.parametrize("turns", itertools.permutations(TURNS, 2))
def test_conditions_of_rules_count_as_with_rasa(
    with_conditions: tuple[TurnProcessor, TurnProcessor], turns: tuple[tuple[str, list[dict[str, Any]]], ...]
) -> None:
    async def compare() -> None:
        ours, rasas = with_conditions
        assert await converse(ours, list(turns)) == await converse(rasas, list(turns))

    asyncio.run(compare())
