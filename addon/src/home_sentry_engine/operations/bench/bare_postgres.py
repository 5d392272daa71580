"""The limit of a queue in PostgreSQL: bare statements of its driver, those that wait together in one transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from home_sentry_engine.storage.database import Connection, Database

type _Step = Callable[[Any], Awaitable[Any]]


class BareJobs:
    """Puts, claims and acknowledges in a table of its own; used from one event loop."""

    def __init__(self, database: Database, table: str) -> None:
        """Take the database, of which only the connection is used, and the table."""
        self._database = database
        self._put = f"INSERT INTO {table} (uniq, payload) VALUES ($1, $2) RETURNING id"  # noqa: S608 made here
        self._claim = f"""UPDATE {table} SET leased = true, fence = fence + 1 WHERE id = (SELECT id FROM {table}
            WHERE NOT leased ORDER BY id LIMIT 1) RETURNING id, fence"""  # noqa: S608 made here
        self._ack = f"DELETE FROM {table} WHERE id = $1 AND fence = $2"  # noqa: S608 made here
        self._waiting: list[tuple[asyncio.Future[Any], _Step]] = []
        self._busy: asyncio.Task[None] | None = None

    async def put(self, unique: str, payload: str) -> int:
        """Store a job."""
        number: int = await self._done(lambda driver: driver.fetchval(self._put, unique, payload))
        return number

    async def claim(self) -> tuple[int, int]:
        """Take the oldest job: id and fence."""
        row = await self._done(lambda driver: driver.fetchrow(self._claim))
        return row[0], row[1]

    async def ack(self, job: tuple[int, int]) -> None:
        """Finish a job."""
        await self._done(lambda driver: driver.execute(self._ack, *job))

    async def _done(self, step: _Step) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((answer, step))
        if self._busy is None or self._busy.done():
            self._busy = asyncio.create_task(self._commit())
        return await answer

    async def _commit(self) -> None:
        while self._waiting:
            steps, self._waiting = self._waiting, []

            def work(conn: Connection, steps: list[tuple[asyncio.Future[Any], _Step]] = steps) -> list[Any]:
                async def run(driver: Any) -> list[Any]:
                    return [await step(driver) for _, step in steps]

                results: list[Any] = driven(conn, run)
                return results

            try:
                results = await self._database.write(work)
            except BaseException as err:
                for answer, _ in steps:
                    answer.set_exception(err if isinstance(err, Exception) else RuntimeError("the limit was stopped"))
                raise
            for (answer, _), result in zip(steps, results, strict=True):
                answer.set_result(result)


def driven(conn: Connection, step: _Step) -> Any:
    """Run a step on the driver's own connection, within the transaction."""
    raw: Any = conn.connection.dbapi_connection
    return raw.run_async(step)


@asynccontextmanager
async def bare_jobs(database: Database, name: str) -> AsyncIterator[BareJobs]:
    """Make a table for the limit and drop it afterwards."""
    table = f'"{name}"'
    made = f"""CREATE TABLE {table} (id bigserial PRIMARY KEY, uniq text UNIQUE, payload text,
        leased boolean NOT NULL DEFAULT false, fence integer NOT NULL DEFAULT 0)"""
    index = f"CREATE INDEX ON {table} (id) WHERE NOT leased"
    await database.write(lambda conn: _executed(conn, made, index))
    try:
        yield BareJobs(database, table)
    finally:
        await database.write(lambda conn: _executed(conn, f"DROP TABLE {table}"))


def _executed(conn: Connection, *statements: str) -> None:
    for statement in statements:
        conn.exec_driver_sql(statement).close()
