"""What a search looks in: the words of tickets, their history and messages, and what customers are found by.

SQLite has tables of its own for the words (FTS5), kept by triggers; PostgreSQL has a column beside the text, which it
computes. Neither is among the models, and both follow the text, whoever changes or deletes it.
"""

import sqlalchemy as sa
from alembic import op

from bot.desk.sought import keys_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDEXED = {"tickets": ("text",), "ticket_events": ("text", "why"), "messages": ("text",)}
# What masking leaves in a text, and nobody wrote.
_MASKS = ("phone", "email", "order number", "name", "address", "password", "nir", "security code")
_BATCH = 5000


def upgrade() -> None:
    _create_keys()
    _fill_keys()
    for table, columns in _INDEXED.items():
        (_index_on_postgresql if _is_postgresql() else _index_on_sqlite)(table, columns)
    _create_queue_indexes()
    if _is_postgresql():
        # So that the first search knows already which words are frequent.
        op.execute(f"ANALYZE {', '.join([*_INDEXED, 'ticket_keys'])}")


def downgrade() -> None:
    op.drop_index("ix_tickets_open", "tickets")
    op.drop_index("ix_tickets_queue", "tickets")
    for table in _INDEXED:
        if _is_postgresql():
            op.execute(f"ALTER TABLE {table} DROP COLUMN words")
        else:
            for event in ("insert", "update", "delete"):
                op.execute(f"DROP TRIGGER search_{table}_{event}")
            op.execute(f"DROP TABLE search_{table}")
    if _is_postgresql():
        op.execute("DROP FUNCTION search_words(text)")
    op.drop_table("ticket_keys")


def _is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


# --- what customers are found by --------------------------------------------------------------------------------------


def _create_keys() -> None:
    # By their bytes, so that keys with one beginning are neighbours whatever the database's language.
    key = sa.String(320).with_variant(sa.String(320, collation="C"), "postgresql")
    op.create_table(
        "ticket_keys",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("key", key, nullable=False, comment="as names, numbers and addresses are compared"),
        sa.PrimaryKeyConstraint("ticket_id", "kind", "key", name="pk_ticket_keys"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name="fk_ticket_keys_ticket_id_tickets", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_ticket_keys_kind_key_ticket_id", "ticket_keys", ["kind", "key", "ticket_id"])


def _fill_keys() -> None:
    tickets = sa.table("tickets", sa.column("id"), sa.column("mentioned", sa.JSON()), sa.column("contact_value"))
    keys = sa.table("ticket_keys", sa.column("ticket_id"), sa.column("kind"), sa.column("key"))
    connection, last = op.get_bind(), 0
    while found := connection.execute(
        sa.select(tickets).where(tickets.c.id > last).order_by(tickets.c.id).limit(_BATCH)
    ).all():
        last = found[-1].id
        rows = [
            {"ticket_id": ticket.id, "kind": kind, "key": key}
            for ticket in found
            for kind, key in keys_of(ticket.mentioned, ticket.contact_value)
        ]
        if rows:
            connection.execute(sa.insert(keys), rows)


# --- words ------------------------------------------------------------------------------------------------------------


def _index_on_sqlite(table: str, columns: tuple[str, ...]) -> None:
    """The index alone, without a copy of the texts, without positions or lengths: nothing is quoted or ranked."""
    index, names = f"search_{table}", ", ".join(columns)
    op.execute(
        f"CREATE VIRTUAL TABLE {index} USING fts5({names}, content = '', columnsize = 0, detail = none, "
        "prefix = '2 3 4', tokenize = 'unicode61 remove_diacritics 2')"
    )

    def words(row: str) -> str:
        return ", ".join(_plain_on_sqlite(f"{row}{column}") for column in columns)

    add = f"INSERT INTO {index} (rowid, {names}) VALUES (new.id, {words('new.')});"  # noqa: S608 -- names of our own
    remove = f"INSERT INTO {index} ({index}, rowid, {names}) VALUES ('delete', old.id, {words('old.')});"  # noqa: S608
    changes = " OR ".join(f"old.{column} IS NOT new.{column}" for column in columns)
    op.execute(f"CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN {add} END")
    op.execute(f"CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN {remove} END")
    op.execute(
        f"CREATE TRIGGER {index}_update AFTER UPDATE OF {names} ON {table} WHEN {changes} BEGIN {remove} {add} END"
    )
    op.execute(f"INSERT INTO {index} (rowid, {names}) SELECT id, {words('')} FROM {table}")  # noqa: S608


def _plain_on_sqlite(text: str) -> str:
    """The tokenizer sees to capitals and accents."""
    for mask in _MASKS:
        text = f"replace({text}, '[{mask}]', ' ')"
    for ligature, letters in (("œ", "oe"), ("Œ", "oe"), ("æ", "ae"), ("Æ", "ae")):
        text = f"replace({text}, '{ligature}', '{letters}')"
    return text


def _index_on_postgresql(table: str, columns: tuple[str, ...]) -> None:
    op.execute("SET LOCAL maintenance_work_mem = '256MB'")
    op.execute(_WORDS_ON_POSTGRESQL)
    text = " || ' ' || ".join(f"coalesce({column}, '')" for column in columns)
    op.execute(f"ALTER TABLE {table} ADD COLUMN words tsvector GENERATED ALWAYS AS (search_words({text})) STORED")
    op.execute(f"CREATE INDEX ix_{table}_words ON {table} USING gin (words)")


# Without the extension "unaccent", which not every installation has: Latin letters are taken apart and their accents
# dropped (U+0300 to U+036F). What is no letter or digit becomes a blank, so that the parser finds nothing but words;
# Unicode's punctuation is in U+2000 to U+206F and U+3000 to U+303F.
_WORDS_ON_POSTGRESQL = rf"""
CREATE OR REPLACE FUNCTION search_words(said text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $words$
    SELECT strip(to_tsvector('pg_catalog.simple', lower(
        regexp_replace(
            normalize(regexp_replace(normalize(
                replace(replace(replace(replace(
                    regexp_replace(said, '\[({"|".join(_MASKS)})\]', ' ', 'g'),
                'œ', 'oe'), 'Œ', 'oe'), 'æ', 'ae'), 'Æ', 'ae'),
            NFKD), '([A-Za-z])[\u0300-\u036f]+', '\1', 'g'), NFKC),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+', ' ', 'g')
    )))
$words$
"""


# --- the queue --------------------------------------------------------------------------------------------------------


def _create_queue_indexes() -> None:
    """Open tickets as the queue has them, and with all that they are counted by."""
    open_only = sa.text("status IN ('new', 'open', 'waiting_for_customer')")
    for name, columns in (
        ("ix_tickets_queue", ["due_at", "id"]),
        ("ix_tickets_open", ["status", "team", "assignee", "waiting_since", "due_at"]),
    ):
        op.create_index(name, "tickets", columns, sqlite_where=open_only, postgresql_where=open_only)
