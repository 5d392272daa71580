"""Keys take turns in the queues."""

from typing import Any, Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0030"
down_revision: Final = "0029"

_IDLE: Final = "leased_until_us IS NULL"


def upgrade() -> None:
    """Add the turn of each job; those that wait now go first, in their old order."""
    op.add_column("jobs", sa.Column("turn", sa.BigInteger(), server_default="0", nullable=False))
    place: list[Any] = [sa.literal_column("priority DESC"), "turn", "id"]
    op.drop_index("ix_jobs_key", "jobs")
    op.create_index("ix_jobs_key", "jobs", ["queue", "key", *place])
    op.drop_index("ix_jobs_place", "jobs")
    op.create_index(
        "ix_jobs_place", "jobs", ["queue", *place], sqlite_where=sa.text(_IDLE), postgresql_where=sa.text(_IDLE)
    )
    op.create_table(
        "queue_turns",
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("priority", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("turn", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("queue", "priority"),
    )
