"""The database: the only way to write, and the way to read."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from sqlalchemy import Connection, make_url, text

from home_sentry_engine.domain.clock import Clock

from .hooks import Hook, hooks_of
from .migrate import is_current
from .sqlite import SqliteStore

__all__ = ["Connection", "Database", "Standing", "sqlite_url"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A sound database as it is: its schema revision, None without a schema, and its size on disk."""

    revision: str | None
    size_bytes: int

    @property
    def is_current(self) -> bool:
        """Whether its schema is this release's."""
        return is_current(self.revision)


class _Store(Protocol):
    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def write[T](self, work: Callable[[Connection], T]) -> T: ...

    async def read[T](self, work: Callable[[Connection], T]) -> T: ...

    async def check(self) -> None: ...

    async def look(self) -> str | None: ...

    async def size_bytes(self) -> int: ...


def sqlite_url(path: Path) -> str:
    """Give the URL of a SQLite file."""
    return f"sqlite:///{path}"


class Database:
    """One database of the engine, migrated on entry; ``write`` and ``read`` run synchronous works on a connection.

    A work gets a SQLAlchemy ``Connection`` and must neither commit nor keep it. Works that write run one after the
    other, several in one transaction, each undone alone if it raises; the caller gets the result after the commit.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        """Take a ``sqlite:///path`` or ``postgresql://`` address; raises ``ValueError`` for another one."""
        self.url = make_url(url)
        self.clock = clock
        self._store = self._store_of()

    def _store_of(self) -> _Store:
        if self.url.get_backend_name() == "sqlite":
            if self.url.database in {None, "", ":memory:"}:
                raise ValueError("the database needs a file: sqlite:///folder/name.db")
            return SqliteStore(Path(str(self.url.database)), self.clock)
        if self.url.get_backend_name() == "postgresql":
            from .postgres import PostgresStore  # noqa: PLC0415 the driver is an optional extra

            return PostgresStore(self.url, self.clock)
        raise ValueError(f"no such kind of database: {self.url.get_backend_name()}")

    async def __aenter__(self) -> Self:
        """Open and migrate; raises the errors of ``storage.errors``."""
        await self._store.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit what waits and close."""
        await self._store.close()

    def write[T](self, work: Callable[[Connection], T]) -> Coroutine[Any, Any, T]:
        """Run ``work`` in a write transaction; the coroutine returns after its commit.

        Raises what ``work`` raised (its changes are undone), ``StorageFull``, ``StorageBusy`` or ``StorageClosed``.
        A caller that is cancelled meanwhile does not know whether the work was committed.
        """
        return self._store.write(work)

    async def read[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` on a snapshot; never waits for the writer."""
        return await self._store.read(work)

    def after_commit(self, connection: Connection, hook: Hook) -> None:
        """Call ``hook`` on the event loop once the connection's write transaction is committed, never if undone."""
        hooks_of(connection).append(hook)

    async def check(self) -> None:
        """Raise ``CorruptDatabase`` unless the database is sound."""
        await self._store.check()

    async def look(self) -> Standing:
        """Check the database, which is not open, as it stands: nothing is made, migrated or written.

        Raises the errors of ``storage.errors``.
        """
        try:
            return Standing(revision=await self._store.look(), size_bytes=await self._store.size_bytes())
        finally:
            await self._store.close()

    async def server_time(self) -> datetime | None:
        """Give the time of the database server, aware UTC; None where the database is a file of this machine."""
        if self.url.get_backend_name() == "sqlite":
            return None
        return await self._store.read(_server_time)

    async def size_bytes(self) -> int:
        """Give the size on disk."""
        return await self._store.size_bytes()


def _server_time(connection: Connection) -> datetime:
    at: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return at.astimezone(UTC)
