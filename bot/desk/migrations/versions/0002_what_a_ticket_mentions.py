"""What a team needs of the personal data that a ticket's words held is kept aside, out of the words themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0002_mentioned"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tickets", sa.Column("mentioned", sa.JSON(), comment="values by kind, taken out of the words"))


def downgrade() -> None:
    op.drop_column("tickets", "mentioned")
