from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace

import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.errors import Rejected
from home_sentry_engine.media.clean import clean_jpeg
from home_sentry_engine.media.picture import Picture, decode
from home_sentry_engine.media.thumbnail import colour_of, load_font, snapshot, thumbnail
from tests.fakes import pictures


@dataclass(frozen=True)
class Loose:
    label: str
    confidence: float | None
    box: object


def _grey(width: int, height: int, value: int = 90) -> Picture:
    pixels = np.full((height, width, 3), value, dtype=np.uint8)
    return Picture(pixels=pixels, width=width, height=height, source=b"")


def _found(label="person", confidence=0.87, box=(100, 100, 200, 300)):
    x, y, width, height = box
    return Detection(label=label, confidence=confidence, box=Box(x=x, y=y, width=width, height=height))


def _pixels(jpeg: bytes) -> np.ndarray:
    with Image.open(BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def _rgb(colour: str) -> np.ndarray:
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])


class TestThumbnail:
    @pytest.mark.parametrize(
        ("size", "bars"),
        [((1920, 1080), (slice(0, 28), slice(None))), ((480, 1280), (slice(None), slice(0, 110)))],
    )
    def test_exact_size_with_black_padding(self, size, bars):
        pixels = _pixels(thumbnail(_grey(*size)))
        assert pixels.shape == (240, 320, 3)
        assert pixels[bars].max() < 12
        assert abs(pixels[120, 160] - 90).max() < 4

    @pytest.mark.parametrize(
        ("label", "colour"),
        [
            ("person", "#E74856"),
            ("car", "#3B82F6"),
            ("truck", "#3B82F6"),
            ("dog", "#76B900"),
            ("cat", "#76B900"),
            ("bicycle", "#FFB800"),
            ("motorcycle", "#FFB800"),
            ("bird", "#A855F7"),
            ("bus", "#FFFFFF"),
            ("suitcase", "#FFFFFF"),
        ],
    )
    def test_box_of_three_pixels_in_the_colour_of_the_label(self, label, colour):
        assert colour_of(label) == colour
        pixels = _pixels(thumbnail(_grey(640, 480), [_found(label, box=(100, 200, 300, 200))]))
        wanted = _rgb(colour)
        # bottom edge: rows 197..199 of the thumbnail, away from the corners and the text
        column = np.abs(pixels[185:215, 150] - wanted).max(axis=1)
        assert int((column < 60).sum()) in {3, 4}
        assert np.flatnonzero(column < 60).mean() + 185 == pytest.approx(198, abs=1.1)

    def test_label_and_confidence_are_written(self):
        plain = _pixels(thumbnail(_grey(640, 480), [_found(confidence=0.87)]))
        other = _pixels(thumbnail(_grey(640, 480), [_found(confidence=0.31)]))
        changed = np.argwhere(np.abs(plain - other).max(axis=2) > 60)
        assert len(changed) > 5
        # only the text above the box's top edge (row 50) differs
        assert changed[:, 0].max() < 56

    @pytest.mark.parametrize(
        "broken",
        [
            Loose("person", 0.9, None),
            Loose("person", None, Box(x=10, y=10, width=50, height=50)),
            Loose("person", 0.9, SimpleNamespace(x=10, y=None, width=50, height=50)),
            Loose("person", 0.9, SimpleNamespace(x=10, y=10, width=0, height=50)),
            Loose("person", 0.9, SimpleNamespace(x=10, y=10, width=-5, height=50)),
            Loose("person", 0.9, SimpleNamespace(x=9000, y=10, width=50, height=50)),
        ],
    )
    def test_incomplete_boxes_are_left_out(self, broken):
        picture = _grey(640, 480)
        assert thumbnail(picture, [broken]) == thumbnail(picture)
        assert thumbnail(picture, [broken, _found()]) == thumbnail(picture, [_found()])

    @pytest.mark.parametrize("box", [(0, 0, 640, 480), (638, 478, 2, 2), (0, 0, 1, 1), (600, 0, 400, 900)])
    def test_boxes_at_the_edge(self, box):
        assert _pixels(thumbnail(_grey(640, 480), [_found(box=box)])).shape == (240, 320, 3)

    def test_reduced_picture_gives_the_same_thumbnail(self):
        data = pictures.photographs(1, 1280, 960)[0]
        whole = _pixels(thumbnail(decode(data), [_found()]))
        small = _pixels(thumbnail(decode(data, at_least=300), [_found()]))
        assert np.abs(whole - small).mean() < 3

    def test_tiny_picture(self):
        assert _pixels(thumbnail(_grey(1, 1))).shape == (240, 320, 3)
        assert _pixels(thumbnail(_grey(16_000, 2))).shape == (240, 320, 3)

    def test_font_of_pillow_is_the_last_resort(self):
        assert load_font(12, names=("no-such-font.ttf",)).getlength("person 87%") > 10


