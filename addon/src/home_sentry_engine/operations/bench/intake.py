"""Benchmark ``intake``: processor time around the models for a 1080p still, and whether a crowd of files is all taken.

The naive chain is what stages do that know nothing of each other: each opens the file again with Pillow, and the one
that feeds the model takes the whole picture as an array first, as image processors want it. The engine's chain reads
once, decodes once and shares the result. Both end with the same things: a checked file, its SHA-256, a copy, the
detector's tensor and a thumbnail with boxes. The rounds alternate in one process.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
import hashlib
from io import BytesIO
import itertools
from pathlib import Path
import shutil
from statistics import median
from tempfile import TemporaryDirectory
import time
from typing import Any, Final

import cv2
import numpy as np
from PIL import Image, ImageDraw

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.errors import HomeSentryError, Rejected
from home_sentry_engine.domain.files import FileFacts, Provenance
from home_sentry_engine.domain.messages import Arrival, Media
from home_sentry_engine.ingest.folder import FolderSource
from home_sentry_engine.ingest.intake import Intake, Means, SizeLimits
from home_sentry_engine.ingest.source import CameraFolders
from home_sentry_engine.media.frames import Frames, Rules
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.media.paths import MediaPaths, remove, write_atomic
from home_sentry_engine.media.picture import encode
from home_sentry_engine.media.thumbnail import thumbnail
from home_sentry_engine.settings import IngestSettings
from home_sentry_engine.vision.catalog import ImageInput
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.pictures import prepare

LIMIT: Final = 1 / 3
_SIZE: Final = (1920, 1080)
_INPUT: Final = ImageInput(width=640, height=640)
_FOUND: Final = (
    Detection(label="person", confidence=0.91, box=Box(x=400, y=200, width=300, height=700)),
    Detection(label="car", confidence=0.64, box=Box(x=1000, y=500, width=700, height=400)),
)
_MASK: Final = Veil(shapes=(((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)),))
_THUMBNAIL: Final = (320, 240)
_PATIENCE_S: Final = 120.0
_LOOK_S: Final = 0.01


# milliseconds of the naive chain, of each step of the engine's, and what a mask adds to it
type _Spent = tuple[float, dict[str, float], float]


class NoPictures(HomeSentryError, ValueError):
    """None of the given files is a picture that decodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeBench:
    """Result: processor milliseconds per picture (medians over rounds) and files of a crowd.

    ``masks_ms`` is what a privacy mask over a quarter of the picture adds.
    """

    pictures: int
    rounds: int
    naive_ms: float
    engine_ms: float
    ratio: float
    best_ratio: float
    engine_steps_ms: dict[str, float]
    masks_ms: float
    crowd_files: int
    crowd_missed: int
    crowd_files_per_s: float
    limit: float = LIMIT

    @property
    def passed(self) -> bool:
        """Whether the engine needs at most ``limit`` of the naive chain and missed no file."""
        return self.ratio <= self.limit and not self.crowd_missed

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "intake", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, figure, ratio."""
        steps = [(f"  {name}", f"{spent:.2f} ms", "") for name, spent in self.engine_steps_ms.items()]
        return [
            ("naive chain, processor time per 1080p still", f"{self.naive_ms:.1f} ms", "1.00"),
            ("engine, processor time per 1080p still", f"{self.engine_ms:.1f} ms", f"{self.ratio:.3f}"),
            *steps,
            ("  with a privacy mask, more", f"{self.masks_ms:.2f} ms", ""),
            ("best round", "", f"{self.best_ratio:.3f}"),
            (f"crowd of {self.crowd_files} files, taken", f"{self.crowd_files_per_s:.0f}/s", ""),
            (f"crowd of {self.crowd_files} files, missed", str(self.crowd_missed), ""),
        ]


async def bench_intake(*, pictures: Sequence[Path] = (), rounds: int = 15, crowd: int = 300) -> IntakeBench:
    """Measure; ``pictures`` are files, brought to 1080p first, a drawn picture without any.

    Raises ``NoPictures`` where nothing given decodes.
    """
    stills = await asyncio.to_thread(_stills, pictures)
    with TemporaryDirectory(prefix="home-sentry-bench-") as scratch:
        folder = Path(scratch)
        spent = await asyncio.to_thread(_alternate, stills, folder / "chains", rounds)
        missed, per_s = await _crowd(folder / "crowd", crowd)
    ratios = [sum(engine.values()) / naive for naive, engine, _ in spent]
    return IntakeBench(
        pictures=len(stills),
        rounds=rounds,
        naive_ms=median(naive for naive, *_ in spent),
        engine_ms=median(sum(engine.values()) for _, engine, _ in spent),
        ratio=median(ratios),
        best_ratio=min(ratios),
        engine_steps_ms={name: median(engine[name] for _, engine, _ in spent) for name in spent[0][1]},
        masks_ms=median(more for *_, more in spent),
        crowd_files=crowd,
        crowd_missed=missed,
        crowd_files_per_s=per_s,
    )


def _stills(pictures: Sequence[Path]) -> list[bytes]:
    if not pictures:
        # grain as a sensor adds it: a drawn picture alone is a third of a camera's file
        grain = np.random.default_rng(1).integers(-12, 13, (_SIZE[1], _SIZE[0], 3))
        drawn = np.clip(draw_canary(*_SIZE).astype(np.int16) + grain, 0, 255).astype(np.uint8)
        return [encode(drawn, quality=70)]
    made: list[bytes] = []
    for path in pictures:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        if image is not None:
            made.append(encode(np.asarray(cv2.resize(image, _SIZE), np.uint8), quality=80))
    if not made:
        raise NoPictures("none of the given files is a picture that decodes")
    return made


def _alternate(stills: Sequence[bytes], folder: Path, rounds: int) -> list[_Spent]:
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.jpg" for number in range(len(stills))]
    for path, still in zip(paths, stills, strict=True):
        path.write_bytes(still)
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor(1) as executor:
            engine = _EngineChain(MediaPaths(folder / "data"), executor)
            _naive(paths[0])
            engine.run(paths[0])
            return [_round(paths, engine) for _ in range(rounds)]
    finally:
        cv2.setNumThreads(threads)


def _round(paths: Sequence[Path], engine: _EngineChain) -> _Spent:
    naive, steps, more = 0.0, dict[str, float](), 0.0
    for path in paths:
        began = time.process_time()
        _naive(path)
        naive += (time.process_time() - began) * 1000
        for name, spent in engine.run(path).items():
            steps[name] = steps.get(name, 0.0) + spent
        more += engine.more_with_a_mask(path)
    return naive / len(paths), {name: spent / len(paths) for name, spent in steps.items()}, more / len(paths)


def _naive(path: Path) -> None:
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        image.load()
    hashlib.sha256(path.read_bytes()).hexdigest()
    shutil.copyfile(path, path.with_suffix(".copy"))
    with Image.open(path) as image:
        whole = np.array(image.convert("RGB"))
        small = Image.fromarray(whole).resize((_INPUT.width, _INPUT.height), Image.Resampling.BILINEAR)
        np.ascontiguousarray((np.asarray(small, np.float32) / 255.0).transpose(2, 0, 1)[None])
    with Image.open(path) as image:
        draw = ImageDraw.Draw(image)
        for one in _FOUND:
            corners = (one.box.x, one.box.y, one.box.right, one.box.bottom)
            draw.rectangle(corners, outline="#E74856", width=3)
            draw.text((one.box.x, one.box.y), f"{one.label} {one.confidence:.0%}", fill="#000000")
        image.thumbnail(_THUMBNAIL, Image.Resampling.LANCZOS)
        canvas = Image.new("RGB", _THUMBNAIL)
        canvas.paste(image, ((_THUMBNAIL[0] - image.width) // 2, (_THUMBNAIL[1] - image.height) // 2))
        canvas.save(BytesIO(), "JPEG", quality=85)


class _EngineChain:
    def __init__(self, paths: MediaPaths, executor: ThreadPoolExecutor) -> None:
        self._paths = paths
        self._frames = Frames(paths, Rules(), executor)
        self._masked = Frames(paths, Rules(), executor, veils=lambda _camera_id: _MASK)
        self._seen_at = datetime.now(UTC)

    def run(self, path: Path) -> dict[str, float]:
        steps: dict[str, float] = {}
        began = time.process_time()

        def done(step: str) -> None:
            nonlocal began
            now = time.process_time()
            steps[step] = (now - began) * 1000
            began = now

        with CameraFolders(path.parent).open(path) as file:
            data = file.read()
        digest = hashlib.sha256(data).hexdigest()
        done("read and hash")
        looked = self._frames.inspect_still(data, Provenance(seen_at=self._seen_at, name=path.name))
        done("strict decode")
        write_atomic(self._paths.still("bench", digest, self._seen_at, looked.facts.file_type), data)
        done("own copy")
        assert looked.picture is not None
        prepare([looked.picture], _INPUT)
        done("tensor")
        thumbnail(looked.picture, _FOUND)
        done("thumbnail")
        return steps

    def more_with_a_mask(self, path: Path) -> float:
        data, provenance = path.read_bytes(), Provenance(seen_at=self._seen_at, camera_id="bench")
        began = time.process_time()
        self._frames.inspect_still(data, provenance)
        between = time.process_time()
        self._masked.inspect_still(data, provenance)
        return (time.process_time() - between - (between - began)) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    accepted: bool = True


class _Books:
    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.contents: set[str] = set()

    async def known_sources(self, keys: Sequence[str]) -> set[str]:
        return self.keys & set(keys)

    async def accept(self, media: Media, arrival: Arrival) -> _Entry:
        self.keys.add(arrival.source_key or "")
        known = media.sha256 in self.contents
        self.contents.add(media.sha256)
        return _Entry(accepted=not known)

    async def reject(self, arrival: Arrival, _reason: Rejected, *, sha256: str | None = None) -> None:
        self.keys.add(arrival.source_key or sha256 or "")

    async def repeat(self, arrival: Arrival) -> None:
        self.keys.add(arrival.source_key or "")


class _Copies:
    def __init__(self, paths: MediaPaths) -> None:
        self._paths = paths

    def store(self, media_id: str, camera_id: str, facts: FileFacts, data: bytes) -> Path:
        place = self._paths.still(camera_id, media_id, facts.captured.at, facts.file_type)
        write_atomic(place, data)
        return place

    def discard(self, path: Path) -> None:
        remove(path)


async def _crowd(folder: Path, count: int) -> tuple[int, float]:
    root, paths, books = folder / "cameras", MediaPaths(folder / "data"), _Books()
    numbers, folders = itertools.count(), CameraFolders(root)
    with ThreadPoolExecutor(2) as decoding, ThreadPoolExecutor(1) as listing:
        door = Intake(
            ledger=books,
            inspector=Frames(paths, Rules(), decoding),
            copies=_Copies(paths),
            open_file=folders.open,
            means=Means(executor=decoding, ids=lambda: f"bench{next(numbers)}", limits=SizeLimits()),
        )
        async with FolderSource(IngestSettings(camera_root=root), folders, door, SystemClock(), listing) as source:
            running = asyncio.create_task(source.run())
            await _until(lambda: source.status().sweeps > 0)
            began = time.monotonic()
            await asyncio.to_thread(_fill, root / "bench", count)
            await _until(lambda: len(books.contents) >= count)
            took_s = time.monotonic() - began
            await source.stop()
            await running
    return count - len(books.contents), len(books.contents) / took_s


async def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not done() and time.monotonic() < end:  # noqa: ASYNC110 - what is waited for has no event to tell
        await asyncio.sleep(_LOOK_S)


def _fill(folder: Path, count: int) -> None:
    folder.mkdir()
    still = encode(draw_canary(), quality=80)
    for number in range(count):
        # a comment of its own makes each content new
        comment = b"\xff\xfe\x00\x0a" + f"{number:08d}".encode()
        (folder / f"{number}.jpg").write_bytes(still[:2] + comment + still[2:])
