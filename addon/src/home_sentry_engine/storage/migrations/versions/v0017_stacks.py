"""Where in the code a job failed that was given up."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0017"
down_revision: Final = "0016"


def upgrade() -> None:
    """Add the column; nobody knows it of older dead letters."""
    op.add_column("dead_letters", sa.Column("stack", sa.Text(), nullable=True))
