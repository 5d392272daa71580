"""Clips of a household: from its own rows and files, once for all who ask, never more than the masks allow."""

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from home_sentry_engine.app.clips import ClipRoom, StoredClips
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.media.mask import known_here
from home_sentry_engine.operations.disk import DiskFull, DiskGuard, DiskLimits
from home_sentry_engine.settings import ClipSettings
from tests.fakes import pictures
from tests.fakes.masked import leaks, mask, masked_home, planted_jpeg
from tests.fakes.patience import until
from tests.fakes.watched import played


class Home:
    """A masked home with its clips."""

    def __init__(self, home, folder, **settings) -> None:
        self.home = home
        self.folder = folder / "clips"
        self.guard = DiskGuard(folder, DiskLimits.above(1024))
        room = ClipRoom(
            paths=home.paths, folder=self.folder, veils=home.book.veil_of, fresh=known_here, guard=self.guard
        )
        self.clips = StoredClips(home.database, room, ClipSettings(**settings), home.clock, ZoneInfo("UTC"))

    async def visit(self, *stills: bytes, gap_s: float = 2.0):
        for number, content in enumerate(stills):
            await self.home.accept(content, f"{number}.jpg")
            self.home.clock.tick(gap_s)
        await self.home.home.work(assess=False)
        return (await self.home.home.events())[0]

    def files(self) -> list[str]:
        return sorted(one.name for one in self.folder.rglob("*") if one.is_file())


@pytest.fixture
async def made(tmp_path):
    async with masked_home(tmp_path) as home:
        await home.set_up(())
        whole = Home(home, tmp_path)
        yield whole
        await whole.clips.aclose()


def stills(count: int) -> list[bytes]:
    return [planted_jpeg(seed=number) for number in range(count)]


async def test_ten_who_ask_at_once_get_one_clip_that_is_made_once(made):
    event = await made.visit(*stills(3))
    asked = [made.clips.of_event(event.event_id, "mp4", None, None) for _ in range(10)]
    answers = await asyncio.gather(*asked)
    assert len({one.path for one in answers}) == 1
    assert len(made.files()) == 1
    written = answers[0].path.stat().st_ino
    again = await made.clips.of_event(event.event_id, "mp4", None, None)
    assert again.path.stat().st_ino == written
    frames = played(again.path)
    assert len(frames) > 3
    assert leaks(frames[0])
    # who goes away does not take it from the others
    first = asyncio.create_task(made.clips.of_event(event.event_id, "gif", 0.0, 0.0))
    second = asyncio.create_task(made.clips.of_event(event.event_id, "gif", 0.0, 0.0))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).content_type == "image/gif"


async def test_a_clip_made_before_a_mask_was_drawn_is_neither_served_nor_kept(made):
    event = await made.visit(*stills(2))
    bare = await made.clips.of_event(event.event_id, "mp4", None, None)
    assert leaks(played(bare.path)[0])
    await made.home.book.set_masks("door", (mask(),))
    # stored files wear the mask only later: the clip wears it now
    covered = await made.clips.of_event(event.event_id, "mp4", None, None)
    assert covered.path != bare.path
    assert not any(leaks(frame) for frame in played(covered.path))
    assert not bare.path.exists()
    await made.home.book.set_masks("door", ())
    made.clips.nudge()
    await made.clips.tidy()
    assert made.files() == []


async def test_masks_that_change_while_a_clip_is_made_are_on_it(made, monkeypatch):
    event = await made.visit(*stills(3))
    make, changed = made.clips._maker.make, asyncio.Event()

    async def changes_them(plan, place, **more):
        figures = await make(plan, place, **more)
        if not changed.is_set():
            changed.set()
            await made.home.book.set_masks("door", (mask(),))
        return figures

    monkeypatch.setattr(made.clips._maker, "make", changes_them)
    got = await made.clips.of_event(event.event_id, "mp4", None, None)
    assert changed.is_set()
    assert not any(leaks(frame) for frame in played(got.path))


async def test_a_clip_goes_with_its_event_and_its_camera(made):
    event = await made.visit(*stills(2))
    await made.clips.of_event(event.event_id, "mp4", None, None)
    today = made.home.clock.now().date()
    await made.clips.of_day("door", today)
    await made.clips.tidy()
    assert len(made.files()) == 2
    trash = made.home.tables.events.trash
    await made.home.database.write(lambda conn: trash(conn, event.event_id, made.home.clock.now()))
    with pytest.raises(NotFound):
        await made.clips.of_event(event.event_id, "mp4", None, None)
    await made.clips.tidy()
    assert [name.split(".")[0] for name in made.files()] == ["day"]
    assert made.clips.details()["clips"] == 1
    assert made.clips.details()["encoder"] in {"libx264", "h264_nvenc"}


async def test_without_files_there_is_a_reason_and_no_clip(made):
    event = await made.visit(*stills(1))
    for media in await made.home.media():
        await asyncio.to_thread(media.path.unlink)
    with pytest.raises(Exception, match=r"decodes|read|gone|nothing|No such"):
        await made.clips.of_event(event.event_id, "mp4", None, None)
    with pytest.raises(Conflict):
        await made.clips.of_day("door", (made.home.clock.now() - timedelta(days=9)).date())
    with pytest.raises(NotFound):
        await made.clips.of_day("nobody", None)
    with pytest.raises(NotFound):
        await made.clips.of_event("nobody", "mp4", None, None)
    assert made.files() == []


async def test_a_full_disk_makes_no_clip_and_gives_up_the_made_ones(made):
    event = await made.visit(*stills(1))
    await made.clips.of_event(event.event_id, "mp4", None, None)
    made.guard.hit_full()
    await made.clips.tidy()
    assert made.files() == []
    with pytest.raises(DiskFull):
        await made.clips.of_event(event.event_id, "mp4", None, None)


async def test_where_there_is_little_room_no_clip_is_begun(made, tmp_path):
    event = await made.visit(*stills(1))
    small = Home(made.home, tmp_path, cache_bytes=1000)
    with pytest.raises(Unavailable, match="too little room"):
        await small.clips.of_event(event.event_id, "mp4", None, None)
    assert small.files() == []


async def test_a_video_is_cut_around_the_visit_and_a_day_shows_its_frames(made, tmp_path):
    video = pictures.clip(tmp_path / "made.mp4", seconds=30)
    await made.home.accept(video.read_bytes(), "a.mp4")
    await made.home.home.work(assess=False)
    (event,) = await made.home.home.events()
    (media,) = await made.home.media()
    whole = played((await made.clips.of_event(event.event_id, "mp4", 60.0, 60.0)).path)
    assert len(whole) == pytest.approx(300, abs=3)
    day = await made.clips.of_day("door", media.captured_at.date())
    assert 1 <= len(played(day.path)) <= 20


async def test_a_run_begins_with_order_and_hears_of_masks(made):
    made.folder.mkdir()
    left = made.folder / "door" / ".event.e1.ab.open.mp4.1234.part"
    left.parent.mkdir()
    left.write_bytes(b"half")
    task = asyncio.create_task(made.clips.run())
    await until(lambda: not left.exists())
    stray = made.folder / "door" / "event.gone.ab.open.mp4"
    stray.write_bytes(b"clip")
    made.clips.nudge()
    await until(lambda: not stray.exists())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
