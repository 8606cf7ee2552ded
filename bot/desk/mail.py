"""Writes the e-mail that tells a team what happened to a ticket. No I/O: everything it needs comes in.

The first e-mail of a ticket has the Message-ID ``<ticket.REFERENCE@domain>``; the ones that follow refer to it, so that
mail programs show one thread. Every id is stable: an e-mail that had to be sent twice can be recognised (RFC 5322,
3.6.4).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import phonenumbers
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from bot.desk.message_log import LoggedMessage
from bot.desk.models import Direction, EventKind, Ticket, TicketEvent
from bot.desk.routing import Routing, Team
from bot.desk.tickets import Contact, ContactKind, Disposition, Priority
from bot.desk.wording import WORDS, Words, name_zone, write_time

_CHANNEL_NAMES: Final = {"messenger": "Messenger", "x": "X"}
# What Outlook and Apple Mail show as importance; there is no standard beyond the name (RFC 4021, 2.1.54).
_IMPORTANCE: Final = {Priority.URGENT: "high", Priority.HIGH: "high", Priority.LOW: "low"}


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What happened, and all that is known of the ticket when the e-mail leaves."""

    notification_id: int
    team: Team
    ticket: Ticket
    event: TicketEvent
    transcript: Sequence[LoggedMessage]


class MailWriter:
    """``sender`` is the address of the From header, with or without a name. Raises ``ValueError`` if it is none."""

    def __init__(self, *, sender: str, brand: str, country: str, routing: Routing) -> None:
        name, address = parseaddr(sender)
        local_part, at, domain = address.rpartition("@")
        if not (local_part and at and domain):
            raise ValueError("the sender of e-mails must be an address, with or without a name in front of it")
        self._sender = Address(display_name=name or brand, addr_spec=address)
        self._brand = brand
        self._country = country
        self._routing = routing
        self._zone = routing.hours.time_zone
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    @property
    def sender_address(self) -> str:
        return self._sender.addr_spec

    @property
    def domain(self) -> str:
        return self._sender.domain

    def write(self, news: News) -> EmailMessage:
        facts = self._facts(news)
        message = EmailMessage(policy=SMTP)
        self._write_headers(message, news, facts)
        message.set_content(self._templates.get_template("ticket.txt").render(facts))
        message.add_alternative(self._templates.get_template("ticket.html").render(facts), subtype="html")
        return message

    # --- headers ------------------------------------------------------------------------------------------------------

    def _write_headers(self, message: EmailMessage, news: News, facts: Mapping[str, Any]) -> None:
        message["From"] = self._sender
        message["To"] = Address(display_name=news.team.name, addr_spec=news.team.email)
        message["Subject"] = _one_line(facts["subject"])
        message["Date"] = format_datetime(datetime.now(UTC))
        self._write_thread(message, news)
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message["X-Ticket-Reference"] = news.ticket.reference
        if importance := _IMPORTANCE.get(news.ticket.priority):
            message["Importance"] = importance

    def _write_thread(self, message: EmailMessage, news: News) -> None:
        first = f"<ticket.{news.ticket.reference}@{self.domain}>"
        if news.event.kind is EventKind.OPENED:
            message["Message-ID"] = first
            return
        message["Message-ID"] = f"<ticket.{news.ticket.reference}.{news.notification_id}@{self.domain}>"
        message["In-Reply-To"] = first
        message["References"] = first

    # --- content ------------------------------------------------------------------------------------------------------

    def _facts(self, news: News) -> dict[str, Any]:
        ticket, words, language = news.ticket, WORDS[news.team.language], news.team.language
        change = _name_change(news)
        label = self._routing.route(ticket.disposition, ticket.topic).label.in_language(language)
        return {
            "w": words,
            "language": language,
            "brand": self._brand,
            "reference": ticket.reference,
            "subject": _subject(news, label, words),
            "headline": words[change],
            "next_step": self._next_step(news, change, words),
            "label": label,
            "reason": words[f"disposition_{ticket.disposition.value}"],
            "priority": ticket.priority.value,
            "due": write_time(ticket.due_at, language, self._zone),
            "opened": write_time(ticket.opened_at, language, self._zone),
            "channel": _CHANNEL_NAMES.get(ticket.channel, ticket.channel),
            "customer_language": words.get(f"language_{ticket.language}", ticket.language),
            "team": self._routing.team(ticket.team).name,
            "conversation": ticket.conversation_id,
            "contact": self._contact(ticket, words),
            "contact_refused": ticket.contact_refused,
            "mentioned": [
                (words[f"mentioned_{kind}"], ", ".join(_one_line(value) for value in values))
                for kind, values in (ticket.mentioned or {}).items()
            ],
            "closed": not ticket.status.is_open,
            "text": ticket.text,
            "new_text": news.event.text or "",
            "transcript": [self._line(message, words, language) for message in with_ticket_words(news)],
            "zone": name_zone(self._zone, language),
        }

    def _next_step(self, news: News, change: str, words: Words) -> str:
        if change == "opened" and (news.ticket.contact is not None or news.ticket.contact_refused):
            return ""
        return words.get(f"{change}_next", "").format(team=self._routing.team(news.ticket.team).name)

    def _contact(self, ticket: Ticket, words: Words) -> dict[str, str] | None:
        contact = ticket.contact
        if contact is None:
            return None
        written = (
            self._write_phone(contact) if contact.kind is ContactKind.PHONE else _write_email(ticket, contact, words)
        )
        return written | {"kind": contact.kind.value, "preferred_time": contact.preferred_time or ""}

    def _write_phone(self, contact: Contact) -> dict[str, str]:
        """The way a colleague dials it, and the way it is dialled from elsewhere."""
        international, national = contact.value, contact.value
        try:
            number = phonenumbers.parse(contact.value)
        except phonenumbers.NumberParseException:
            pass  # E.164 in shape but of no known country: shown as it is
        else:
            international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
            national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
            if phonenumbers.region_code_for_number(number) != self._country:
                national = international
        return {"href": f"tel:{contact.value}", "shown": national, "international": international}

    def _line(self, message: LoggedMessage, words: Words, language: str) -> dict[str, str]:
        kinds = [words.get(f"attachment_{kind}", words["attachment_other"]) for kind in message.attachments]
        moment = datetime.fromtimestamp(message.occurred_at, UTC)
        return {
            "direction": message.direction.value,
            "who": words[f"who_{message.direction.value}"],
            "at": write_time(moment, language, self._zone, "short_date"),
            "text": message.text or "",
            "attachments": ", ".join(kinds),
        }


