"""F14 and F15: more files than can be looked at, and more than the system reports.

The forced overflow of the kernel's queue is ``unit/ingest/test_nothing_lost.py::test_overflow_of_the_kernel_queue``.
"""

import asyncio
from contextlib import closing
from datetime import datetime
import json
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
from tests.fakes.intake import house, roomy_memory

MB = 1024 * 1024
FIRST = 42
AFTER = 3
WORKERS = 4

pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


class Cameras:
    """Cameras that note when each picture was delivered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.at: dict[str, tuple[str, float]] = {}

    def deliver(self, camera: str, name: str, picture: bytes, about: str) -> None:
        deliver(self.folder / camera, f"{name}.jpg", picture)
        self.at[sha256(picture)] = about, time.time()

    def each_second(self, pictures: list[bytes], about: str) -> None:
        for number, picture in enumerate(pictures):
            self.deliver("door", f"{about} {number}", picture, about)
            time.sleep(1.0)

    def flood(self, names: list[str], pictures: list[bytes], calm: list[bytes], rate: int) -> None:
        began = time.monotonic()
        for number, picture in enumerate(pictures):
            self.deliver(names[number % len(names)], f"{number}", picture, "flood")
            if number % rate == rate // 2:
                self.deliver("door", f"{number}", calm.pop(), "calm")
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        self.each_second(calm, "calm")

    def looks(self, served: Serve) -> dict[str, list[tuple[float, float]]]:
        """Give when each picture was delivered and looked at, by what was said about it."""
        with closing(sqlite3.connect(served.data / DATABASE)) as raw:
            contents = dict(raw.execute("SELECT id, sha256 FROM media").fetchall())
        looks: dict[str, list[tuple[float, float]]] = {}
        for line in served.log.read_text().splitlines():
            said = json.loads(line) if line.startswith("{") else {}
            about, delivered_at = self.at.get(contents.get(said.get("media_id"), ""), (None, 0.0))
            if about is not None and said["message"] == "detect done":
                done_at = datetime.fromisoformat(said["at"]).timestamp()
                looks.setdefault(about, []).append((delivered_at, done_at))
        return looks


@pytest.mark.timeout(2000)
@pytest.mark.parametrize(("floods", "lasts_s"), [(1, (2, 60)), (6, (1, 10))], ids=["one camera", "six cameras"])
def test_f14_a_flood_is_accepted_whole_and_another_camera_is_served(
    floods, lasts_s, tmp_path, model_mirror, stock, rounds
):
    seconds, idle, rate = rounds(*lasts_s), rounds(2, 20), 100
    flood, calm = stock(seconds * rate), stock(idle + seconds + AFTER, first=100_000)
    # the memory of models that look closer is not the queue's
    settings = WITHOUT_MODELS | {"QUEUE_LIMIT": "100000", "LOG_FORMAT": "json"}
    with engine(tmp_path / "data", model_mirror, **settings) as served:
        served.start()
        process, cameras = psutil.Process(served.process.pid), Cameras(served.cameras)
        # what the first looks take for good is no cost of the flood
        for number, picture in enumerate(stock(FIRST, first=200_000)):
            deliver(served.cameras / ("door", *_names(floods))[number % (floods + 1)], f"first {number}.jpg", picture)
        served.drained(FIRST)
        cameras.each_second(calm[:idle], "idle")
        del calm[:idle]
        before = process.memory_info().rss
        began = time.monotonic()
        cameras.flood(_names(floods), flood, calm, rate)
        total = len(flood) + seconds + AFTER + idle + FIRST
        accepted = served.until(lambda status: status["accounting"]["accepted"] >= total, within_s=240)
        accepted_s = time.monotonic() - began
        grown = (process.memory_info().rss - before) / MB
        at_once = accepted["accounting"]["queued"]
        served.drained(total, within_s=rounds(300, 1500))
        drained_s = time.monotonic() - began
        served.stop()
    account = check_invariants(served.data)
    assert (account.stored, account.quarantined, account.rejected) == (total, 0, 0)
    looks = cameras.looks(served)
    assert [len(looks[about]) for about in ("idle", "flood", "calm")] == [idle, len(flood), seconds + AFTER]
    passed = [sum(since < done < until for _, done in looks["flood"]) for since, until in looks["calm"]]
    waits = {about: sorted(done - since for since, done in times) for about, times in looks.items()}
    ratio = _part(waits["calm"], 0.95) / _part(waits["idle"], 0.95)
    print(
        f"  {len(flood)} files at {rate}/s from {floods}: all accepted after {accepted_s:.0f} s, {at_once} waited, all "
        f"looked at after {drained_s:.0f} s, memory +{grown:.0f} MB; waiting p50 and p95: {_told(waits['flood'])}; at "
        f"another camera {_told(waits['calm'])}, before the flood {_told(waits['idle'])}: p95 x {ratio:.1f}; "
        f"of the flood {statistics.median(passed):.0f}, at most {max(passed)}, were looked at meanwhile"
    )
    assert grown <= rounds(250, 100)
    # those that are being looked at, and one more of each camera: not the backlog; a machine in a hurry notices a file
    # late, and what was looked at until then counts as well
    assert statistics.median(passed) <= rounds(3, 1) * (floods + WORKERS)
    assert max(passed) <= rounds(10, 3) * (floods + WORKERS)


def _names(floods: int) -> list[str]:
    return [f"yard{number}" for number in range(floods)]


def _told(waits: list[float]) -> str:
    return f"{_part(waits, 0.5):.2f} and {_part(waits, 0.95):.2f} s"


def _part(values: list[float], part: float) -> float:
    return values[int(len(values) * part)]


@pytest.mark.timeout(600)
async def test_f14_five_thousand_files_at_once_in_nested_folders(tmp_path, rounds):
    count, folders = rounds(1500, 5000), 64
    picture = pictures.jpeg(160, 120)
    base = roomy_memory("flood") or tmp_path

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
        await home.until(lambda: len(home.books.accepted) == 40, within_s=100)
        await home.until(lambda: home.source.status().problem is not None)
        assert "max_user_watches" in (home.source.status().problem or "")
