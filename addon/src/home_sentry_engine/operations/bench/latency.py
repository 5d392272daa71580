"""Benchmark ``latency``: from a picture's close in a camera's folder to its event on the WebSocket, model time apart.

A real engine runs in its own process with the settings' detector and no language model. Pictures arrive at a steady
pace, each at a camera whose last visit is over, so that each begins an event. What the detector spent on a picture is
read from the engine's database afterwards; the rest is the engine's share.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import asdict, dataclass
import hashlib
import itertools
from pathlib import Path
import sqlite3
import time
from typing import Any, Final

import aiohttp
import orjson

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.labels import COCO_80
from home_sentry_engine.media.picture import encode
from home_sentry_engine.operations.data_folder import DATABASE_FILE
from home_sentry_engine.settings import Settings
from home_sentry_engine.vision.eyes import draw_canary

from .scratch_engine import ScratchEngine, scratch_engine
from .spread import Spread

TARGET_MS: Final = 150.0
_CAMERAS: Final = 8
_PAUSE_S: Final = 0.5
_PATIENCE_S: Final = 60.0
_QUIET_S: Final = 5.0
_LOOK_S: Final = 0.1
_NOTHING: Final = "no picture led to an event: give pictures that show a person, a vehicle or an animal"
_DRAWN: Final = (1920, 1080)
_DRAWN_QUALITY: Final = 90
_SUFFIXES: Final = frozenset({".jpg", ".jpeg"})
_START_OF_JPEG: Final = b"\xff\xd8"
_COMMENT: Final = b"\xff\xfe"
# one visit per picture: over well before the camera's next picture comes
_QUICK: Final = {
    "batch_window_seconds": 2,
    "batch_idle_timeout_seconds": 0.5,
    "batch_check_interval_seconds": 0.1,
    "llm": False,
}
# a drawn picture shows nothing: whatever the detector guesses counts as an object
_GULLIBLE: Final = {"detection_confidence": 0.01, "detection_classes": ",".join(COCO_80), "quality_check": False}


class NoEvents(HomeSentryError, RuntimeError):
    """No picture led to an event, so there is nothing to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyBench:
    """Result in milliseconds; ``empty`` pictures showed nothing, ``missed`` ones should have led to an event."""

    detector: str
    provider: str
    pictures: str
    pictures_sent: int
    pictures_per_s: float
    empty: int
    missed: int
    total_ms: Spread
    model_ms: Spread
    engine_ms: Spread
    target_ms: float = TARGET_MS

    @property
    def passed(self) -> bool:
        """Whether nothing was missed and the engine's share is within its target at the 95th percentile."""
        return not self.missed and self.engine_ms.p95 <= self.target_ms

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "latency", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, milliseconds, judgement."""
        verdict = f"p95 {'<=' if self.engine_ms.p95 <= self.target_ms else '>'} {self.target_ms:.0f} ms"
        return [
            ("file closed to event on the WebSocket", _shown(self.total_ms), ""),
            ("of this the detector", _shown(self.model_ms), ""),
            ("of this the engine", _shown(self.engine_ms), verdict),
            ("pictures sent, empty, missed", f"{self.pictures_sent}, {self.empty}, {self.missed}", ""),
        ]


async def bench_latency(settings: Settings, *, pictures: Sequence[Path] = (), rounds: int = 13) -> LatencyBench:
    """Measure ``rounds`` pictures on each of eight cameras; ``pictures`` are JPEG files that show something.

    Raises ``EngineDied`` or ``NoEvents``.
    """
    contents = await asyncio.to_thread(_contents, pictures)
    overrides = _QUICK if pictures else _QUICK | _GULLIBLE
    async with scratch_engine(settings, overrides) as engine, _listening(engine) as (info, news):
        feeder = _Feeder(engine, contents, news)
        await feeder.warm_up()
        before = len(news.heard)
        began = time.perf_counter()
        closed = await feeder.run(rounds)
        spent_s = time.perf_counter() - began
        await news.quiet(before + len(closed))
        looks = await asyncio.to_thread(_looks, engine.data / DATABASE_FILE)
    seen = [
        ((news.heard[media_id] - closed[look.sha256]) * 1000.0, look.model_ms)
        for media_id, look in looks.items()
        if media_id in news.heard and look.sha256 in closed
    ]
    if not seen:
        raise NoEvents(_NOTHING)
    empty = sum(1 for look in looks.values() if look.sha256 in closed and not look.objects)
    return LatencyBench(
        detector=str(info.get("detector")),
        provider=str(info.get("provider")),
        pictures="given" if pictures else "drawn",
        pictures_sent=len(closed),
        pictures_per_s=round(len(closed) / spent_s, 2),
        empty=empty,
        missed=len(closed) - len(seen) - empty,
        total_ms=Spread.of([total for total, _ in seen]),
        model_ms=Spread.of([model for _, model in seen]),
        engine_ms=Spread.of([total - model for total, model in seen]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    sha256: str
    model_ms: float
    objects: int


class _News:
    """When the first event of each media file was heard, by our clock."""

    def __init__(self) -> None:
        self.heard: dict[str, float] = {}
        self.any = asyncio.Event()
        self._open: set[str] = set()
        self._newest = 0.0

    def hear(self, message: dict[str, Any], at: float) -> None:
        told = message.get("event")
        if message["type"] in {"event_created", "event_updated"} and told is not None:
            self._newest = at
            (self._open.discard if told.get("ended_at") else self._open.add)(told["event_id"])
        if message["type"] == "event_created":
            self.heard.setdefault(message["event"]["media_id"], at)
            self.any.set()

    async def at_rest(self, still_s: float) -> None:
        """Wait until all events are over and none was told of for a while: what comes then begins one of its own."""
        while self._open or time.monotonic() - self._newest < still_s:  # noqa: ASYNC110 - time is one of both conditions
            await asyncio.sleep(_LOOK_S)

    async def quiet(self, wanted: int) -> None:
        """Wait until that many events came, or none for a while."""
        until = time.monotonic() + _QUIET_S
        while len(self.heard) < wanted and time.monotonic() < until:
            before = len(self.heard)
            await asyncio.sleep(_LOOK_S)
            if len(self.heard) > before:
                until = time.monotonic() + _QUIET_S


class _Feeder:
    def __init__(self, engine: ScratchEngine, contents: Sequence[bytes], news: _News) -> None:
        self._engine = engine
        self._contents = itertools.cycle(contents)
        self._news = news
        self._count = itertools.count()
        self._cameras = [f"bench_{number}" for number in range(_CAMERAS)]

    async def warm_up(self) -> None:
        """Make the cameras, load the detector and fill every cache; raises ``NoEvents``."""
        for camera in self._cameras:
            (self._engine.cameras / camera).mkdir()
            await self._send(camera)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._news.any.wait()
        except TimeoutError:
            raise NoEvents(_NOTHING) from None
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_S):
                await self._news.quiet(_CAMERAS)
                await self._news.at_rest(_PAUSE_S * _CAMERAS)

    async def run(self, rounds: int) -> dict[str, float]:
        """Send one picture after the other, without waiting for events; gives when each was closed, by its sha256."""
        closed: dict[str, float] = {}
        next_at = time.monotonic()
        for camera in self._cameras * rounds:
            sha256, at = await self._send(camera)
            closed[sha256] = at
            next_at += _PAUSE_S
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
        return closed

    async def _send(self, camera: str) -> tuple[str, float]:
        number = next(self._count)
        body = _marked(next(self._contents), f"bench {number}")
        sha256 = hashlib.sha256(body).hexdigest()
        return sha256, await asyncio.to_thread(_write, self._engine.cameras / camera / f"{number:06}.jpg", body)


@asynccontextmanager
async def _listening(engine: ScratchEngine) -> AsyncIterator[tuple[dict[str, Any], _News]]:
    news = _News()
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{engine.url}/api/v1/ws", max_msg_size=0) as socket,
        asyncio.timeout(None),
    ):
        hello = orjson.loads(await socket.receive_str(timeout=_PATIENCE_S))
        await socket.send_json({"type": "auth", "token": engine.token, "schema": hello["schema"]})
        snapshot = orjson.loads(await socket.receive_str(timeout=_PATIENCE_S))

        async def listen() -> None:
            async for message in socket:
                news.hear(orjson.loads(message.data), time.monotonic())

        listener = asyncio.create_task(listen(), name="bench-listener")
        try:
            yield snapshot.get("info", {}), news
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)


def _write(path: Path, body: bytes) -> float:
    with path.open("wb") as stream:
        stream.write(body)
    return time.monotonic()


def _contents(places: Sequence[Path]) -> list[bytes]:
    if not places:
        return [encode(draw_canary(*_DRAWN), quality=_DRAWN_QUALITY)]
    files = [file for place in places for file in ([place] if place.is_file() else sorted(place.rglob("*")))]
    found = [file.read_bytes() for file in files if file.suffix.lower() in _SUFFIXES]
    if not found:
        raise NoEvents(f"no JPEG picture in {', '.join(place.name for place in places)}")
    return found


def _marked(body: bytes, mark: str) -> bytes:
    """Give the same picture with other bytes, as a camera's next one has: a comment after the first marker."""
    text = mark.encode("ascii")
    return _START_OF_JPEG + _COMMENT + (len(text) + 2).to_bytes(2) + text + body.removeprefix(_START_OF_JPEG)


def _looks(database: Path) -> dict[str, _Look]:
    query = (
        "SELECT media.id, sha256, sum(inference_ms), "
        "(SELECT count(*) FROM detections WHERE detections.media_id = media.id) "
        "FROM inspections JOIN media ON media.id = inspections.media_id GROUP BY media.id"
    )
    with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as found:
        return {row[0]: _Look(sha256=row[1], model_ms=row[2], objects=row[3]) for row in found.execute(query)}


def _shown(spread: Spread) -> str:
    return f"p50 {spread.p50:.0f}  p95 {spread.p95:.0f}  p99 {spread.p99:.0f} ms"
