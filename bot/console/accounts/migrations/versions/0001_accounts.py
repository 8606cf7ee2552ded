"""People who sign in to the console, their sessions and invitations, and the audit log."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_users()
    _create_sessions_and_invitations()
    _create_audit_log()
    _forbid_changes_of_the_audit_log()


def downgrade() -> None:
    for table in ("console_audit_log", "console_invitations", "console_sessions", "console_users"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION console_audit_log_is_append_only()")


def _create_users() -> None:
    op.create_table(
        "console_users",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("email", sa.String(320), nullable=False, comment="lower case"),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("password_hash", sa.String(255), comment="argon2id"),
        sa.Column("totp_secret", sa.String(255), comment="encrypted with the console's key"),
        sa.Column("totp_used_step", sa.BigInteger, nullable=False, comment="a code is good once"),
        sa.Column("oidc_subject", sa.String(255)),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_console_users"),
        sa.UniqueConstraint("email", name="uq_console_users_email"),
        sa.UniqueConstraint("oidc_subject", name="uq_console_users_oidc_subject"),
    )


def _create_sessions_and_invitations() -> None:
    op.create_table(
        "console_sessions",
        sa.Column("token_hash", sa.String(64), nullable=False, comment="SHA-256 of the cookie's value"),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("csrf_token", sa.String(64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_console_sessions"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_users.id"], name="fk_console_sessions_user_id_console_users", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_console_sessions_user_id", "console_sessions", ["user_id"])
    op.create_table(
        "console_invitations",
        sa.Column("token_hash", sa.String(64), nullable=False, comment="SHA-256 of what the link carries"),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("user_id", sa.Integer),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name="pk_console_invitations"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_users.id"], name="fk_console_invitations_user_id_console_users", ondelete="CASCADE"
        ),
    )


def _create_audit_log() -> None:
    op.create_table(
        "console_audit_log",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.String(320), nullable=False, comment="e-mail of who did it, as it was then"),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(320), nullable=False, comment="what it was done to: a reference, an e-mail"),
        sa.Column("detail", sa.JSON, nullable=False, comment="what changed, never a customer's data"),
        sa.Column("address", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_console_audit_log"),
    )
    op.create_index("ix_console_audit_log_at", "console_audit_log", ["at"])
    op.create_index("ix_console_audit_log_subject_at", "console_audit_log", ["subject", "at"])
    op.create_index("ix_console_audit_log_actor_at", "console_audit_log", ["actor", "at"])


def _forbid_changes_of_the_audit_log() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """
            CREATE FUNCTION console_audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
            """
        )
        op.execute(
            "CREATE TRIGGER console_audit_log_append_only BEFORE UPDATE OR DELETE ON console_audit_log "
            "FOR EACH ROW EXECUTE FUNCTION console_audit_log_is_append_only()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER console_audit_log_no_{verb.lower()} BEFORE {verb} ON console_audit_log "
            "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
        )
