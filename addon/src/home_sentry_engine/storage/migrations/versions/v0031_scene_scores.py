"""Changes of views keep the score that told them, and what scaled the pictures that were compared."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0031"
down_revision: Final = "0030"


def upgrade() -> None:
    """Add both; of older changes they are not known."""
    op.add_column("scene_changes", sa.Column("similarity", sa.Double(), nullable=True))
    op.add_column("scene_changes", sa.Column("scaler", sa.Text(), nullable=True))
