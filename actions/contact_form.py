"""The contact form: asks how to reach the customer, and takes whatever is said meanwhile for what it is.

Rasa calls ``validate_contact_form`` once when the form begins and then for every message until it ends. It ends with a
contact, a refusal, a "never mind" or the wish to cancel; ``action_complete_ticket`` then does what follows from it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker
from rasa_sdk.types import DomainDict

from actions.answers import Answers
from actions.contact import Reading, from_slot, says_only_when, to_slot
from actions.intake import Events, Intake, comes_first, remember
from actions.policy import disposition_of, gravest, is_taken_inside
from actions.turn import Turn, Voice, runs_after, said_before
from actions.which import ask_which
from bot.desk import Contact, ContactKind, Disposition, TicketView

_BEGUN_BY: Final = ("action_escalate", "action_affirm", "action_ask_which")
_ASK: Final = {
    ContactKind.PHONE.value: "utter_request_contact_phone",
    ContactKind.EMAIL.value: "utter_request_contact_email",
}
# A message that nobody understands but that says this much is more about the matter, for the person who takes it.
_WORDS_OF_A_DETAIL: Final = 5


class Outcome(StrEnum):
    GIVEN = "given"
    REFUSED = "refused"
    LATER = "later"
    CANCEL = "cancel"
    HERE = "here"
    """Nothing is asked of somebody who may be in danger."""
    STOP = "stop"


_ENDED_BY: Final = {
    "human_contact_refused": Outcome.REFUSED,
    "chitchat_deny": Outcome.REFUSED,
    "human_contact_later": Outcome.LATER,
    "chitchat_bye": Outcome.LATER,
    "human_cancel_ticket": Outcome.CANCEL,
    "chitchat_stop": Outcome.STOP,
}
# "One moment": the customer is looking for the number.
_NOT_REMINDED_AFTER: Final = frozenset({"chitchat_wait"})
_ASKS_FOR: Final = {"human_callback": ContactKind.PHONE, "human_email": ContactKind.EMAIL}


@dataclass(frozen=True)
class _Asked:
    """One message to the form. ``reminders`` counts how often the form has asked again."""

    turn: Turn
    tracker: Tracker
    dispatcher: CollectingDispatcher
    reading: Reading
    reference: str
    reminders: int

    @property
    def voice(self) -> Voice:
        return Voice(self.dispatcher)


class ValidateContactForm(Action):
    def __init__(self, intake: Intake, answers: Answers) -> None:
        self._intake = intake
        self._answers = answers

    def name(self) -> str:
        return "validate_contact_form"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        if runs_after(tracker, *_BEGUN_BY):
            return self._begin(Voice(dispatcher), tracker)
        turn = Turn.of(tracker)
        asked = _Asked(
            turn=turn,
            tracker=tracker,
            dispatcher=dispatcher,
            reading=self._intake.read(turn),
            reference=tracker.get_slot("ticket_reference") or "",
            reminders=int(tracker.get_slot("contact_reminders") or 0),
        )
        events = await self._take(asked)
        # Rasa takes an answer without a value for the slot as none, and hands the message to the rules.
        return events if _sets_contact(events) else [SlotSet("contact", None), *events]

    def _begin(self, voice: Voice, tracker: Tracker) -> Events:
        if tracker.get_slot("contact_preferred_time"):
            voice.say("utter_request_contact_for_time")
        else:
            voice.say(_ASK.get(tracker.get_slot("contact_wanted") or "", "utter_request_contact"))
        return [SlotSet("contact", None)]

    async def _take(self, asked: _Asked) -> Events:
        """In the order of what a message can be: a contact, an end, another matter, a question, or unclear."""
        intent = asked.turn.intent
        if is_taken_inside(intent) and comes_first(asked.turn, intent):
            return await self._help(asked)
        if contact := self._contact(asked):
            return _ends(Outcome.GIVEN, contact)
        if intent in _ENDED_BY and asked.reading.problem is None and not _declines_choice(asked):
            return _ends(_ENDED_BY[intent])
        if self._is_question_of_two(asked):
            return []
        if self._is_detail(asked):
            return await self._note(asked)
        if asked.reading.problem is not None:
            return self._ask(asked, f"utter_contact_{asked.reading.problem}")
        if self._is_time(asked):
            asked.voice.say("utter_request_contact_for_time")
            return [SlotSet("contact_preferred_time", asked.reading.preferred_time)]
        if self._answers.knows(intent) and intent != "chitchat_affirm":
            return await self._answer(asked)
        return self._ask(asked, "utter_contact_unclear")

    def _contact(self, asked: _Asked) -> Contact | None:
        wanted = asked.tracker.get_slot("contact_wanted")
        contact = asked.reading.contact(ContactKind(wanted) if wanted else None)
        return _with_time(contact, asked.tracker.get_slot("contact_preferred_time"))

    async def _help(self, asked: _Asked) -> Events:
        ticket = await self._intake.open(asked.turn, asked.turn.intent)
        self._intake.acknowledge(asked.voice, ticket, asked.turn.intent, asked.turn)
        contact = self._contact(asked)
        outcome = Outcome.HERE if contact is None else Outcome.GIVEN
        return [*remember(ticket, asked.tracker), *_ends(outcome, contact)]

    def _is_question_of_two(self, asked: _Asked) -> bool:
        """Asks which of two questions was meant; what may be a matter for a person is none."""
        candidates = asked.turn.candidates
        if asked.reading.problem or is_taken_inside(gravest(candidates)):
            return False
        return ask_which(asked.voice, candidates, asked.turn.language)

    def _is_time(self, asked: _Asked) -> bool:
        """Who is to be called was asked when; elsewhere a day may belong to a question ("and on Sunday")."""
        if asked.reading.preferred_time is None:
            return False
        was_asked = asked.tracker.get_slot("contact_wanted") == ContactKind.PHONE
        return disposition_of(asked.turn.intent) is not Disposition.ANSWER or (
            was_asked and says_only_when(asked.turn.text)
        )

    def _is_detail(self, asked: _Asked) -> bool:
        """Another complaint, a wish, a picture, or more words on the matter."""
        turn = asked.turn
        if is_taken_inside(_matter(turn)) or turn.intent == "off_topic_attachment":
            return True
        is_unknown = disposition_of(turn.intent) is Disposition.OFF_TOPIC and asked.reading.problem is None
        return is_unknown and len(turn.text.split()) >= _WORDS_OF_A_DETAIL

    async def _note(self, asked: _Asked) -> Events:
        intent = _matter(asked.turn)
        if not is_taken_inside(intent):
            return await self._note_detail(asked)
        ticket = await self._intake.open(asked.turn, intent)
        if (wanted := _ASKS_FOR.get(intent)) is not None:
            asked.voice.say("utter_request_contact_for_time" if asked.reading.preferred_time else _ASK[wanted.value])
            return [
                *remember(ticket, asked.tracker),
                SlotSet("contact_wanted", wanted.value),
                SlotSet("contact_preferred_time", asked.reading.preferred_time),
            ]
        self._intake.acknowledge(asked.voice, ticket, intent, asked.turn)
        return [*remember(ticket, asked.tracker), *self._remind(asked)]

    async def _note_detail(self, asked: _Asked) -> Events:
        ticket = await self._intake.add_detail(asked.turn, asked.reference)
        self._intake.acknowledge(asked.voice, ticket, "human_person", asked.turn)
        return [*remember(ticket, asked.tracker), *self._remind(asked)]

    async def _answer(self, asked: _Asked) -> Events:
        events = await self._answers.answer(asked.turn.intent, asked.dispatcher, asked.tracker)
        return events if asked.turn.intent in _NOT_REMINDED_AFTER else [*events, *self._remind(asked)]

    def _remind(self, asked: _Asked) -> Events:
        """Once. Who goes on asking other things has seen the question, and the ticket is open anyway."""
        if asked.reminders:
            return []
        asked.voice.say("utter_request_contact_again", {"reference": asked.reference})
        return [SlotSet("contact_reminders", 1)]

    def _ask(self, asked: _Asked, first: str) -> Events:
        """Ask for the contact anew; from the second time on, show the way out as well."""
        asked.voice.say(first)
        if asked.reminders:
            asked.voice.say("utter_contact_unclear_again")
        return [SlotSet("contact_reminders", asked.reminders + 1)]


class CompleteTicket(Action):
    """What follows from the way in which the form ended."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def name(self) -> str:
        return "action_complete_ticket"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn, voice = Turn.of(tracker), Voice(dispatcher)
        outcome = tracker.get_slot("contact_outcome")
        ticket = await self._intake.desk.find_ticket(turn.conversation_id, tracker.get_slot("ticket_reference"))
        if outcome == Outcome.STOP:
            voice.say("utter_chitchat_stop")
        elif ticket is None:
            voice.say("utter_no_ticket")
        else:
            await self._follow_up(turn, voice, tracker, ticket)
        silence = [SlotSet("opted_out", True)] if outcome == Outcome.STOP else []
        return [SlotSet("contact_outcome", None), SlotSet("contact_needed", False), *silence]

    async def _follow_up(self, turn: Turn, voice: Voice, tracker: Tracker, ticket: TicketView) -> None:
        outcome = tracker.get_slot("contact_outcome")
        contact = from_slot(tracker.get_slot("contact"))
        if outcome == Outcome.GIVEN and contact is not None:
            await self._intake.complete(turn, ticket, contact, voice)
        elif outcome == Outcome.REFUSED:
            await self._intake.refuse(turn, ticket, voice)
        elif outcome == Outcome.HERE:
            await self._intake.answer_at_once(turn, ticket, voice)
        elif outcome == Outcome.CANCEL:
            voice.say("utter_confirm_cancel", {"reference": ticket.reference})
        else:
            voice.say("utter_ticket_kept", {"reference": ticket.reference})


