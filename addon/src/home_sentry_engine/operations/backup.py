"""Copies of the SQLite database: made while the engine runs, checked, and put back while it does not."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
import os
from pathlib import Path
import sqlite3

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.storage.migrate import REVISIONS
from home_sentry_engine.storage.search_tables import SQLITE_TRIGGERS

_SIDE_FILES = ("-wal", "-shm")


class BackupFailed(HomeSentryError, OSError):
    """A copy could not be made, is not sound, or could not be put back; nothing was changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A sound copy: its file, its size, the schema that it holds."""

    path: Path
    size_bytes: int
    revision: str


def backup_name(now: datetime) -> str:
    """Give the file name of a copy made now, sortable by time; two copies of one second have two names."""
    return f"home_sentry-{now:%Y%m%dT%H%M%S%fZ}.db"


def back_up(database: Path, target: Path) -> Backup:
    """Copy a database that may be in use, check the copy, then give it its name; blocks. Raises ``BackupFailed``."""
    if not database.is_file():
        raise BackupFailed(f"there is no database at {database}")
    if target.exists():
        raise BackupFailed(f"{target} exists already; a backup never replaces a file")
    with _parted(target) as part:
        _copy(database, part)
        revision = inspect(part, named=database)
    return Backup(path=target, size_bytes=target.stat().st_size, revision=revision)


def restore(source: Path, database: Path, *, kept_as: Path) -> Backup:
    """Put a copy in the place of the database, which is kept under another name; blocks. Raises ``BackupFailed``.

    The caller holds the data folder.
    """
    if not source.is_file():
        raise BackupFailed(f"there is no backup at {source}")
    inspect(source)
    _refuse_foreign_acts(source)
    database.parent.mkdir(parents=True, exist_ok=True)
    with _parted(database) as part:
        _copy(source, part)
        revision = inspect(part, named=source)
        if database.exists():
            _copy(database, kept_as, best_effort=True)
        for suffix in _SIDE_FILES:
            Path(f"{database}{suffix}").unlink(missing_ok=True)
    return Backup(path=database, size_bytes=database.stat().st_size, revision=revision)


def inspect(path: Path, *, thorough: bool = True, named: Path | None = None) -> str:
    """Give the schema revision of a sound database; raises ``BackupFailed`` for anything else.

    ``thorough`` compares the indexes with their tables too, which takes several times as long. Of a copy that nobody
    will see the error tells as of the file ``named``.
    """
    named = named or path
    check = "integrity_check" if thorough else "quick_check"
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as found:
            damage = [row[0] for row in found.execute(f"PRAGMA {check}(3)")]
            revisions = [row[0] for row in found.execute("SELECT version_num FROM alembic_version")]
    except sqlite3.Error as err:
        raise BackupFailed(f"{named} is no database of Home Sentry: {err}") from err
    if damage != ["ok"]:
        raise BackupFailed(f"{named} is damaged: {'; '.join(damage)[:300]}")
    if len(revisions) != 1 or revisions[0] not in REVISIONS:
        raise BackupFailed(
            f"{named} has schema {', '.join(revisions) or 'none'}, this release knows {REVISIONS[-1]}; "
            "use the release that made it"
        )
    return str(revisions[0])


def _refuse_foreign_acts(path: Path) -> None:
    """Raise ``BackupFailed`` for triggers and views that somebody put into a copy: they would act in the engine."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as found:
        acts = found.execute("SELECT type, name, sql FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchall()
    for kind, name, sql in acts:
        if sql not in SQLITE_TRIGGERS:
            raise BackupFailed(f"{path} has the {kind} {name!r}, which no engine makes; restore a copy of `db backup`")


@contextmanager
def _parted(target: Path) -> Iterator[Path]:
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        yield part
        part.replace(target)
    except (OSError, sqlite3.Error) as err:
        if isinstance(err, HomeSentryError):
            raise
        raise BackupFailed(f"{target} could not be written: {getattr(err, 'strerror', None) or err}") from err
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _copy(source: Path, target: Path, *, best_effort: bool = False) -> None:
    address = f"{source.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error:
        if not best_effort:
            raise
        # what is being replaced may be damaged, which is why it is being replaced: keep its bytes
        target.unlink(missing_ok=True)
        target.write_bytes(source.read_bytes())
