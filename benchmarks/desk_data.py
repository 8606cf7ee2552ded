"""The tickets and messages of some busy years, put straight into the desk's tables."""

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, islice
from typing import Any, Final, TypeVar

from sqlalchemy import insert

from bot.desk import Database, Direction, EventKind, PromiseKind, PromiseOutcome, References
from bot.desk.models import Message, Promise, Ticket, TicketEvent

Row = TypeVar("Row")

_BATCH: Final = 50_000
_OPEN_SHARE: Final = 0.05
_OPEN_HOURS: Final = 80
_HOURS: Final = 17_000
# So many conversations go on side by side: what was said in one lies among what was said in the others.
_SIDE_BY_SIDE: Final = 100
_WORDS_A_MESSAGE: Final = 12
_VOCABULARY: Final = 8000
_TEAMS: Final = ("care", "orders", "payments", "privacy", "resolution")
_TOPICS: Final = ("order_status", "refund_status", "damaged_item", "delivery_late", "invoice", "order_change")
_COMMON: Final = (
    "de la le je et pas vous une pour bonjour commande ma colis the my is not order livraison merci you it reçu jamais "
    "retard remboursement please parcel toujours facture lampe canapé semaine adresse refund numéro magasin where late "
    "échange rideau chaise taie drap thanks broken taille couleur Lyon Paris Bruxelles Genève invoice waiting colour"
)
_FIRST_NAMES: Final = (
    "Léa Hugo Chloé Théo Inès Jules Zoé Raphaël Maëlle Noé Camille Élise Anaïs Marc Sophie Karim Nadia Paul Emma Tom "
    "Oliver Amelia George Isla Harry Grace Jack Freya Noah Ruby Youssef Fatou Yasmine Diego Aïcha Björn Łukasz Zsófia"
)


@dataclass(frozen=True)
class Made:
    """What a benchmark asks for."""

    references: Sequence[str]
    phones: Sequence[str]
    emails: Sequence[str]
    names: Sequence[str]
    vocabulary: Sequence[str]
    """The most frequent word first."""


