import asyncio
from collections.abc import Callable
import os
from pathlib import Path
import shutil
import socket
import time
from typing import Any

import pytest
from watchdog.events import DirMovedEvent

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.ingest import watcher
from tests.fakes import pictures
from tests.fakes.intake import BookKeeper, House, house

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


def _counts(home: House, accepted: int) -> Callable[[], bool]:
    return lambda: len(home.books.accepted) == accepted


class TestNoticing:
    async def test_missing_root_is_made_and_a_picture_is_taken(self, tmp_path):
        async with house(tmp_path) as home:
            assert home.root.is_dir()
            (home.root / "Front Door").mkdir()
            await asyncio.sleep(0.2)
            _put(home.root, "Front Door/2026-11-20/Schedule_20261120-081530.JPG")
            await home.until(lambda: len(home.books.accepted) == 1)
            (media,) = home.books.accepted
            (arrival,) = home.books.arrivals
            assert (media.camera_id, arrival.camera_name) == ("front_door", "Front Door")
            assert (media.kind, media.width, media.height) == (MediaKind.IMAGE, 160, 120)
            assert media.path.is_relative_to(home.data / "media" / "front_door")
            assert media.path.read_bytes() == PICTURE
            assert home.source.status().counts["accepted"] == 1

    async def test_close_is_taken_much_sooner_than_a_settled_file(self, tmp_path):
        # a folder that is there before is surely watched
        (tmp_path / "cameras" / "yard").mkdir(parents=True)
        async with house(tmp_path, sweep_interval_s=60.0, stable_s=60.0) as home:
            took = []
            for number in range(5):
                began = time.monotonic()
                _put(home.root, f"yard/{number}.jpg", _different(number))
                await home.until(_counts(home, number + 1))
                took.append(time.monotonic() - began)
            assert min(took) < 0.1 * home.source._settings.stable_s

    async def test_renamed_into_the_folder(self, tmp_path):
        (tmp_path / "cameras" / "yard").mkdir(parents=True)
        async with house(tmp_path, sweep_interval_s=60.0) as home:
            (tmp_path / "x.part").write_bytes(_different(1))
            (tmp_path / "x.part").rename(home.root / "yard" / "from_outside.jpg")
            _put(home.root, "yard/y.jpg.part", _different(2)).rename(home.root / "yard" / "from_inside.jpg")
            await home.until(lambda: len(home.books.accepted) == 2)
            assert sorted(home.books.names()) == ["from_inside.jpg", "from_outside.jpg"]

    async def test_same_content_again_is_a_duplicate_without_a_copy(self, tmp_path):
        async with house(tmp_path) as home:
            _put(home.root, "yard/a.jpg")
            await home.until(lambda: len(home.books.accepted) == 1)
            _put(home.root, "yard/b.jpg")
            _put(home.root, "street/c.jpg")
            await home.until(lambda: len(home.books.duplicates) == 1 and len(home.books.accepted) == 2)
            assert len(home.copies()) == 2

    async def test_overwritten_snapshot_is_taken_again(self, tmp_path):
        async with house(tmp_path) as home:
            for number in range(3):
                _put(home.root, "yard/snap.jpg", _different(number))
                await home.until(_counts(home, number + 1))

    async def test_video_stays_where_it_is(self, tmp_path):
        async with house(tmp_path) as home:
            clip = pictures.clip(tmp_path / "clip.mp4", seconds=2)
            (home.root / "yard").mkdir()
            shutil.copy(clip, home.root / "yard" / "clip.mp4")
            await home.until(lambda: len(home.books.accepted) == 1)
            (media,) = home.books.accepted
            assert media.path == home.root / "yard" / "clip.mp4"
            assert media.kind is MediaKind.VIDEO
            assert home.copies() == []

    async def test_everything_else_is_ignored_and_counted(self, tmp_path):
        async with house(tmp_path) as home:
            for name in ("yard/log.txt", "yard/a.jpg.tmp", "yard/x.gif"):
                _put(home.root, name)
            _put(home.root, "no_camera.txt")
            _put(home.root, "yard/.hidden.jpg")
            _put(home.root, "yard/@eaDir/thumb.jpg")
            await home.until(lambda: home.source.status().counts["ignored"] == 4)
            await asyncio.sleep(0.3)
            assert home.source.status().counts["ignored"] == 4
            assert not home.books.accepted
            assert not home.books.rejected

    async def test_pictures_in_no_folder_of_a_camera_are_refused_by_name(self, tmp_path):
        async with house(tmp_path) as home:
            _put(home.root, "no_camera.jpg")
            _put(home.root, "---/nobody.jpg")
            await home.until(lambda: len(home.books.rejected) == 2)
            assert not home.books.accepted
            assert home.source.status().counts["refused"] == 2


