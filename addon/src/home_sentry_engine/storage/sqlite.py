"""SQLite behind ``Database``: one writer thread that commits together what waits, readers on their own connections."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
import logging
from pathlib import Path
from queue import SimpleQueue
import sqlite3
import threading
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError, StatementError

from home_sentry_engine.domain.clock import Clock

from .errors import CorruptDatabase, StorageBusy, StorageClosed, StorageError, StorageFull
from .group import Group, Waiting
from .location import refuse_network
from .migrate import is_current, refuse_newer, revision_of, upgrade
from .slow import note_slow
from .types import from_json, to_json

_LOGGER = logging.getLogger(__name__)
_READERS: Final = 4
_GROUP: Final = 256
_GROUP_S: Final = 0.02
_BUSY_MS: Final = 5000
_FULL: Final = frozenset({sqlite3.SQLITE_FULL})
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def translated(err: BaseException) -> BaseException:
    """Turn SQLite's own failures (full, locked, corrupt) into the store's; others stay as they are."""
    cause = err.orig if isinstance(err, StatementError) else err
    if isinstance(cause, StorageError):
        return cause
    code = getattr(cause, "sqlite_errorcode", None)
    if not isinstance(code, int):
        return err
    primary = code & 0xFF
    if primary in _FULL:
        return StorageFull("the disk that holds the database is full")
    if primary in _BUSY:
        return StorageBusy("another process holds the database")
    return CorruptDatabase(f"the database file is damaged: {cause}") if primary in _CORRUPT else err


class SqliteStore:
    """One SQLite file; opened by ``open``, used from one event loop, closed by ``close``."""

    def __init__(self, path: Path, clock: Clock, *, max_waiting: int = 10_000, lock_wait_s: float = 60.0) -> None:
        """Take the file and how many works may wait, and for how long, while somebody else holds the database."""
        self.path = path
        self._clock = clock
        self._max_waiting = max_waiting
        self._lock_wait_s = lock_wait_s
        self._writer_engine = _engine(path, readers=None)
        self._reader_engine = _engine(path, readers=_READERS)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="storage-read")
        self._inbox: SimpleQueue[list[Waiting] | None] = SimpleQueue()
        self._coming: list[Waiting] = []
        self._waiting = 0
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def open(self) -> None:
        """Migrate the file and start the writer; raises the errors of ``storage.errors``."""
        self._loop = asyncio.get_running_loop()
        try:
            await self._loop.run_in_executor(self._readers, self._prepare)
        except BaseException:
            await self.close()
            raise
        self._thread = threading.Thread(target=self._write_forever, name="storage-write", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """Commit what waits, stop the writer and release the file."""
        loop = asyncio.get_running_loop()
        thread, self._thread = self._thread, None
        if thread is not None:
            self._hand_over()
            self._inbox.put(None)
            await loop.run_in_executor(None, thread.join)
        await loop.run_in_executor(None, self._readers.shutdown)
        self._reader_engine.dispose()
        self._writer_engine.dispose()

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in the writer's next transaction and give its result after the commit."""
        if self._thread is None or self._loop is None:
            raise StorageClosed("the database is not open")
        if self._waiting >= self._max_waiting:
            raise StorageBusy(f"{self._waiting} writes wait for the database")
        waiting = Waiting(work, self._loop.create_future())
        self._waiting += 1
        self._coming.append(waiting)
        if len(self._coming) == 1:
            # what the other tasks of this turn of the loop write goes along: one hand-over wakes the writer once
            self._loop.call_soon(self._hand_over)
        result: T = await waiting.answer
        return result

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a read transaction of its own."""
        if self._thread is None or self._loop is None:
            raise StorageClosed("the database is not open")
        return await self._loop.run_in_executor(self._readers, self._read, work)

    async def check(self) -> None:
        """Raise ``CorruptDatabase`` unless the file and its references are sound."""
        await self.read(_check)

    async def look(self) -> str | None:
        """Give the schema revision of a sound file, which is only read; the store is not open."""
        return await asyncio.to_thread(_look, self.path)

    async def size_bytes(self) -> int:
        """Give the size of the file with its log."""
        return sum(part.stat().st_size for part in (self.path, Path(f"{self.path}-wal")) if part.exists())

    def _read[T](self, work: Callable[[Connection], T]) -> T:
        try:
            with self._reader_engine.connect() as connection, connection.begin():
                return work(connection)
        except (StatementError, sqlite3.Error) as err:
            raise translated(err) from err

    def _prepare(self) -> None:
        refuse_network(self.path.parent)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._writer_engine.connect() as connection:
                with connection.begin():
                    revision = revision_of(connection)
                refuse_newer(revision)
                if is_current(revision):
                    return
                if revision is not None:
                    _copy(self.path, Path(f"{self.path}.schema-{revision}"))
                with connection.begin():
                    upgrade(connection)
        except (StatementError, sqlite3.Error) as err:
            raise translated(err) from err

    def _write_forever(self) -> None:
        with self._writer_engine.connect() as connection:
            running = True
            while running:
                batch: deque[Waiting] = deque()
                item = self._inbox.get()
                while item is not None:
                    batch.extend(item)
                    if len(batch) >= _GROUP or self._inbox.empty():
                        break
                    item = self._inbox.get()
                running = item is not None
                while batch:
                    self._commit_group(connection, batch)

    def _commit_group(self, connection: Connection, batch: deque[Waiting]) -> None:
        """Run works from the front of ``batch`` in one transaction; what did not get its turn stays in it."""
        group = Group()
        try:
            with self._begun(connection):
                group.run(connection, batch, _SqliteTransaction(connection, self._clock, _GROUP_S))
        except BaseException as err:  # noqa: BLE001 the error belongs to the callers, the thread must live on
            group.fail(batch, translated(err))
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._deliver, group)

    @contextmanager
    def _begun(self, connection: Connection) -> Iterator[None]:
        until = self._clock.monotonic() + self._lock_wait_s
        while True:
            try:
                transaction = connection.begin()
                break
            except DBAPIError as err:
                connection.rollback()
                if not isinstance(translated(err), StorageBusy) or self._clock.monotonic() >= until:
                    raise
                _LOGGER.warning("Another process holds the database, writes wait")
        with transaction:
            yield

    def _hand_over(self) -> None:
        if self._coming:
            self._inbox.put(self._coming)
            self._coming = []

    def _deliver(self, group: Group) -> None:
        self._waiting -= len(group.done)
        group.deliver()


class _Savepoint:
    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __enter__(self) -> None:
        self._raw.execute("SAVEPOINT work")

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        if kind is not None:
            if not self._raw.in_transaction:
                return
            self._raw.execute("ROLLBACK TO work")
        self._raw.execute("RELEASE work")


class _SqliteTransaction:
    def __init__(self, connection: Connection, clock: Clock, limit_s: float) -> None:
        self._raw: Any = connection.connection.dbapi_connection
        self._clock = clock
        self._until = clock.monotonic() + limit_s
        self._savepoint = _Savepoint(self._raw)

    def savepoint(self) -> _Savepoint:
        return self._savepoint

    def is_lost(self) -> bool:
        return not self._raw.in_transaction

    def translated(self, err: BaseException) -> BaseException:
        return translated(err)

    def has_time(self) -> bool:
        return self._clock.monotonic() < self._until


def _engine(path: Path, *, readers: int | None) -> Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"check_same_thread": False},
        poolclass=sa.QueuePool,
        pool_size=readers or 1,
        max_overflow=0,
        json_serializer=to_json,
        json_deserializer=from_json,
    )
    begin = "BEGIN" if readers else "BEGIN IMMEDIATE"

    def connected(raw: sqlite3.Connection, _record: object) -> None:
        raw.isolation_level = None
        # without it SQLite plans a cached statement anew for every binding that a partial index might depend on
        raw.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_QPSG, True)
        for pragma in (
            f"busy_timeout={_BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-16000",
            f"query_only={'ON' if readers else 'OFF'}",
        ):
            raw.execute(f"PRAGMA {pragma}")

    note_slow(engine)
    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _look(path: Path) -> str | None:
    refuse_network(path.parent)
    address = f"{path.resolve().as_uri()}?mode=ro"
    engine = sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            _check(connection)
            revision = revision_of(connection)
    except (StatementError, sqlite3.Error) as err:
        raise translated(err) from err
    refuse_newer(revision)
    return revision


def _check(connection: Connection) -> None:
    found = connection.exec_driver_sql("PRAGMA quick_check(5)").scalars().all()
    if found != ["ok"]:
        raise CorruptDatabase(f"the database file is damaged: {'; '.join(found)[:500]}")
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(5)
    if broken:
        raise CorruptDatabase(f"rows without their parent in: {', '.join(sorted({str(row[0]) for row in broken}))}")


def _copy(source: Path, target: Path) -> None:
    part = Path(f"{target}.part")
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(part)) as new:
        old.backup(new)
    part.replace(target)
