"""Exports: what was asked for, and what became of it. The files lie with the engine that made them."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Export, ExportFilters, ExportKind, ExportState, from_plain, to_plain
from home_sentry_engine.storage.summaries_schema import exports

_PLAIN = ("id", "share", "reason", "size_bytes", "sha256", "events", "pictures", "created_at", "finished_at")
_OPEN = (ExportState.QUEUED, ExportState.RUNNING)


class Exports:
    """Rows of exports; ``node`` names the engine whose file it is."""

    def add(self, conn: Connection, export: Export, node: str) -> None:
        """Store a new one."""
        conn.execute(exports.insert().values(node=node, **_values(export)))

    def save(self, conn: Connection, export: Export) -> bool:
        """Store what became of one; False if it was deleted meanwhile."""
        return conn.execute(exports.update().where(exports.c.id == export.id).values(_values(export))).rowcount > 0

    def get(self, conn: Connection, export_id: str) -> Export | None:
        """Give one."""
        row = conn.execute(sa.select(exports).where(exports.c.id == export_id)).one_or_none()
        return None if row is None else _export(row)

    def node(self, conn: Connection, export_id: str) -> str | None:
        """Name the engine that has its file."""
        found: str | None = conn.execute(
            sa.select(exports.c.node).where(exports.c.id == export_id)
        ).scalar_one_or_none()
        return found

    def all(self, conn: Connection) -> tuple[Export, ...]:
        """Give all, newest first."""
        rows = conn.execute(sa.select(exports).order_by(exports.c.created_at.desc(), exports.c.id))
        return tuple(map(_export, rows))

    def open(self, conn: Connection) -> int:
        """Count those that are not made yet."""
        return conn.execute(
            sa.select(sa.func.count()).select_from(exports).where(exports.c.state.in_(_OPEN))
        ).scalar_one()

    def next(self, conn: Connection, node: str) -> Export | None:
        """Give the oldest one that an engine has to make; one that it was making when it stopped comes first."""
        mine = sa.and_(exports.c.node == node, exports.c.state.in_(_OPEN))
        row = conn.execute(sa.select(exports).where(mine).order_by(exports.c.created_at).limit(1)).one_or_none()
        return None if row is None else _export(row)

    def known(self, conn: Connection, node: str) -> set[str]:
        """Give the ids of an engine's exports."""
        return set(conn.execute(sa.select(exports.c.id).where(exports.c.node == node)).scalars())

    def remove(self, conn: Connection, export_id: str) -> bool:
        """Delete one; False if there is none."""
        return conn.execute(exports.delete().where(exports.c.id == export_id)).rowcount > 0

    def prune(self, conn: Connection, now: datetime) -> int:
        """Delete those that have expired; gives how many."""
        return conn.execute(exports.delete().where(exports.c.expires_at <= now)).rowcount


def _values(export: Export) -> dict[str, Any]:
    values = {name: getattr(export, name) for name in (*_PLAIN, "kind", "state", "expires_at")}
    return values | {"filters": to_plain(export.filters)}


def _export(row: Row[Any]) -> Export:
    stored = row._mapping  # noqa: SLF001 SQLAlchemy's public name for the row as a mapping
    return Export(
        **{name: stored[name] for name in (*_PLAIN, "expires_at")},
        kind=ExportKind(row.kind),
        state=ExportState(row.state),
        filters=from_plain(ExportFilters, row.filters),
    )