class TestWaiting:
    async def test_slow_upload_is_taken_once_and_whole(self, tmp_path):
        data = _different(1)
        async with house(tmp_path) as home:
            (home.root / "yard").mkdir()
            await asyncio.sleep(0.2)
            with (home.root / "yard" / "slow.jpg").open("wb", buffering=0) as file:
                for start in range(0, len(data), len(data) // 12 + 1):
                    file.write(data[start : start + len(data) // 12 + 1])
                    await asyncio.sleep(0.25)
            await home.until(lambda: len(home.books.accepted) == 1)
            await asyncio.sleep(0.3)
            assert home.books.rejected == []
            assert len(home.books.accepted) == 1

    async def test_pause_longer_than_the_wait_is_no_end(self, tmp_path):
        data = _different(1)
        async with house(tmp_path, debounce_s=0.1, stable_s=0.2, stable_poll_s=0.05) as home:
            (home.root / "yard").mkdir()
            with (home.root / "yard" / "a.jpg").open("wb", buffering=0) as file:
                file.write(data[: len(data) // 2])
                await asyncio.sleep(1.5)
                assert home.books.rejected == []
                file.write(data[len(data) // 2 :])
            await home.until(lambda: len(home.books.accepted) == 1)
            assert home.books.rejected == []

    async def test_name_made_first_and_filled_later(self, tmp_path):
        async with house(tmp_path, debounce_s=0.3, stable_s=1.5, stable_poll_s=0.1) as home:
            path = _put(home.root, "yard/a.jpg", b"")
            await asyncio.sleep(0.3)
            with path.open("wb", buffering=0) as file:
                file.write(PICTURE[:2000])
                await asyncio.sleep(2.0)
                file.write(PICTURE[2000:])
            await home.until(lambda: len(home.books.accepted) == 1)
            assert home.books.rejected == []

    async def test_resumed_upload(self, tmp_path):
        data = _different(1)
        async with house(tmp_path, debounce_s=0.2, stable_s=30.0, stable_poll_s=0.1) as home:
            path = _put(home.root, "yard/a.jpg", data[:3000])
            await asyncio.sleep(0.4)
            with path.open("ab") as file:
                file.write(data[3000:])
            await home.until(lambda: len(home.books.accepted) == 1)
            assert home.books.rejected == []

    async def test_damaged_files_are_refused_and_the_watch_goes_on(self, tmp_path):
        async with house(tmp_path, debounce_s=0.1, stable_s=0.3, stable_poll_s=0.1) as home:
            (home.root / "yard").mkdir()
            await asyncio.sleep(0.3)
            for how in ("truncated", "zero_tail"):
                _put(home.root, f"yard/{how}.jpg", pictures.damaged(pictures.jpeg(), how))
            _put(home.root, "yard/empty.jpg", b"")
            _put(home.root, "yard/page.jpg", b"<!DOCTYPE html>" * 200)
            _put(home.root, "yard/bomb.png", pictures.black_png(8_000))
            _put(home.root, "yard/bad.mp4", b"\x00\x00\x00\x18ftypmp42" + os.urandom(9000))
            await home.until(lambda: len(home.books.rejected) == 6)
            assert sorted(home.books.reasons()) == [
                "corrupt",
                "empty",
                "not_media",
                "too_many_pixels",
                "truncated",
                "truncated",
            ]
            _put(home.root, "yard/good.jpg")
            await home.until(lambda: len(home.books.accepted) == 1)
            assert home.copies() == [home.books.accepted[0].path]

    async def test_polling_makes_one_job_of_many_changes(self, tmp_path):
        async with house(tmp_path, polling=True, polling_interval_s=0.1) as home:
            assert home.source.status().polling
            path = _put(home.root, "yard/a.jpg", b"")
            for start in range(10):
                part = len(PICTURE) // 10 + 1
                with path.open("ab") as file:
                    file.write(PICTURE[start * part : (start + 1) * part])
                await asyncio.sleep(0.04)
            await home.until(lambda: len(home.books.accepted) == 1)
            await asyncio.sleep(0.5)
            assert len(home.books.accepted) == 1
            assert not home.books.rejected
            assert not home.books.duplicates

    async def test_file_that_never_rests_is_reported(self, tmp_path):
        rules: dict[str, Any] = {
            "debounce_s": 0.05,
            # longer than any pause of whoever writes
            "stable_s": 100.0,
            "stable_poll_s": 0.05,
            "stable_polls": 5,
            "stable_give_up_s": 1.0,
        }
        async with house(tmp_path, **rules) as home:
            path = _put(home.root, "yard/a.mkv", b"\x1aE\xdf\xa3" + bytes(2000))
            with path.open("ab", buffering=0) as file:
                while not home.books.rejected:
                    file.write(bytes(100))
                    await asyncio.sleep(0.02)
            assert "never_stable" in home.books.reasons()


class TestStarting:
    async def test_files_that_came_meanwhile_are_taken_once(self, tmp_path):
        for number in range(30):
            _put(tmp_path / "cameras", f"yard/{number}.jpg", _different(number))
        old = _put(tmp_path / "cameras", "yard/old.jpg", _different(99))
        books = BookKeeper()
        async with house(tmp_path, books=books) as home:
            await home.until(lambda: len(books.accepted) == 31)
            assert home.source.status().counts["found_by_sweep"] == 0
        _put(tmp_path / "cameras", "yard/new.jpg", _different(100))
        books.accepted.clear()
        async with house(tmp_path, books=books) as home:
            await home.until(lambda: len(books.accepted) == 1)
            await asyncio.sleep(0.5)
            assert [one.path.name for one in books.arrivals[31:] if one.path] == ["new.jpg"]
            assert old.exists()

    async def test_older_than_the_limit_is_left_alone(self, tmp_path):
        _put(tmp_path / "cameras", "yard/a.jpg")
        await asyncio.sleep(0.05)
        async with house(tmp_path, catch_up_h=0.01 / 3600) as home:
            _put(home.root, "yard/b.jpg", _different(1))
            await home.until(lambda: len(home.books.accepted) == 1)
            await asyncio.sleep(0.7)
            assert home.books.names() == ["b.jpg"]

    async def test_starting_and_stopping_twice_is_harmless(self, tmp_path):
        async with house(tmp_path) as home:
            async with asyncio.timeout(60):
                await home.source.run()
            home.books.delay_s = 60
            _put(home.root, "yard/a.jpg")
            await home.until(lambda: home.books.at_once == 1)
            began = time.monotonic()
            await asyncio.gather(home.source.stop(), home.source.stop())
            await home.source.stop()
            assert time.monotonic() - began < 40.0
            assert not home.source.status().running
            home.books.delay_s = 0
            again = asyncio.create_task(home.source.run())
            await home.until(lambda: len(home.books.accepted) == 1)
            await home.source.stop()
            await again

    async def test_root_that_vanishes_and_comes_back(self, tmp_path):
        async with house(tmp_path) as home:
            _put(home.root, "yard/a.jpg", _different(1))
            await home.until(lambda: len(home.books.accepted) == 1)
            shutil.rmtree(home.root)
            await home.until(lambda: home.source.status().problem is not None)
            _put(home.root, "yard/b.jpg", _different(2))
            await home.until(lambda: len(home.books.accepted) == 2)
            await home.until(lambda: home.source.status().problem is None)
            _put(home.root, "yard/c.jpg", _different(3))
            await home.until(lambda: len(home.books.accepted) == 3)

    async def test_polling_takes_over_where_events_do_not_come(self, tmp_path, monkeypatch):
        monkeypatch.setattr(watcher, "_NATIVE", [DirMovedEvent])
        monkeypatch.setattr(watcher, "_PROBE_S", 0.2)
        async with house(tmp_path, polling_interval_s=0.1) as home:
            await home.until(lambda: home.source.status().polling)
            assert "no event" in (home.source.status().reason or "")
            _put(home.root, "yard/a.jpg")
            await home.until(lambda: len(home.books.accepted) == 1)
            assert not list(home.root.glob(".*"))

    async def test_watch_that_falls_silent_is_replaced(self, tmp_path, monkeypatch):
        async with house(tmp_path, sweep_interval_s=0.3, polling_interval_s=0.1) as home:
            assert not home.source.status().polling
            monkeypatch.setattr(watcher, "_PROBE_S", 0.2)
            monkeypatch.setattr(watcher.Watch, "note", lambda *_: None)
            _put(home.root, "yard/a.jpg", _different(1))
            await home.until(lambda: home.source.status().polling)
            await home.until(_counts(home, 1))

    async def test_polling_takes_over_where_no_watch_is_left(self, tmp_path, monkeypatch):
        def refuse(self, root, interval_s):
            if not self.mode.polling:
                raise OSError(28, "inotify watch limit reached")
            return real(self, root, interval_s)

        real = watcher.Watch.begin
        monkeypatch.setattr(watcher.Watch, "begin", refuse)
        async with house(tmp_path, polling_interval_s=0.1) as home:
            await home.until(lambda: "watch limit" in (home.source.status().reason or ""))
            _put(home.root, "yard/a.jpg")
            await home.until(lambda: len(home.books.accepted) == 1)


class TestStrangeFiles:
    async def test_links_devices_and_pipes(self, tmp_path):
        async with house(tmp_path) as home:
            outside = tmp_path / "secret.jpg"
            outside.write_bytes(PICTURE)
            yard = home.root / "yard"
            yard.mkdir()
            (yard / "link.jpg").symlink_to(outside)
            (yard / "folder").symlink_to(tmp_path)
            (yard / "nowhere.jpg").symlink_to(tmp_path / "missing.jpg")
            os.mkfifo(yard / "pipe.jpg")
            with socket.socket(socket.AF_UNIX) as plug:
                plug.bind(str(yard / "plug.jpg"))
                await home.until(lambda: len(home.books.rejected) == 5)
            assert sorted(home.books.reasons()) == [*["link_outside"] * 3, *["not_regular"] * 2]
            (yard / "real.jpg").write_bytes(PICTURE)
            await home.until(lambda: len(home.books.accepted) == 1)
            (yard / "latest.jpg").symlink_to(yard / "real.jpg")
            await home.until(lambda: home.source.status().counts["ignored"] == 1)
            assert len(home.books.accepted) == 1

    async def test_second_folder_of_the_same_camera_is_refused(self, tmp_path):
        async with house(tmp_path) as home:
            _put(home.root, "Front Door/a.jpg", _different(1))
            await home.until(lambda: len(home.books.accepted) == 1)
            _put(home.root, "front-door/b.jpg", _different(2))
            await home.until(lambda: home.books.reasons() == ["camera_refused"])
            assert home.source.status().refused_folders == {"front-door": "Front Door"}

    async def test_a_folder_that_was_renamed_is_refused_no_longer(self, tmp_path):
        async with house(tmp_path, sweep_interval_s=0.3) as home:
            _put(home.root, "Front Door/a.jpg", _different(1))
            await home.until(lambda: len(home.books.accepted) == 1)
            _put(home.root, "front-door/b.jpg", _different(2))
            await home.until(lambda: bool(home.source.status().refused_folders))
            (home.root / "front-door").rename(home.root / "Back Door")
            await home.until(lambda: not home.source.status().refused_folders)

    async def test_names_in_any_script(self, tmp_path):
        async with house(tmp_path) as home:
            _put(home.root, "Terrasse Süd/ä ö %2e ü.jpg", _different(1))
            _put(home.root, os.fsdecode(b"yard/\xff\xfe.jpg"), _different(2))
            await home.until(lambda: len(home.books.accepted) == 2)
            assert {one.camera_id for one in home.books.accepted} == {"terrasse_sud", "yard"}

    async def test_names_that_cannot_be_stored(self, tmp_path):
        async with house(tmp_path) as home:
            _put(home.root, os.fsdecode(b"B\xfcro/a.jpg"), _different(1))
            _put(home.root, os.fsdecode(b"yard/T\xfcre.mp4"), bytes(4000))
            await home.until(lambda: len(home.books.rejected) == 2)
            for arrival, refusal, _ in home.books.rejected:
                assert f"{arrival.camera_id} {arrival.name} {refusal.detail}".encode()
            assert sorted(home.books.reasons()) == ["camera_refused", "unreadable"]

    async def test_files_that_vanish(self, tmp_path):
        async with house(tmp_path) as home:
            for number in range(20):
                _put(home.root, f"yard/{number}.jpg").unlink()
            _put(home.root, "yard/stays.jpg")
            await home.until(lambda: len(home.books.accepted) >= 1)
            assert home.books.rejected == []


@pytest.fixture(autouse=True)
def _quiet(caplog):
    caplog.set_level("ERROR")
