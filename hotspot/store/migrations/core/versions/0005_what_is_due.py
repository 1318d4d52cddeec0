"""what is due and what is asked for, by an index; until when devices and identities were needed"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_FIRST = sa.text("serial = 1")


def upgrade() -> None:
    for table in ("device", "identity"):
        op.add_column(table, sa.Column("needed_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("ix_device_needed_at", "device", ["needed_at", "id"])
    op.create_index("ix_identity_needed_at", "identity", ["needed_at", "person_id"])
    op.create_index("ix_access_grant_ends_at", "access_grant", ["ends_at", "id"])
    op.create_index("ix_access_grant_site_ends_at", "access_grant", ["site", "ends_at"])
    op.create_index("ix_session_device_id", "session", ["device_id"])
    op.create_index("ix_session_ended_at", "session", ["ended_at"])
    op.create_index("ix_session_site_started_at", "session", ["site", "started_at"])
    op.create_index("ix_voucher_person_id", "voucher", ["person_id"])
    op.create_index(
        "ix_voucher_first", "voucher", ["created_at", "batch"], sqlite_where=_FIRST, postgresql_where=_FIRST
    )


def downgrade() -> None:
    """A store is only ever brought forward."""
