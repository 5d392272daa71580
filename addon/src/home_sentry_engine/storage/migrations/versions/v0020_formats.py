"""The format of each file."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0020"
down_revision: Final = "0019"


def upgrade() -> None:
    """Add the columns; of what came before, neither is known."""
    op.add_column("media", sa.Column("mime", sa.Text(), nullable=True))
    op.add_column("media", sa.Column("codec", sa.Text(), nullable=True))
