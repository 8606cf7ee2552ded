"""The tickets and messages of some busy years, put straight into the desk's tables."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Final

from sqlalchemy import insert

from bot.desk import Database, Direction, EventKind, PromiseKind, PromiseOutcome, References
from bot.desk.models import Message, Promise, Ticket, TicketEvent

_BATCH: Final = 5000
_OPEN_SHARE: Final = 0.05
_TEAMS: Final = ("care", "orders", "payments", "privacy", "resolution")
_TOPICS: Final = ("order_status", "refund_status", "damaged_item", "delivery_late", "invoice", "order_change")
_VOCABULARY: Final = (
    "bonjour commande colis lampe livraison retard remboursement facture canapé taie drap rideau chaise jamais reçu "
    "toujours merci semaine adresse magasin Lyon Paris Bruxelles Genève numéro échange taille couleur order parcel "
    "where refund late broken thanks please when invoice address store size colour never received still waiting"
)
_WORDS: Final = tuple(_VOCABULARY.split())


@dataclass(frozen=True)
class Made:
    """What a benchmark asks for."""

    references: Sequence[str]
    phones: Sequence[str]


async def make(database: Database, tickets: int, messages: int, progress: Callable[[str], None]) -> Made:
    chance = random.Random(7)
    rows = list(_tickets(chance, tickets))
    await _insert(database, Ticket, iter(rows))
    progress(f"{tickets} tickets")
    await _insert(database, TicketEvent, _events(chance, rows))
    await _insert(database, Promise, _promises(rows))
    await _insert(database, Message, _messages(chance, rows, messages))
    progress(f"{messages} messages")
    return Made([row["reference"] for row in rows], [row["contact_value"] for row in rows])


async def _insert(database: Database, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    while batch := list(islice(rows, _BATCH)):
        async with database.writing() as session:
            await session.execute(insert(table), batch)


def _tickets(chance: random.Random, count: int) -> Iterator[dict[str, Any]]:
    now, references, given = datetime.now(UTC), References("ML"), set[str]()
    for number in range(1, count + 1):
        while (reference := references.generate()) in given:
            pass
        given.add(reference)
        is_open = chance.random() < _OPEN_SHARE
        opened_at = now - timedelta(hours=chance.uniform(0.1, 80 if is_open else 17_000))
        status = chance.choice(["new", "open", "waiting_for_customer"]) if is_open else "closed"
        channel, account = ("messenger", "1000000000001") if chance.random() < 0.7 else ("x", "2000000000001")
        topic = chance.choice(_TOPICS)
        yield {
            "id": number,
            "reference": reference,
            "conversation_id": f"{channel}:{account}:{number // 2 if not is_open else 10**9 + number}",
            "channel": channel,
            "account_id": account,
            "user_id": str(number),
            "opened_by": f"m{number}",
            "disposition": "escalate_contentious" if topic in ("damaged_item", "delivery_late") else "escalate_private",
            "topic": topic,
            "category": topic,
            "matter": "",
            "language": chance.choice(["fr", "fr", "en"]),
            "text": _sentence(chance),
            "occurred_at": opened_at,
            "status": status,
            "priority": chance.choice(["low", "normal", "normal", "high", "urgent"]),
            "team": chance.choice(_TEAMS),
            "promised_hours": 9.5,
            "contact_kind": "phone",
            "contact_value": f"+336{chance.randrange(10**8):08d}",
            "contact_refused": False,
            "opened_at": opened_at,
            "due_at": opened_at + timedelta(hours=20),
            "updated_at": opened_at,
            "closed_at": None if is_open else opened_at + timedelta(hours=30),
            "closing": None if is_open else "solved",
            "waiting_since": opened_at if status == "waiting_for_customer" else None,
            "assignee": None if status == "new" else chance.choice(["lea", "tom", "nadia", "paul"]),
            "version": 3,
        }


def _events(chance: random.Random, tickets: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for ticket in tickets:
        for kind, actor, text in (
            (EventKind.OPENED, "customer", ticket["text"]),
            (EventKind.ASSIGNED, "agent:lea", None),
            (EventKind.NOTE, "agent:lea", _sentence(chance)),
        ):
            at = ticket["opened_at"]
            yield {"ticket_id": ticket["id"], "kind": kind, "at": at, "text": text, "actor": actor, "detail": {}}


def _promises(tickets: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for ticket in tickets:
        outcome = PromiseOutcome.PENDING if ticket["closed_at"] is None else PromiseOutcome.KEPT
        for kind in PromiseKind:
            yield {
                "ticket_id": ticket["id"],
                "kind": kind,
                "made_at": ticket["opened_at"],
                "due_at": ticket["due_at"],
                "escalate_at": ticket["due_at"],
                "tell_at": ticket["due_at"],
                "outcome": outcome,
            }


def _messages(chance: random.Random, tickets: list[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    each = count // len(tickets)
    for ticket in tickets:
        for number in range(each):
            yield {
                "conversation_id": ticket["conversation_id"],
                "channel": ticket["channel"],
                "account_id": ticket["account_id"],
                "user_id": ticket["user_id"],
                "message_id": f"m{ticket['id']}-{number}",
                "direction": Direction.IN if number % 2 == 0 else Direction.OUT,
                "text": _sentence(chance),
                "attachments": [],
                "occurred_at": ticket["opened_at"] + timedelta(minutes=number),
            }


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=12))
