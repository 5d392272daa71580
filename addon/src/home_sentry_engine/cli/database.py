"""``home-sentry db``: checking, copying, restoring and upgrading the database, and its index of the search."""

import argparse
import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from home_sentry_engine.app.lock import DataFolder
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.operations.backup import back_up, backup_name, restore
from home_sentry_engine.operations.data_folder import database_file, database_url
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.search_index import rebuild_index

from .common import is_there
from .display import megabytes, print_json
from .options import add_json, add_places, settings_of


class NotForServers(HomeSentryError, ValueError):
    """The command is for the SQLite file; a database server has its own tools."""


class NoDatabase(HomeSentryError, FileNotFoundError):
    """There is no database yet."""


def add_parser(commands: Any) -> None:
    """Add the command with its verbs."""
    parser = commands.add_parser("db", help="check, back up, restore, upgrade or index the database")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, run, text in (
        ("check", run_check, "read the whole database and its references; works while the engine runs"),
        ("backup", run_backup, "copy the database; works while the engine runs"),
        ("restore", run_restore, "put a backup in the place of the database; the engine must be stopped"),
        ("upgrade", run_upgrade, "bring the database to this release's schema; the engine must be stopped"),
        ("reindex", run_reindex, "make the index of the search anew from the events; the engine must be stopped"),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        if name == "backup":
            verb.add_argument("target", nargs="?", type=Path, help="file or folder (default: DATA/backups)")
        if name == "restore":
            verb.add_argument("source", type=Path, help="a file that `db backup` made")
        add_places(verb)
        add_json(verb)
        verb.set_defaults(run=run)


def run_check(arguments: argparse.Namespace) -> int:
    """Check without changing anything; 1 with the reason when the database is damaged or holds nothing."""
    settings = settings_of(arguments)
    _existing(settings)
    found = asyncio.run(Database(database_url(settings), SystemClock()).look())
    if found.revision is None:
        raise NoDatabase("the database has no tables yet: there is nothing to check; the engine makes them")
    older = f"; its schema {found.revision} is an older release's: the next start upgrades it and keeps a copy"
    _answer(
        arguments,
        {"ok": True, "size_bytes": found.size_bytes, "revision": found.revision, "current": found.is_current},
        f"the database is sound ({megabytes(found.size_bytes)}){'' if found.is_current else older}",
    )
    return 0


def run_backup(arguments: argparse.Namespace) -> int:
    """Copy the SQLite file and check the copy."""
    settings = settings_of(arguments)
    database, now = _file(settings), datetime.now(UTC)
    target = arguments.target or settings.data / "backups"
    if target.is_dir() or arguments.target is None:
        target /= backup_name(now)
    made = back_up(database, target.absolute())
    _answer(
        arguments,
        {"path": str(made.path), "size_bytes": made.size_bytes, "revision": made.revision},
        f"{made.path} ({megabytes(made.size_bytes)}, schema {made.revision})",
    )
    return 0


def run_restore(arguments: argparse.Namespace) -> int:
    """Put a backup back; what was there is kept beside it."""
    settings = settings_of(arguments)
    database = _file(settings, must_exist=False)
    kept = database.with_name(f"before-restore-{backup_name(datetime.now(UTC))}")
    with DataFolder(settings.data):
        restored = restore(arguments.source.absolute(), database, kept_as=kept)
    before = str(kept) if kept.exists() else None
    _answer(
        arguments,
        {"path": str(restored.path), "revision": restored.revision, "kept": before},
        f"{restored.path} restored (schema {restored.revision})" + (f"; the former one is {before}" if before else ""),
    )
    return 0


def run_upgrade(arguments: argparse.Namespace) -> int:
    """Open the database once, which upgrades it; a copy of an older one is kept."""
    settings = settings_of(arguments)
    _existing(settings)
    with DataFolder(settings.data):
        size = asyncio.run(_check(settings))
    _answer(arguments, {"ok": True, "size_bytes": size}, "the database has this release's schema and is sound")
    return 0


def run_reindex(arguments: argparse.Namespace) -> int:
    """Make the index of the search anew."""
    settings = settings_of(arguments)
    _existing(settings)
    with DataFolder(settings.data):
        events = asyncio.run(_reindex(settings))
    _answer(arguments, {"ok": True, "events": events}, f"the search finds {events} events again")
    return 0


async def _reindex(settings: Settings) -> int:
    async with Database(database_url(settings), SystemClock()) as database:
        return await database.write(rebuild_index)


async def _check(settings: Settings) -> int:
    async with Database(database_url(settings), SystemClock()) as database:
        await database.check()
        return await database.size_bytes()


def _existing(settings: Settings) -> None:
    if database_file(settings) is not None:
        _file(settings)


def _file(settings: Settings, *, must_exist: bool = True) -> Path:
    file = database_file(settings)
    if file is None:
        raise NotForServers("the database is a server: use its own tools, such as pg_dump and pg_restore")
    if must_exist and not is_there(file):
        raise NoDatabase(f"there is no database at {file}; name the engine's data folder with --data")
    if must_exist and file.stat().st_size == 0:
        raise NoDatabase(f"{file} is empty: it holds no database; put one back with `home-sentry db restore BACKUP`")
    return file


def _answer(arguments: argparse.Namespace, document: dict[str, object], text: str) -> None:
    if arguments.json:
        print_json(document)
    else:
        print(text)
