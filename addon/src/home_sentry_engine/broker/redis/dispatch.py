"""Who works on what: the state of the queues in Redis, changed by scripts that Redis runs whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
import hashlib
import json
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from home_sentry_engine.broker.sql.ledger import Change, Held, Holders, JobRow
from home_sentry_engine.broker.sql.micros import from_micros, to_micros
from home_sentry_engine.domain.jobs import Job

from .connection import reaching
from .pubsub import WAKE
from .scripts import CLAIM, EXTEND, FORGET, HOLDERS, IN_HAND, PLACE

_PRIORITIES: Final = 1_000_000_000
_ITEMS: Final = 500
_ALL: Final = (PLACE, FORGET, CLAIM, EXTEND, HOLDERS, IN_HAND)
_SHA: Final[Mapping[str, str]] = {text: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest() for text in _ALL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a claim found: jobs for the caller, or deliveries that have run out and must be ended first.

    ``coming`` is when something becomes due or free by itself; ``broken`` jobs were not whole and are forgotten.
    """

    jobs: tuple[Job, ...]
    expired: tuple[Held, ...]
    coming: datetime | None
    broken: int


@dataclass(frozen=True, slots=True)
class _Call:
    script: str
    queue: str
    head: list[Any]
    items: list[Any]


class Dispatch:
    """The state of all queues below one ``namespace``; ``consumer`` is this engine's lasting name in the groups.

    Every call raises ``RedisUnreachable``.
    """

    def __init__(self, client: Redis, *, namespace: str, consumer: str) -> None:
        """Take the connection and the names."""
        self._client = client
        self._namespace = namespace
        self._consumer = consumer
        self._queues = f"{namespace}:queues"
        self.wake_channel = f"{namespace}:{WAKE}"

    async def apply(self, changes: Sequence[Change], now: datetime) -> None:
        """Bring Redis up to what was committed, in this order; what is known already changes nothing."""
        calls = self._calls(changes, to_micros(now))
        with reaching():
            try:
                await self._pipelined(calls)
            except NoScriptError:
                await self._load()
                await self._pipelined(calls)

    async def claim(self, queue: str, n: int, now: datetime, until: datetime) -> Claimed:
        """Lease up to ``n`` ready jobs."""
        found = await self._run(CLAIM, queue, [to_micros(now), to_micros(until), n, self._consumer])
        expired, claimed, coming, broken = found
        return Claimed(
            jobs=tuple([_job(queue, one, until) for one in orjson.loads(claimed)]),
            expired=_helds(expired),
            coming=None if coming is None else from_micros(int(float(coming))),
            broken=int(broken),
        )

    async def extend(self, job: Job, until: datetime) -> bool:
        """Prolong the lease of a job; False if this delivery is over."""
        arguments = [job.id, job.fence - 1, to_micros(until), self._consumer]
        return bool(await self._run(EXTEND, job.queue, arguments))

    async def holders(self, queue: str, now: datetime) -> tuple[Holders, int]:
        """Tell what runs, what has run out, and how many jobs wait for a later time."""
        running, expired, later = await self._run(HOLDERS, queue, [to_micros(now)])
        return Holders(running=frozenset(map(int, running)), expired=_helds(expired)), int(later)

    async def in_hand(self, queue: str) -> tuple[Held, ...]:
        """Give what the group has on record as given to this consumer."""
        return _helds(await self._run(IN_HAND, queue, [self._consumer]))

    async def queues(self) -> frozenset[str]:
        """Name the queues that hold jobs."""
        with reaching():
            found = await self._client.smembers(self._queues)
        return frozenset(name if isinstance(name, str) else name.decode() for name in found)

    async def fences(self, queue: str) -> dict[int, int]:
        """Give the fence of every known job by id."""
        with reaching():
            found = await self._client.hgetall(f"{self._prefix(queue)}fences")
        return {int(job_id): int(fence) for job_id, fence in found.items()}

    def _calls(self, changes: Sequence[Change], now_us: int) -> list[_Call]:
        """Give what to run: neighbours of one kind and queue together, the order of each job's changes kept."""
        calls: list[_Call] = []
        for change in changes:
            news = [now_us, self.wake_channel, change.queue]
            for row in change.placed:
                _join(calls, _Call(PLACE, change.queue, [*news, self._queues], [_placing(row)]))
            if change.gone:
                _join(calls, _Call(FORGET, change.queue, news, [str(one) for one in change.gone]))
        return calls

    def _prefix(self, queue: str) -> str:
        return f"{self._namespace}:{{{queue}}}:"

    async def _run(self, script: str, queue: str, arguments: Sequence[Any]) -> Any:
        with reaching():
            try:
                return await self._client.evalsha(_SHA[script], 1, self._prefix(queue), *arguments)
            except NoScriptError:
                await self._load()
                return await self._client.evalsha(_SHA[script], 1, self._prefix(queue), *arguments)

    async def _pipelined(self, calls: Iterable[_Call]) -> None:
        async with self._client.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.evalsha(_SHA[call.script], 1, self._prefix(call.queue), *call.head, orjson.dumps(call.items))
            await pipeline.execute()

    async def _load(self) -> None:
        for text in _ALL:
            await self._client.script_load(text)


def _join(calls: list[_Call], new: _Call) -> None:
    last = calls[-1] if calls else None
    if last is not None and (last.script, last.queue) == (new.script, new.queue) and len(last.items) < _ITEMS:
        last.items.extend(new.items)
    else:
        calls.append(new)


def _placing(row: JobRow) -> list[Any]:
    rank = f"{_PRIORITIES - row.priority:010d}"
    due, key = row.not_before_us, False if row.key is None else row.key
    return [str(row.id), row.fence, row.attempts, due, rank, key, row.payload, str(row.enqueued_us)]


def _helds(found: Iterable[tuple[bytes, bytes | None]]) -> tuple[Held, ...]:
    return tuple(Held(id=int(job_id), fence=int(fence)) for job_id, fence in found if fence is not None)


def _job(queue: str, found: Sequence[Any], until: datetime) -> Job:
    job_id, place, key, fence, tries, payload, enqueued = found
    return Job(
        id=job_id,
        queue=queue,
        payload=json.loads(payload),
        key=None if key is False else key,
        priority=_PRIORITIES - int(place.partition(":")[0]),
        attempt=int(tries) + 1,
        enqueued_at=from_micros(int(enqueued)),
        leased_until=until,
        fence=int(fence) + 1,
    )
