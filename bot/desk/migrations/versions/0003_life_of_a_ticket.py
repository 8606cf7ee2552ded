"""The life of a ticket: versions, assignees, promises, tags, watchers; who has a conversation; words to customers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002_mentioned"
branch_labels = None
depends_on = None

_ENUM = sa.String(32)
_TIME = sa.DateTime(timezone=True)
_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OPEN_NOW = sa.text("status IN ('new', 'open', 'waiting_for_customer')")
_PENDING = sa.text("outcome = 'pending'")
_STATUSES = {"ready": "new", "in_progress": "open", "resolved": "solved", "cancelled": "closed"}


def upgrade() -> None:
    op.drop_index("uq_tickets_one_open_per_conversation", "tickets")
    _widen_tickets()
    _translate_tickets()
    _widen_ticket_events()
    _create_promises()
    _create_what_belongs_to_tickets()
    _create_conversations()


def downgrade() -> None:
    raise NotImplementedError("tickets in the new states have no place in the old tables: restore a backup instead")


def _widen_tickets() -> None:
    """Column by column: a table that SQLite copies would first be dropped, and its drop empties what hangs on it."""
    for column in (
        sa.Column(
            "version",
            sa.Integer(),
            nullable=False,
            server_default="1",
            comment="rises with every change that another agent must know of",
        ),
        sa.Column(
            "matter",
            sa.String(64),
            nullable=False,
            server_default=sa.text("''"),
            comment="empty, or the topic that was split off",
        ),
        sa.Column(
            "category",
            sa.String(64),
            nullable=False,
            server_default=sa.text("''"),
            comment="the topic, until an agent files it elsewhere",
        ),
        sa.Column("assignee", sa.String(64), comment="an agent's sign-in name"),
        sa.Column("assigned_at", _TIME),
        sa.Column("waiting_since", _TIME, comment="while the clock stands still"),
        sa.Column(
            "heard_up_to",
            sa.BigInteger(),
            comment="last logged message when it began to wait or was solved; later ones reopen it",
        ),
        sa.Column("solved_at", _TIME),
        sa.Column("closing", _ENUM),
        sa.Column("merged_into", sa.String(16), comment="reference of the ticket in which it goes on"),
        sa.Column("split_from", sa.String(16), comment="reference of the ticket of which it was a part"),
    ):
        op.add_column("tickets", column)


def _translate_tickets() -> None:
    op.execute("UPDATE tickets SET category = topic")
    op.execute("UPDATE tickets SET closing = 'cancelled' WHERE status = 'cancelled'")
    op.execute("UPDATE tickets SET solved_at = closed_at, closed_at = NULL WHERE status = 'resolved'")
    for before, now in _STATUSES.items():
        op.execute(f"UPDATE tickets SET status = '{now}' WHERE status = '{before}'")  # noqa: S608 -- fixed words
    op.create_index(
        "uq_tickets_one_open_per_matter",
        "tickets",
        ["conversation_id", "matter"],
        unique=True,
        sqlite_where=_OPEN_NOW,
        postgresql_where=_OPEN_NOW,
    )
    op.create_index("ix_tickets_conversation_id", "tickets", ["conversation_id"])
    op.create_index("ix_tickets_assignee_status", "tickets", ["assignee", "status"])
    op.create_index("ix_tickets_contact_value", "tickets", ["contact_value"])


def _widen_ticket_events() -> None:
    op.add_column("ticket_events", sa.Column("actor", sa.String(80), nullable=False, server_default="customer"))
    op.add_column("ticket_events", sa.Column("before", sa.String(255)))
    op.add_column("ticket_events", sa.Column("after", sa.String(255)))
    op.add_column("ticket_events", sa.Column("why", sa.Text(), comment="in an agent's words, masked"))
    op.create_index("ix_ticket_events_ticket_id_id", "ticket_events", ["ticket_id", "id"])


def _create_promises() -> None:
    op.create_table(
        "promises",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("kind", _ENUM, nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False, comment="moves while the clock stands still"),
        sa.Column("escalate_at", _TIME, nullable=False),
        sa.Column("tell_at", _TIME, nullable=False, comment="when the customer is told that it takes longer"),
        sa.Column("stopped_at", _TIME, comment="the clock stands still since"),
        sa.Column("escalated_at", _TIME),
        sa.Column("told_at", _TIME),
        sa.Column("outcome", _ENUM, nullable=False),
        sa.Column("settled_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_promises"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name="fk_promises_ticket_id_tickets", ondelete="CASCADE"
        ),
    )
    op.create_index(
        "uq_promises_one_pending_per_kind",
        "promises",
        ["ticket_id", "kind"],
        unique=True,
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    op.create_index("ix_promises_outcome_escalate_at", "promises", ["outcome", "escalate_at"])
    op.create_index("ix_promises_ticket_id", "promises", ["ticket_id"])
    # One promise was made until now, of an answer; what is still open owes it, and its customer need not be told again.
    for kind in ("first_response", "resolution"):
        op.execute(
            "INSERT INTO promises "  # noqa: S608 -- fixed words
            "(ticket_id, kind, made_at, due_at, escalate_at, tell_at, escalated_at, told_at, outcome) "
            f"SELECT id, '{kind}', opened_at, due_at, due_at, due_at, updated_at, updated_at, 'pending' "
            "FROM tickets WHERE status IN ('new', 'open', 'waiting_for_customer')"
        )


def _create_what_belongs_to_tickets() -> None:
    for table, column, length in (
        ("ticket_tags", "tag", 40),
        ("ticket_watchers", "agent", 64),
        ("ticket_conversations", "conversation_id", 255),
    ):
        op.create_table(
            table,
            sa.Column("ticket_id", sa.Integer(), nullable=False),
            sa.Column(column, sa.String(length), nullable=False),
            sa.PrimaryKeyConstraint("ticket_id", column, name=f"pk_{table}"),
            sa.ForeignKeyConstraint(
                ["ticket_id"], ["tickets.id"], name=f"fk_{table}_ticket_id_tickets", ondelete="CASCADE"
            ),
        )
        op.create_index(f"ix_{table}_{column}", table, [column])
    op.create_table(
        "customer_messages",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(80), nullable=False, comment="the words of one key are said once"),
        sa.Column("ticket_id", sa.Integer()),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(128), nullable=False),
        sa.Column("author", sa.String(80), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="emptied once it is in the outbox"),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("appended_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_customer_messages"),
        sa.UniqueConstraint("key", name="uq_customer_messages_key"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name="fk_customer_messages_ticket_id_tickets", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_customer_messages_appended_at", "customer_messages", ["appended_at"])
    op.create_index("ix_customer_messages_ticket_id", "customer_messages", ["ticket_id"])


def _create_conversations() -> None:
    op.create_table(
        "agent_presences",
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("away", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("agent", name="pk_agent_presences"),
    )
    op.create_table(
        "conversations",
        sa.Column("conversation_id", sa.String(255), nullable=False),
        sa.Column("owner", sa.String(80), nullable=False, comment="bot, inbox, or agent:name"),
        sa.Column("since", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("conversation_id", name="pk_conversations"),
    )
    op.create_index("ix_conversations_owner", "conversations", ["owner"])
    op.create_table(
        "conversation_events",
        sa.Column("stream_id", sa.String(40), nullable=False),
        sa.Column("conversation_id", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False, comment="taken_over, handed_back or withheld"),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("reply_id", sa.String(255), comment="of a reply that was withheld"),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("stream_id", name="pk_conversation_events"),
    )
    op.create_index(
        "ix_conversation_events_conversation_id_reply_id", "conversation_events", ["conversation_id", "reply_id"]
    )
