"""Tickets with their history, the outbox of e-mails, and the message log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ENUM = sa.String(32)
_TIME = sa.DateTime(timezone=True)
_OPEN_ONLY = sa.text("status IN ('new', 'ready', 'in_progress')")


def upgrade() -> None:
    _create_messages()
    _create_tickets()
    _create_ticket_events()
    _create_notifications()


def downgrade() -> None:
    for table in ("notifications", "ticket_events", "tickets", "messages"):
        op.drop_table(table)


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("conversation_id", sa.String(255), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(128), nullable=False),
        sa.Column("message_id", sa.String(255), nullable=False),
        sa.Column("direction", _ENUM, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("attachments", sa.JSON(), nullable=False, comment="kinds only"),
        sa.Column("occurred_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint(
            "conversation_id", "message_id", "direction", name="uq_messages_conversation_id_message_id_direction"
        ),
    )
    op.create_index("ix_messages_conversation_id_occurred_at", "messages", ["conversation_id", "occurred_at"])
    op.create_index("ix_messages_occurred_at", "messages", ["occurred_at"])


def _create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(16), nullable=False),
        sa.Column("conversation_id", sa.String(255), nullable=False),
        sa.Column("channel", sa.String(32), nullable=False),
        sa.Column("account_id", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(128), nullable=False),
        sa.Column("opened_by", sa.String(255), nullable=False, comment="id of the message that opened it"),
        sa.Column("disposition", _ENUM, nullable=False),
        sa.Column("topic", sa.String(64), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("text", sa.Text(), nullable=False, comment="the customer's words, masked"),
        sa.Column("occurred_at", _TIME, nullable=False),
        sa.Column("status", _ENUM, nullable=False),
        sa.Column("priority", _ENUM, nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("promised_hours", sa.Double(), nullable=False, comment="business hours"),
        sa.Column("contact_kind", _ENUM),
        sa.Column("contact_value", sa.String(320)),
        sa.Column("preferred_time", sa.Text()),
        sa.Column("contact_refused", sa.Boolean(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("due_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.Column("closed_at", _TIME),
        sa.Column("purged_at", _TIME),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
        sa.UniqueConstraint("reference", name="uq_tickets_reference"),
        sa.UniqueConstraint("conversation_id", "opened_by", name="uq_tickets_conversation_id_opened_by"),
    )
    op.create_index("ix_tickets_status_due_at", "tickets", ["status", "due_at"])
    op.create_index("ix_tickets_closed_at", "tickets", ["closed_at"])
    op.create_index(
        "uq_tickets_one_open_per_conversation",
        "tickets",
        ["conversation_id"],
        unique=True,
        sqlite_where=_OPEN_ONLY,
        postgresql_where=_OPEN_ONLY,
    )


def _create_ticket_events() -> None:
    op.create_table(
        "ticket_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("kind", _ENUM, nullable=False),
        sa.Column("message_id", sa.String(255)),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("text", sa.Text(), comment="the customer's words, masked"),
        sa.Column("detail", sa.JSON(), nullable=False, comment="what changed, never personal data"),
        sa.PrimaryKeyConstraint("id", name="pk_ticket_events"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name="fk_ticket_events_ticket_id_tickets", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("ticket_id", "message_id", "kind", name="uq_ticket_events_ticket_id_message_id_kind"),
    )


def _create_notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.Integer(), nullable=False),
        sa.Column("team", sa.String(64), nullable=False, comment="its address is looked up when the e-mail leaves"),
        sa.Column("status", _ENUM, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", _TIME, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("sent_at", _TIME),
        sa.Column("last_error", sa.String(500)),
        sa.PrimaryKeyConstraint("id", name="pk_notifications"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name="fk_notifications_ticket_id_tickets", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["ticket_events.id"], name="fk_notifications_event_id_ticket_events", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("event_id", "team", name="uq_notifications_event_id_team"),
    )
    op.create_index("ix_notifications_status_next_attempt_at", "notifications", ["status", "next_attempt_at"])
    op.create_index("ix_notifications_ticket_id_status", "notifications", ["ticket_id", "status"])
