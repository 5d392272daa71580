"""A program for the crash tests: writes as fast as it can and prints each number once it is acknowledged."""

import asyncio
import os
from pathlib import Path
import sys

from home_sentry_engine.broker.sql.queue import SqlQueue
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.jobs import NewJob
from home_sentry_engine.storage.database import Connection, Database, sqlite_url
from home_sentry_engine.storage.repositories.meta import Counters, Meta
from home_sentry_engine.storage.repositories.outbox import Outbox

CALLERS = 8


async def main(file: Path, first: int) -> None:
    clock = SystemClock()
    numbers = iter(range(first, 10_000_000))
    async with Database(sqlite_url(file), clock) as database:
        queue = SqlQueue(database, clock, owner="crash")

        def write(conn: Connection, number: int) -> None:
            Meta().set(conn, str(number), number)
            Counters().add(conn, "written")
            Outbox().add(conn, kind="test", camera_id=None, body=str(number).encode(), now=clock.now())
            queue.put(conn, NewJob(queue="q", payload={"number": number}, unique=str(number)), clock.now())

        async def work() -> None:
            for number in numbers:
                await database.write(lambda conn, number=number: write(conn, number))  # type: ignore[misc]
                os.write(1, f"{number}\n".encode())

        await asyncio.gather(*(work() for _ in range(CALLERS)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
