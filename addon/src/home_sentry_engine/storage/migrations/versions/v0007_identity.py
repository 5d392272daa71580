"""Who comes again: entities with their visits, what the household's comparison gave, facts, plates that were read."""

from typing import Any, Final

from alembic import op
import sqlalchemy as sa

from home_sentry_engine.storage.types import UtcDateTime

revision: Final = "0007"
down_revision: Final = "0006"

_SERIAL: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add columns, make the tables."""
    _wider()
    _entities()
    _household()


def _wider() -> None:
    op.add_column("traces", _text("event_id", nullable=True))
    op.add_column("traces", _text("entity_id", nullable=True))
    op.add_column("traces", _json("attributes", default="{}"))
    op.create_index(op.f("ix_traces_event_id"), "traces", ["event_id"])
    op.create_index(op.f("ix_traces_entity_id"), "traces", ["entity_id"])
    op.create_index(op.f("ix_traces_detection_id_model_id"), "traces", ["detection_id", "model_id"], unique=True)
    op.add_column("household", _text("ha_person", nullable=True))
    op.add_column("samples", sa.Column("source", sa.Text(), nullable=False, server_default="appearance"))
    op.add_column("samples", _time("expires_at", nullable=True))
    op.add_column("events", _json("identities", default="[]"))


def _entities() -> None:
    op.create_table(
        "entities",
        *(_text(name) for name in ("id", "kind", "trust")),
        *(_text(name, nullable=True) for name in ("name", "model_id")),
        sa.Column("vector", sa.LargeBinary(), nullable=True),
        _time("vector_expires_at", nullable=True),
        *(_time(name) for name in ("first_at", "last_at")),
        _text("last_camera_id"),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('person', 'vehicle', 'animal', 'package', 'other')", name=op.f("ck_entities_kind")
        ),
        sa.CheckConstraint("trust IN ('trusted', 'untrusted', 'unknown')", name=op.f("ck_entities_trust")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entities")),
    )
    op.create_index(op.f("ix_entities_last_at_id"), "entities", ["last_at", "id"])
    op.create_table(
        "appearances",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        *(_text(name) for name in ("entity_id", "camera_id", "event_id")),
        sa.Column("detection_id", sa.BigInteger(), nullable=True),
        _text("media_id", nullable=True),
        _time("at"),
        sa.Column("similarity", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["entity_id"], ["entities.id"], name=op.f("fk_appearances_entity_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name=op.f("fk_appearances_camera_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appearances")),
        sa.UniqueConstraint("entity_id", "event_id", name=op.f("uq_appearances_entity_id_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_appearances_entity_id_at_id"), "appearances", ["entity_id", "at", "id"])
    op.create_table(
        "recognitions",
        _text("event_id"),
        _time("at"),
        _json("leg"),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_recognitions")),
    )
    op.create_index(op.f("ix_recognitions_at"), "recognitions", ["at"])


def _household() -> None:
    op.create_table(
        "household_facts",
        *(_text(name) for name in ("id", "kind", "text")),
        sa.Column("points", sa.Integer(), nullable=False),
        _time("begins_at", nullable=True),
        _time("expires_at"),
        sa.CheckConstraint("points BETWEEN -20 AND 20", name=op.f("ck_household_facts_points")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_household_facts")),
    )
    op.create_table(
        "plate_reads",
        sa.Column("id", _SERIAL, autoincrement=True, nullable=False),
        *(_text(name) for name in ("camera_id", "plate")),
        *(_time(name) for name in ("at", "expires_at")),
        sa.Column("confidence", sa.Double(), nullable=False),
        _text("event_id", nullable=True),
        sa.Column("detection_id", sa.BigInteger(), nullable=True),
        _text("owner_id", nullable=True),
        sa.ForeignKeyConstraint(
            ["camera_id"], ["cameras.id"], name=op.f("fk_plate_reads_camera_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plate_reads")),
        sa.UniqueConstraint("event_id", "plate", name=op.f("uq_plate_reads_event_id_plate")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_plate_reads_at_id"), "plate_reads", ["at", "id"])
    op.create_index(op.f("ix_plate_reads_expires_at"), "plate_reads", ["expires_at"])


def _text(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _time(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, UtcDateTime(), nullable=nullable)


def _json(name: str, *, default: str | None = None) -> sa.Column[Any]:
    return sa.Column(name, sa.JSON(none_as_null=True), nullable=False, server_default=default)
