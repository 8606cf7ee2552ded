"""The team's mailbox: a real SMTP server that keeps what it receives, in memory, bounded."""

import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

log = structlog.get_logger()

MAX_MAILS = 500
MAX_BYTES = 10 * 1024 * 1024


@dataclass(slots=True)
class Mail:
    """``at`` is when it arrived, in UTC seconds."""

    id: int
    at: float
    envelope_from: str
    envelope_to: list[str]
    raw: bytes

    def as_json(self) -> dict[str, Any]:
        message = message_from_bytes(self.raw, policy=policy.default)
        html = _body(message, "html")
        return {
            "id": self.id,
            "from": str(message.get("From", "")),
            "to": str(message.get("To", "")),
            "subject": str(message.get("Subject", "")),
            "message_id": str(message.get("Message-ID", "")),
            "in_reply_to": str(message["In-Reply-To"]) if "In-Reply-To" in message else None,
            "text": _body(message, "plain"),
            "html": html,
            "links": contact_links(html or ""),
            "at": self.at,
            "headers": _headers(message),
            "envelope": {"from": self.envelope_from, "to": self.envelope_to},
            "attachments": [
                {"name": part.get_filename() or "", "type": part.get_content_type()}
                for part in message.iter_attachments()
            ],
        }


@dataclass(slots=True)
class MailFault:
    status: int
    times: int


@dataclass(slots=True)
class Mailbox:
    """An aiosmtpd handler and the store behind it."""

    mails: deque[Mail] = field(default_factory=lambda: deque(maxlen=MAX_MAILS))
    faults: list[MailFault] = field(default_factory=list)
    listeners: list[Callable[[Mail | None], None]] = field(default_factory=list)
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        if fault := self._take_fault():
            return f"{fault.status} {fault.status // 100}.3.0 Simulated fault"
        content = envelope.content or b""
        raw = content.encode() if isinstance(content, str) else content
        mail = Mail(next(self.numbers), time.time(), envelope.mail_from or "", list(envelope.rcpt_tos), raw)
        self.mails.append(mail)
        self._tell(mail)
        log.info("mail_received", mail=mail.id)
        return "250 2.0.0 OK"

    def find(self, mail_id: int) -> Mail | None:
        return next((mail for mail in self.mails if mail.id == mail_id), None)

    def clear(self) -> None:
        self.mails.clear()
        self._tell(None)

    def refuse(self, status: int, times: int) -> None:
        self.faults.append(MailFault(status, times))

    def _take_fault(self) -> MailFault | None:
        if not self.faults:
            return None
        fault = self.faults[0]
        fault.times -= 1
        if fault.times <= 0:
            self.faults.pop(0)
        return fault

    def _tell(self, mail: Mail | None) -> None:
        for listener in self.listeners:
            listener(mail)


def smtp_protocol(mailbox: Mailbox) -> SMTP:
    return SMTP(
        mailbox, data_size_limit=MAX_BYTES, enable_SMTPUTF8=True, hostname="mailbox.example", ident="Parvis simulator"
    )


class _ContactLinks(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, None] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        href = dict(attributes).get("href") or ""
        if tag == "a" and href.startswith(("tel:", "mailto:")):
            self.found[href] = None


def contact_links(html: str) -> list[str]:
    """The ``tel:`` and ``mailto:`` addresses that a mail links to, each once, in order."""
    links = _ContactLinks()
    links.feed(html)
    return list(links.found)


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body(preferencelist=(kind,))
    if part is None:
        return None
    try:
        return str(part.get_content())
    except (LookupError, UnicodeError):
        return part.get_payload(decode=True).decode("latin-1")  # type: ignore[union-attr]


def _headers(message: EmailMessage) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in message.items():
        headers[name] = f"{headers[name]}\n{value}" if name in headers else str(value)
    return headers
