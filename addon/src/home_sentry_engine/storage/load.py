"""How hard the database works."""

import asyncio
from pathlib import Path

from sqlalchemy import Connection, text

from home_sentry_engine.contract import DatabaseLoad

from .database import Database


async def database_load(database: Database) -> DatabaseLoad:
    """Measure size and whatever the kind of database tells; raises the errors of ``storage.errors``."""
    size = await database.size_bytes()
    if database.url.get_backend_name() == "sqlite":
        wal = await asyncio.to_thread(_size_of, Path(f"{database.url.database}-wal"))
        return DatabaseLoad(backend="sqlite", size_bytes=size, wal_bytes=wal)
    hits, connections = await database.read(_server_figures)
    return DatabaseLoad(backend="postgresql", size_bytes=size, cache_hit_percent=hits, connections_percent=connections)


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _server_figures(connection: Connection) -> tuple[float | None, float | None]:
    hits = connection.execute(
        text(
            "SELECT 100.0 * blks_hit / nullif(blks_hit + blks_read, 0) FROM pg_stat_database"
            " WHERE datname = current_database()"
        )
    ).scalar_one_or_none()
    used = connection.execute(
        text("SELECT 100.0 * count(*) / current_setting('max_connections')::int FROM pg_stat_activity")
    ).scalar_one_or_none()
    return _rounded(hits), _rounded(used)


def _rounded(value: object) -> float | None:
    return None if value is None else round(float(str(value)), 2)
