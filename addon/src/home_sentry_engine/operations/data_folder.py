"""What lies where in the data folder, and whether an engine uses it now."""

from contextlib import suppress
import fcntl
from pathlib import Path
from typing import Final

from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import sqlite_url

DATABASE_FILE: Final = "home_sentry.db"
LOCK_FILE: Final = "engine.lock"


def database_url(settings: Settings) -> str:
    """Give the database's address: the one that was set, else a SQLite file in the data folder."""
    return settings.storage.database_url or sqlite_url(settings.data / DATABASE_FILE)


def database_file(settings: Settings) -> Path | None:
    """Give the SQLite file, None when the database is a server."""
    kind, _, place = database_url(settings).partition("://")
    return Path(place.removeprefix("/")) if kind.startswith("sqlite") else None


def note_port(folder: Path, port: int) -> None:
    """Note where the engine that holds this folder listens, where that can be written; blocks."""
    with suppress(OSError):
        (folder / LOCK_FILE).write_text(str(port), encoding="ascii")


def noted_port(folder: Path) -> int | None:
    """Tell where the engine that uses this folder now listens; None for none, and for one without an API."""
    if not is_held(folder):
        return None
    try:
        text = (folder / LOCK_FILE).read_text(encoding="ascii")
    except OSError, UnicodeDecodeError:
        return None
    return int(text) if text.isdecimal() and len(text) <= 5 else None


def is_held(folder: Path) -> bool:
    """Tell whether an engine uses this folder now; changes nothing."""
    try:
        with (folder / LOCK_FILE).open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
