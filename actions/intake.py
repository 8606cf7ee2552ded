"""Takes a matter inside: a ticket at once, and then a way to reach the customer if none is known.

The ticket is opened before anything is asked, so that nothing is lost if the customer leaves. Used by every action that
meets a private, contentious or human matter, also in the middle of the contact form.
"""

from dataclasses import replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from rasa_sdk.events import SlotSet
from rasa_sdk.interfaces import Tracker

from actions.brand import Brand
from actions.contact import Reading, from_slot, read_contact, spoken, time_to_be_reached, to_slot
from actions.policy import URGES, WANTS_PERSON, disposition_of, is_contentious, topic_of
from actions.turn import Turn, Voice
from actions.words import promise
from bot.desk import Contact, ContactKind, Desk, Disposition, OpenTicket, Priority, TicketView

Events = list[dict[str, Any]]

_WANTED: Final = {"human_callback": ContactKind.PHONE, "human_email": ContactKind.EMAIL}

# How urgent a ticket is at least, whatever its topic: by what the safety layer says of the message.
_BY_SEVERITY: Final = {"high": Priority.HIGH, "critical": Priority.URGENT}
_URGENT_SIGNS: Final = frozenset({"injury", "self_harm", "threat"})
# Signs by which a person comes before every question.
_SIGNS_OF_DANGER: Final = frozenset({"injury", "self_harm"})


