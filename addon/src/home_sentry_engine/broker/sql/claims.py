"""Claims of many workers at once: who waits for the next transaction is served by one statement in it."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
import json
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection

from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.jobs import Job

from .micros import from_micros, to_micros
from .statements import CLAIM_EVERY_KEY, CLAIM_FRONT, FREE_EXPIRED, NEXT_DUE, SERVE

type Answer = tuple[tuple[Job, ...], datetime | None]


class Writes(Protocol):
    """What claims need of the database."""

    async def write[T](self, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a write transaction."""
        ...


@dataclass(slots=True, eq=False)
class _Ask:
    n: int
    answer: asyncio.Future[Answer]
    found: Answer = ((), None)


@dataclass(slots=True, eq=False)
class _Round:
    """The asks of one transaction; ``taken`` is raised before they are collected, by the thread that writes."""

    queue: str
    lease_s: float
    asks: deque[_Ask]
    collected: list[_Ask] = field(default_factory=list)
    taken: bool = False


class _Leased(NamedTuple):
    id: int
    queue: str
    payload: str
    key: str | None
    priority: int
    turn: int
    attempts: int
    fence: int
    enqueued_us: int


class Claims:
    """Leases jobs to callers, first come first served; used from one event loop."""

    def __init__(self, database: Writes, clock: Clock, *, owner: str) -> None:
        """Take the database, the clock of the leases and the name that goes into them."""
        self._database = database
        self._clock = clock
        self._owner = owner
        self._rounds: dict[tuple[str, float], _Round] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def claim(self, queue: str, n: int, lease_s: float) -> Answer:
        """Lease up to ``n`` due jobs; without any, also give when the next one becomes due by itself."""
        ask = _Ask(n, asyncio.get_running_loop().create_future())
        last = self._rounds.get((queue, lease_s))
        asks = deque[_Ask]() if last is None else last.asks
        asks.append(ask)
        if last is None or last.taken:
            self._rounds[queue, lease_s] = coming = _Round(queue, lease_s, asks)
            task = asyncio.create_task(self._served(coming), name=f"claim {queue}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await ask.answer

    async def _served(self, coming: _Round) -> None:
        failure: BaseException | None = None
        try:
            await self._database.write(lambda conn: self._serve(conn, coming))
        except asyncio.CancelledError:
            failure = asyncio.CancelledError()
            raise
        except Exception as err:  # noqa: BLE001 the error belongs to the callers
            failure = err
        finally:
            coming.taken = True
            if failure is not None:
                coming.collected += _drained(coming.asks)
            if self._rounds.get((coming.queue, coming.lease_s)) is coming:
                del self._rounds[coming.queue, coming.lease_s]
            for ask in coming.collected:
                _answer(ask, failure)

    def _serve(self, conn: Connection, coming: _Round) -> None:
        coming.taken = True
        coming.collected += _drained(coming.asks)
        asking = [ask for ask in coming.collected if not ask.answer.cancelled()]
        answers = self.lease(conn, coming.queue, [ask.n for ask in asking], coming.lease_s)
        for ask, found in zip(asking, answers, strict=True):
            ask.found = found

    def lease(self, conn: Connection, queue: str, counts: Sequence[int], lease_s: float) -> list[Answer]:
        """Lease up to so many due jobs for each of several callers, as if they asked one after the other."""
        now = self._clock.steady()
        until = now + timedelta(seconds=lease_s)
        values = {"in_queue": queue, "now_us": to_micros(now)}
        leasing = values | {"until_us": to_micros(until), "in_owner": self._owner}
        FREE_EXPIRED.count(conn, values)
        answers: list[Answer] = []
        for statement in (CLAIM_FRONT, CLAIM_EVERY_KEY):
            unserved = counts[len(answers) :]
            if unserved:
                rows = [_Leased(*row) for row in statement.rows(conn, leasing | {"n": sum(unserved)})]
                rows.sort(key=lambda row: (-row.priority, row.turn, row.id))
                for priority, turn in {row.priority: row.turn for row in rows}.items():
                    SERVE.count(conn, {"queue": queue, "priority": priority, "turn": turn - 1})
                answers += _shared([_job(row, until) for row in rows], unserved)
        if len(answers) < len(counts):
            nothing: Answer = ((), _earliest(NEXT_DUE.rows(conn, values)[0]))
            answers += [nothing] * (len(counts) - len(answers))
        return answers


def _drained(asks: deque[_Ask]) -> list[_Ask]:
    found = []
    while asks:
        found.append(asks.popleft())
    return found


def _shared(jobs: list[Job], counts: Sequence[int]) -> list[Answer]:
    """Part jobs among callers until there are none."""
    answers: list[Answer] = []
    at = 0
    for n in counts:
        if at >= len(jobs):
            break
        answers.append((tuple(jobs[at : at + n]), None))
        at += n
    return answers


def _answer(ask: _Ask, failure: BaseException | None) -> None:
    if ask.answer.done():
        return
    if failure is None:
        ask.answer.set_result(ask.found)
    elif isinstance(failure, asyncio.CancelledError):
        ask.answer.cancel()
    else:
        ask.answer.set_exception(failure)


def _earliest(times: tuple[Any, ...]) -> datetime | None:
    found = [value for value in times if value is not None]
    return from_micros(min(found)) if found else None


def _job(row: _Leased, leased_until: datetime) -> Job:
    return Job(
        id=str(row.id),
        queue=row.queue,
        payload=json.loads(row.payload),
        key=row.key,
        priority=row.priority,
        attempt=row.attempts,
        enqueued_at=from_micros(row.enqueued_us),
        leased_until=leased_until,
        fence=row.fence,
    )
