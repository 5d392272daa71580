"""Masks on what was stored before they were drawn: burned in, piece by piece, whatever comes between."""

from datetime import timedelta
import errno
from pathlib import Path

import numpy as np
import pytest

from home_sentry_engine.app.masking import UploadMasking
from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.domain.errors import MasksChanged
from home_sentry_engine.media.mask import Veil, mark_of
from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.remask import Burner
from home_sentry_engine.media.video import Sampling, VideoReader
from home_sentry_engine.operations.retention import Retention
from tests.fakes import pictures
from tests.fakes.masked import LIMITS, MIDDLE, leaks, mask, masked_home, planted, planted_jpeg

CORNER = ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.0, 0.2))


@pytest.fixture
async def home(tmp_path):
    async with masked_home(tmp_path) as one:
        yield one


def shows(path: Path) -> bool:
    return leaks(decode(path.read_bytes()).pixels)


class Broken(Burner):
    """A disk that does not take what is written for some files while an error is set."""

    def __init__(self, burner: Burner, fails: str) -> None:
        super().__init__(burner._paths, LIMITS, burner._executor)
        self.fails = fails
        self.errno = errno.EIO
        self.tried = 0

    async def remask(self, media, veil: Veil) -> tuple[str, ...]:
        self.tried += 1
        if self.errno and media.media_id == self.fails:
            raise OSError(self.errno, "it does not work")
        return await super().remask(media, veil)


def last(heard: list[Component]) -> tuple[ComponentState, str]:
    return heard[-1].state, heard[-1].reason or ""


async def test_a_still_and_its_pictures(home):
    media = await home.accept(planted_jpeg())
    await home.home.work()
    await home.home.pass_time(200, step=50)
    assert all(leaks(one) for one in await home.served())
    kept = home.files("media", "thumbnails")
    assert len(kept) == 3
    assert all(map(shows, kept))
    await home.book.set_masks("door", (mask(),))
    # at once on the way out, soon in the folder
    assert not any(leaks(one) for one in await home.served())
    assert shows(media.path)
    listed = await home.book.masks("door")
    assert listed is not None
    assert listed.to_remask == 1
    await home.passing(home.stored)
    assert shows(media.path), "who looked at it before the masks were drawn may still be writing"
    await home.remask()
    assert not any(map(shows, home.files("media", "thumbnails")))
    assert mark_of(media.path.read_bytes())
    assert not (home.paths.root / "thumbnails").exists() or not home.files("thumbnails")
    listed = await home.book.masks("door")
    assert listed is not None
    assert listed.to_remask == 0
    assert home.heard[-1].details["to_remask"] == 0
    assert last(home.heard) == (ComponentState.HEALTHY, "")
    assert len(await home.served()) == 7
    # the folder of the camera is the camera's: what lay there before the masks stays
    assert shows(home.root / "Door" / "a.jpg")


async def test_a_clip_that_is_ours_and_the_frames_of_one_that_is_not(home, tmp_path):
    clip = tmp_path / "clip.avi"
    pictures.clip_of([planted(size=(320, 240))] * 20, clip)
    theirs = await home.accept(clip.read_bytes(), "theirs.avi")
    await home.book.set_masks("door", (mask(*CORNER),))
    ours = await home.accept(clip.read_bytes() + b"\0", "ours.avi")
    assert theirs.path.is_relative_to(home.root)
    assert not ours.path.is_relative_to(home.root)
    assert (theirs.mime, theirs.codec) == ("video/x-msvideo", "mpeg4")
    with ours.path.open("rb") as file:
        assert (ours.mime, ours.codec) == ("video/mp4", VideoReader(LIMITS).probe(file).codec)
    await home.home.work()
    frames = [one for one in home.files("media") if one.suffix == ".jpg"]
    assert len(frames) >= 2
    assert all(map(shows, frames))
    await home.book.set_masks("door", (mask(),))
    await home.remask()
    assert not any(map(shows, frames))
    reader = VideoReader(LIMITS)
    with ours.path.open("rb") as file:
        assert not any(leaks(one.pixels) for one in reader.frames(file, Sampling()))
    # a clip in its camera's folder is shown under the masks alone
    assert not any(leaks(one) for one in await home.served())