class Language:
    """Words as frequent as in a natural language: the frequency falls with the rank (Zipf's law)."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.words = list(dict.fromkeys([*_COMMON.split(), *(self.invent(chance) for _ in range(_VOCABULARY))]))
        self._weights = list(accumulate(1 / (rank + 2.7) for rank in range(1, len(self.words) + 1)))

    def sentence(self) -> str:
        return " ".join(self._chance.choices(self.words, cum_weights=self._weights, k=_WORDS_A_MESSAGE))

    @staticmethod
    def invent(chance: random.Random) -> str:
        return "".join(
            chance.choice("bcdfgjlmnprstv") + chance.choice(["a", "e", "i", "o", "u", "é", "è", "ou", "an", "in"])
            for _ in range(chance.choice((2, 3, 3, 4)))
        )


async def make(database: Database, tickets: int, messages: int, progress: Callable[[str], None]) -> Made:
    chance = random.Random(7)
    language = Language(chance)
    surnames = [Language.invent(chance).capitalize() for _ in range(3000)]
    rows = list(_tickets(chance, language, surnames, tickets))
    await _insert(database, Ticket, rows)
    await _insert(database, TicketEvent, _events(chance, language, rows))
    await _insert(database, Promise, _promises(rows))
    progress(f"{tickets} tickets")
    for batch in _batches(_messages(language, rows, messages // tickets), _BATCH):
        await _copy_messages(database, batch)
    progress(f"{messages} messages")
    contacts = [row["contact_value"] for row in rows]
    return Made(
        [row["reference"] for row in rows],
        [value for value in contacts if "@" not in value],
        [value for value in contacts if "@" in value],
        [row["mentioned"]["name"][0] for row in rows if row["mentioned"]],
        language.words,
    )


def _batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    left = iter(rows)
    while batch := list(islice(left, size)):
        yield batch


async def _insert(database: Database, table: Any, rows: Iterable[dict[str, Any]]) -> None:
    for batch in _batches(rows, _BATCH):
        async with database.writing() as session:
            await session.execute(insert(table), batch)


def _tickets(
    chance: random.Random, language: Language, surnames: Sequence[str], count: int
) -> Iterator[dict[str, Any]]:
    """The oldest first; the newest are open."""
    first_names = _FIRST_NAMES.split()
    now, references, given = datetime.now(UTC), References("ML"), set[str]()
    closed = count - int(count * _OPEN_SHARE)
    ages = sorted((chance.uniform(_OPEN_HOURS, _HOURS) for _ in range(closed)), reverse=True)
    ages += sorted((chance.uniform(0.1, _OPEN_HOURS) for _ in range(count - closed)), reverse=True)
    for number, age in enumerate(ages, start=1):
        while (reference := references.generate()) in given:
            pass
        given.add(reference)
        is_open = number > closed
        opened_at = now - timedelta(hours=age)
        status = chance.choice(["new", "open", "waiting_for_customer"]) if is_open else "closed"
        channel, account = ("messenger", "1000000000001") if chance.random() < 0.7 else ("x", "2000000000001")
        topic = chance.choice(_TOPICS)
        first, last = chance.choice(first_names), chance.choice(surnames)
        phone = f"+336{chance.randrange(10**8):08d}"
        contact = phone if chance.random() < 0.6 else f"client{number}@courriel.example"
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
            "text": language.sentence(),
            "mentioned": {"name": [f"{first} {last}"]} if chance.random() < 0.5 else {},
            "occurred_at": opened_at,
            "status": status,
            "priority": chance.choice(["low", "normal", "normal", "high", "urgent"]),
            "team": chance.choice(_TEAMS),
            "promised_hours": 9.5,
            "contact_kind": "email" if "@" in contact else "phone",
            "contact_value": contact,
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


def _events(chance: random.Random, language: Language, tickets: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for ticket in tickets:
        for kind, actor, text in (
            (EventKind.OPENED, "customer", None),
            (EventKind.ASSIGNED, "agent:lea", None),
            (EventKind.NOTE, "agent:lea", language.sentence()),
        ):
            at = ticket["opened_at"] + timedelta(minutes=chance.randrange(30))
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


# --- messages: by the drivers' own fastest way ------------------------------------------------------------------------

_COLUMNS: Final = (
    "conversation_id",
    "channel",
    "account_id",
    "user_id",
    "message_id",
    "direction",
    "text",
    "attachments",
    "occurred_at",
)
_NO_ATTACHMENTS: Final = json.dumps([])


def _messages(language: Language, tickets: list[dict[str, Any]], each: int) -> Iterator[tuple[Any, ...]]:
    for together in _batches(tickets, _SIDE_BY_SIDE):
        for number in range(each):
            direction = Direction.IN if number % 2 == 0 else Direction.OUT
            for ticket in together:
                yield (
                    ticket["conversation_id"],
                    ticket["channel"],
                    ticket["account_id"],
                    ticket["user_id"],
                    f"m{ticket['id']}-{number}",
                    direction.value,
                    language.sentence(),
                    _NO_ATTACHMENTS,
                    ticket["opened_at"] + timedelta(minutes=number),
                )


async def _copy_messages(database: Database, rows: Sequence[tuple[Any, ...]]) -> None:
    async with database.writing() as session:
        driver: Any = (await (await session.connection()).get_raw_connection()).driver_connection
        if database.dialect == "postgresql":
            await driver.copy_records_to_table(Message.__tablename__, records=rows, columns=_COLUMNS, timeout=600)
            return
        places = ", ".join("?" * len(_COLUMNS))
        # As SQLAlchemy writes a time for SQLite.
        await driver.executemany(
            f"INSERT INTO messages ({', '.join(_COLUMNS)}) VALUES ({places})",  # noqa: S608 -- names of our own
            [(*row[:-1], row[-1].strftime("%Y-%m-%d %H:%M:%S.%f")) for row in rows],
        )
