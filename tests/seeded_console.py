"""A console with a day's work in it: real databases and a real process, for its pages, its tests and its pictures."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import httpx
from redis.asyncio import Redis

from benchmarks.ports import free_port
from bot.console.accounts import AuditLog, Role, Users, migrate_accounts
from bot.desk import (
    Actor,
    Contact,
    ContactKind,
    Desk,
    Direction,
    Disposition,
    LoggedMessage,
    MessageLog,
    OpenTicket,
    TicketLife,
    TicketStatus,
    load_routing,
    migrate,
    open_desk,
)
from bot.desk.masking import Rules
from bot.inbox.connection import open_redis
from bot.inbox.keys import DEAD_LETTERS
from bot.settings import PROJECT_ROOT

PASSWORD: Final = "lavande soleil neuf"
PEOPLE: Final = (
    ("lea@maison-lumen.example", "Léa Martin", {Role.AGENT}, "fr"),
    ("tom@maison-lumen.example", "Tom Baker", {Role.AGENT}, "en"),
    ("nadia@maison-lumen.example", "Nadia Benali", {Role.AGENT, Role.LEAD}, "fr"),
    ("ana@maison-lumen.example", "Ana Costa", {Role.TRAINER}, "en"),
    ("paul@maison-lumen.example", "Paul Lefèvre", set(Role), "fr"),
)
_CONTENTIOUS: Final = Disposition.ESCALATE_CONTENTIOUS
_PRIVATE: Final = Disposition.ESCALATE_PRIVATE


@dataclass(frozen=True)
class Customer:
    """Who wrote what, how long ago in hours; ``said`` alternates between customer and assistant."""

    user_id: str
    channel: str
    language: str
    disposition: Disposition
    topic: str
    said: tuple[str, ...]
    hours_ago: float
    contact: Contact | None = None
    signs: frozenset[str] = frozenset()
    severity: str | None = None


CUSTOMERS: Final = (
    Customer(
        "7001",
        "messenger",
        "fr",
        _CONTENTIOUS,
        "damaged_item",
        (
            "Bonjour, ma lampe est arrivée cassée, c’est la deuxième fois !",
            "Je suis vraiment désolé. Je transmets tout de suite votre demande à notre équipe. Souhaitez-vous être "
            "rappelé ?",
            "Oui, au 06 12 34 56 78, plutôt en fin d’après-midi.",
            "C’est noté, merci. Une personne vous rappelle.",
        ),
        2.5,
        Contact(ContactKind.PHONE, "+33612345678", "plutôt en fin d’après-midi"),
    ),
    Customer(
        "7002",
        "messenger",
        "en",
        _PRIVATE,
        "order_status",
        (
            "Hi, where is my order 48213? It should have been here on Monday.",
            "I cannot look into orders myself, so a colleague will. How may we reach you?",
            "kate@mail.example please",
        ),
        5,
        Contact(ContactKind.EMAIL, "kate@mail.example"),
    ),
    Customer(
        "7003",
        "x",
        "fr",
        _CONTENTIOUS,
        "delivery_late",
        ("Toujours rien reçu après 3 semaines, <b>scandaleux</b> & honteux", "Toutes nos excuses. Je transmets."),
        30,
        signs=frozenset({"press"}),
        severity="high",
    ),
    Customer(
        "7004",
        "messenger",
        "fr",
        Disposition.HUMAN,
        "callback",
        ("Je voudrais parler à quelqu’un", "Bien sûr. À quel numéro ?", "0478123456"),
        1,
        Contact(ContactKind.PHONE, "+33478123456"),
    ),
    Customer("7005", "messenger", "fr", _PRIVATE, "refund_status", ("Où en est mon remboursement ?",), 22.5),
    Customer("7006", "x", "en", _PRIVATE, "invoice", ("Could I have an invoice for my order?",), 200),
)


async def fill(database_url: str, redis_url: str) -> dict[str, str]:
    """People, conversations and tickets; the references of the tickets by their customer."""
    await migrate(database_url)
    await migrate_accounts(database_url)
    desk = open_desk(database_url, load_routing(PROJECT_ROOT / "routing.yml"))
    redis = open_redis(redis_url)
    try:
        await make_people(Users(desk.database, AuditLog(desk.database)))
        references = {customer.user_id: await _open(desk, customer) for customer in CUSTOMERS}
        await _chat(desk)
        await _work(desk, references)
        await _park(redis)
    finally:
        await desk.close()
        await redis.aclose()
    return references


async def make_people(users: Users) -> None:
    for email, name, roles, language in PEOPLE:
        user = await users.create(email, name, roles, language, by="parvis")
        await users.set_password(user.id, PASSWORD, by="parvis")


async def _open(desk: Desk, customer: Customer) -> str:
    begun = datetime.now(UTC) - timedelta(hours=customer.hours_ago)
    account = "1000000000001" if customer.channel == "messenger" else "2000000000001"
    conversation = f"{customer.channel}:{account}:{customer.user_id}"
    about = {
        "conversation_id": conversation,
        "channel": customer.channel,
        "account_id": account,
        "user_id": customer.user_id,
    }
    then = open_desk(str(desk.database.engine.url), desk.routing, clock=lambda: begun)
    ticket = await then.open_ticket(
        OpenTicket(
            **about,
            message_id="m0",
            disposition=customer.disposition,
            topic=customer.topic,
            language=customer.language,
            text=customer.said[0],
            occurred_at=begun.timestamp(),
            signs=customer.signs,
            severity=customer.severity,
        )
    )
    if customer.contact:
        await then.complete_ticket(ticket.reference, customer.contact, "m2")
    await then.close()
    await MessageLog(desk.database, Rules()).record(_lines(customer, about, begun))
    return ticket.reference


def _lines(customer: Customer, about: dict[str, str], begun: datetime) -> Sequence[LoggedMessage]:
    return [
        LoggedMessage(
            **about,
            message_id=f"m{number}",
            direction=Direction.OUT if number % 2 else Direction.IN,
            text=text,
            occurred_at=(begun + timedelta(seconds=40 * number)).timestamp(),
        )
        for number, text in enumerate(customer.said)
    ]


async def _chat(desk: Desk) -> None:
    """A conversation without a ticket, of which the last words came while the page's inbox had it."""
    now = datetime.now(UTC)
    about = {
        "conversation_id": "messenger:1000000000001:7007",
        "channel": "messenger",
        "account_id": "1000000000001",
        "user_id": "7007",
    }
    said = ("Vous ouvrez dimanche ?", "Nos boutiques sont fermées le dimanche.", "Et lundi matin ?")
    await MessageLog(desk.database, Rules()).record(
        [
            LoggedMessage(
                **about,
                message_id=f"m{number}",
                direction=Direction.OUT if number == 1 else Direction.IN,
                text=text,
                occurred_at=(now - timedelta(minutes=30 - number)).timestamp(),
                standby=number == 2,
            )
            for number, text in enumerate(said)
        ]
    )