async def test_it_goes_on_after_a_new_start(home):
    files = [await home.accept(planted_jpeg(seed=seed, size=(96, 64)), f"{seed}.jpg") for seed in range(45)]
    await home.book.set_masks("door", (mask(),))
    home.clock.tick(4)
    (job,) = await home.database.read(home.tables.masks.remaskings)
    assert await home.stored._portion(job, home.stored._pass(job))
    assert sum(shows(one.path) for one in files) == 25
    (job,) = await home.database.read(home.tables.masks.remaskings)
    assert job.done == 20
    before = {one.path: one.path.stat().st_mtime_ns for one in files if not shows(one.path)}
    await home.passing(home.remasking())
    assert not any(shows(one.path) for one in files)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert await home.database.read(home.tables.masks.remaskings) == ()


async def test_a_broken_file_in_the_middle(home):
    first, broken, third = [await home.accept(planted_jpeg(seed=seed), f"{seed}.jpg") for seed in range(3)]
    broken.path.write_bytes(broken.path.read_bytes()[:2000])
    await home.book.set_masks("door", (mask(),))
    await home.remask()
    assert not shows(first.path)
    assert not shows(third.path)
    state, reason = last(home.heard)
    assert state is ComponentState.DEGRADED
    assert "door (1)" in reason
    # nothing can be done about it, and nobody is shown it
    assert await home.database.read(home.tables.masks.remaskings) == ()
    assert not any(leaks(one) for one in await home.served())


async def test_a_file_that_cannot_be_written_now_is_masked_later(home):
    files = [await home.accept(planted_jpeg(seed=seed), f"{seed}.jpg") for seed in range(3)]
    home.burner = broken = Broken(home.burner, files[1].media_id)
    stored = home.remasking()
    await home.book.set_masks("door", (mask(),))
    home.clock.tick(4)
    await home.passing(stored)
    assert [shows(one.path) for one in files] == [False, True, False]
    assert last(home.heard)[0] is ComponentState.DEGRADED
    await home.passing(stored)
    assert broken.tried == 3
    home.clock.tick(601)
    await home.passing(stored)
    assert last(home.heard)[0] is ComponentState.DEGRADED
    broken.errno = 0
    home.clock.tick(601)
    await home.passing(stored)
    assert not any(shows(one.path) for one in files)
    assert last(home.heard) == (ComponentState.HEALTHY, "")
    assert await home.database.read(home.tables.masks.remaskings) == ()


async def test_a_full_disk_ends_the_walk_until_there_is_room(home):
    files = [await home.accept(planted_jpeg(seed=seed), f"{seed}.jpg") for seed in range(3)]
    home.burner = broken = Broken(home.burner, files[1].media_id)
    broken.errno = errno.ENOSPC
    stored = home.remasking()
    await home.book.set_masks("door", (mask(),))
    home.clock.tick(4)
    await home.passing(stored)
    assert [shows(one.path) for one in files] == [False, True, True]
    state, reason = last(home.heard)
    assert state is ComponentState.DEGRADED
    assert "waits: door" in reason
    broken.errno = 0
    await home.passing(stored)
    assert broken.tried == 2
    home.clock.tick(61)
    await home.passing(stored)
    assert not any(shows(one.path) for one in files)
    assert last(home.heard) == (ComponentState.HEALTHY, "")


async def test_a_camera_that_is_deleted_in_the_middle(home):
    files = [await home.accept(planted_jpeg(seed=seed, size=(96, 64)), f"{seed}.jpg") for seed in range(8)]
    await home.home.work()
    await home.book.set_masks("door", (mask(),))
    home.clock.tick(4)

    class Deleting(Burner):
        async def remask(self, media, veil):
            if media.media_id == files[3].media_id:
                await home.database.write(lambda conn: home.tables.cameras.remove(conn, "door", home.clock.now()))
                await Retention(home.database, home.paths, home.clock, timedelta(days=30)).forget_camera("door")
            return await super().remask(media, veil)

    home.burner = Deleting(home.paths, LIMITS, home.burner._executor)
    stored = home.remasking()
    await home.passing(stored)
    assert home.files("media") == [], "what was deleted does not come back"
    assert last(home.heard) == (ComponentState.HEALTHY, "")
    assert home.heard[-1].details["to_remask"] == 0


