"""Several engine processes on one PostgreSQL and one Redis, somebody who listens, and what must hold afterwards."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
import re
import time

import aiohttp
import asyncpg
import redis

from home_sentry_engine.contract import EventCreated, EventUpdated, Resync, Snapshot
from tests.engine.faults.invariants import Account, alert_rules, sha256
from tests.engine.faults.programs import Serve
from tests.fakes.peer import Peer

LEASE_S = 4

ALWAYS_WRONG = {
    "detections without their visit": (
        "SELECT id FROM detections WHERE event_id IS NOT NULL AND event_id NOT IN (SELECT id FROM events)"
    ),
    "visits without a detection": "SELECT id FROM events WHERE id NOT IN (SELECT event_id FROM detections)",
    "visits without their beginning": "SELECT id FROM events WHERE id NOT IN (SELECT event_id FROM transitions)",
    "visits whose alert nobody evaluated": (
        "SELECT id FROM events e WHERE NOT EXISTS "
        "(SELECT 1 FROM alert_evaluations a WHERE a.event_id = e.id AND a.revision = e.revision)"
    ),
    "batches without their visit": "SELECT id FROM batches WHERE event_id NOT IN (SELECT id FROM events)",
    "looked at and not on record": (
        "SELECT id FROM media WHERE state = 'detected' AND id NOT IN (SELECT media_id FROM inspections)"
    ),
    "waiting files without a job": (
        "SELECT id FROM media WHERE state = 'queued' AND id NOT IN "
        "(SELECT payload::json ->> 'media_id' FROM jobs WHERE queue = 'detect')"
    ),
    "two events of one picture": (
        "SELECT m.sha256 FROM detections d JOIN media m ON m.id = d.media_id WHERE d.event_id IS NOT NULL "
        "GROUP BY m.camera_id, m.sha256 HAVING COUNT(DISTINCT d.event_id) > 1"
    ),
    "one picture twice": "SELECT sha256 FROM media GROUP BY camera_id, sha256 HAVING COUNT(*) > 1",
    "visits not announced once": (
        "SELECT e.id FROM events e LEFT JOIN outbox o ON o.kind = 'event_created' "
        "AND convert_from(o.body, 'UTF8')::json ->> 'event_id' = e.id GROUP BY e.id HAVING COUNT(o.seq) <> 1"
    ),
    **alert_rules(span="interval '1 second'", text="convert_from(o.body, 'UTF8')::json ->> 'id'"),
}
WRONG_AT_THE_END = {
    "visits without an end": "SELECT id FROM events WHERE ended_at IS NULL",
    "visits without a judgement": "SELECT id FROM events WHERE analysis_state = 'provisional'",
    "jobs that nobody finished": "SELECT id FROM jobs",
    "dead letters": "SELECT id FROM dead_letters",
}


class House:
    """The places that engines of one household share."""

    def __init__(self, folder: Path, mirror: Path, database_url: str, redis_url: str) -> None:
        self.folder, self.mirror = folder, mirror
        self.database_url, self.redis_url = database_url, redis_url
        self.cameras = folder / "cameras"
        self.cameras.mkdir()
        # what an earlier household of this server left is none of this one's
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()

    @contextmanager
    def engine(self, name: str, *roles: str, **environment: str) -> Iterator[Serve]:
        """Give an engine with these roles that is not running yet and surely ends with the block."""
        data = self.folder / name
        data.mkdir()
        served = Serve(
            data,
            self.mirror,
            **{
                "ROLES": ",".join(roles),
                "DATABASE_URL": self.database_url,
                "REDIS_URL": self.redis_url,
                "MEDIA_ROOT": str(self.folder / "shared"),
                "CAMERA_ROOT": str(self.cameras),
                "JOB_LEASE_SECONDS": str(LEASE_S),
                "AI_MAX_CONCURRENT_INFERENCES": "2",
                **environment,
            },
        )
        try:
            yield served
        finally:
            if served._process is not None and served._process.poll() is None:
                served.kill()

    async def rows(self, query: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database_url)
        try:
            return await connection.fetch(query)
        finally:
            await connection.close()

    async def count(self, query: str) -> int:
        return int((await self.rows(query))[0][0])

    async def until(self, query: str, wanted: int, within_s: float = 90.0) -> None:
        """Wait until a count is what is wanted."""
        until = time.monotonic() + within_s
        while (found := await self.count(query)) != wanted:
            assert time.monotonic() < until, f"{query}: {found} instead of {wanted}"
            await asyncio.sleep(0.1)

    async def at_least(self, query: str, wanted: int, within_s: float = 90.0) -> None:
        """Wait until a count has reached what is wanted."""
        async with asyncio.timeout(within_s):
            while await self.count(query) < wanted:  # noqa: ASYNC110 what is waited for lies in a database
                await asyncio.sleep(0.05)

    async def looked_at(self) -> int:
        return await self.count("SELECT count(*) FROM media WHERE state = 'detected'")

    async def moved_on(self, pictures: int = 3, within_s: float = 90.0) -> None:
        """Wait until some more pictures have been looked at."""
        wanted = await self.looked_at() + pictures
        async with asyncio.timeout(within_s):
            while await self.looked_at() < wanted:  # noqa: ASYNC110 what is waited for lies in a database
                await asyncio.sleep(0.05)

    async def at_rest(self, pictures: int, within_s: float = 120.0) -> None:
        """Wait until all pictures are taken in, none waits and no job is left; some may have been given up."""
        await self.until("SELECT count(*) FROM media", pictures, within_s)
        await self.until("SELECT count(*) FROM media WHERE state = 'queued'", 0, within_s)
        await self.until("SELECT count(*) FROM events WHERE ended_at IS NULL", 0, within_s)
        await self.until("SELECT count(*) FROM jobs", 0, within_s)

    async def settled(self, pictures: int, within_s: float = 120.0) -> None:
        """Wait until all pictures are looked at, all visits over and judged, and no job is left."""
        await self.until("SELECT count(*) FROM media WHERE state = 'detected'", pictures, within_s)
        await self.until("SELECT count(*) FROM events WHERE ended_at IS NULL", 0, within_s)
        await self.until("SELECT count(*) FROM jobs", 0, within_s)

    async def account(self) -> Account:
        """Check what must hold at every moment, also right after an engine was killed, and give the account."""
        for name, query in ALWAYS_WRONG.items():
            assert await self.rows(query) == [], name
        media = await self.rows("SELECT id, camera_id, sha256, state FROM media")
        counters = {row["name"]: row["value"] for row in await self.rows("SELECT name, value FROM counters")}
        states = Counter(row["state"] for row in media)
        account = Account(
            accepted=counters.get("media:accepted", 0),
            stored=counters.get("media:stored", 0),
            queued=states["queued"],
            quarantined=counters.get("media:quarantined", 0),
            duplicates=counters.get("media:duplicate", 0),
            rejected=sum(count for name, count in counters.items() if name.startswith("rejected:")),
            events=await self.count("SELECT count(*) FROM events"),
            ids=frozenset(row["id"] for row in media),
            contents=Counter((row["camera_id"], row["sha256"]) for row in media),
        )
        print(f"\n  {account}")
        assert account.accepted == account.stored + account.queued + account.quarantined == len(media)
        assert (account.stored, account.quarantined) == (states["detected"], states["failed"])
        return account

    async def check(self, delivered: Counter[tuple[str, str]]) -> int:
        """Check every rule of a settled household; gives the number of events."""
        for name, query in (ALWAYS_WRONG | WRONG_AT_THE_END).items():
            assert await self.rows(query) == [], name
        media = await self.rows("SELECT camera_id, sha256, path, state FROM media")
        assert Counter((row["camera_id"], row["sha256"]) for row in media) == delivered
        assert {row["state"] for row in media} == {"detected"}
        assert [row["path"] for row in media if _content(row["path"]) != row["sha256"]] == []
        counters = {row["name"]: row["value"] for row in await self.rows("SELECT name, value FROM counters")}
        assert counters["media:accepted"] == counters["media:stored"] == len(media)
        assert counters.get("media:quarantined", 0) == 0
        self._check_redis()
        return await self.count("SELECT count(*) FROM events")

    def _check_redis(self) -> None:
        with redis.Redis.from_url(self.redis_url, decode_responses=True) as client:
            left = {re.sub(r".*}:", "", key) for key in client.scan_iter("home-sentry:*")}
            streams = [client.xlen(key) for key in client.scan_iter("home-sentry:*:stream")]
        assert left <= {"stream", "gone", "turns"} | {key for key in left if key.endswith(":queues")}, left
        assert set(streams) == {0}


def _content(path: str) -> str:
    return sha256(Path(path).read_bytes())


@dataclass
class Listener:
    """A client of the API that comes back after every break and asks for what it missed."""

    served: Serve
    created: list[str] = field(default_factory=list)
    revisions: dict[str, int] = field(default_factory=dict)
    sequence: list[int] = field(default_factory=list)
    resyncs: int = 0
    breaks: int = -1
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        while True:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._listen()
            self.ready.clear()
            await asyncio.sleep(0.1)

    async def _listen(self) -> None:
        token = (self.served.data / "token").read_text().strip()
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{self.served.url}/api/v1/ws") as socket:
            peer = Peer(socket)
            found = await peer.greet(self.sequence[-1] if self.sequence else None, token=token)
            while isinstance(found, Resync):
                self.resyncs += 1
                found = await peer.receive()
            if isinstance(found, Snapshot) and not self.sequence:
                self.sequence.append(found.cursor)
            self.breaks += 1
            self.ready.set()
            while not isinstance(message := await peer.receive(statuses=True), aiohttp.WSMessage):
                if isinstance(message, EventCreated):
                    self.created.append(message.event.event_id)
                if isinstance(message, EventCreated | EventUpdated):
                    self.revisions[message.event.event_id] = message.event.revision
                if getattr(message, "seq", None):
                    self.sequence.append(message.seq)

    async def heard(self, house: House, within_s: float = 120.0) -> None:
        """Wait until the newest announcement is here, then compare with what is on record."""
        newest = await house.count("SELECT max(seq) FROM outbox")
        until = time.monotonic() + within_s
        while self.sequence[-1] < newest:
            assert time.monotonic() < until, f"heard up to {self.sequence[-1]} of {newest}"
            await asyncio.sleep(0.1)
        on_record = {row["id"]: row["revision"] for row in await house.rows("SELECT id, revision FROM events")}
        assert Counter(self.created) == Counter(on_record.keys())
        assert self.revisions == on_record
        assert self.sequence == sorted(set(self.sequence))
        assert self.resyncs == 0
