"""Settings that name cameras which nobody knows."""

import asyncio
from contextlib import closing, suppress
from pathlib import Path
import sqlite3

from home_sentry_engine.domain.identity import InvalidCameraName, camera_id_of
from home_sentry_engine.operations.data_folder import database_file
from home_sentry_engine.operations.stray import stray_cameras
from home_sentry_engine.settings import Settings

from .findings import Finding, warn

_FIX = "correct the name if it is misspelt; it does nothing until a camera has it"


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Compare with the cameras of the folder and of the database's file; nothing is said where all are known."""
    return await asyncio.to_thread(_look, settings)


def _look(settings: Settings) -> tuple[Finding, ...]:
    file = database_file(settings)
    known = _of_folder(settings.ingest.camera_root) | (_of_database(file) if file is not None else set())
    return tuple(warn("settings", text, _FIX) for text in stray_cameras(settings, known))


def _of_folder(root: Path) -> set[str]:
    found: set[str] = set()
    with suppress(OSError):
        for entry in root.iterdir():
            with suppress(InvalidCameraName):
                if entry.is_dir():
                    found.add(camera_id_of(entry.name))
    return found


def _of_database(file: Path) -> set[str]:
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)) as database,
    ):
        return {row[0] for row in database.execute("SELECT id FROM cameras WHERE deleted_at IS NULL")}
    return set()
