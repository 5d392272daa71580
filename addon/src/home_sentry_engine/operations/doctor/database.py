"""The database: is it there, sound, and of a schema that this release can use."""

import asyncio
from pathlib import Path

from home_sentry_engine.operations.backup import BackupFailed, inspect
from home_sentry_engine.operations.data_folder import database_file, database_url
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.errors import NetworkFileSystem
from home_sentry_engine.storage.location import refuse_network
from home_sentry_engine.storage.migrate import is_current

from .findings import Finding, fail, ok, warn
from .network import reachable
from .places import nearest


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Look at the SQLite file, or whether the database server answers, and Redis where it is set."""
    file = database_file(settings)
    if file is None:
        found = (await _server(database_url(settings)),)
        return found if settings.storage.redis_url is None else (*found, await _dispatch(settings.storage.redis_url))
    return (await asyncio.to_thread(sqlite_file, file),)


def sqlite_file(file: Path) -> Finding:
    """Judge a SQLite file without opening it for writing."""
    try:
        refuse_network(nearest(file.parent))
    except NetworkFileSystem as err:
        return fail("database", str(err), "choose another folder with --data")
    if not file.exists():
        return ok("database", f"{file} will be made at the first start")
    try:
        revision = inspect(file, thorough=False)
    except BackupFailed as err:
        return fail("database", str(err), "stop the engine and run: home-sentry db restore BACKUP")
    size = file.stat().st_size
    if not is_current(revision):
        fix = "nothing to do: the next start upgrades it and keeps a copy"
        return warn("database", f"sound, of an older release (schema {revision})", fix, revision=revision)
    return ok("database", f"sound, {size / 1e6:.1f} MB, schema {revision}", revision=revision, size_bytes=size)


async def _server(url: str) -> Finding:
    trouble = await reachable(url, default_port=5432)
    if trouble:
        return fail("database", f"the database server does not answer: {trouble}", "start it, or correct database_url")
    return ok("database", "the database server answers")


async def _dispatch(url: str) -> Finding:
    trouble = await reachable(url, default_port=6379)
    if trouble:
        fix = "start it, or correct redis_url"
        return warn("redis", f"Redis does not answer: {trouble}; pictures are taken in, and wait for it", fix)
    return ok("redis", "Redis answers")
