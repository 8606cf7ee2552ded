"""Which turns the model's rules decide by the customer's intent alone, found out once instead of at every turn.

Most rules say: to this intent, this action, whatever was said before. Rasa finds that out anew before every action: it
replays the conversation into all its past states and compares each with every rule, 4 ms a turn. Here the rules are
compared when the model is loaded, with the only states that such a turn can be in. Where the intent alone does not tell
(a slot, an entity, an open form, an earlier turn may matter), there is no entry, and Rasa decides as ever.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from rasa.core.constants import POLICY_PRIORITY
from rasa.core.policies.ensemble import DefaultPolicyPredictionEnsemble
from rasa.core.policies.memoization import AugmentedMemoizationPolicy, MemoizationPolicy
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.policies.rule_policy import DEFAULT_ACTION_MAPPINGS, RULES, RULES_NOT_IN_STORIES, RulePolicy
from rasa.shared.core.constants import ACTION_LISTEN_NAME, SHOULD_NOT_BE_SET
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    BotUttered,
    DefinePrevUserUtteredFeaturization,
    Event,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from parvis_nlu.graph import StraightGraphRunner

_LONGEST = 5
"""Actions of a turn; longer ones are left to Rasa."""

_Rule = tuple[str, list[dict[str, Any]]]
"""A rule as Rasa keeps it: its states as text, which is its name, and read."""


class Fits(Enum):
    """Whether a rule's state fits a turn's of which only the previous action and the intent are known."""

    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(frozen=True)
class Decision:
    """``hidden``: learned policies do not see the action, because no story shows it."""

    action: str
    hidden: bool


Decisions = dict[tuple[str, tuple[str, ...]], Decision]
"""What follows an intent and the actions that the turn has run since."""


class DecidedTurns:
    """The predictions that Rasa would make, for the turns that need no look at the conversation."""

    def __init__(self, decisions: Decisions, priority: int, domain: Domain) -> None:
        self.decisions = decisions
        self._priority = priority
        self._domain = domain

    @classmethod
    def of_model(cls, graph: StraightGraphRunner, core_target: str | None, domain: Domain) -> DecidedTurns:
        """Empty for a model whose rules do not have the last word."""
        policy = _deciding_rules(graph, core_target)
        if policy is None:
            return cls({}, 0, domain)
        return cls(decide(policy.lookup, domain.intents), policy.priority, domain)

    def predict(self, tracker: DialogueStateTracker) -> PolicyPrediction | None:
        """The next action, or None when Rasa has to find it."""
        turn = _turn_under_way(tracker)
        decision = self.decisions.get(turn) if turn else None
        if turn is None or decision is None:
            return None
        probabilities = [0.0] * self._domain.num_actions
        probabilities[self._domain.index_for_action(decision.action)] = 1.0
        return PolicyPrediction(
            probabilities,
            RulePolicy.__name__,
            self._priority,
            # Rasa notes after a message that it went by the intent, not by the words.
            events=[] if turn[1] else [DefinePrevUserUtteredFeaturization(False)],
            hide_rule_turn=decision.hidden,
        )


def decide(lookup: Mapping[str, Any], intents: Sequence[str]) -> Decisions:
    """``lookup`` is what ``RulePolicy`` has learned."""
    rules = [(key, json.loads(key)) for key in lookup[RULES]]
    return {
        turn: decision
        for intent in intents
        if intent not in DEFAULT_ACTION_MAPPINGS
        for turn, decision in _decide_turn(intent, rules, lookup)
    }


def _decide_turn(
    intent: str, rules: Sequence[_Rule], lookup: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, tuple[str, ...]], Decision]]:
    if any(_fits_words(states) for _, states in rules):
        return
    actions: tuple[str, ...] = ()
    while len(actions) < _LONGEST:
        decision = _next(intent, actions, rules, lookup)
        if decision is None:
            return
        yield (intent, actions), decision
        if decision.action == ACTION_LISTEN_NAME:
            return
        actions += (decision.action,)


def _next(intent: str, actions: tuple[str, ...], rules: Sequence[_Rule], lookup: Mapping[str, Any]) -> Decision | None:
    """Of the rules that fit, Rasa takes the one with the longest text; one that may fit counts where it might win."""
    fitting = [(len(key), key, fits) for key, states in rules if (fits := _fits(states, intent, actions)) != Fits.NO]
    surely = [length for length, _, fits in fitting if fits == Fits.YES]
    if not surely:
        return None
    possible = {
        Decision(lookup[RULES][key], key in lookup.get(RULES_NOT_IN_STORIES, []))
        for length, key, _ in fitting
        if length >= max(surely)
    }
    return possible.pop() if len(possible) == 1 else None


def _fits(states: Sequence[Mapping[str, Any]], intent: str, actions: tuple[str, ...]) -> Fits:
    """Whether a rule fits the turn in which ``intent`` was followed by ``actions``."""
    before = (*reversed(actions), ACTION_LISTEN_NAME)
    found = [_fits_state(state, intent, previous) for state, previous in zip(reversed(states), before, strict=False)]
    if len(states) > len(before):
        found.append(Fits.MAYBE)  # it also asks for what was before this turn
    return min(found, key=lambda fits: fits.value, default=Fits.MAYBE)


def _fits_state(state: Mapping[str, Any], intent: str, previous: str) -> Fits:
    if not state.get("prev_action"):
        return Fits.NO  # the start of a conversation, before any action
    known = {
        ("prev_action", "action_name"): previous,
        ("user", "intent"): intent,
        ("active_loop", "name"): SHOULD_NOT_BE_SET,
    }
    found = Fits.YES
    for kind, features in state.items():
        for name, wanted in features.items():
            have = known.get((kind, name))
            if have is None and wanted:
                found = Fits.MAYBE
            elif wanted and wanted != have:
                return Fits.NO
    return found


def _fits_words(states: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a rule may answer to the words of a message rather than to its intent: Rasa asks those first."""
    last = states[-1]
    listened = last.get("prev_action", {}).get("action_name") == ACTION_LISTEN_NAME
    return listened and not last.get("user", {}).get("intent")


