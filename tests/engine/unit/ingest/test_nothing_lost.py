import asyncio
from functools import partial
from pathlib import Path
import shutil
import threading

import pytest
from watchdog.observers.inotify_c import InotifyFD

from home_sentry_engine.ingest import watcher
from home_sentry_engine.ingest.source import SourceUnreadable
from home_sentry_engine.ingest.taking import Pace
from tests.fakes import pictures
from tests.fakes.intake import House, house, roomy_memory

# watchdog warns in its own thread when a folder is filled while it is being added
pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")
PICTURE = pictures.jpeg(160, 120)


def _different(number: int) -> bytes:
    """A picture that differs from the others by its comment only: quick to make."""
    comment = f"{number:08d}".encode()
    return PICTURE[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + PICTURE[2:]


def _put(root: Path, name: str, data: bytes = PICTURE) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _counts(home: House, accepted: int) -> bool:
    return len(home.books.accepted) == accepted


@pytest.mark.timeout(600)
class TestNothingIsLost:
    async def test_a_thousand_files_in_one_go(self, tmp_path):
        (tmp_path / "stock").mkdir()
        for number in range(1000):
            (tmp_path / "stock" / f"{number}.jpg").write_bytes(_different(number))
        async with house(tmp_path) as home:
            await asyncio.to_thread(shutil.copytree, tmp_path / "stock", home.root / "yard")
            await home.until(lambda: len(home.books.accepted) == 1000, within_s=500)
            assert home.books.most_at_once <= 20
            assert set(home.books.names()) == {f"{number}.jpg" for number in range(1000)}
            assert home.books.rejected == []

    async def test_new_folders_that_are_filled_at_once(self, tmp_path):
        async with house(tmp_path) as home:

            def fill():
                for number in range(300):
                    _put(home.root, f"yard/{number // 3}/{number}.jpg", _different(number))

            await asyncio.to_thread(fill)
            await home.until(lambda: len(home.books.accepted) == 300, within_s=500)

    async def test_overflow_of_the_kernel_queue(self, tmp_path, monkeypatch):
        folder = roomy_memory("overflow") or tmp_path
        limit = int(await asyncio.to_thread(Path("/proc/sys/fs/inotify/max_queued_events").read_text))
        # each file is two events to us: one more than the kernel keeps while nobody reads
        count, small = max(10_000, limit // 2 + 100), pictures.with_stated_size(PICTURE, 60_000, 60_000)
        reading = threading.Event()
        reading.set()
        real = InotifyFD.read_events

        def held_up(self, **options):
            reading.wait()
            return real(self, **options)

        monkeypatch.setattr(InotifyFD, "read_events", held_up)

        def fill(root):
            for number in range(count):
                (root / f"{number}.jpg").write_bytes(small)

        try:
            async with house(folder, sweep_interval_s=30.0) as home:
                home.source._taking._pace = Pace(spacing_s=0.0)
                # once the second one is noticed, the folder is surely watched
                for number in (1, 2):
                    _put(home.root, f"yard/early{number}.jpg", _different(number))
                    await home.until(partial(_counts, home, number))
                reading.clear()
                await asyncio.to_thread(fill, home.root / "yard")
                reading.set()
                await home.until(lambda: len(home.books.rejected) >= count, within_s=500)
                assert {one.path.name for one, _, _ in home.books.rejected if one.path} == {
                    f"{number}.jpg" for number in range(count)
                }
                assert home.source.status().overflows >= 1
                assert home.source.status().counts["found_by_sweep"] > 0
        finally:
            reading.set()
            if folder != tmp_path:
                shutil.rmtree(folder, ignore_errors=True)

    async def test_bulk_beside_a_busy_thread(self, tmp_path):
        stop = threading.Event()

        def burn():
            number = 0
            while not stop.is_set():
                number = (number * 31 + 7) % 1_000_003

        def fill(root):
            for number in range(1000):
                (root / f"{number}.jpg").write_bytes(_different(number))

        busy = threading.Thread(target=burn)
        try:
            async with house(tmp_path) as home:
                home.source._taking._pace = Pace(spacing_s=0.0)
                (home.root / "yard").mkdir()
                busy.start()
                await asyncio.to_thread(fill, home.root / "yard")
                stop.set()
                await home.until(lambda: len(home.books.accepted) == 1000, within_s=500)
        finally:
            stop.set()
            busy.join()

    async def test_lost_events_are_found_by_the_sweep(self, tmp_path, monkeypatch):
        monkeypatch.setattr(watcher.Watch, "drain", lambda self: self._hints.clear() or [])
        async with house(tmp_path, sweep_interval_s=0.3) as home:
            for number in range(20):
                _put(home.root, f"yard/{number}.jpg", _different(number))
            await home.until(lambda: len(home.books.accepted) == 20)
            assert home.source.status().counts["found_by_sweep"] == 20

    async def test_store_that_is_down_for_a_while(self, tmp_path):
        async with house(tmp_path) as home:
            home.books.fault = ConnectionError("the database is away")
            for number in range(5):
                _put(home.root, f"yard/{number}.jpg", _different(number))
            await home.until(lambda: home.source.status().counts["retries"] >= 5)
            assert home.copies() == []
            assert "the database is away" in (home.source.status().last_error or "")
            home.books.fault = None
            await home.until(lambda: len(home.books.accepted) == 5)
            assert len(home.copies()) == 5
            await home.until(lambda: home.source.status().last_error is None)

    async def test_disk_that_is_full_for_a_while(self, tmp_path, monkeypatch):
        async with house(tmp_path) as home:
            home.data.mkdir()
            (home.data / "media").write_text("in the way")
            _put(home.root, "yard/a.jpg")
            await home.until(lambda: home.source.status().counts["retries"] >= 1)
            (home.data / "media").unlink()
            await home.until(lambda: len(home.books.accepted) == 1)

    async def test_unreadable_file_is_tried_again(self, tmp_path, monkeypatch):
        async with house(tmp_path) as home:
            real, calls = home.intake._open_file, []

            def moody(path):
                calls.append(path)
                if len(calls) == 1:
                    raise SourceUnreadable(5, "Input/output error")
                return real(path)

            home.intake._open_file = moody
            _put(home.root, "yard/a.jpg")
            await home.until(lambda: len(home.books.accepted) == 1)
            assert len(calls) == 2


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level("ERROR")
