"""Which frame of a clip people are shown, and the small pictures of files."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any

from PIL import Image
import pytest

from home_sentry_engine.app.catalogue import StoredCatalogue
from home_sentry_engine.app.pictures import GalleryPictures
from home_sentry_engine.contract import MediaKind
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.operations.retention import Retention
from tests.fakes.household import household
from tests.fakes.masked import masked_home
from tests.fakes.pictures import clip, jpeg

# seconds and the pixels of somebody who comes nearer and leaves
SIZES = {0.0: 0, 4.0: 130, 8.0: 200, 12.0: 150}


class Clip:
    """Frames and detector in one: a person of some frames, and a car far away in all."""

    model_id = "fake"

    async def load(self, _media: Any) -> Sequence[float]:
        return list(SIZES)

    async def picture(self, _media: Any, offset_s: float | None = None) -> Any:
        raise AssertionError(f"nothing is unclear at {offset_s} s")

    async def keep(self, _media: Any, _frame: float) -> None:
        """Nothing is kept."""

    async def detect(self, frames: Sequence[float], *, confidence: float | None) -> Sequence[FrameDetections]:
        return [
            FrameDetections(
                detections=(
                    Detection(label="car", confidence=0.9, box=Box(x=10, y=10, width=30, height=20)),
                    *(
                        [Detection(label="person", confidence=0.8, box=Box(x=200, y=100, width=size, height=size))]
                        if size
                        else []
                    ),
                ),
                image_width=640,
                image_height=480,
                model_id=self.model_id,
                inference_ms=1.0,
                offset_s=offset_s,
            )
            for offset_s, size in SIZES.items()
        ]


class Drawn:
    """A gallery that says what it was asked to draw."""

    def version(self, _camera_id: str) -> str:
        return ""

    async def kept_thumbnail(self, _owner_id: str, _camera_id: str) -> bytes | None:
        return None

    async def thumbnail(self, _owner_id, _media, detections=(), *, offset_s=None) -> bytes:
        return f"thumbnail at {offset_s} with {[one.label for one in detections]}".encode()

    async def small(self, _media, detections=(), *, offset_s=None) -> bytes:
        return f"small at {offset_s} with {[one.label for one in detections]}".encode()

    async def snapshot(self, _media, detections=(), *, offset_s=None, max_side=None) -> bytes:
        return f"snapshot at {offset_s} with {[one.label for one in detections]}".encode()

    async def original(self, _media, *, offset_s=None) -> bytes:
        return f"original at {offset_s}".encode()


@pytest.fixture
def drawn() -> Any:
    return Drawn()


@pytest.fixture
async def home(tmp_path):
    clip = Clip()
    async with household(tmp_path, senses={"frames": clip, "detector": clip}) as made:
        media, arrival = made.arrival_from("Door", "door", "clip")
        await made.ledger.accept(replace(media, kind=MediaKind.VIDEO, duration_s=14.0), arrival)
        await made.work(assess=False)
        yield made


async def test_people_see_the_frame_of_a_clip_that_shows_most(home, drawn):
    pictures = GalleryPictures(home.database, home.tables, drawn)
    (event,) = await home.events()
    shown = [
        await pictures.thumbnail_of(event.event_id),
        await pictures.snapshot_of(event.event_id),
        await pictures.of_media("clip"),
    ]
    assert [one.body.decode() for one in shown if one is not None] == [
        "thumbnail at 8.0 with ['car', 'person']",
        "snapshot at 8.0 with ['car', 'person']",
        "original at 8.0",
    ]


async def test_each_detection_of_a_clip_has_a_thumbnail_of_its_own_moment(home, drawn):
    pictures = GalleryPictures(home.database, home.tables, drawn)
    rows = await home.database.read(lambda conn: home.tables.detections.of_media(conn, "clip"))
    shown = {row.offset_s: await pictures.thumbnail_of_detection(row.id) for row in rows if row.label == "person"}
    assert {at: one.body.decode() for at, one in shown.items() if one is not None} == {
        at: f"small at {at} with ['person']" for at, size in SIZES.items() if size
    }
    assert len({one.etag for one in shown.values() if one is not None}) == len(shown) == 3
    assert await pictures.thumbnail_of_detection(10_000) is None


async def test_an_empty_clip_shows_its_beginning_and_what_is_unknown_nothing(home, drawn):
    media, arrival = home.arrival_from("Door", "door", "empty")
    await home.ledger.accept(replace(media, kind=MediaKind.VIDEO, duration_s=14.0), arrival)
    pictures = GalleryPictures(home.database, home.tables, drawn)
    shown = await pictures.of_media("empty")
    assert shown is not None
    assert shown.body == b"original at None"
    assert await pictures.of_media("unknown") is None


@pytest.fixture
async def delivered(tmp_path):
    async with masked_home(tmp_path) as made:
        await made.set_up(())
        yield made


async def test_a_clip_has_a_poster_that_is_drawn_once_and_forgotten_with_it(delivered, tmp_path):
    media = await delivered.accept(clip(tmp_path / "made.mp4", seconds=9).read_bytes(), "a.mp4")
    told = await StoredCatalogue(delivered.database, delivered.tables).media(media.media_id)
    assert told is not None
    assert (told.mime, told.codec) == ("video/mp4", "mpeg4")
    await delivered.home.work(assess=False)
    shown = await delivered.pictures.thumbnail_of_media(media.media_id)
    place = delivered.paths.video_thumbnail(media.media_id)
    with Image.open(BytesIO(shown.body)) as image:
        assert image.size == (320, 240)
    assert place.read_bytes() == shown.body
    media.path.unlink()
    assert await delivered.pictures.thumbnail_of_media(media.media_id) == shown
    await Retention(delivered.database, delivered.paths, delivered.clock, timedelta(days=30)).forget_camera("door")
    assert not place.exists()
    assert await delivered.pictures.thumbnail_of_media(media.media_id) is None


async def test_a_clip_that_is_gone_or_does_not_decode_has_no_poster(delivered, tmp_path):
    media = await delivered.accept(clip(tmp_path / "made.mp4", seconds=2).read_bytes(), "a.mp4")
    media.path.write_bytes(b"\x00\x00\x00\x18ftypmp42" + bytes(4000))
    assert await delivered.pictures.thumbnail_of_media(media.media_id) is None
    media.path.unlink()
    assert await delivered.pictures.thumbnail_of_media(media.media_id) is None


async def test_a_picture_has_a_thumbnail_without_boxes(delivered):
    media = await delivered.accept(jpeg(640, 480))
    shown = await delivered.pictures.thumbnail_of_media(media.media_id)
    with Image.open(BytesIO(shown.body)) as image:
        assert image.size == (320, 240)
    assert delivered.paths.thumbnail(media.media_id).read_bytes() == shown.body
    assert await delivered.pictures.thumbnail_of_media(media.media_id) == shown
    assert await delivered.pictures.thumbnail_of_media("unknown") is None
