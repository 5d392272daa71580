"""Looking back: when engines and cameras watched, summaries, exports, properties; what is known of cameras is noted."""

from typing import Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0021"
down_revision: Final = "0020"

_STATUSES: Final = "'online', 'offline', 'degraded', 'blind', 'error', 'unknown'"
_SERIAL: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    _watching()
    _looking_back()
    _properties()
    op.execute(
        "INSERT INTO camera_states (camera_id, status, reason, at) "
        "SELECT id, status, status_reason, COALESCE(status_since, last_seen_at, created_at) FROM cameras"
    )


def _watching() -> None:
    op.create_table(
        "camera_states",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        _text("camera_id"),
        _text("status"),
        _text("reason", nullable=True),
        _time("at"),
        sa.CheckConstraint(f"status IN ({_STATUSES})", name=op.f("ck_camera_states_status")),
        _of_camera("camera_states"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_camera_states")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_camera_states_camera_id_at"), "camera_states", ["camera_id", "at"])
    op.create_table(
        "spells",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        *(_text(name) for name in ("node", "ability")),
        *(_time(name) for name in ("began_at", "until_at")),
        sa.CheckConstraint("ability IN ('run', 'take', 'look')", name=op.f("ck_spells_ability")),
        sa.CheckConstraint("until_at >= began_at", name=op.f("ck_spells_until_at")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spells")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_spells_until_at"), "spells", ["until_at"])


def _looking_back() -> None:
    op.create_table(
        "summaries",
        *(_text(name) for name in ("id", "period")),
        *(_time(name) for name in ("since", "made_at")),
        _text("property_id", nullable=True),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.CheckConstraint("period IN ('hourly', 'daily', 'custom', 'unknown')", name=op.f("ck_summaries_period")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_summaries")),
    )
    op.create_index(op.f("ix_summaries_since_id"), "summaries", ["since", "id"])
    op.create_index(op.f("ix_summaries_period_since"), "summaries", ["period", "since"])
    op.create_table(
        "exports",
        *(_text(name) for name in ("id", "node", "kind", "state")),
        sa.Column("filters", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("share", sa.Boolean(), nullable=False),
        _text("reason", nullable=True),
        sa.Column("size_bytes", sa.BigInteger(), nullable=True),
        _text("sha256", nullable=True),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in ("events", "pictures")),
        _time("created_at"),
        _time("finished_at", nullable=True),
        _time("expires_at"),
        sa.CheckConstraint("kind IN ('csv', 'json', 'zip', 'evidence', 'unknown')", name=op.f("ck_exports_kind")),
        sa.CheckConstraint(
            "state IN ('queued', 'running', 'ready', 'failed', 'unknown')", name=op.f("ck_exports_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    op.create_index(op.f("ix_exports_expires_at"), "exports", ["expires_at"])


def _properties() -> None:
    op.create_table(
        "properties",
        *(_text(name) for name in ("id", "name")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_properties")),
    )
    op.create_table(
        "property_cameras",
        *(_text(name) for name in ("camera_id", "property_id")),
        _of_camera("property_cameras"),
        sa.ForeignKeyConstraint(
            ["property_id"], ["properties.id"], name=op.f("fk_property_cameras_property_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("camera_id", name=op.f("pk_property_cameras")),
    )
    op.create_index(op.f("ix_property_cameras_property_id"), "property_cameras", ["property_id"])


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, UtcDateTime(), nullable=nullable)


def _of_camera(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["camera_id"], ["cameras.id"], name=op.f(f"fk_{table}_camera_id"), ondelete="CASCADE"
    )
