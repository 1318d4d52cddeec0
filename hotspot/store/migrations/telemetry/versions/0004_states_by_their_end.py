"""states by their end: a month's are found without all that came before"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_state_interval_to_at", "state_interval", ["to_at"])


def downgrade() -> None:
    """A store is only ever brought forward."""
