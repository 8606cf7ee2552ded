"""Yes and no. What they answer is what the assistant said last; there is no state of its own to go stale."""

from typing import Final

from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker
from rasa_sdk.types import DomainDict

from actions.intake import Events, Intake
from actions.turn import Turn, Voice, candidates_of, message_before, said_before, text_before
from actions.which import ask_which
from bot.desk import UnknownTicket

_OFFERS_PERSON: Final = frozenset(
    {"utter_off_topic_again", "utter_contact_without_ticket", "utter_chitchat_abuse_again"}
)


class Affirm(Action):
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def name(self) -> str:
        return "action_affirm"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn, voice = Turn.of(tracker), Voice(dispatcher)
        said = said_before(tracker)
        if "utter_confirm_cancel" in said:
            await self._cancel(turn, voice, tracker.get_slot("ticket_reference") or "")
            return [SlotSet("contact_needed", False), SlotSet("complaint", None)]
        if _OFFERS_PERSON & said:
            # The person is better served with what was not understood than with a "yes".
            return await self._intake.take(turn, tracker, voice, "human_person", text_before(tracker) or turn.text)
        if "utter_ask_which" in said and ask_which(voice, candidates_of(message_before(tracker)), turn.language):
            return [SlotSet("contact_needed", False)]
        voice.say("utter_chitchat_affirm")
        return [SlotSet("contact_needed", False)]

    async def _cancel(self, turn: Turn, voice: Voice, reference: str) -> None:
        try:
            ticket = await self._intake.desk.cancel_ticket(turn.conversation_id, reference)
        except UnknownTicket:
            voice.say("utter_no_ticket")
        else:
            voice.say("utter_ticket_cancelled", {"reference": ticket.reference})


class Deny(Action):
    def name(self) -> str:
        return "action_deny"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        voice, said = Voice(dispatcher), said_before(tracker)
        if "utter_confirm_cancel" in said:
            voice.say("utter_ticket_not_cancelled", {"reference": tracker.get_slot("ticket_reference") or ""})
        elif "utter_ask_which" in said:
            voice.say("utter_off_topic")
        else:
            voice.say("utter_chitchat_deny")
        return []
