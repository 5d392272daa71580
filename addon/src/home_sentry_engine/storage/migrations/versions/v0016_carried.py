"""What the persons of the pictures carry."""

from typing import Final

from alembic import op
import sqlalchemy as sa

revision: Final = "0016"
down_revision: Final = "0015"


def upgrade() -> None:
    """Add the column; nobody looked at what is stored already."""
    op.add_column("detections", sa.Column("carried", sa.JSON(none_as_null=True), nullable=True))
