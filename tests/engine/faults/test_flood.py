"""F14 and F15: more files than can be looked at, and more than the system reports.

The forced overflow of the kernel's queue is ``unit/ingest/test_nothing_lost.py::test_overflow_of_the_kernel_queue``.
"""

import asyncio
from contextlib import closing
from datetime import datetime
import json
import os
from pathlib import Path
import shutil
import sqlite3
import statistics
import time

import psutil
import pytest

from home_sentry_engine.ingest.taking import Pace
from tests.engine.faults.invariants import DATABASE, check_invariants, sha256
from tests.engine.faults.programs import WITHOUT_MODELS, Serve, deliver, different, engine
from tests.fakes import pictures
from tests.fakes.intake import house

MB = 1024 * 1024
FIRST = 20

pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


class Gate:
    """Cameras that note when each picture was delivered."""

    def __init__(self, cameras: Path) -> None:
        self.cameras = cameras
        self.at: dict[str, float] = {}

    def deliver(self, camera: str, name: str, picture: bytes) -> None:
        deliver(self.cameras / camera, f"{name}.jpg", picture)
        self.at[sha256(picture)] = time.time()

    def waits_s(self, served: Serve) -> dict[str, list[float]]:
        """Give by camera how long its pictures waited until they had been looked at."""
        with closing(sqlite3.connect(served.data / DATABASE)) as raw:
            contents = dict(raw.execute("SELECT id, sha256 FROM media").fetchall())
        waits: dict[str, list[float]] = {}
        for line in served.log.read_text().splitlines():
            said = json.loads(line) if line.startswith("{") else {}
            delivered_at = self.at.get(contents.get(said.get("media_id"), ""))
            if delivered_at is not None and said["message"] == "detect done":
                done_at = datetime.fromisoformat(said["at"]).timestamp()
                waits.setdefault(said["camera_id"], []).append(done_at - delivered_at)
        return {camera: sorted(times) for camera, times in waits.items()}


@pytest.mark.timeout(2000)
def test_f14_a_flood_on_one_camera_is_accepted_whole_and_others_are_served(tmp_path, model_mirror, stock, rounds):
    seconds, rate = rounds(3, 60), 100
    flood, calm = stock(seconds * rate), stock(seconds, first=100_000)
    # the memory of models that look closer is not the queue's
    settings = WITHOUT_MODELS | {"QUEUE_LIMIT": "100000", "LOG_FORMAT": "json"}
    with engine(tmp_path / "data", model_mirror, **settings) as served:
        served.start()
        process, gate = psutil.Process(served.process.pid), Gate(served.cameras)
        # what the first looks take for good is no cost of the flood
        for number, picture in enumerate(stock(FIRST, first=200_000)):
            deliver(served.cameras / ("yard", "door")[number % 2], f"first {number}.jpg", picture)
        served.drained(FIRST)
        before = process.memory_info().rss
        began = time.monotonic()
        for number, picture in enumerate(flood):
            gate.deliver("yard", f"{number}", picture)
            if number % rate == 0:
                gate.deliver("door", f"{number}", calm[number // rate])
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        total = len(flood) + len(calm) + FIRST
        accepted = served.until(lambda status: status["accounting"]["accepted"] >= total, within_s=240)
        accepted_s = time.monotonic() - began
        grown = (process.memory_info().rss - before) / MB
        at_once = accepted["accounting"]["queued"]
        served.drained(total, within_s=rounds(300, 1500))
        drained_s = time.monotonic() - began
        served.stop()
    account = check_invariants(served.data)
    assert (account.stored, account.quarantined, account.rejected) == (total, 0, 0)
    assert grown <= 100
    waits = gate.waits_s(served)
    yard, door = waits["yard"], waits["door"]
    assert len(yard) + len(door) == len(flood) + len(calm)
    # the others pass by what waits there
    assert statistics.median(door) <= max(yard) / 2
    print(
        f"  {total} files at {rate}/s: all accepted after {accepted_s:.0f} s, {at_once} waited, "
        f"all looked at after {drained_s:.0f} s, memory +{grown:.0f} MB; waiting p50 and p95: "
        f"{_part(yard, 0.5):.1f} and {_part(yard, 0.95):.1f} s, at the other camera "
        f"{_part(door, 0.5):.1f} and {_part(door, 0.95):.1f} s"
    )


def _part(values: list[float], part: float) -> float:
    return values[int(len(values) * part)]


@pytest.mark.timeout(600)
async def test_f14_five_thousand_files_at_once_in_nested_folders(tmp_path, rounds):
    count, folders = rounds(1500, 5000), 64
    picture = pictures.jpeg(160, 120)
    memory = Path("/dev/shm")
    base = memory / f"home-sentry-flood-{os.getpid()}" if os.access(memory, os.W_OK) else tmp_path

    def fill() -> None:
        for number in range(count):
            folder = base / "stock" / "/".join(f"d{level}" for level in range(number % folders % 8 + 1))
            path = folder / f"n{number % folders}" / f"{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(different(picture, number))

    try:
        await asyncio.to_thread(fill)
        async with house(base) as home:
            home.source._taking._pace = Pace(spacing_s=0.0)
            began = time.monotonic()
            await asyncio.to_thread(shutil.copytree, base / "stock", home.root / "yard")
            await home.until(lambda: len(home.books.accepted) >= count, within_s=400)
            took_s = time.monotonic() - began
            assert len(home.books.accepted) == count
            assert {one.sha256 for one in home.books.accepted} == {
                sha256(different(picture, number)) for number in range(count)
            }
            assert home.books.rejected == []
            missed = home.source.status().counts["found_by_sweep"]
    finally:
        if base != tmp_path:
            shutil.rmtree(base, ignore_errors=True)
    print(f"  {count} files in {folders} nested folders: 0 missed ({missed} found by the sweep) after {took_s:.0f} s")


async def test_f15_more_folders_than_may_be_watched_are_swept_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr("home_sentry_engine.ingest.folder._watch_limit", lambda: 5)
    async with house(tmp_path, sweep_interval_s=0.5) as home:
        picture = pictures.jpeg(160, 120)
        for number in range(40):
            deliver(home.root / "yard" / f"day{number % 20}", f"{number}.jpg", different(picture, number))
        await home.until(lambda: len(home.books.accepted) == 40, within_s=60)
        await home.until(lambda: home.source.status().problem is not None)
        assert "max_user_watches" in (home.source.status().problem or "")
