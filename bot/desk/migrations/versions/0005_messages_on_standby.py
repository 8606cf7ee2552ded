"""Messages that a customer wrote while another application had the conversation are marked."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "messages",
        sa.Column(
            "standby",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="written while another application had the conversation",
        ),
    )


def downgrade() -> None:
    op.drop_column("messages", "standby")