def _turn_under_way(tracker: DialogueStateTracker) -> tuple[str, tuple[str, ...]] | None:
    """The intent of the last message and the actions since, when nothing else bears on what is next."""
    if tracker.active_loop_name is not None or tracker.followup_action:
        return None
    actions: list[str] = []
    events = reversed(tracker.events)
    message = _skip(events, actions)
    if not isinstance(message, UserUttered) or message.intent_name is None:
        return None
    before: list[str] = []
    # Before the message the assistant listened, and the message is what it heard.
    while not before:
        event = next(events, None)
        if isinstance(event, ActionExecuted):
            before.append(event.action_name or "")
        elif not isinstance(event, SlotSet | BotUttered | SessionStarted):
            return None
    if before != [ACTION_LISTEN_NAME]:
        return None
    return message.intent_name, tuple(reversed(actions))


def _skip(events: Iterator[Event], actions: list[str]) -> Event | None:
    """Collects actions, newest first, up to the first event that is neither one nor a mere consequence of one."""
    for event in events:
        if isinstance(event, ActionExecuted) and event.action_name:
            actions.append(event.action_name)
        elif not isinstance(event, SlotSet | BotUttered | DefinePrevUserUtteredFeaturization):
            return event
    return None


def _deciding_rules(graph: StraightGraphRunner, core_target: str | None) -> RulePolicy | None:
    """The model's ``RulePolicy``, if a rule that fits always wins: beside it nothing but memorized stories."""
    if core_target is None or type(graph.nodes[core_target]._component) is not DefaultPolicyPredictionEnsemble:
        return None
    components = [graph.nodes[need]._component for need in graph.needs[core_target] if need in graph.nodes]
    rules = [component for component in components if type(component) is RulePolicy]
    memories = [
        component for component in components if type(component) in (MemoizationPolicy, AugmentedMemoizationPolicy)
    ]
    policies = [component for component in components if hasattr(component, "predict_action_probabilities")]
    if len(rules) != 1 or len(rules) + len(memories) != len(policies):
        return None
    [policy] = rules
    weaker = all(memory.config[POLICY_PRIORITY] < policy.config[POLICY_PRIORITY] for memory in memories)
    return policy if weaker and not policy.config["use_nlu_confidence_as_score"] else None
