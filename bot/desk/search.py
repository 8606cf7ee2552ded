"""Finding tickets: by what customers are found by, and by words.

The words of tickets, their history and the message log are indexed by the database itself (see the migration
``0004_search``); what SQLite and PostgreSQL say differently is in ``_matching``.
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Select,
    TableClause,
    and_,
    column,
    delete,
    insert,
    select,
    text,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.masking import Kind
from bot.desk.models import Message, Ticket, TicketConversation, TicketEvent, TicketKey, TicketTag
from bot.desk.sought import Sought, SoughtKind, keys_of, order_key, phone_key, phone_keys_within

# A word that everybody says is in half of all messages: the newest are what is looked for.
_MESSAGES: Final = 300
_TICKETS: Final = 500
# Greater than any character that a key may go on with.
_LAST: Final = "\U0010ffff"
_SHORTEST_BEGINNING: Final = 2
_SHORTEST_PHONE: Final = 6


def found_by(sought: Sought, dialect: str) -> ColumnElement[bool]:
    """The condition on tickets. ``dialect`` is the database's."""
    match sought.kind:
        case SoughtKind.REFERENCE:
            return Ticket.reference == sought.value
        case SoughtKind.EMAIL:
            return Ticket.id.in_(_with_key(Kind.EMAIL, _begins_with(sought.value)))
        case SoughtKind.NUMBER:
            return Ticket.id.in_(_with_number(sought.value))
        case SoughtKind.WORDS:
            return Ticket.id.in_(_with_words(sought, dialect))


# For the transaction alone. What serves a rare word does not serve a frequent one, so that no plan serves twice; pages
# that are searched are mostly in memory, so that going from one to another costs little; and neither a compiled plan
# nor a second process is ready before the answer is.
_POSTGRESQL_PLANS: Final = text(
    "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('seq_page_cost', '0.1', true), "
    "set_config('random_page_cost', '0.1', true), set_config('jit', 'off', true), "
    "set_config('max_parallel_workers_per_gather', '0', true)"
)


async def plan_for_search(session: AsyncSession, dialect: str) -> None:
    """Before the first search of a transaction."""
    if dialect == "postgresql":
        await session.execute(_POSTGRESQL_PLANS)


async def write_keys(session: AsyncSession, ticket_id: int, mentioned: Any, contact: str | None) -> None:
    """In the transaction that changed what the ticket is found by."""
    await session.execute(delete(TicketKey).where(TicketKey.ticket_id == ticket_id))
    rows = [{"ticket_id": ticket_id, "kind": kind, "key": key} for kind, key in keys_of(mentioned, contact)]
    if rows:
        await session.execute(insert(TicketKey), rows)


# --- by keys ----------------------------------------------------------------------------------------------------------


def _with_key(kind: Kind, condition: ColumnElement[bool]) -> Select[Any]:
    return select(TicketKey.ticket_id).where(TicketKey.kind == kind.value, condition)


def _begins_with(beginning: str) -> ColumnElement[bool]:
    return and_(TicketKey.key >= beginning, TicketKey.key < beginning + _LAST)


def _with_number(written: str) -> Any:
    """Of an order, from its beginning; or a phone's, from its end."""
    found = [_with_key(Kind.ORDER_NUMBER, _begins_with(order_key(written)))]
    phone = phone_key(written)
    if len(phone) >= _SHORTEST_PHONE:
        found.append(_with_key(Kind.PHONE, _begins_with(phone)))
        found.append(_with_key(Kind.PHONE, TicketKey.key.in_(phone_keys_within(phone))))
    return union_all(*found)


# --- by words ---------------------------------------------------------------------------------------------------------


def _with_words(sought: Sought, dialect: str) -> Any:
    """All of them in one text, or all of them in the customer's names; the last may be the beginning of a word."""
    words = sought.words
    tickets = _matching("tickets", words, dialect).limit(_TICKETS).subquery()
    events = _matching("ticket_events", words, dialect).limit(_TICKETS).subquery()
    messages = _matching("messages", words, dialect).limit(_MESSAGES).subquery()
    # Named, so that what is asked twice is looked for once.
    talks = select(Message.conversation_id).where(Message.id.in_(select(messages.c.id))).cte("talks")
    said_in = select(talks.c.conversation_id)
    return union_all(
        select(tickets.c.id),
        select(TicketEvent.ticket_id).where(TicketEvent.id.in_(select(events.c.id))),
        select(Ticket.id).where(Ticket.conversation_id.in_(said_in)),
        select(TicketConversation.ticket_id).where(TicketConversation.conversation_id.in_(said_in)),
        select(TicketTag.ticket_id).where(TicketTag.tag == sought.value),
        select(_named(words).subquery().c.ticket_id),
    )


def _named(words: Sequence[str]) -> Select[Any]:
    *whole, last = words
    begins = TicketKey.key == last if len(last) < _SHORTEST_BEGINNING else _begins_with(last)
    query = _with_key(Kind.NAME, begins)
    for word in whole:
        query = query.where(TicketKey.ticket_id.in_(_with_key(Kind.NAME, TicketKey.key == word)))
    return query.order_by(TicketKey.ticket_id.desc()).limit(_TICKETS)


def _matching(table: str, words: Sequence[str], dialect: str) -> Select[Any]:
    """Ids of the rows of ``table`` with all the words, the newest first. Words have letters and digits only."""
    quote = "'" if dialect == "postgresql" else '"'
    terms = [f"{quote}{word}{quote}" for word in words]
    begins = len(words[-1]) >= _SHORTEST_BEGINNING
    if dialect == "postgresql":
        id_column: ColumnClause[int] = column("id")
        condition, sought = "words @@ CAST(:sought AS tsquery)", " & ".join(terms) + (":*" if begins else "")
    else:
        id_column, table = column("rowid"), f"search_{table}"
        condition, sought = f"{table} MATCH :sought", " AND ".join(terms) + ("*" if begins else "")
    query = select(id_column.label("id")).select_from(TableClause(table, id_column))
    return query.where(text(condition).bindparams(sought=sought)).order_by(id_column.desc())
