"""F14 and F15: more files than can be looked at, and more than the system reports.

The forced overflow of the kernel's queue is ``unit/ingest/test_nothing_lost.py::test_overflow_of_the_kernel_queue``.
"""

import asyncio
import os
from pathlib import Path
import shutil
import time

import psutil
import pytest

from home_sentry_engine.ingest.taking import Pace
from tests.engine.faults.invariants import check_invariants, sha256
from tests.engine.faults.programs import deliver, different, engine
from tests.fakes import pictures
from tests.fakes.intake import house

MB = 1024 * 1024

pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")


@pytest.mark.timeout(2000)
def test_f14_a_flood_on_one_camera_is_accepted_whole_and_others_are_served(tmp_path, model_mirror, stock, rounds):
    seconds, rate = rounds(6, 60), 100
    flood, calm = stock(seconds * rate), stock(seconds, first=100_000)
    # the memory of models that look closer is not the queue's
    with engine(tmp_path / "data", model_mirror, QUEUE_LIMIT="100000", ENRICHMENT="false", REID="false") as served:
        served.start()
        process = psutil.Process(served.process.pid)
        deliver(served.cameras / "door", "first.jpg", stock(1, first=99_999)[0])
        served.drained(1)
        before = process.memory_info().rss
        began = time.monotonic()
        for number, picture in enumerate(flood):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
            if number % rate == 0:
                deliver(served.cameras / "door", f"{number}.jpg", calm[number // rate])
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
        total = len(flood) + len(calm) + 1
        accepted = served.until(lambda status: status["accounting"]["accepted"] >= total, within_s=240)
        accepted_s = time.monotonic() - began
        grown = (process.memory_info().rss - before) / MB
        at_once = accepted["accounting"]["queued"]
        served.drained(total, within_s=rounds(300, 1500))
        served.stop()
    account = check_invariants(served.data)
    assert (account.stored, account.quarantined, account.rejected) == (total, 0, 0)
    assert grown <= 150
    print(
        f"  {total} files at {rate}/s: all accepted after {accepted_s:.0f} s, {at_once} waited, memory +{grown:.0f} MB"
    )


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