def with_ticket_words(news: News) -> list[LoggedMessage]:
    """The transcript, with the messages that the ticket itself holds: the log may not have them yet."""
    ticket, event = news.ticket, news.event
    known = {message.message_id for message in news.transcript}
    own = [(ticket.opened_by, ticket.text, ticket.occurred_at)]
    if event.text is not None and event.message_id is not None and event.message_id != ticket.opened_by:
        own.append((event.message_id, event.text, event.at))
    missing = [_customer_message(ticket, *words) for words in own if words[0] not in known and words[1]]
    return sorted([*news.transcript, *missing], key=lambda message: message.occurred_at)


def _customer_message(ticket: Ticket, message_id: str, text: str, at: datetime) -> LoggedMessage:
    return LoggedMessage(
        conversation_id=ticket.conversation_id,
        channel=ticket.channel,
        account_id=ticket.account_id,
        user_id=ticket.user_id,
        message_id=message_id,
        direction=Direction.IN,
        text=text,
        occurred_at=at.timestamp(),
    )


def _name_change(news: News) -> str:
    """The same event tells one team that the ticket is theirs and another that it no longer is."""
    kind, detail = news.event.kind, news.event.detail
    if kind is EventKind.RAISED and detail.get("team") != news.team.key:
        return "handed_over"
    if kind is EventKind.RAISED and detail.get("before") == Disposition.HUMAN and not _is_contentious(detail):
        return "specified"
    if kind is EventKind.NOTED and detail.get("topic") == news.ticket.topic:
        return "wrote_again"
    return kind.value


def _is_contentious(detail: Mapping[str, Any]) -> bool:
    return detail.get("disposition") == Disposition.ESCALATE_CONTENTIOUS


def _subject(news: News, label: str, words: Words) -> str:
    is_urgent = news.ticket.priority is Priority.URGENT
    urgent = f"{words['urgent_mark']} · " if is_urgent else ""
    # Gmail threads by reference and by a subject that is equal but for "Re:".
    reply = "" if news.event.kind is EventKind.OPENED else "Re: "
    return f"{reply}[{news.ticket.reference}] {urgent}{label}"


def _write_email(ticket: Ticket, contact: Contact, words: Words) -> dict[str, str]:
    subject = quote(WORDS.get(ticket.language, words)["mail_subject"].format(reference=ticket.reference))
    return {"href": f"mailto:{quote(contact.value, safe='@.+-_')}?subject={subject}", "shown": contact.value}


def _one_line(text: str) -> str:
    """A header holds one line; anything that could end it becomes a space."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
