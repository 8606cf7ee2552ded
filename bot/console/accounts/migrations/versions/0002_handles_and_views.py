"""What the desk knows an agent by, and the views of tickets that people save."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_users = sa.table("console_users", sa.column("id", sa.Integer), sa.column("handle", sa.String))


def upgrade() -> None:
    with op.batch_alter_table("console_users") as table:
        table.add_column(sa.Column("handle", sa.String(64), comment="what the desk knows an agent by"))
    op.execute(_users.update().values(handle=sa.literal("agent-") + sa.cast(_users.c.id, sa.String)))
    with op.batch_alter_table("console_users") as table:
        table.alter_column("handle", existing_type=sa.String(64), nullable=False)
        table.create_unique_constraint("uq_console_users_handle", ["handle"])
    op.create_table(
        "console_views",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("user_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("chosen", sa.String(500), nullable=False, comment="the query of the queue's address"),
        sa.PrimaryKeyConstraint("id", name="pk_console_views"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["console_users.id"], name="fk_console_views_user_id_console_users", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("user_id", "name", name="uq_console_views_user_id_name"),
    )


def downgrade() -> None:
    op.drop_table("console_views")
    with op.batch_alter_table("console_users") as table:
        table.drop_constraint("uq_console_users_handle", type_="unique")
        table.drop_column("handle")
