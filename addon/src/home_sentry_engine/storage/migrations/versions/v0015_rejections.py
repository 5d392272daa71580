"""The name of each refused file."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0015"
down_revision: Final = "0014"


def upgrade() -> None:
    """Add the column; what was refused before has no name."""
    op.add_column("rejections", sa.Column("name", sa.Text(), nullable=True))
