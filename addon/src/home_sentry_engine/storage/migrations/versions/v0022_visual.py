"""What vision-language models said of visits."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0022"
down_revision: Final = "0021"


def upgrade() -> None:
    """Add the columns; no vision model looked before."""
    for table in ("events", "assessments"):
        op.add_column(table, sa.Column("visual_verdict", sa.Text(), nullable=True))
