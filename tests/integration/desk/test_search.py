"""What is found, on both databases; and that nothing is found any more once it is gone."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from sqlalchemy import Connection, text

from bot.desk import (
    Actor,
    Contact,
    ContactKind,
    Database,
    Desk,
    MessageLog,
    OpenTicket,
    QueueFilter,
    Routing,
    TicketLife,
    TicketReader,
    TicketStatus,
    migrate,
    open_desk,
)
from bot.desk.masking import Rules
from bot.desk.models import TicketKey
from bot.desk.retention import forget_conversation, purge
from bot.desk.schema import alembic_config
from tests.integration.desk.conftest import logged

Make = Callable[..., OpenTicket]
LEA = Actor.agent("lea")
HERE, ELSEWHERE = "messenger:10:20", "messenger:10:21"
SAID = "Je suis Léa Martin, mon canapé n'est jamais arrivé. Commande n° 451277, lea.martin@exemple.fr ou 06 98 76 54 32"
PHONE = "06 12 34 56 78"
PERSONAL = ("Léa Martin", "canapé", "451277", "lea.martin@exemple.fr", "06 98 76 54 32", PHONE, "abîmé", "housse")


@pytest.fixture
def reader(desk: Desk) -> TicketReader:
    return TicketReader(desk)


@pytest.fixture
async def reference(desk: Desk, database: Database, request_for: Make) -> str:
    """A ticket of which there is much to find, and another one of which nothing may be."""
    opened = await desk.open_ticket(request_for(text=SAID))
    await desk.complete_ticket(opened.reference, Contact(ContactKind.PHONE, "+33612345678"), "m2")
    life = TicketLife(desk)
    await life.add_note(opened.reference, LEA, "le carton était abîmé")
    await life.add_tag(opened.reference, LEA, "vip")
    other = await desk.open_ticket(request_for("m9", conversation_id=ELSEWHERE, text="Une facture, s'il vous plaît"))
    await desk.complete_ticket(other.reference, Contact(ContactKind.EMAIL, "tom@exemple.be"), "m10")
    await MessageLog(database, Rules()).record(
        [logged("m1", "la housse est trouée"), logged("m9", "le tiroir grince", conversation_id=ELSEWHERE)]
    )
    return opened.reference


async def found(reader: TicketReader, sought: str, chosen: QueueFilter | None = None) -> list[str]:
    rows = await (reader.search(sought) if chosen is None else reader.search(sought, chosen))
    return [row.reference for row in rows]


async def test_a_customer_is_found_by_whatever_is_known(reader: TicketReader, reference: str) -> None:
    for sought in (
        *(reference, reference.lower(), reference.replace("-", ""), reference.removeprefix("ML-")),
        *("Léa Martin", "martin", "LEA", "lea mart", "Martin Léa"),
        *("06 12 34 56 78", "+33 6 12 34 56 78", "0033612345678", "+33 (0)6.12.34.56.78", "12345678"),
        *("06 98 76 54 32", "+33698765432"),
        *("lea.martin@exemple.fr", "LEA.MARTIN@EXEMPLE.FR", "lea.martin@ex"),
        *("451277", "n° 451277", "#451277"),
        *("canapé", "CANAPE", "canap", "jamais canapé", "abime", "Abîmé", "vip"),
        *("housse", "housse trouee", "trou"),
    ):
        assert await found(reader, sought) == [reference], sought


async def test_what_is_another_customers_is_not_found(reader: TicketReader, reference: str) -> None:
    for sought in (
        "Martine",
        "06 12 34 56 79",
        "lea.martin@exemple.com",
        "451278",
        "canapé housse",
        "nape",
        "xyz",
        " ",
    ):
        assert await found(reader, sought) == [], sought


async def test_the_signs_of_a_query_language_are_only_signs(reader: TicketReader, reference: str) -> None:
    for sought in (
        "x' OR 1=1",
        'canapé" OR "a',
        "canapé | facture",
        "NOT canapé",
        "text:canapé",
        "%",
        "*",
        "'",
        "\\",
    ):
        assert await found(reader, sought) == [], sought
    for unstorable in ("zzz\x00", "a@\x00b", "\ud800"):
        assert await found(reader, unstorable) == []
    assert await found(reader, "«canapé»") == [reference]
    assert await found(reader, "canapé*!") == [reference]


async def test_masks_are_no_words(reader: TicketReader, reference: str) -> None:
    for mask in ("phone", "email", "name", "order number"):
        assert await found(reader, mask) == [], mask


async def test_ligatures_and_letters_of_other_languages_are_found(
    desk: Desk, reader: TicketReader, request_for: Make
) -> None:
    opened = await desk.open_ticket(request_for(text="la sœur de Łukasz dit здравствуй, Ça brûle e\u0301te\u0301 12e5"))
    for sought in ("sœur", "soeur", "SOEUR", "здравствуй", "ca brule", "été", "12e5"):
        assert await found(reader, sought) == [opened.reference], sought


async def test_what_is_said_while_nothing_is_open_leads_to_the_customers_ticket(
    desk: Desk, database: Database, reader: TicketReader, reference: str
) -> None:
    await desk.close_ticket(reference)
    await MessageLog(database, Rules()).record([logged("m7", "merci pour la lanterne")])
    assert await found(reader, "lanterne") == [reference]


async def test_a_search_stays_within_what_is_chosen(desk: Desk, reader: TicketReader, reference: str) -> None:
    assert await found(reader, "canapé", QueueFilter()) == [reference]
    assert await found(reader, "canapé", QueueFilter(team="payments")) == []
    assert await found(reader, "canapé", QueueFilter(tag="vip")) == [reference]
    await desk.close_ticket(reference)
    assert await found(reader, "canapé", QueueFilter()) == []
    assert await found(reader, "canapé", QueueFilter(statuses=(TicketStatus.CLOSED,))) == [reference]


async def test_a_corrected_contact_is_found_in_the_place_of_the_first(
    desk: Desk, reader: TicketReader, reference: str
) -> None:
    await desk.complete_ticket(reference, Contact(ContactKind.EMAIL, "lm@exemple.ch"), "m3")
    assert await found(reader, "lm@exemple.ch") == [reference]
    assert await found(reader, "06 12 34 56 78") == []
    await desk.refuse_contact(reference, "m4")
    assert await found(reader, "lm@exemple.ch") == []


async def test_who_is_mentioned_in_a_note_or_a_merged_ticket_is_found(
    desk: Desk, reader: TicketReader, request_for: Make, reference: str
) -> None:
    life = TicketLife(desk)
    await life.add_note(reference, LEA, "rappeler Mme Zoé Lambert au 07 11 22 33 44")
    assert await found(reader, "lambert") == [reference]
    other = await desk.open_ticket(request_for("m20", conversation_id="x:1:9", text="Je m'appelle Hugo Petit"))
    seen = (await reader.ticket(other.reference)).version
    await life.merge(other.reference, LEA, seen, reference)
    assert set(await found(reader, "hugo petit")) == {reference, other.reference}
    assert await found(reader, "07 11 22 33 44") == [reference]


async def test_a_forgotten_customer_is_found_by_nothing(
    database: Database, reader: TicketReader, reference: str
) -> None:
    for sought in (*PERSONAL, "vip"):
        assert await found(reader, sought) == [reference], sought
    await forget_conversation(database, HERE)
    for sought in PERSONAL:
        assert await found(reader, sought) == [], sought
    assert await found(reader, "tiroir") != []
    assert "canape" not in await every_indexed_word(database)
    assert "facture" in await every_indexed_word(database)


async def test_what_is_purged_is_gone_from_the_index_too(
    desk: Desk, database: Database, reader: TicketReader, reference: str
) -> None:
    await desk.close_ticket(reference)
    await purge(database, timedelta(days=30), now=datetime.now(UTC) + timedelta(days=60))
    for sought in PERSONAL:
        assert await found(reader, sought) == [], sought
    words = await every_indexed_word(database)
    assert not words & {"canape", "housse", "martin", "abime"}


async def every_indexed_word(database: Database) -> set[str]:
    """As the database itself has them."""
    words: set[str] = set()
    async with database.writing() as session:
        for table in ("tickets", "ticket_events", "messages"):
            if database.dialect == "postgresql":
                rows = await session.scalars(text(f"SELECT unnest(tsvector_to_array(words)) FROM {table}"))  # noqa: S608
            else:
                seen = f"temp.seen_{table} USING fts5vocab(main, search_{table}, row)"
                await session.execute(text(f"CREATE VIRTUAL TABLE IF NOT EXISTS {seen}"))
                # What is deleted leaves a mark behind until the index is merged.
                rows = await session.scalars(text(f"SELECT term FROM temp.seen_{table} WHERE doc > 0"))  # noqa: S608
            words |= set(rows)
        words |= set(await session.scalars(text("SELECT key FROM ticket_keys")))
    return words


# --- the migration ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def old_desk(empty_database_url: str, routing: Routing) -> AsyncIterator[Desk]:
    await migrate(empty_database_url)
    desk = open_desk(empty_database_url, routing)
    yield desk
    await desk.close()


def move(connection: Connection, to: str) -> None:
    config = alembic_config(connection)
    if to == "head":
        command.upgrade(config, to)
    else:
        command.downgrade(config, to)


async def test_what_is_there_already_is_found_after_the_upgrade_and_the_way_back_is_free(
    old_desk: Desk, request_for: Make
) -> None:
    opened = await old_desk.open_ticket(request_for(text=SAID))
    await old_desk.complete_ticket(opened.reference, Contact(ContactKind.PHONE, "+33612345678"), "m2")
    await MessageLog(old_desk.database, Rules()).record([logged("m1", "la housse est trouée")])
    for to in ("0003", "head"):
        async with old_desk.database.writing() as session:
            await (await session.connection()).run_sync(move, to)
    reader = TicketReader(old_desk)
    for sought in ("martin", "canape", "0612345678", "lea.martin@exemple.fr", "451277", "housse"):
        assert await found(reader, sought) == [opened.reference], sought
    async with old_desk.database.reading() as session:
        assert await session.get(TicketKey, (1, "name", "martin")) is not None