async def test_a_file_that_is_deleted_while_it_is_burned_in_stays_deleted(home):
    media = await home.accept(planted_jpeg())
    await home.book.set_masks("door", (mask(),))

    class Deleting(Burner):
        def burned(self, file, veil):
            content = super().burned(file, veil)
            media.path.unlink()
            return content

    home.burner = Deleting(home.paths, LIMITS, home.burner._executor)
    home.stored = home.remasking()
    await home.remask()
    assert home.files("media") == []
    assert last(home.heard) == (ComponentState.HEALTHY, "")


async def test_masks_that_are_drawn_while_others_are_burned_in(home):
    files = [await home.accept(planted_jpeg(seed=seed, size=(96, 64)), f"{seed}.jpg") for seed in range(30)]
    await home.book.set_masks("door", (mask(*CORNER),))
    home.clock.tick(4)

    class Drawing(Burner):
        async def remask(self, media, veil):
            if media.media_id == files[5].media_id:
                await home.book.set_masks("door", (mask(),))
            return await super().remask(media, veil)

    home.burner = Drawing(home.paths, LIMITS, home.burner._executor)
    await home.passing(home.remasking())
    home.burner = Burner(home.paths, LIMITS, home.burner._executor)
    stored = home.remasking()
    home.clock.tick(4)
    await home.passing(stored)
    assert not any(shows(one.path) for one in files)


async def test_masks_that_are_taken_away_leave_no_complaint(home):
    await home.accept(planted_jpeg())
    await home.book.set_masks("door", (mask(),))
    home.state.upload("door", "it is read-only")
    home.state.stored("door", 3, 1, stopped="the disk is full")
    assert last(home.heard)[0] is ComponentState.DEGRADED
    await home.book.set_masks("door", ())
    await home.remask()
    assert last(home.heard) == (ComponentState.HEALTHY, "")
    assert home.heard[-1].details["to_remask"] == 0
    assert await home.database.read(home.tables.masks.remaskings) == ()


async def test_masks_of_an_arm_mode_stay_out_of_older_files(home):
    media = await home.accept(planted_jpeg())
    await home.book.set_masks("door", (mask(modes=("disarmed",)),))
    before = media.path.read_bytes()
    await home.remask()
    assert media.path.read_bytes() == before
    # the mode is not known: they hold on the way out
    assert not any(leaks(one) for one in await home.served())


async def test_a_folder_that_refuses_does_not_stop_the_others(home):
    """Of a camera whose folder is read-only one upload is tried each minute, of others all of them."""
    await home.accept(planted_jpeg(size=(96, 64)), "first.jpg")
    await home.book.set_masks("door", (mask(),))
    tried = list[Path]()

    class ReadOnly:
        def __getattr__(self, name):
            return getattr(home.folders, name)

        def replace(self, path: Path, content: bytes) -> None:
            tried.append(path)
            if path.parent.name == "Door":
                raise OSError(errno.EROFS, "Read-only file system")
            home.folders.replace(path, content)

    folders = ReadOnly()
    uploads = UploadMasking(folders, home.burner, home.database, home.tables, home.state, home.clock)  # type: ignore[arg-type]
    await home.database.write(
        lambda conn: home.tables.cameras.ensure(
            conn, camera_id="yard", name="Yard", folder="Yard", now=home.clock.now()
        )
    )
    await home.book.set_masks("yard", (mask(),))
    for number in range(3):
        for folder in ("Door", "Yard"):
            path = home.root / folder / f"{number}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(planted_jpeg(seed=number, size=(96, 64)))
            camera, key = folder.lower(), home.key_of(f"{folder}/{number}.jpg")
            await home.database.write(
                lambda conn, c=camera, p=path, k=key: home.tables.masks.expose(conn, c, p, k, home.clock.steady())
            )
            home.clock.tick(1)
    assert await uploads.once(home.clock.steady()) == 3
    assert [one.parent.name for one in tried].count("Door") == 1
    assert last(home.heard)[0] is ComponentState.DEGRADED
    assert home.heard[-1].fix
    # the next minute another one has its turn, and files that somebody deleted are forgotten
    home.clock.tick(60)
    await uploads.once(home.clock.steady())
    assert len({one.name for one in tried if one.parent.name == "Door"}) == 2
    for one in (home.root / "Door").iterdir():
        one.unlink()
    home.clock.tick(60)
    assert await uploads.once(home.clock.steady()) == 0
    assert last(home.heard) == (ComponentState.HEALTHY, "")
    assert not any(map(shows, (home.root / "Yard").iterdir()))


