"""stays without Class by their start: a record looks at those that it may belong to, not at all of its device's"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_session_classless", "session")
    classless = sa.text("ticket_id = ''")
    op.create_index(
        "ix_session_classless",
        "session",
        ["device_id", "started_at"],
        sqlite_where=classless,
        postgresql_where=classless,
    )


def downgrade() -> None:
    """Nobody goes back: an older version refuses a newer store."""
