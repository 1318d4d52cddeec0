"""gateways' clocks: by how much each is ahead of ours"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_clock",
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("ahead", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", name=op.f("pk_gateway_clock")),
    )


def downgrade() -> None:
    """Nobody goes back: an older version refuses a newer store."""
