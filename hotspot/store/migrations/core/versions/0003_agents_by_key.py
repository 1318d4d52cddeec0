"""agents by key: a new key's posts are numbered anew"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent", sa.Column("key_id", sa.String(length=64), nullable=False, server_default=""))


def downgrade() -> None:
    """Nobody goes back: an older version refuses a newer store."""
