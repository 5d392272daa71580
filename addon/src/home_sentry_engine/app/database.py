"""The engine's database, opened so that damage never stops the engine."""

import asyncio
import logging
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.operations.data_folder import database_file
from home_sentry_engine.operations.rescue import (
    Rescue,
    mark_closed,
    refuse_damaged,
    refuse_emptied,
    rescue,
    was_closed_cleanly,
)
from home_sentry_engine.settings import Settings
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.errors import CorruptDatabase
from home_sentry_engine.storage.repositories.audit import Audit, Deed
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.media import MediaFiles
from home_sentry_engine.storage.repositories.meta import Meta

from .parts import make_database

_LOGGER = logging.getLogger(__name__)
BACKUPS: Final = "backups"
_INSTANCE_FILE: Final = "instance_id"
_RESCUED_AT: Final = "rescued_at"


class SoundDatabase:
    """Context manager around the database; a damaged file is put aside and replaced, ``rescued`` then says how.

    Entering raises what ``Database`` raises except ``CorruptDatabase`` of a SQLite file.
    """

    def __init__(self, settings: Settings, clock: Clock, ids: IdSource) -> None:
        """Take the settings; nothing is opened yet."""
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._file = database_file(settings)
        self._instance_file = settings.data / _INSTANCE_FILE
        self.rescued: Rescue | None = None
        self.instance_id = ""
        self.database: Database

    async def __aenter__(self) -> Self:
        """Check, open, and where that fails for damage put a sound file in its place."""
        if self._file is None:
            self.database = await self._opened()
        else:
            try:
                await asyncio.to_thread(_check, self._file, self._settings.data / BACKUPS)
                self.database = await self._opened()
            except CorruptDatabase as err:
                self.rescued = await asyncio.to_thread(self._replace, self._file, str(err))
                _LOGGER.error("%s", self.rescued.sentence())  # noqa: TRY400 the sentence says all
                self.database = await self._opened()
        self.instance_id = await self._identity()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, and note that this was a proper end."""
        await self.database.__aexit__(kind, error, trace)
        if self._file is not None:
            await asyncio.to_thread(mark_closed, self._file)

    def component(self) -> Component:
        """Describe the database as it was found."""
        if self.rescued is None:
            return Component(id="database", state=ComponentState.HEALTHY)
        fix = "see whether the disk is failing; the damaged file may be deleted once nobody misses anything"
        return Component(id="database", state=ComponentState.DEGRADED, reason=self.rescued.sentence(), fix=fix)

    async def _opened(self) -> Database:
        database = make_database(self._settings, self._clock)
        try:
            await database.__aenter__()
        except UnicodeDecodeError as err:
            raise CorruptDatabase("it holds text that is none") from err
        try:
            await database.read(self._vital)
        except BaseException as err:
            await database.__aexit__(None, None, None)
            if isinstance(err, HomeSentryError | OSError) or not isinstance(err, Exception):
                raise
            raise CorruptDatabase(f"its rows cannot be read: {type(err).__name__}") from err
        return database

    def _vital(self, conn: Connection) -> None:
        Meta().get(conn, "instance_id")
        Cameras(self._clock.now).all(conn)
        MediaFiles().accounting(conn)

    def _replace(self, file: Path, damage: str) -> Rescue:
        return rescue(file, self._settings.data / BACKUPS, damage, self._clock.now())

    async def _identity(self) -> str:
        """Give the engine's lasting id; a file keeps it for the case that the database is lost."""
        kept = await asyncio.to_thread(_read, self._instance_file)
        now = self._clock.now()

        def work(conn: Connection) -> str:
            if self.rescued is not None:
                Meta().set(conn, _RESCUED_AT, now.isoformat())
                deed = Deed(actor="engine", action="database.rescue", details={"reason": self.rescued.sentence()})
                Audit().add(conn, deed, now)
            return str(Meta().get_or_set(conn, "instance_id", kept or self._ids()))

        instance_id = await self.database.write(work)
        if kept != instance_id:
            await asyncio.to_thread(self._instance_file.write_text, instance_id, "ascii")
        return instance_id


def _check(file: Path, backups: Path) -> None:
    if not was_closed_cleanly(file):
        refuse_emptied(file, backups)
        refuse_damaged(file)


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="ascii").strip() or None
    except OSError, UnicodeDecodeError:
        return None