class Intake:
    """Raises ``DeskUnavailable`` from every method that speaks with the desk: the turn is then tried again."""

    def __init__(self, desk: Desk, brand: Brand) -> None:
        self.desk = desk
        self._country = brand.country
        self._time_zone = ZoneInfo(brand.time_zone)

    # --- opening ------------------------------------------------------------------------------------------------------

    async def take(self, turn: Turn, tracker: Tracker, voice: Voice, intent: str, text: str | None = None) -> Events:
        """Open or amend the ticket, say so, and settle whether the contact form has to follow.

        ``text`` are the customer's words where they are not this message's.
        """
        ticket = await self.open(turn, intent, text)
        self.acknowledge(voice, ticket, intent, turn)
        wanted = _WANTED.get(intent)
        reading = self.read_aside(turn, intent)
        contact = _fitting(reading.contact(wanted) or ticket.contact or from_slot(tracker.get_slot("contact")), wanted)
        if contact is not None and contact != ticket.contact:
            ticket = await self.desk.complete_ticket(ticket.reference, contact, turn.message_id)
            self.promise(voice, ticket, turn.language)
        elif wanted is None and comes_first(turn, intent):
            ticket = await self.answer_at_once(turn, ticket, voice)
        needed = contact is None and (wanted is not None or not ticket.contact_refused)
        return [
            *remember(ticket, tracker),
            SlotSet("contact", to_slot(contact) if contact else None),
            SlotSet("contact_needed", needed),
            SlotSet("contact_wanted", wanted.value if wanted else None),
            SlotSet("contact_preferred_time", reading.preferred_time),
            SlotSet("contact_outcome", None),
            SlotSet("contact_reminders", 0),
        ]

    async def open(self, turn: Turn, intent: str, text: str | None = None) -> TicketView:
        return await self._open(turn, disposition_of(intent), topic_of(intent), turn.text if text is None else text)

    async def add_detail(self, turn: Turn, reference: str) -> TicketView:
        """More words on the matter of a ticket; should it be closed meanwhile, on a new one."""
        ticket = await self.desk.find_ticket(turn.conversation_id, reference)
        if ticket is None or not ticket.is_open:
            return await self.open(turn, "human_person")
        return await self._open(turn, ticket.disposition, ticket.topic, turn.text)

    async def _open(self, turn: Turn, disposition: Disposition, topic: str, text: str) -> TicketView:
        return await self.desk.open_ticket(
            OpenTicket(
                conversation_id=turn.conversation_id,
                channel=turn.channel,
                account_id=turn.account_id,
                user_id=turn.user_id,
                message_id=turn.message_id,
                disposition=disposition,
                topic=topic,
                language=turn.written_in,
                text=text,
                occurred_at=turn.occurred_at,
                least_priority=least_priority(turn),
                signs=turn.signs,
                severity=turn.severity,
            )
        )

    def acknowledge(self, voice: Voice, ticket: TicketView, intent: str, turn: Turn) -> None:
        """In the topic's own words for a new ticket and for a danger; an apology is never left out and comes first."""
        if turn.signs and not is_contentious(intent):
            voice.say("utter_sorry")
        if ticket.is_new or intent in URGES:
            response = f"utter_{intent}"
        elif is_contentious(intent):
            response = "utter_ticket_noted_with_apology"
        else:
            response = "utter_ticket_noted"
        voice.say(response, {"reference": ticket.reference})

    # --- how to reach the customer ------------------------------------------------------------------------------------

    def read(self, turn: Turn) -> Reading:
        return read_contact(turn.text, self._country)

    def read_aside(self, turn: Turn, intent: str) -> Reading:
        """What a message that is about something else says of a contact. Its times are those of the matter
        ("I ordered on Monday"), unless a person was asked for ("call me on Monday")."""
        reading = self.read(turn)
        if intent in WANTS_PERSON:
            return reading
        return replace(reading, preferred_time=time_to_be_reached(turn.text, self._country))

    async def complete(self, turn: Turn, ticket: TicketView, contact: Contact, voice: Voice) -> TicketView:
        """Record the contact and promise what the desk has promised."""
        completed = await self.desk.complete_ticket(ticket.reference, contact, turn.message_id)
        if not completed.is_open:
            voice.say("utter_ticket_closed_already", {"reference": completed.reference})
        elif ticket.contact is not None and ticket.contact.value != contact.value:
            voice.say("utter_contact_updated", self.facts(completed, turn.language))
        else:
            self.promise(voice, completed, turn.language)
        return completed

    async def refuse(self, turn: Turn, ticket: TicketView, voice: Voice) -> TicketView:
        refused = await self.desk.refuse_contact(ticket.reference, turn.message_id)
        response = "utter_ticket_promise_here" if refused.is_open else "utter_ticket_closed_already"
        voice.say(response, self.facts(refused, turn.language))
        return refused

    async def answer_at_once(self, turn: Turn, ticket: TicketView, voice: Voice) -> TicketView:
        """A person first, and nothing to be given for it: in the conversation unless a contact is known."""
        if ticket.contact is not None:
            self.promise(voice, ticket, turn.language)
            return ticket
        here = await self.desk.refuse_contact(ticket.reference, turn.message_id)
        voice.say("utter_person_at_once", self.facts(here, turn.language))
        return here

    def promise(self, voice: Voice, ticket: TicketView, language: str) -> None:
        contact = ticket.contact
        if contact is None:
            response = "utter_ticket_promise_here"
        elif contact.kind is ContactKind.EMAIL:
            response = "utter_ticket_promise_email"
        else:
            response = "utter_ticket_promise_phone_at" if contact.preferred_time else "utter_ticket_promise_phone"
        voice.say(response, self.facts(ticket, language))

    def facts(self, ticket: TicketView, language: str) -> dict[str, str]:
        facts = {"reference": ticket.reference} | promise(ticket.due_at, self._time_zone, language)
        if ticket.contact is not None:
            facts["contact"] = spoken(ticket.contact)
            facts["preferred_time"] = ticket.contact.preferred_time or ""
        return facts


def comes_first(turn: Turn, intent: str) -> bool:
    """Whether somebody may be in danger, so that nothing is asked before help is offered."""
    return intent in URGES or bool(turn.signs & _SIGNS_OF_DANGER)


def least_priority(turn: Turn) -> Priority | None:
    """None when the message says nothing of it, so that the topic's own priority holds."""
    floors = [_BY_SEVERITY[turn.severity]] if turn.severity in _BY_SEVERITY else []
    if turn.signs:
        floors.append(Priority.URGENT if turn.signs & _URGENT_SIGNS else Priority.HIGH)
    return max(floors, key=lambda priority: priority.rank, default=None)


def remember(ticket: TicketView, tracker: Tracker) -> Events:
    """The conversation's ticket, and whether a complaint is open, which makes every later answer sober."""
    events: Events = [SlotSet("ticket_reference", ticket.reference)]
    complains = ticket.is_open and ticket.disposition is Disposition.ESCALATE_CONTENTIOUS
    if complains or tracker.get_slot("complaint") == ticket.reference:
        events.append(SlotSet("complaint", ticket.reference if complains else None))
    return events


def _fitting(contact: Contact | None, wanted: ContactKind | None) -> Contact | None:
    """A customer who asks for an e-mail is not served with the phone number of last time."""
    return contact if contact is not None and wanted in (None, contact.kind) else None
