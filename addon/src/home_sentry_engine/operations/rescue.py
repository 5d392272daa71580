"""A damaged database file: kept aside, replaced by the newest sound backup or by an empty one, and told about."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
import logging
from pathlib import Path
import shutil
import sqlite3
from typing import Final

from home_sentry_engine.storage.errors import CorruptDatabase
from home_sentry_engine.storage.migrate import REVISIONS
from home_sentry_engine.storage.schema import metadata

from .backup import BackupFailed, restore

_LOGGER = logging.getLogger(__name__)
_CLEAN: Final = "clean"
_SIDE_FILES: Final = ("-wal", "-shm")
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """What was done: where the damaged file lies and which backup took its place, None if none could."""

    at: datetime
    damage: str
    kept: Path
    backup: Path | None

    def sentence(self) -> str:
        """Say it to a person."""
        instead = f"the backup {self.backup.name} took its place" if self.backup else "an empty one took its place"
        return f"the database was damaged ({self.damage}); {instead}, the damaged file is kept in {self.kept.name}"


def was_closed_cleanly(database: Path) -> bool:
    """Tell whether the file is as the last engine left it after a proper end; forgets that at once."""
    mark = database.with_name(f"{database.name}.{_CLEAN}")
    try:
        said = mark.read_text(encoding="ascii")
        mark.unlink()
    except OSError:
        return False
    return said == _stamp(database)


def mark_closed(database: Path) -> None:
    """Note that the file was closed properly, so that the next start need not read all of it."""
    stamp = _stamp(database)
    if stamp:
        database.with_name(f"{database.name}.{_CLEAN}").write_text(stamp, encoding="ascii")


def refuse_emptied(database: Path, backups: Path) -> None:
    """Raise ``CorruptDatabase`` for an empty file where backups tell that it was not; one that begins has none."""
    if database.exists() and database.stat().st_size == 0 and any(_newest_first(backups)):
        raise CorruptDatabase("it is empty")


def refuse_damaged(database: Path) -> None:
    """Read the whole file; raises ``CorruptDatabase`` for damage. A missing or empty file is none. Blocks."""
    if not database.exists() or database.stat().st_size == 0:
        return
    try:
        with closing(sqlite3.connect(database)) as raw:
            found = [str(row[0]) for row in raw.execute("PRAGMA quick_check(3)")]
            if found != ["ok"]:
                raise CorruptDatabase("; ".join(found)[:200])
            _refuse_strange_schema(raw)
    except UnicodeDecodeError as err:
        # not even SQLite's own message about it is text
        raise CorruptDatabase("it holds text that is none") from err
    except sqlite3.DatabaseError as err:
        # anything else (locked, full, unreadable) is no damage, and opening the file will tell it
        if getattr(err, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
            raise CorruptDatabase(str(err)[:200]) from err


def rescue(database: Path, backups: Path, damage: str, now: datetime) -> Rescue:
    """Put the damaged file aside and a sound backup in its place, if there is one; blocks. Raises ``OSError``."""
    kept = database.with_name(f"damaged-{now:%Y%m%dT%H%M%S%f}")
    kept.mkdir(parents=True)
    for suffix in ("", *_SIDE_FILES):
        part = Path(f"{database}{suffix}")
        if part.exists():
            shutil.move(part, kept / part.name)
    for backup in _newest_first(backups):
        try:
            restore(backup, database, kept_as=kept / "never")
        except (BackupFailed, UnicodeDecodeError) as err:
            _LOGGER.warning("A backup cannot be used: %s", err)
            continue
        return Rescue(at=now, damage=damage, kept=kept, backup=backup)
    return Rescue(at=now, damage=damage, kept=kept, backup=None)


def _newest_first(backups: Path) -> Iterator[Path]:
    yield from sorted(backups.glob("home_sentry-*.db"), key=lambda path: path.name, reverse=True)


def _refuse_strange_schema(raw: sqlite3.Connection) -> None:
    """Compare with the tables of this release, where the file says that it has them."""
    tables = {row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not tables:
        return
    if "alembic_version" not in tables:
        raise CorruptDatabase("it has tables and no revision")
    revisions = [str(row[0]) for row in raw.execute("SELECT version_num FROM alembic_version")]
    if len(revisions) != 1 or not (len(revisions[0]) == 4 and revisions[0].isdecimal()):
        raise CorruptDatabase(f"its revision is {revisions}")
    if revisions[0] != REVISIONS[-1]:
        return
    for table in metadata.sorted_tables:
        columns = {row[1] for row in raw.execute(f"PRAGMA table_info({table.name})")}
        missing = {column.name for column in table.columns} - columns
        if missing:
            raise CorruptDatabase(f"the table {table.name} lacks {', '.join(sorted(missing))}")


def _stamp(database: Path) -> str:
    try:
        status = database.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
