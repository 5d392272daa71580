"""No pixel under a mask differs from the fill, wherever a picture goes."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO

import cv2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.errors import Halted
from home_sentry_engine.domain.files import Provenance
from home_sentry_engine.domain.filetypes import FileType, sniff
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.media.frames import Frames, Rules
from home_sentry_engine.media.gallery import Gallery
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.mask import Veil, mark_of, marked, region, unmarked, veiled, veiled_jpeg
from home_sentry_engine.media.masking import clip_mark, veiled_clip
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.video import Sampling, VideoReader
from tests.fakes import pictures

AT = datetime(2026, 11, 20, 8, 15, tzinfo=UTC)
LIMITS = Limits(min_image_bytes=1)
FOUND = (Detection(label="person", confidence=0.9, box=Box(x=5, y=5, width=200, height=150)),)


@st.composite
def shapes(draw):
    left, top = draw(st.floats(0, 0.8)), draw(st.floats(0, 0.8))
    right, bottom = draw(st.floats(left + 0.05, 1.0)), draw(st.floats(top + 0.05, 1.0))
    third = draw(st.sampled_from([(left, bottom), (right, bottom), ((left + right) / 2, bottom)]))
    return ((left, top), (right, top), third)


veils = st.builds(lambda found: Veil(shapes=tuple(found)), st.lists(shapes(), min_size=1, max_size=3))
sizes = st.sampled_from([(640, 480), (641, 479), (1283, 721), (320, 240), (1920, 1080)])
CALM = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def under(veil: Veil, size: tuple[int, int], place: tuple[float, float, float, float] | None = None) -> np.ndarray:
    """The pixels whose centres lie in a shape, drawn by other means than the product's."""
    left, top, wide, high = place or (0.0, 0.0, *size)
    rows, columns = np.mgrid[0 : size[1], 0 : size[0]]
    inside = np.zeros((size[1], size[0]), bool)
    for shape in veil.shapes:
        corners = np.array([(left + x * wide, top + y * high) for x, y in shape], np.float32)
        for row, column in zip(rows.ravel()[::37], columns.ravel()[::37], strict=True):
            if cv2.pointPolygonTest(corners, (float(column) + 0.5, float(row) + 0.5), measureDist=False) > 0:
                inside[row, column] = True
    return inside


def black(pixels: np.ndarray, inside: np.ndarray, tolerance: int = 0) -> bool:
    return not inside.any() or int(pixels[inside].max()) <= tolerance


@CALM
@given(veil=veils, size=sizes, block=st.sampled_from([8, 16]))
def test_burned_pixels(veil, size, block):
    scene = pictures.scene(*size)
    burned = veiled(scene, veil, block=block)
    covered = region(veil, size, block=block)
    assert black(burned, under(veil, size))
    assert (burned[~covered] == scene[~covered]).all()


@CALM
@given(veil=veils, size=sizes)
def test_stored_jpeg(veil, size):
    stored = veiled_jpeg(pictures.scene(*size), veil)
    assert mark_of(stored) == veil.key
    for at_least in (None, 120):
        picture = decode(stored, at_least=at_least)
        pixels = picture.pixels
        assert black(pixels, under(veil, (pixels.shape[1], pixels.shape[0])))


def test_marks():
    veil = Veil(shapes=(((0.1, 0.1), (0.5, 0.1), (0.5, 0.5)),))
    plain = pictures.jpeg()
    assert mark_of(plain) is None
    assert mark_of(b"") is None
    assert mark_of(marked(plain, veil)) == veil.key
    assert decode(marked(plain, veil)).pixels.shape == (480, 640, 3)
    assert unmarked(marked(plain, veil)) == unmarked(plain) == plain


@pytest.fixture
def places(tmp_path):
    return MediaPaths(tmp_path)


@pytest.fixture
def executor():
    with ThreadPoolExecutor(1) as pool:
        yield pool


def _still(path, data):
    path.write_bytes(data)
    return Media(
        media_id="m1",
        camera_id="door",
        path=path,
        sha256="0" * 64,
        kind=MediaKind.IMAGE,
        captured_at=AT,
        received_at=AT,
        size_bytes=len(data),
    )


