"""PostgreSQL behind ``Database``: the same one-writer rule, held across engine processes by an advisory lock.

Several engines write, one transaction at a time. So what a work read is still true when it writes, and the numbers of
the outbox become visible in their order; neither would hold for writers side by side, at whatever isolation short of
one that undoes most of them. A writer that stops in the middle is cut off by the server, and the lock is free again.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Final

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.ext.asyncio import create_async_engine

from home_sentry_engine.domain.clock import Clock

from .errors import CorruptDatabase, StorageBusy, StorageClosed, StorageError, StorageFull, StorageUnreachable
from .group import Group, Waiting
from .migrate import refuse_newer, revision_of, upgrade
from .slow import note_slow

_READERS: Final = 4
_GROUP: Final = 64
_GROUP_S: Final = 0.02
_LOCK: Final = text("SELECT pg_advisory_xact_lock(5207310001)")
_CONNECT_S: Final = 10.0
_STUCK_S: Final = 15.0
_TRIES: Final = 3
_FULL_STATE: Final = "53100"
_CORRUPT_STATES: Final = ("XX001", "XX002")
_CONFLICT_STATES: Final = ("40001", "40P01", "55P03")


class _Conflict(StorageBusy):
    """Somebody else's transaction was in the way; the work was undone and may be done again."""


def translated(err: BaseException) -> BaseException:
    """Turn the driver's failures (unreachable, full, corrupt) into the store's; others stay as they are."""
    cause = err.orig if isinstance(err, StatementError) else err
    if isinstance(cause, StorageError):
        return cause
    state = getattr(cause, "sqlstate", None)
    if state == _FULL_STATE:
        return StorageFull("the disk that holds the database is full")
    if state in _CONFLICT_STATES:
        return _Conflict("another session of the database server was in the way")
    if state in _CORRUPT_STATES:
        return CorruptDatabase("the database reports damaged data")
    lost = isinstance(err, DBAPIError) and err.connection_invalidated
    if lost or (isinstance(state, str) and state.startswith(("08", "57P"))):
        return StorageUnreachable("the database server cannot be reached")
    return err


def _unreached(err: BaseException) -> BaseException:
    """Translate what failed outside the works, where an error of the network can only be the server's."""
    if isinstance(err, OSError) and not isinstance(err, StorageError):
        return StorageUnreachable("the database server cannot be reached")
    return translated(err)


class PostgresStore:
    """One PostgreSQL database; opened by ``open``, used from one event loop, closed by ``close``."""

    def __init__(self, url: URL, clock: Clock, *, max_waiting: int = 10_000, stuck_s: float = _STUCK_S) -> None:
        """Take the address, how many works may wait, and after which standstill a transaction is cut off."""
        self._clock = clock
        self._max_waiting = max_waiting
        self._engine = create_async_engine(
            url.set(drivername="postgresql+asyncpg"),
            pool_size=_READERS + 1,
            max_overflow=0,
            pool_pre_ping=True,
            connect_args={
                "timeout": _CONNECT_S,
                "server_settings": {
                    "application_name": "home-sentry",
                    "idle_in_transaction_session_timeout": f"{round(stuck_s * 1000)}",
                },
            },
        )
        note_slow(self._engine.sync_engine)
        self._inbox: asyncio.Queue[Waiting | None] = asyncio.Queue()
        self._readers = asyncio.Semaphore(_READERS)
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Migrate the database and start the writer; raises the errors of ``storage.errors``."""
        try:
            async with self._engine.begin() as connection:
                await connection.execute(_LOCK)
                await connection.run_sync(upgrade)
        except BaseException as err:
            await self._engine.dispose()
            raise _unreached(err) from err
        self._task = asyncio.create_task(self._write_forever(), name="storage-write")

    async def close(self) -> None:
        """Commit what waits, stop the writer and close the connections."""
        task, self._task = self._task, None
        if task is not None:
            await self._inbox.put(None)
            with suppress(asyncio.CancelledError):
                await task
        await self._engine.dispose()

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in the writer's next transaction and give its result after the commit.

        A work that met another session's locks (a deadlock with a person at the server) is run again.
        """
        for _ in range(_TRIES - 1):
            with suppress(_Conflict):
                return await self._written(work)
        return await self._written(work)

    async def _written[T](self, work: Callable[[Connection], T]) -> T:
        if self._task is None:
            raise StorageClosed("the database is not open")
        if self._waiting >= self._max_waiting:
            raise StorageBusy(f"{self._waiting} writes wait for the database")
        waiting = Waiting(work, asyncio.get_running_loop().create_future())
        self._waiting += 1
        self._inbox.put_nowait(waiting)
        result: T = await waiting.answer
        return result

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on a snapshot."""
        if self._task is None:
            raise StorageClosed("the database is not open")
        return await self._read(work)

    async def _read[T](self, work: Callable[[Connection], T]) -> T:
        async with self._readers:
            connection = self._engine.connect()
            try:
                await connection.start()
            except (StatementError, OSError) as err:
                raise _unreached(err) from err
            try:
                await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
                return await connection.run_sync(work)
            except StatementError as err:
                raise translated(err) from err
            finally:
                await connection.close()

    async def check(self) -> None:
        """Raise ``StorageUnreachable`` unless the server answers; its own tools look after the files."""
        await self.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one())

    async def look(self) -> str | None:
        """Give the schema revision of a server that answers; the store is not open."""
        revision = await self._read(revision_of)
        refuse_newer(revision)
        return revision

    async def size_bytes(self) -> int:
        """Give the size of the database on the server's disk."""
        size = text("SELECT pg_database_size(current_database())")
        return await self._read(lambda connection: int(connection.execute(size).scalar_one()))

    async def _write_forever(self) -> None:
        running = True
        while running:
            batch: deque[Waiting] = deque()
            item = await self._inbox.get()
            while item is not None:
                batch.append(item)
                if len(batch) >= _GROUP or self._inbox.empty():
                    break
                item = self._inbox.get_nowait()
            running = item is not None
            while batch:
                await self._commit_group(batch)

    async def _commit_group(self, batch: deque[Waiting]) -> None:
        group = Group()
        try:
            async with self._engine.begin() as connection:
                await connection.execute(_LOCK)
                await connection.run_sync(self._run, batch, group)
        except (Exception, asyncio.CancelledError) as err:  # the error belongs to the callers
            group.fail(batch, _unreached(err))
            if isinstance(err, asyncio.CancelledError):
                raise
        finally:
            self._waiting -= len(group.done)
            group.deliver()

    def _run(self, connection: Connection, batch: deque[Waiting], group: Group) -> None:
        group.run(connection, batch, _PostgresTransaction(connection, self._clock, _GROUP_S))


class _PostgresTransaction:
    def __init__(self, connection: Connection, clock: Clock, limit_s: float) -> None:
        self._connection = connection
        self._clock = clock
        self._until = clock.monotonic() + limit_s

    def savepoint(self) -> AbstractContextManager[object]:
        return self._connection.begin_nested()

    def is_lost(self) -> bool:
        return self._connection.invalidated or self._connection.closed

    def translated(self, err: BaseException) -> BaseException:
        return translated(err)

    def has_time(self) -> bool:
        return self._clock.monotonic() < self._until
