"""Asking after a ticket, and taking one back. Only the conversation's own tickets are ever spoken of."""

from collections.abc import Callable
from datetime import datetime

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker
from rasa_sdk.types import DomainDict

from actions.answers import utc_now
from actions.intake import Events, Intake, remember
from actions.turn import Turn, Voice
from bot.desk import Stage, TicketView


class TicketStatusAction(Action):
    """How the ticket is doing: the one whose reference is named, else the conversation's own."""

    def __init__(self, intake: Intake, clock: Callable[[], datetime] = utc_now) -> None:
        self._intake = intake
        self._now = clock

    def name(self) -> str:
        return "action_ticket_status"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn, voice = Turn.of(tracker), Voice(dispatcher)
        ticket = await find_own_ticket(self._intake, turn)
        if ticket is None:
            voice.say("utter_no_ticket")
            return []
        voice.say(f"utter_ticket_status_{self._state(ticket)}", self._intake.facts(ticket, turn.language))
        return remember(ticket, tracker)

    def _state(self, ticket: TicketView) -> str:
        """A broken promise is owned up to, whatever the team is doing."""
        if ticket.is_open and ticket.stage is not Stage.NEW and ticket.due_at < self._now():
            return "late"
        return ticket.stage.value


class CancelTicket(Action):
    """Asks for confirmation; a yes is then taken by ``action_affirm``."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def name(self) -> str:
        return "action_cancel_ticket"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn, voice = Turn.of(tracker), Voice(dispatcher)
        ticket = await find_own_ticket(self._intake, turn)
        if ticket is None:
            voice.say("utter_no_ticket")
            return []
        response = "utter_confirm_cancel" if ticket.is_open else "utter_ticket_closed_already"
        voice.say(response, {"reference": ticket.reference})
        return remember(ticket, tracker)


async def find_own_ticket(intake: Intake, turn: Turn) -> TicketView | None:
    reference = intake.desk.references.find_in(turn.text) if turn.text else None
    return await intake.desk.find_ticket(turn.conversation_id, reference)
