from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.errors import Permanent, Transient
from home_sentry_engine.domain.files import Provenance, TimeSource
from home_sentry_engine.domain.filetypes import FileType
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.media.frames import Frames, PictureMemory, Rules
from home_sentry_engine.media.gallery import Gallery
from home_sentry_engine.media.paths import MediaPaths, write_atomic
from home_sentry_engine.media.picture import decode
from tests.fakes import pictures

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.fixture
def paths(tmp_path):
    return MediaPaths(tmp_path / "data")


@pytest.fixture
def frames(paths, executor):
    return Frames(paths, Rules(), executor)


@pytest.fixture
def gallery(frames, paths, executor):
    return Gallery(frames, paths, executor)


def _media(path, kind=MediaKind.IMAGE, duration_s=None):
    return Media(
        media_id="m1",
        camera_id="yard",
        path=path,
        sha256="0" * 64,
        kind=kind,
        captured_at=AT,
        received_at=AT,
        size_bytes=1,
        duration_s=duration_s,
    )


def test_facts_of_a_still(frames):
    looked = frames.inspect_still(pictures.jpeg(1280, 720), Provenance(seen_at=AT, name="Schedule_20261120-081530.jpg"))
    assert (looked.facts.file_type, looked.facts.width, looked.facts.height) == (FileType.JPEG, 1280, 720)
    assert looked.facts.captured.source is TimeSource.NAME


def test_facts_of_a_video(frames, tmp_path):
    with pictures.clip(tmp_path / "a.mp4", seconds=3).open("rb") as file:
        looked = frames.inspect_video(file, Provenance(seen_at=AT))
    assert looked.picture is None
    assert looked.facts.duration_s == pytest.approx(3.0, abs=0.2)


async def test_picture_seen_at_intake_is_not_decoded_again(frames, tmp_path):
    looked = frames.inspect_still(pictures.jpeg(), Provenance(seen_at=AT))
    frames.remember("m1", looked)
    (picture,) = await frames.load(_media(tmp_path / "there-is-no-such-file.jpg"))
    assert picture is looked.picture


async def test_picture_is_read_from_the_disk_after_a_restart(frames, tmp_path):
    place = tmp_path / "a.jpg"
    write_atomic(place, pictures.jpeg(1280, 1024))
    (picture,) = await frames.load(_media(place))
    assert (picture.width, picture.pixels.shape) == (1280, (512, 640, 3))


async def test_failures_have_a_type(frames, tmp_path):
    with pytest.raises(Permanent) as gone:
        await frames.load(_media(tmp_path / "gone.jpg"))
    assert gone.value.code == "file_gone"
    (tmp_path / "bad.jpg").write_bytes(pictures.damaged(pictures.jpeg(), "truncated"))
    with pytest.raises(Permanent) as bad:
        await frames.load(_media(tmp_path / "bad.jpg"))
    assert bad.value.code == "truncated"
    with pytest.raises(Transient):
        await frames.load(_media(tmp_path))
    (tmp_path / "bad.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(4000))
    with pytest.raises(Permanent):
        await frames.load(_media(tmp_path / "bad.mp4", MediaKind.VIDEO))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.jpg", "bad.mp4"]


async def test_a_folder_that_became_a_link_gives_no_frames_of_others(executor, tmp_path):
    cameras = tmp_path / "cameras"
    (cameras / "garden").mkdir(parents=True)
    video = pictures.clip(cameras / "garden/a.mp4", seconds=3)
    (cameras / "yard").symlink_to(cameras / "garden")
    frames = Frames(MediaPaths(tmp_path / "data", cameras), Rules(), executor)
    assert await frames.load(_media(video, MediaKind.VIDEO, 3.0))
    swapped = replace(_media(cameras / "yard/a.mp4", MediaKind.VIDEO, 3.0), media_id="m2")
    for look in (frames.load(swapped), frames.picture(swapped, 1.0)):
        with pytest.raises(Permanent) as gone:
            await look
        assert gone.value.code == "file_gone"


async def test_video_frames_are_kept_as_stills(frames, paths, tmp_path):
    media = _media(pictures.clip(tmp_path / "a.mp4", seconds=9), MediaKind.VIDEO, 9.0)
    loaded = await frames.load(media)
    assert [frame.offset_s for frame in loaded] == pytest.approx([0, 4, 8], abs=0.11)
    await frames.keep(media, loaded[1])
    assert paths.frame("yard", "m1", AT, loaded[1].offset_s).is_file()
    media.path.unlink()
    again = await frames.picture(media, loaded[1].offset_s)
    assert again.pixels.mean() == pytest.approx(40, abs=3)


async def test_gallery_draws_and_forgets(gallery, paths, tmp_path):
    place = tmp_path / "a.jpg"
    write_atomic(place, pictures.jpeg(1280, 960))
    media, found = _media(place), Detection(label="person", confidence=0.9, box=Box(x=9, y=9, width=99, height=99))
    drawn = await gallery.thumbnail("e1", media, [found])
    assert paths.thumbnail("e1").read_bytes() == drawn == await gallery.kept_thumbnail("e1", media.camera_id)
    with Image.open(BytesIO(drawn)) as image:
        assert image.size == (320, 240)
    assert decode(await gallery.snapshot(media, [found])).width == 1280
    assert np.array_equal(decode(await gallery.original(media)).pixels, decode(place.read_bytes()).pixels)
    assert await gallery.forget("e1")
    assert not await gallery.forget("e1")
    assert await gallery.kept_thumbnail("e1", media.camera_id) is None


async def test_a_small_picture_that_is_not_kept(gallery, paths, tmp_path):
    media = _media(pictures.clip(tmp_path / "a.mp4", seconds=9), MediaKind.VIDEO, 9.0)
    found = Detection(label="person", confidence=0.9, box=Box(x=20, y=20, width=60, height=60))
    plain, boxed, later = [
        await gallery.small(media, offset_s=2.0),
        await gallery.small(media, [found], offset_s=2.0),
        await gallery.small(media, [found], offset_s=7.0),
    ]
    assert {decode(one).pixels.shape for one in (plain, boxed, later)} == {(240, 320, 3)}
    assert len({plain, boxed, later}) == 3
    assert not paths.thumbnail("a").parent.exists() or not list(paths.thumbnail("a").parent.iterdir())


async def test_video_thumbnail(gallery, paths, tmp_path):
    media = _media(pictures.clip(tmp_path / "a.mp4", seconds=9), MediaKind.VIDEO, 9.0)
    drawn = await gallery.video_thumbnail("7", media)
    assert drawn == paths.video_thumbnail("7").read_bytes()
    (tmp_path / "bad.mp4").write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(4000))
    assert await gallery.video_thumbnail("8", _media(tmp_path / "bad.mp4", MediaKind.VIDEO, 9.0)) is None
    # nowhere to write it
    paths.thumbnail("7").parent.rename(tmp_path / "elsewhere")
    paths.thumbnail("7").parent.write_text("a file")
    assert await gallery.video_thumbnail("9", media) is None


def test_memory_is_bounded():
    one = decode(pictures.jpeg())
    memory = PictureMemory(int(one.held_bytes * 2.5))
    for name in "abc":
        memory.put(name, one)
    assert [name for name in "abc" if memory.get(name)] == ["b", "c"]
    memory.get("b")
    memory.put("d", one)
    assert [name for name in "abcd" if memory.get(name)] == ["b", "d"]
    PictureMemory(0).put("a", one)