async def _work(desk: Desk, references: dict[str, str]) -> None:
    life, nadia, tom = TicketLife(desk), Actor.agent("nadia"), Actor.agent("tom")
    await life.add_note(references["7001"], nadia, "Deuxième colis abîmé : remplacer sans frais.")
    await life.add_tag(references["7001"], nadia, "casse")
    taken = await life.take(references["7002"], tom)
    await life.set_status(references["7002"], tom, taken.ticket.version, TicketStatus.WAITING, "asked for the address")


async def _park(redis: Redis) -> None:
    await redis.xadd(
        DEAD_LETTERS, {"stream": "parvis:inbox:3", "reason": "the assistant failed 5 times", "value": b"{}"}
    )


class ConsoleProcess:
    """The console as it runs in an installation, on a port of its own."""

    def __init__(self, home: Path, database_url: str, redis_url: str, **settings: str) -> None:
        self.port, operations = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PARVIS_")}
        self._environment = {
            **clean,
            "PARVIS_DOTENV": os.devnull,
            "PARVIS_HOME": str(home),
            "PARVIS_DATABASE_URL": database_url,
            "PARVIS_REDIS_URL": redis_url,
            "PARVIS_SIMULATOR_MODE": "on",
            "PARVIS_CONSOLE_PORT": str(self.port),
            "PARVIS_OPS_CONSOLE_PORT": str(operations),
            "PARVIS_LOG_FORMAT": "json",
            **settings,
        }
        self._log = (home / "console.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "bot.cli", "console"]
        self._process = subprocess.Popen(
            command, cwd=PROJECT_ROOT, env=self._environment, stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{self.address}/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert self._process.poll() is None, Path(self._log.name).read_text()
            assert time.monotonic() < deadline, "the console does not become ready"
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(20)
        self._log.close()


def fill_now(database_url: str, redis_url: str) -> dict[str, str]:
    return asyncio.run(fill(database_url, redis_url))
