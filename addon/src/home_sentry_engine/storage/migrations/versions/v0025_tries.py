"""The tries of a job that failed before the last one."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0025"
down_revision: Final = "0024"


def upgrade() -> None:
    """Add the columns; nobody knows them of older jobs."""
    for table in ("jobs", "dead_letters"):
        op.add_column(table, sa.Column("tries", sa.Text(), nullable=True))