@CALM
@given(veil=veils, size=sizes, source=st.sampled_from(["jpeg", "png"]))
def test_everything_that_leaves_the_media_room(tmp_path_factory, veil, size, source):
    folder = tmp_path_factory.mktemp("masked")
    paths = MediaPaths(folder)
    data = pictures.jpeg(*size) if source == "jpeg" else pictures.with_pillow("PNG", *size)
    with ThreadPoolExecutor(1) as pool:
        frames = Frames(paths, Rules(limits=LIMITS), pool, veils=lambda camera_id: veil)
        gallery = Gallery(frames, paths, pool)
        looked = frames.inspect_still(data, Provenance(seen_at=AT, camera_id="door"))
        assert looked.content is not None
        assert looked.picture is not None
        assert sniff(looked.content[:16]) is looked.facts.file_type is FileType.JPEG
        for pixels in (decode(looked.content).pixels, looked.picture.pixels, looked.picture.full().pixels):
            assert black(pixels, under(veil, (pixels.shape[1], pixels.shape[0])))
        # an older file, stored before the mask was drawn
        media = _still(folder / "old", data)
        (loaded,) = asyncio.run(frames.load(media))
        whole = asyncio.run(frames.whole(media, None))
        served = [
            asyncio.run(gallery.original(media)),
            asyncio.run(gallery.snapshot(media, FOUND)),
            asyncio.run(gallery.snapshot(media, max_side=400)),
        ]
        thumb = decode(asyncio.run(gallery.thumbnail("e1", media, FOUND))).pixels
    for pixels in (loaded.pixels, whole, *(decode(one).pixels for one in served)):
        assert black(pixels, under(veil, (pixels.shape[1], pixels.shape[0])))
    scale = min(320 / size[0], 240 / size[1])
    wide, high = round(scale * size[0]), round(scale * size[1])
    assert black(thumb, under(veil, (320, 240), ((320 - wide) // 2, (240 - high) // 2, wide, high)))


def test_what_wears_the_veil_is_not_encoded_again(places, executor):
    veil = Veil(shapes=(((0.0, 0.0), (0.5, 0.0), (0.5, 0.5)),))
    frames = Frames(places, Rules(limits=LIMITS), executor, veils=lambda camera_id: veil)
    provenance = Provenance(seen_at=AT, camera_id="door")
    once = frames.inspect_still(pictures.jpeg(), provenance)
    assert once.content is not None
    assert not once.worn
    again = frames.inspect_still(once.content, provenance)
    assert again.worn
    assert again.content is None


async def test_a_thumbnail_of_other_masks_is_drawn_anew(places, executor):
    veil = None
    frames = Frames(places, Rules(limits=LIMITS), executor, veils=lambda camera_id: veil)
    gallery = Gallery(frames, places, executor)
    media = _still(places.root / "old", pictures.jpeg())
    await gallery.thumbnail("e1", media)
    assert await gallery.kept_thumbnail("e1", "door") is not None
    veil = Veil(shapes=(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0)),))
    assert await gallery.kept_thumbnail("e1", "door") is None
    drawn = await gallery.thumbnail("e1", media)
    # the note of the masks is the engine's own: what is served carries no metadata
    assert await gallery.kept_thumbnail("e1", "door") == drawn
    assert mark_of(drawn) is None
    veil = None
    assert await gallery.kept_thumbnail("e1", "door") == drawn


def test_a_clip_is_let_go_in_the_middle_when_the_engine_ends(tmp_path):
    asked = iter([False] * 20)
    reader = VideoReader(Limits(halted=lambda: next(asked, True)))
    with pictures.clip(tmp_path / "a.mp4", seconds=9).open("rb") as file, pytest.raises(Halted):
        veiled_clip(reader, file, Veil(shapes=(((0.2, 0.2), (0.8, 0.2), (0.8, 0.7)),)))
    assert next(asked, None) is None


@pytest.mark.parametrize(("name", "codec", "size"), [("a.mp4", "mpeg4", (320, 240)), ("a.avi", "mjpeg", (322, 182))])
def test_clips(tmp_path, places, executor, name, codec, size):
    veil = Veil(shapes=(((0.2, 0.2), (0.8, 0.2), (0.8, 0.7), (0.2, 0.7)),))
    reader = VideoReader(LIMITS)
    clip = pictures.clip(tmp_path / name, seconds=9, codec=codec, size=size)
    with clip.open("rb") as file:
        assert clip_mark(reader, file) is None
        burned = veiled_clip(reader, file, veil)
    assert clip_mark(reader, BytesIO(burned)) == veil.key
    assert reader.probe(BytesIO(burned)).duration_s == pytest.approx(9.0, abs=0.3)
    frames = list(reader.frames(BytesIO(burned), Sampling(interval_s=1.0)))
    assert len(frames) == 9
    for frame in frames:
        # the codec of the stored clip may be off by a level or two; frames of it are burned again, exactly
        assert black(frame.pixels, under(veil, (frame.width, frame.height)), tolerance=3)
        assert frame.pixels[2, 2].mean() == pytest.approx(10 * round(frame.offset_s or 0.0), abs=12)
    media = Media(
        media_id="v1",
        camera_id="door",
        path=clip,
        sha256="0" * 64,
        kind=MediaKind.VIDEO,
        captured_at=AT,
        received_at=AT,
        size_bytes=1,
        duration_s=9.0,
    )
    looking = Frames(places, Rules(limits=LIMITS), executor, veils=lambda camera_id: veil)
    for frame in asyncio.run(looking.load(media)):
        asyncio.run(looking.keep(media, frame))
        kept = places.frame("door", "v1", AT, frame.offset_s or 0.0).read_bytes()
        for pixels in (frame.pixels, frame.full().pixels, decode(kept).pixels):
            assert black(pixels, under(veil, (pixels.shape[1], pixels.shape[0])))
    poster = asyncio.run(Gallery(looking, places, executor).video_thumbnail("v1", media))
    assert poster is not None
    wide, high = (320, 240) if size == (320, 240) else (320, round(320 / 322 * 182))
    assert black(decode(poster).pixels, under(veil, (320, 240), (0, (240 - high) // 2, wide, high)))
