"""The limit of a durable store in one SQLite file: a thread with ``sqlite3`` that commits together what waits."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from queue import SimpleQueue
import sqlite3
import threading
from types import TracebackType
from typing import Any, Final, Self

_GROUP: Final = 256

type Work[T] = Callable[[sqlite3.Connection], T]
type _Item = tuple[asyncio.Future[Any], Work[Any]]


class BareWriter:
    """Runs works on a connection in WAL mode, several in one transaction; the caller goes on after the commit."""

    def __init__(self, file: Path, schema: Iterable[str] = ()) -> None:
        """Take the file and what makes its tables."""
        self._file = file
        self._schema = schema
        self._box: SimpleQueue[_Item | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="bare-writer", daemon=True)

    async def __aenter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self._box.put(None)
        await self._loop.run_in_executor(None, self._thread.join)

    async def write[T](self, work: Work[T]) -> T:
        """Run a work, which must not fail, and give its result after the commit."""
        answer: asyncio.Future[T] = self._loop.create_future()
        self._box.put((answer, work))
        return await answer

    def _run(self) -> None:
        connection = sqlite3.connect(self._file, isolation_level=None)
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=NORMAL", *self._schema):
            connection.execute(statement)
        while (first := self._box.get()) is not None:
            items: list[_Item] = [first]
            while len(items) < _GROUP and not self._box.empty():
                item = self._box.get()
                if item is None:
                    self._box.put(None)
                    break
                items.append(item)
            connection.execute("BEGIN IMMEDIATE")
            results = [(answer, work(connection)) for answer, work in items]
            connection.execute("COMMIT")
            self._loop.call_soon_threadsafe(_deliver, results)
        connection.close()


def _deliver(results: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for answer, result in results:
        if not answer.done():
            answer.set_result(result)
