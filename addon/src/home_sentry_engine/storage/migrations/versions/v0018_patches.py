"""What the places of resting things look like in each light."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0018"
down_revision: Final = "0017"


def upgrade() -> None:
    """Add the columns; what rests already is looked at when it is seen again."""
    op.add_column("resting", sa.Column("patches", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("resting", sa.Column("held_at", UtcDateTime(), nullable=True))
