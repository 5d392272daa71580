"""Masks of some arm modes alone, stored files that have to be masked anew, and uploads that still lie without masks."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0013"
down_revision: Final = "0012"


def upgrade() -> None:
    """Add the column, make the tables."""
    op.add_column(
        "masks", sa.Column("modes", sa.JSON(none_as_null=True), server_default=sa.text("'[]'"), nullable=False)
    )
    op.create_table(
        "remasking",
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("reached", sa.Text(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_remasking_camera_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_remasking")),
    )
    op.create_table(
        "unmasked",
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_unmasked_camera_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("path", name=op.f("pk_unmasked")),
    )
