"""Clips really made by the child process, from stills and from parts of videos, under masks or not."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
import os
from pathlib import Path
import subprocess
import sys

import av
import numpy as np
import pytest

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.errors import Permanent, Transient, Unavailable
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.media.clip_encode import X264, NoEncoder, usable_encoder
from home_sentry_engine.media.clip_maker import ClipLimits, ClipMaker
from home_sentry_engine.media.clip_parts import Margins, parts_of_day, parts_of_visit
from home_sentry_engine.media.clip_plan import ClipKind, ClipPlan, Part, from_json, to_json
from home_sentry_engine.media.mask import Veil
from home_sentry_engine.media.paths import MediaPaths
from tests.fakes import pictures
from tests.fakes.masked import leaks, planted_jpeg
from tests.fakes.watched import index_comes_first, played

AT = datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
MIDDLE = Veil(shapes=(((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)),))


def still(folder: Path, name: str, content: bytes, seconds: float = 1.0) -> Part:
    (folder / name).write_bytes(content)
    return Part(path=folder / name, token=name, seconds=seconds)


def children_that_make_clips() -> list[str]:
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    found = []
    for one in own:
        # others of this process may end meanwhile
        with suppress(OSError):
            found += [one] * (b"clip_child" in Path(f"/proc/{one}/cmdline").read_bytes())
    return found


async def made(plan: ClipPlan, place: Path, **limits):
    return await ClipMaker(ClipLimits(**limits)).make(plan, place)


@pytest.mark.parametrize("kind", list(ClipKind))
async def test_stills_are_shown_as_long_as_asked_under_the_mask_and_without_metadata(tmp_path, kind):
    parts = tuple(still(tmp_path, f"{n}.jpg", planted_jpeg(size=(641, 479), seed=n), seconds=n + 1) for n in range(3))
    place = tmp_path / f"clip.{kind.value}"
    told = await made(ClipPlan(parts=parts, kind=kind, veil=MIDDLE, rate=4.0), place)
    assert (told.seconds, told.width, told.height, told.skipped) == (6.0, 640, 478, 0)
    frames = played(place)
    assert not any(leaks(frame) for frame in frames)
    for frame in frames:
        inside = frame[478 // 4 : 478 * 3 // 4, 640 // 4 : 640 * 3 // 4]
        # a GIF keeps the fill exactly, H.264 may be off by a level or two
        assert inside.max() <= (0 if kind is ClipKind.GIF else 3)
        assert frame.max() > 100
    if kind is ClipKind.MP4:
        assert len(frames) == 24
        assert index_comes_first(place)
        with av.open(str(place)) as clip:
            assert clip.streams.video[0].codec_context.name == "h264"
            assert clip.streams.video[0].codec_context.pix_fmt == "yuv420p"
            assert not clip.metadata.keys() & {"creation_time", "location", "comment", "encoder"}


async def test_without_a_mask_the_same_clip_shows_everything(tmp_path):
    place = tmp_path / "clip.mp4"
    await made(ClipPlan(parts=(still(tmp_path, "a.jpg", planted_jpeg()),)), place)
    assert leaks(played(place)[0])


async def test_a_part_of_a_video_is_shown_at_its_own_pace_from_the_asked_second(tmp_path):
    video = pictures.clip(tmp_path / "v.avi", seconds=12, rate=10, codec="mjpeg")
    place = tmp_path / "clip.mp4"
    told = await made(ClipPlan(parts=(Part(path=video, token="v", start_s=4.0, seconds=3.0),), veil=MIDDLE), place)
    assert (told.encoder == X264 or "nvenc" in told.encoder, told.frames) == (True, 30)
    greys = [round(float(frame[2, 2].mean()) / 10) for frame in played(place)]
    assert greys == [4] * 10 + [5] * 10 + [6] * 10


async def test_pictures_of_several_sizes_share_a_canvas_and_their_masks_move_with_them(tmp_path):
    video = pictures.clip(tmp_path / "v.mp4", seconds=2, size=(320, 240))
    tall = still(tmp_path, "tall.jpg", planted_jpeg(size=(300, 600)))
    wide = still(tmp_path, "wide.jpg", planted_jpeg(size=(640, 480)))
    place = tmp_path / "clip.mp4"
    plan = ClipPlan(parts=(wide, tall, Part(path=video, token="v", start_s=0.0, seconds=1.0)), veil=MIDDLE, rate=5.0)
    told = await made(plan, place)
    assert (told.width, told.height, told.frames) == (640, 480, 15)
    frames = played(place)
    assert not any(leaks(frame) for frame in frames)
    # the tall one stands in the middle, black beside it, its colours above and below its mask
    assert frames[7][:, :180].max() <= 3
    assert frames[7][40:80, 210:430].max() > 60


async def test_what_is_gone_or_broken_is_left_out_and_nothing_is_made_of_nothing(tmp_path):
    broken = still(tmp_path, "b.jpg", pictures.damaged(pictures.jpeg(), "truncated"))
    gone = Part(path=tmp_path / "gone.jpg", token="gone", seconds=1.0)
    sound = still(tmp_path, "a.jpg", pictures.jpeg())
    told = await made(ClipPlan(parts=(gone, sound, broken), rate=4.0), tmp_path / "clip.mp4")
    assert (told.skipped, told.frames) == (2, 4)
    for kind in ClipKind:
        with pytest.raises(Permanent):
            await made(ClipPlan(parts=(gone, broken), kind=kind), tmp_path / f"none.{kind.value}")


async def test_a_playlist_or_a_link_in_the_place_of_a_picture_is_not_followed(tmp_path):
    secret = pictures.clip(tmp_path / "secret.mp4", seconds=2)
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n")
    concat = tmp_path / "concat.mp4"
    concat.write_text(f"ffconcat version 1.0\nfile {secret}\n")
    link = tmp_path / "link.mp4"
    link.symlink_to(secret)
    parts = tuple(Part(path=one, token=one.name, start_s=0.0, seconds=1.0) for one in (playlist, concat, link))
    with pytest.raises(Permanent):
        await made(ClipPlan(parts=parts), tmp_path / "clip.mp4")


async def test_a_link_in_the_way_to_a_video_is_not_followed(tmp_path):
    (tmp_path / "garden").mkdir()
    video = pictures.clip(tmp_path / "garden/a.mp4", seconds=2)
    (tmp_path / "porch").symlink_to(tmp_path / "garden")
    seen = Part(path=video, below=tmp_path, token="v", start_s=0.0, seconds=1.0)
    await made(ClipPlan(parts=(seen,)), tmp_path / "clip.mp4")
    with pytest.raises(Permanent):
        await made(ClipPlan(parts=(replace(seen, path=tmp_path / "porch/a.mp4"),)), tmp_path / "none.mp4")


async def test_the_child_is_ended_when_it_takes_too_long_or_nobody_wants_it(tmp_path):
    video = pictures.clip(tmp_path / "v.mp4", seconds=60, size=(640, 480))
    plan = ClipPlan(parts=(Part(path=video, token="v", start_s=0.0, seconds=60.0),) * 9)
    with pytest.raises(Transient, match="within"):
        await made(plan, tmp_path / "clip.mp4", timeout_s=0.5)
    task = asyncio.create_task(made(plan, tmp_path / "clip2.mp4"))
    await asyncio.sleep(0.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not children_that_make_clips()


async def test_a_clip_that_does_not_fit_says_so(tmp_path):
    part = still(tmp_path, "a.jpg", pictures.jpeg(1280, 960))
    with pytest.raises(Unavailable) as told:
        await ClipMaker().make(ClipPlan(parts=(part,)), tmp_path / "clip.mp4", room_bytes=4096)
    assert told.value.code == "no_room"


async def test_too_many_at_once_are_sent_away(tmp_path):
    maker = ClipMaker(ClipLimits(waiting=1))
    plan = ClipPlan(parts=(still(tmp_path, "a.jpg", pictures.jpeg()),))
    asked = [asyncio.create_task(maker.make(plan, tmp_path / f"{n}.mp4")) for n in range(3)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one).__name__ for one in done] == ["Made", "Made", "Unavailable"]


def test_an_encoder_counts_only_if_it_encodes():
    assert usable_encoder() in {X264, "h264_nvenc"}
    assert usable_encoder(("no_such_encoder", X264)) == X264
    with pytest.raises(NoEncoder):
        usable_encoder(("no_such_encoder",))


def test_the_child_gives_way_to_everything_else(tmp_path):
    confine = "c._confine(dict(cpu_s=9, memory_bytes=2**31, file_bytes=9)); print(os.nice(0))"
    code = f"from home_sentry_engine.media import clip_child as c; import os; {confine}"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(told.stdout) >= 10


def test_a_plan_survives_the_way_to_another_process(tmp_path):
    part = Part(path=tmp_path / "a", token="t", seconds=1.5, start_s=2.0)
    plan = ClipPlan(parts=(part,), kind=ClipKind.GIF, veil=MIDDLE, rate=5.0, longest_side=480)
    assert from_json(to_json(plan)) == plan
    assert from_json(to_json(plan)).digest == plan.digest


def media(folder: Path, name: str, at_s: float, duration_s: float | None = None) -> Media:
    path = folder / name
    path.write_bytes(b"x")
    at = AT + timedelta(seconds=at_s)
    kind = MediaKind.IMAGE if duration_s is None else MediaKind.VIDEO
    return Media(
        media_id=path.stem, camera_id="door", path=path, sha256=name, kind=kind, captured_at=at, received_at=at,
        size_bytes=1, duration_s=duration_s,
    )  # fmt: skip


def margins(since_s: float, until_s: float, before_s: float = 5.0, after_s: float = 5.0) -> Margins:
    since, until = AT + timedelta(seconds=since_s), AT + timedelta(seconds=until_s)
    return Margins(since=since, until=until, before_s=before_s, after_s=after_s)


def shown(parts) -> list[tuple[str, float | None, float]]:
    return [(part.token, part.start_s, round(part.seconds, 3)) for part in parts]


def test_a_still_is_shown_until_the_next_one_but_not_for_ever(tmp_path):
    files = [media(tmp_path, f"s{at}.jpg", at) for at in (-20, -4, 0, 2, 30)]
    found = parts_of_visit(files, margins(0, 30), {}, MediaPaths(tmp_path))
    assert shown(found) == [
        ("s-4.jpg", None, 4.0), ("s0.jpg", None, 2.0), ("s2.jpg", None, 5.0), ("s30.jpg", None, 2.0)
    ]  # fmt: skip
    # no margin, no neighbour
    assert shown(parts_of_visit(files, margins(0, 2, 0, 0), {}, MediaPaths(tmp_path)))[0][0] == "s0.jpg"


def test_a_video_is_cut_around_what_was_seen_in_it_and_stills_within_are_not_shown_twice(tmp_path):
    video = media(tmp_path, "v.mp4", 0, duration_s=60.0)
    inside, after = media(tmp_path, "in.jpg", 22), media(tmp_path, "after.jpg", 31)
    found = parts_of_visit([video, inside, after], margins(0, 26), {"v": (20.0, 24.0)}, MediaPaths(tmp_path))
    assert shown(found) == [("v.mp4", 15.0, 14.0), ("after.jpg", None, 2.0)]
    whole = parts_of_visit([video], margins(0, 24, 300, 300), {"v": (20.0, 24.0)}, MediaPaths(tmp_path))
    assert shown(whole) == [("v.mp4", 0.0, 60.0)]


def test_of_a_video_that_is_gone_its_kept_frames_are_shown(tmp_path):
    paths = MediaPaths(tmp_path)
    video = media(tmp_path, "v.mp4", 0, duration_s=60.0)
    video.path.unlink()
    for offset in (4.0, 8.5):
        place = paths.frame("door", "v", AT, offset)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"x")
    found = parts_of_visit([video], margins(4, 8), {"v": (4.0, 8.5)}, paths)
    assert shown(found) == [("v.mp4@00004000", None, 4.5), ("v.mp4@00008500", None, 2.0)]
    assert shown(parts_of_day([video], paths)) == [("v.mp4@00004000", None, 0.1), ("v.mp4@00008500", None, 0.1)]


def test_a_long_visit_and_a_busy_day_stay_short(tmp_path):
    files = [media(tmp_path, f"s{at}.jpg", at) for at in range(0, 6000, 5)]
    found = parts_of_visit(files, margins(0, 6000), {}, MediaPaths(tmp_path))
    assert 590 <= sum(part.seconds for part in found) <= 600
    day = parts_of_day(files, MediaPaths(tmp_path))
    assert (len(day), day[0].token, day[-1].token) == (600, "s0.jpg", "s5995.jpg")
    assert np.isclose(sum(part.seconds for part in day), 60.0)
