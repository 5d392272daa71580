"""Who works on what: the state of the queues in Redis, changed by scripts that Redis runs whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
import hashlib
import json
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from home_sentry_engine.broker.sql.ledger import Change, Held, Holders, JobRow
from home_sentry_engine.broker.sql.micros import from_micros, to_micros
from home_sentry_engine.domain.jobs import Job

from .connection import reaching
from .pubsub import WAKE
from .scripts import CLAIM, EXTEND, FORGET, HOLDERS, IN_HAND, PLACE

_PRIORITIES: Final = 1_000_000_000
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
        calls: list[tuple[str, str, list[Any]]] = []
        for change in changes:
            news = [self.wake_channel, change.queue]
            calls += [
                (PLACE, change.queue, [to_micros(now), *_placing(row), *news, self._queues]) for row in change.placed
            ]
            if change.gone:
                calls.append((FORGET, change.queue, [to_micros(now), *news, *change.gone]))
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
            jobs=tuple(_job(queue, one, until) for one in claimed),
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

    def _prefix(self, queue: str) -> str:
        return f"{self._namespace}:{{{queue}}}:"

    async def _run(self, script: str, queue: str, arguments: Sequence[Any]) -> Any:
        with reaching():
            try:
                return await self._client.evalsha(_SHA[script], 1, self._prefix(queue), *arguments)
            except NoScriptError:
                await self._load()
                return await self._client.evalsha(_SHA[script], 1, self._prefix(queue), *arguments)

    async def _pipelined(self, calls: Iterable[tuple[str, str, list[Any]]]) -> None:
        async with self._client.pipeline(transaction=False) as pipeline:
            for script, queue, arguments in calls:
                pipeline.evalsha(_SHA[script], 1, self._prefix(queue), *arguments)
            await pipeline.execute()

    async def _load(self) -> None:
        for text in _ALL:
            await self._client.script_load(text)


def _placing(row: JobRow) -> list[Any]:
    place = f"{_PRIORITIES - row.priority:010d}:{row.id:019d}"
    keyed = [1, row.key] if row.key is not None else [0, ""]
    return [row.id, row.fence, row.attempts, row.not_before_us, place, *keyed, row.payload, row.enqueued_us]


def _helds(found: Iterable[tuple[bytes, bytes | None]]) -> tuple[Held, ...]:
    return tuple(Held(id=int(job_id), fence=int(fence)) for job_id, fence in found if fence is not None)


def _job(queue: str, found: Sequence[Any], until: datetime) -> Job:
    job_id, place, key, fence, tries, flat = found
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    return Job(
        id=job_id.decode(),
        queue=queue,
        payload=json.loads(fields[b"payload"]),
        key=None if key is None else key.decode(),
        priority=_PRIORITIES - int(place.split(b":")[0]),
        attempt=int(tries) + 1,
        enqueued_at=from_micros(int(fields[b"enqueued"])),
        leased_until=until,
        fence=int(fence) + 1,
    )