async def test_an_upload_that_was_left_wears_the_masks_of_every_mode(home):
    """Which mode the home was in when it came is not known any more."""
    await home.accept(planted_jpeg(size=(96, 64)), "first.jpg")
    await home.book.set_masks("door", (mask(modes=("armed_away",)),))
    arrival = home.put(planted_jpeg(seed=7), "late.jpg")
    await home.database.write(
        lambda conn: home.tables.masks.expose(conn, "door", arrival.path, arrival.source_key, home.clock.steady())
    )
    home.clock.tick(1)
    await home.alarm("disarmed")
    assert home.book.veil_of("door") is None
    assert await home.uploads.once(home.clock.steady()) == 1
    assert not shows(arrival.path)


async def test_a_repeated_picture_is_noted_as_well(home):
    """A camera that sends one picture twice: the second file has to be replaced although nothing is booked."""
    await home.accept(planted_jpeg(), "first.jpg")
    await home.book.set_masks("door", (mask(),))
    noted = []

    async def crash(_camera: str, path: Path, _content: bytes) -> bool:
        noted.extend(await home.database.read(lambda conn: home.tables.masks.exposed(conn, home.later(), 9)))
        raise KeyboardInterrupt

    home.replace_by(crash)
    with pytest.raises(KeyboardInterrupt):
        await home.take(planted_jpeg(), "second.jpg")
    assert [one.path.name for one in noted] == ["second.jpg"]
    home.clock.tick(1)
    assert await home.uploads.once(home.clock.steady()) == 1
    assert not shows(home.root / "Door" / "second.jpg")


@pytest.mark.parametrize("changes", [1, 4, 99])
async def test_masks_drawn_while_a_picture_is_looked_at(home, changes):
    await home.accept(planted_jpeg(), "first.jpg")
    draws = [0]
    real = home.home.ledger.accept

    class Ledger:
        def __getattr__(self, name):
            return getattr(home.home.ledger, name)

        async def accept(self, media, arrival):
            if draws[0] < changes:
                draws[0] += 1
                # shapes that differ each time
                shift = 0.01 * draws[0]
                moved = tuple((x + shift, y) for x, y in MIDDLE)
                await home.book.set_masks("door", (mask(), mask(*moved)))
            return await real(media, arrival)

    home.intake_of(Ledger())
    if changes > 4:
        with pytest.raises(MasksChanged):
            await home.take(planted_jpeg(seed=2), "second.jpg")
        assert draws[0] == 5
        assert [one.name for one in home.files("media")] == [(await home.media())[0].path.name]
        return
    media = await home.accept(planted_jpeg(seed=2), "second.jpg")
    assert draws[0] == changes
    assert not shows(media.path)
    assert not shows(home.root / "Door" / "second.jpg")
    await home.home.work()
    assert not leaks(home.onlooker.shown[-1].pixels)


def test_the_secret_is_seen():
    assert leaks(planted())
    assert leaks(decode(planted_jpeg()).pixels)
    assert not leaks(planted(()))
    assert not leaks(np.zeros((8, 8, 3), np.uint8))