class TestSnapshot:
    def test_full_size_with_and_without_boxes(self):
        picture = decode(pictures.jpeg(1280, 960), at_least=300)
        assert picture.reduced
        plain, boxed = (_pixels(snapshot(picture, [_found()], boxes=boxes)) for boxes in (False, True))
        assert plain.shape == boxed.shape == (960, 1280, 3)
        assert np.abs(boxed[102:399, 101] - _rgb("#E74856")).mean() < 60
        assert np.abs(plain - picture.full().pixels).mean() < 8

    def test_longest_side(self):
        picture = decode(pictures.jpeg(1280, 960))
        assert _pixels(snapshot(picture, max_side=640)).shape == (480, 640, 3)
        assert _pixels(snapshot(picture, max_side=5000)).shape == (960, 1280, 3)


class TestMetadata:
    def _secretive(self, orientation: int = 1) -> bytes:
        exif = Image.Exif()
        exif[0x010F] = "SecretMaker"
        exif[0x0112] = orientation
        exif.get_ifd(0x8825)[1] = "N"
        data = pictures.with_exif(pictures.jpeg(), exif)
        comment = b"SecretComment"
        xmp = b"http://ns.adobe.com/xap/1.0/\x00<gps>SecretPlace</gps>"
        extra = b"".join(
            b"\xff" + bytes([marker]) + (len(body) + 2).to_bytes(2) + body
            for marker, body in ((0xFE, comment), (0xE1, xmp), (0xE2, b"MPF\x00SecretIndex"))
        )
        return data[:2] + extra + data[2:] + b"SecretTail" + data

    def test_nothing_that_the_camera_wrote_about_itself_is_served(self):
        data = self._secretive()
        assert b"Secret" in data
        clean = clean_jpeg(data)
        assert b"Secret" not in clean
        assert b"Exif" not in clean
        assert np.array_equal(decode(clean).pixels, decode(data).pixels)

    def test_turned_pictures_stay_upright(self):
        data = self._secretive(orientation=6)
        clean = clean_jpeg(data)
        assert b"Secret" not in clean
        assert decode(clean).pixels.shape == decode(data).pixels.shape == (640, 480, 3)

    def test_progressive_pictures_keep_all_scans(self):
        data = pictures.with_pillow("JPEG", 640, 480, progressive=True, comment=b"SecretComment")
        clean = clean_jpeg(data)
        assert b"Secret" not in clean
        assert np.array_equal(decode(clean).pixels, decode(data).pixels)

    def test_a_jpeg_of_countless_segments_is_encoded_anew(self):
        data = pictures.jpeg()
        clean = clean_jpeg(data[:-2] + b"\xff\xfe\x00\x08Secret" * 5000 + data[-2:])
        assert b"Secret" not in clean
        assert np.abs(decode(clean).pixels.astype(int) - decode(data).pixels.astype(int)).mean() < 3

    def test_thumbnails_and_snapshots_have_none(self):
        picture = decode(self._secretive())
        for served in (thumbnail(picture), snapshot(picture, boxes=False), snapshot(picture, [_found()])):
            assert b"Secret" not in served
            assert b"Exif" not in served

    def test_png_becomes_a_clean_jpeg(self):
        data = pictures.with_pillow("PNG", 320, 240)
        assert decode(clean_jpeg(data)).pixels.shape == (240, 320, 3)

    def test_other_files_are_refused(self):
        with pytest.raises(Rejected):
            clean_jpeg(b"<html>" * 500)
