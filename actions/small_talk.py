"""Small talk that depends on what was before: a greeting with a ticket open, abuse, silence and its end."""

from typing import Final

from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker
from rasa_sdk.types import DomainDict

from actions.intake import Events, Intake, remember
from actions.turn import Turn, Voice, times_said

# Insults are met calmly this often before a person is offered.
_CALM: Final = 2


class Greet(Action):
    """Greets; who comes back while a ticket is open hears that it is not forgotten."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def name(self) -> str:
        return "action_greet"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn, voice = Turn.of(tracker), Voice(dispatcher)
        reference = tracker.get_slot("ticket_reference")
        ticket = await self._intake.desk.find_ticket(turn.conversation_id, reference) if reference else None
        if ticket is None or not ticket.is_open or tracker.active_loop:
            voice.say("utter_chitchat_greet")
        else:
            voice.say("utter_greet_with_ticket", {"reference": ticket.reference})
        if ticket is None:
            return []
        calmed = [] if ticket.is_open else [SlotSet("mood", None)]
        return [*remember(ticket, tracker), *calmed]


class Abuse(Action):
    """Calm, twice; then offers a person. Nothing is escalated by an insult at the assistant alone."""

    def name(self) -> str:
        return "action_abuse"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        calm = times_said(tracker, "utter_chitchat_abuse") < _CALM
        Voice(dispatcher).say("utter_chitchat_abuse" if calm else "utter_chitchat_abuse_again")
        return []


class Stop(Action):
    """Confirms, once; from then on nothing is said (``parvis_nlu.manner``) until the customer wants to go on."""

    def name(self) -> str:
        return "action_stop"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        Voice(dispatcher).say("utter_chitchat_stop")
        return [SlotSet("opted_out", True)]


class Resume(Action):
    def name(self) -> str:
        return "action_resume"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        Voice(dispatcher).say("utter_chitchat_resume")
        return [SlotSet("opted_out", False)]
