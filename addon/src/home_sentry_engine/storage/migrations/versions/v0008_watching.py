"""What is watched of cameras: former status, silence, learning week, rhythm, and how their scenes look to a model."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0008"
down_revision: Final = "0007"


def upgrade() -> None:
    """Add columns, make the tables."""
    op.add_column("cameras", sa.Column("previous_status", sa.Text(), nullable=True))
    for name in ("status_since", "quiet_since", "learning_until"):
        op.add_column("cameras", sa.Column(name, UtcDateTime(), nullable=True))
    for name in ("quiet_allowed_s", "scene_anomaly"):
        op.add_column("cameras", sa.Column(name, sa.Double(), nullable=True))
    op.create_table(
        "rhythm",
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.CheckConstraint("hour BETWEEN 0 AND 23", name=op.f("ck_rhythm_hour")),
        sa.CheckConstraint("seconds > 0", name=op.f("ck_rhythm_seconds")),
        _of_camera("rhythm"),
        sa.PrimaryKeyConstraint("camera_id", "began_at", name=op.f("pk_rhythm")),
    )
    op.create_table(
        "scene_memory",
        sa.Column("camera_id", sa.Text(), nullable=False),
        sa.Column("light", sa.Text(), nullable=False),
        sa.Column("model_id", sa.Text(), nullable=False),
        sa.Column("learned", sa.Integer(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("spread", sa.Double(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("light IN ('day', 'infrared')", name=op.f("ck_scene_memory_light")),
        _of_camera("scene_memory"),
        sa.PrimaryKeyConstraint("camera_id", "light", name=op.f("pk_scene_memory")),
    )


def _of_camera(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["camera_id"], ["cameras.id"], name=op.f(f"fk_{table}_camera_id"), ondelete="CASCADE"
    )
