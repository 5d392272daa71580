"""Privacy masks of cameras, how good pictures were, and detections that a closer look did not confirm."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0009"
down_revision: Final = "0008"


def upgrade() -> None:
    """Make the table, add the columns."""
    op.create_table(
        "masks",
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("points", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["camera_id"], ["cameras.id"], name=op.f("fk_masks_camera_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("camera_id", "position", name=op.f("pk_masks")),
    )
    op.add_column("inspections", sa.Column("quality", sa.JSON(none_as_null=True), nullable=True))
    op.add_column("detections", sa.Column("doubted", sa.Boolean(), nullable=True))
