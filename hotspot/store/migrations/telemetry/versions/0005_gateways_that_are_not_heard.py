"""gateways of which everything is dropped, and since when; how many were handed to their gateways in an hour"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_alarm",
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("signs", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", name=op.f("pk_gateway_alarm")),
    )
    op.add_column("portal_hour", sa.Column("handed", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Nobody goes back: an older version refuses a newer store."""
