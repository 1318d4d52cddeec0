"""where logins come from"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "learned_exit",
        sa.Column("exit", sa.LargeBinary(length=32), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("exit", name=op.f("pk_learned_exit")),
    )
    op.create_table(
        "arrival_seen",
        sa.Column("mark", sa.LargeBinary(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("sender", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("mark", name=op.f("pk_arrival_seen")),
    )
    op.create_index(op.f("ix_arrival_seen_at"), "arrival_seen", ["at"], unique=False)
    op.create_table(
        "code_hour",
        sa.Column("gateway", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("entered", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("gateway", "at", name=op.f("pk_code_hour")),
    )
    op.add_column("access_grant", sa.Column("exit", sa.LargeBinary(length=32), nullable=True))
    for name, kind in (("sender", sa.LargeBinary(length=32)), ("learned", sa.Boolean()), ("signed", sa.Boolean())):
        op.add_column("code_message", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """A store is only ever brought forward."""
