"""F4 and F26: a disk that runs full, and what is deleted to keep it from running full."""

from collections.abc import Callable, Iterator
from datetime import timedelta
import math
from pathlib import Path
import subprocess
import time

import pytest

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.operations.disk import RESERVE_BYTES, DiskFull, DiskGuard, DiskLimits
from home_sentry_engine.operations.retention import Retention
from tests.engine.faults.invariants import check_invariants, sha256
from tests.engine.faults.programs import WITHOUT_MODELS, deliver, engine
from tests.fakes.household import household
from tests.needs import root

MB = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB of its own."""
    root()
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.timeout(900)
def test_f04_a_full_disk_pauses_intake_and_it_goes_on_by_itself(small_disk, tmp_path, model_mirror, stock, rounds):
    full_s = rounds(4, 60)
    cameras = tmp_path / "cameras"
    settings = {
        "DISK_MIN_FREE_MB": "4",
        "BACKUPS": "0",
        "CAMERA_ROOT": str(cameras),
        "MODELS": str(tmp_path / "models"),
        **WITHOUT_MODELS,
    }
    with engine(small_disk / "data", model_mirror, **settings) as served:
        served.log = tmp_path / "engine.log"
        served.start()
        for number, picture in enumerate(stock(20)):
            deliver(cameras / "yard", f"{number}.jpg", picture)
        served.drained(20)
        ballast = small_disk / "ballast"
        began = time.monotonic()
        with ballast.open("wb", buffering=0) as file:
            _fill(file)
        problem = served.until(lambda status: _disk(status)["state"] == "unhealthy")
        noticed_s = time.monotonic() - began
        for number, picture in enumerate(stock(20, first=20), start=20):
            deliver(cameras / "yard", f"{number}.jpg", picture)
        until = time.monotonic() + full_s
        while time.monotonic() < until:
            # reads go on, and nothing is taken
            status = served.until(lambda _: True)
            assert status["accounting"]["accepted"] == 20
            time.sleep(1.0)
        status = served.until(lambda status: "files wait" in (_part(status, "ingest")["reason"] or ""))
        assert status["mode"] == "minimal"
        assert "intake" in status["missing"]
        ballast.unlink()
        began = time.monotonic()
        served.until(lambda status: _disk(status)["state"] == "healthy")
        served.until(lambda status: status["accounting"]["accepted"] > 20)
        resumed_s = time.monotonic() - began
        served.drained(40)
        served.stop()
        account = check_invariants(served.data)
    assert (account.stored, account.quarantined, account.rejected) == (40, 0, 0)
    assert _disk(problem)["reason"]
    assert noticed_s <= rounds(math.inf, 10)
    assert resumed_s <= rounds(math.inf, 30)
    print(f"  noticed after {noticed_s:.1f} s, taken again {resumed_s:.1f} s after there was room, 0 of 40 lost")


def _fill(file) -> None:
    try:
        while True:
            file.write(b"x" * MB)
            file.flush()
    except OSError:
        # a few bytes more, until nothing fits at all
        with Path(file.name).open("ab", buffering=0) as rest:
            try:
                while True:
                    rest.write(b"x" * 512)
            except OSError:
                return


def _part(status, name: str) -> dict:
    return next(part for part in status["components"] if part["id"] == name)


def _disk(status) -> dict:
    return _part(status, "disk")


def _told(status) -> str:
    return "; ".join(status["mode_causes"])


@pytest.fixture
def read_only() -> Iterator[Callable[[Path], None]]:
    """Make folders read-only for everybody, root too; those that are still so at the end become writable."""
    root()
    made: list[Path] = []

    def make(folder: Path) -> None:
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        made.append(folder)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)

    yield make
    for folder in made:
        if folder.is_mount():
            subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.timeout(900)
def test_f04_a_folder_that_turns_read_only_loses_nothing_and_it_goes_on_by_itself(
    read_only, tmp_path, model_mirror, stock, rounds
):
    with engine(tmp_path / "data", model_mirror, **WITHOUT_MODELS) as served:
        served.start()
        for number, picture in enumerate(stock(10)):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.drained(10)
        copies = served.data / "media"
        read_only(copies)
        began = time.monotonic()
        for number, picture in enumerate(stock(10, first=10), start=10):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        problem = served.until(lambda status: status["mode"] != "normal" and "read-only" in _told(status).lower())
        noticed_s = time.monotonic() - began
        time.sleep(rounds(3, 60))
        assert served.status()["accounting"]["accepted"] == 10
        subprocess.run(["umount", "-l", copies], check=True)
        began = time.monotonic()
        served.drained(20)
        resumed_s = time.monotonic() - began
        served.stop()
    account = check_invariants(served.data)
    assert (account.stored, account.quarantined, account.rejected) == (20, 0, 0)
    print(f"  told after {noticed_s:.1f} s ({_told(problem)}), taken {resumed_s:.1f} s after it was writable, 0 lost")


class TestGuard:
    def test_it_pauses_before_the_disk_is_full_and_goes_on_with_a_distance(self, tmp_path):
        free = 100 * MB
        guard = DiskGuard(tmp_path, DiskLimits.above(20 * MB), lambda _folder: free)
        assert guard.check().state is ComponentState.HEALTHY
        free = 19 * MB
        assert guard.check().state is ComponentState.UNHEALTHY
        with pytest.raises(DiskFull, match="files wait"):
            guard.admit()
        free = 21 * MB
        assert guard.check().state is ComponentState.UNHEALTHY
        free = 40 * MB
        assert guard.check().state is ComponentState.HEALTHY
        guard.admit()

    def test_the_reserve_is_given_up_and_made_again(self, tmp_path):
        free = 100 * MB
        guard = DiskGuard(tmp_path, DiskLimits.above(20 * MB), lambda _folder: free)
        guard.check()
        assert (tmp_path / "reserve.bin").stat().st_size == RESERVE_BYTES
        guard.hit_full()
        assert not (tmp_path / "reserve.bin").exists()
        free = 19 * MB
        guard.check()
        assert not (tmp_path / "reserve.bin").exists()
        free = 100 * MB
        assert guard.check().details["reserve"] is True


async def _kept(home, data: Path, count: int, **about) -> list[Media]:
    """Deliver pictures whose files are there."""
    files = []
    for number in range(count):
        body = f"{home.clock.monotonic()} {number}".encode()
        media_id = await home.deliver(*about.get("shown", ()), camera="yard", sha256=sha256(body))
        stored = await home.database.read(lambda conn, one=media_id: home.tables.media.get(conn, one))
        stored.media.path.parent.mkdir(parents=True, exist_ok=True)
        stored.media.path.write_bytes(body)
        files.append(stored.media)
        home.clock.tick(10)
    await home.work()
    return files


class TestRetention:
    async def test_f26_room_is_made_by_the_oldest_files_without_a_visit_first_and_never_by_young_ones(self, tmp_path):
        async with household(tmp_path) as home:
            home.media_root = tmp_path / "media"
            empty = await _kept(home, tmp_path, 30)
            seen = await _kept(home, tmp_path, 30, shown=[("person", 0.95)])
            home.clock.tick(3600)
            await home.pass_time(200)
            young = await _kept(home, tmp_path, 5)
            retention = Retention(home.database, MediaPaths(tmp_path), home.clock, timedelta(days=30))

            def left(files) -> int:
                return sum(one.path.exists() for one in files)

            removed = await retention.make_room(lambda: left(empty) <= 10)
            assert (left(empty), left(seen), left(young)) == (10, 30, 5)
            assert removed.files == 20
            removed = await retention.make_room(lambda: False)
            assert (left(empty), left(seen), left(young)) == (0, 0, 5)
            assert len(await home.events()) > 0
            account = await home.database.read(home.tables.media.accounting)
            assert account.accepted == account.stored == 65
            await home.database.check()

    @pytest.mark.parametrize("mark", ["flagged", "favourite"])
    async def test_f26_a_marked_visit_keeps_its_files_on_a_full_disk_and_another_does_not(self, tmp_path, mark):
        async with household(tmp_path) as home:
            home.media_root = tmp_path / "media"
            marked = await _kept(home, tmp_path, 5, shown=[("person", 0.95)])
            await home.pass_time(300)
            (visit,) = await home.events()
            await home.database.write(lambda conn: home.tables.events.mark(conn, visit.event_id, **{mark: True}))
            home.clock.tick(3600)
            plain = await _kept(home, tmp_path, 5, shown=[("car", 0.95)])
            await home.pass_time(300)
            home.clock.tick(86400)
            retention = Retention(home.database, MediaPaths(tmp_path), home.clock, timedelta(days=30))
            removed = await retention.make_room(lambda: False)
            assert removed.files == 5
            assert all(one.path.exists() for one in marked)
            assert not any(one.path.exists() for one in plain)
            await home.database.check()

    async def test_a_favourite_outlives_its_time_and_a_flagged_visit_does_not(self, tmp_path):
        async with household(tmp_path) as home:
            home.media_root = tmp_path / "media"
            kept = {}
            for mark in ("flagged", "favourite"):
                kept[mark] = await _kept(home, tmp_path, 3, shown=[("person", 0.95)])
                await home.pass_time(300)
                visit = next(one for one in await home.events() if not (one.flagged or one.favourite))
                await home.database.write(
                    lambda conn, one=visit, as_=mark: home.tables.events.mark(conn, one.event_id, **{as_: True})
                )
                home.clock.tick(3600)
            home.clock.tick(86400 * 2)
            await Retention(home.database, MediaPaths(tmp_path), home.clock, timedelta(days=1)).clean()
            assert [event.favourite for event in await home.events()] == [True]
            assert all(one.path.exists() for one in kept["favourite"])
            assert not any(one.path.exists() for one in kept["flagged"])

    async def test_old_visits_go_with_everything_that_hangs_on_them(self, tmp_path):
        async with household(tmp_path) as home:
            home.media_root = tmp_path / "media"
            old = await _kept(home, tmp_path, 5, shown=[("person", 0.95)])
            await home.pass_time(300)
            home.clock.tick(86400 * 2)
            new = await _kept(home, tmp_path, 5, shown=[("car", 0.95)])
            await home.pass_time(300)
            retention = Retention(home.database, MediaPaths(tmp_path), home.clock, timedelta(days=1))
            removed = await retention.clean()
            assert (removed.events, removed.files) == (1, 5)
            assert not any(one.path.exists() for one in old)
            assert all(one.path.exists() for one in new)
            assert [event.object_types for event in await home.events()] == [("car",)]
            await home.database.check()
        check_invariants(tmp_path, pruned=True, file="home.db")

    async def test_a_copy_that_no_row_knows_goes_after_an_hour(self, tmp_path):
        async with household(tmp_path) as home:
            home.media_root = tmp_path / "media"
            (known,) = await _kept(home, tmp_path, 1)
            stray = tmp_path / "media" / "yard" / "2026-11-20" / "stray.jpg"
            stray.parent.mkdir(parents=True, exist_ok=True)
            stray.write_bytes(b"left by a crash")
            retention = Retention(home.database, MediaPaths(tmp_path), home.clock, timedelta(days=1))
            home.clock.jump(time.time() - home.clock.now().timestamp())
            assert await retention.sweep_strays() == 0
            home.clock.jump(7200)
            assert await retention.sweep_strays() == 1
            assert known.path.exists()
            assert not stray.exists()