class UpdateContact(Action):
    """A contact that comes after the form: a correction, a late answer, or a refusal after all."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def name(self) -> str:
        return "action_update_contact"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn, voice = Turn.of(tracker), Voice(dispatcher)
        ticket = await self._intake.desk.find_ticket(turn.conversation_id)
        if ticket is not None and not ticket.is_open:
            ticket = None
        if turn.intent == "human_contact_refused":
            return await self._refuse(turn, voice, ticket)
        reading = self._intake.read(turn)
        contact = _with_time(reading.contact() or _other_time(ticket, reading), _known_time(ticket, reading))
        if contact is None:
            voice.say(f"utter_contact_{reading.problem}" if reading.problem else "utter_contact_unclear")
            return []
        if ticket is None:
            voice.say("utter_contact_without_ticket")
        else:
            await self._intake.complete(turn, ticket, contact, voice)
        return [SlotSet("contact", to_slot(contact))]

    async def _refuse(self, turn: Turn, voice: Voice, ticket: TicketView | None) -> Events:
        if ticket is None:
            voice.say("utter_human_contact_refused")
        else:
            await self._intake.refuse(turn, ticket, voice)
        return [SlotSet("contact", None)]


def _matter(turn: Turn) -> str:
    """What a message is about, the gravest of what it may be about."""
    return gravest(turn.candidates) if turn.candidates else turn.intent


def _declines_choice(asked: _Asked) -> bool:
    """A "no" to "did you mean this or that?" refuses no contact."""
    return asked.turn.intent == "chitchat_deny" and "utter_ask_which" in said_before(asked.tracker)


def _ends(outcome: Outcome, contact: Contact | None = None) -> Events:
    """Rasa ends a form whose requested slot is set to nothing."""
    return [
        SlotSet("contact", to_slot(contact) if contact else None),
        SlotSet("contact_outcome", outcome.value),
        SlotSet("contact_preferred_time", None),
        SlotSet("requested_slot", None),
    ]


def _sets_contact(events: list[dict[str, Any]]) -> bool:
    return any(event.get("event") == "slot" and event.get("name") == "contact" for event in events)


def _with_time(contact: Contact | None, time: str | None) -> Contact | None:
    if contact is None or contact.preferred_time or not time:
        return contact
    return replace(contact, preferred_time=time)


def _other_time(ticket: TicketView | None, reading: Reading) -> Contact | None:
    """The contact that we have, at another time ("rather tomorrow morning")."""
    if ticket is None or ticket.contact is None or reading.preferred_time is None or reading.problem:
        return None
    return replace(ticket.contact, preferred_time=reading.preferred_time)


def _known_time(ticket: TicketView | None, reading: Reading) -> str | None:
    """A corrected number is still to be called at the time wished for."""
    known = ticket.contact if ticket is not None else None
    return known.preferred_time if known is not None and known.kind is ContactKind.PHONE and reading.phone else None
