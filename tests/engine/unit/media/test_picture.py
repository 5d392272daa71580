from datetime import UTC, datetime
from io import BytesIO
import os
from pathlib import Path
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.domain.box import InvalidBoundingBoxError
from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.media import validate
from home_sentry_engine.media.child import decode_in_child
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.picture import decode, read_still_header, reduction
from home_sentry_engine.media.raster import read_webp_header
from home_sentry_engine.media.validate import check_still
from tests.fakes import pictures

LIMITS = Limits()


def _reason(data: bytes, limits: Limits = LIMITS) -> RejectReason:
    with pytest.raises(Rejected) as caught:
        check_still(data, limits, at_least=256)
    return caught.value.reason


def _is_sound(data: bytes) -> bool:
    try:
        check_still(data, LIMITS, at_least=256)
    except Rejected:
        return False
    return True


def _other(name: str) -> bytes:
    out = BytesIO()
    Image.fromarray(pictures.scene()).save(out, name)
    return out.getvalue()


class TestSoundPictures:
    @pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP"])
    def test_every_format_gives_rgb_pixels_of_the_stated_size(self, name):
        picture = decode(pictures.with_pillow(name, 320, 240))
        assert picture.pixels.shape == (240, 320, 3)
        assert (picture.width, picture.height, picture.reduced) == (320, 240, False)
        assert np.abs(picture.pixels.astype(int) - pictures.scene(320, 240)).mean() < 12

    @pytest.mark.parametrize(
        ("name", "mode"),
        [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "L"), ("PNG", "P"), ("PNG", "1"), ("PNG", "RGBA"), ("WEBP", "RGBA")],
    )
    def test_colour_modes_become_rgb(self, name, mode):
        assert decode(pictures.with_pillow(name, 64, 48, mode)).pixels.shape == (48, 64, 3)

    def test_sixteen_bit_grey_keeps_its_brightness(self):
        out = BytesIO()
        Image.fromarray(np.full((40, 50), 0x8000, dtype=np.uint16)).save(out, "PNG")
        assert np.unique(decode(out.getvalue()).pixels).tolist() == [0x80]

    def test_progressive_jpeg_is_accepted(self):
        data = pictures.with_pillow("JPEG", 640, 480, progressive=True)
        header, picture = check_still(data, LIMITS)
        assert header.scans > 1
        assert picture.pixels.shape == (480, 640, 3)

    def test_small_night_frame_is_accepted(self):
        out = BytesIO()
        Image.new("RGB", (640, 480), (3, 3, 5)).save(out, "JPEG", quality=60)
        assert len(out.getvalue()) < 10_000
        check_still(out.getvalue(), LIMITS)

    def test_bytes_behind_the_end_marker_do_no_harm(self):
        check_still(pictures.jpeg() + bytes(64), LIMITS)

    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("at_least", [None, 120])
    def test_orientation_is_applied(self, orientation, at_least):
        exif = Image.Exif()
        exif[0x0112] = orientation
        data = pictures.with_exif(pictures.jpeg(640, 480), exif)
        with Image.open(BytesIO(data)) as image:
            upright = np.asarray(_transposed(image, orientation).convert("RGB"))
        picture = decode(data, at_least=at_least)
        rows, columns = upright.shape[:2]
        assert (picture.width, picture.height) == (columns, rows)
        step = columns // picture.pixels.shape[1]
        small = upright.reshape(rows // step, step, columns // step, step, 3).mean(axis=(1, 3))
        assert np.abs(picture.pixels - small).mean() < 6

    def test_all_reference_pictures_pass(self):
        folder = os.environ.get("HOME_SENTRY_TEST_MEDIA")
        if not folder:
            pytest.skip("HOME_SENTRY_TEST_MEDIA is not set")
        files = sorted(Path(folder).glob("images/**/*.jpg"))
        assert files
        for file in files:
            data = file.read_bytes()
            with Image.open(BytesIO(data)) as image:
                size = image.size
            _, picture = check_still(data, LIMITS, at_least=256)
            assert (picture.width, picture.height) == size, file.name


def _transposed(image: Image.Image, orientation: int) -> Image.Image:
    ways = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}
    return image.transpose(Image.Transpose(ways[orientation])) if orientation > 1 else image


class TestScale:
    @pytest.mark.parametrize(
        ("size", "at_least", "factor"),
        [
            ((1920, 1080), None, 1),
            ((1920, 1080), 640, 1),
            ((1920, 1080), 540, 2),
            ((3840, 2160), 512, 4),
            ((3840, 2160), 270, 8),
            ((640, 480), 512, 1),
            ((480, 640), 240, 2),
        ],
    )
    def test_smallest_scale_that_serves(self, size, at_least, factor):
        assert reduction(size[0], size[1], at_least) == factor

    @pytest.mark.parametrize("name", ["JPEG", "PNG"])
    def test_reduced_picture_knows_its_original(self, name):
        picture = decode(pictures.with_pillow(name, 643, 481), at_least=200)
        assert picture.pixels.shape == (241, 322, 3)
        assert (picture.width, picture.height, picture.reduced) == (643, 481, True)
        whole = picture.full()
        assert whole.pixels.shape == (481, 643, 3)
        assert whole.full() is whole

    def test_crop_is_clamped_and_scaled(self):
        picture = decode(pictures.with_pillow("PNG", 100, 100))
        assert picture.crop((10, 10, 200, 200)).shape == (90, 90, 3)
        half = decode(pictures.with_pillow("JPEG", 400, 400), at_least=200)
        assert half.crop((100, 100, 300, 200)).shape == (50, 100, 3)
        for corners in ((50, 10, 20, 60), (10, 10, 10, 60), (200, 200, 300, 300)):
            with pytest.raises(InvalidBoundingBoxError):
                picture.crop(corners)


class TestDamage:
    @pytest.mark.parametrize("how", ["truncated", "zero_tail", "no_end"])
    @pytest.mark.parametrize("seed", range(5))
    def test_missing_end_is_truncated(self, how, seed):
        assert _reason(pictures.damaged(pictures.jpeg(seed=seed), how)) is RejectReason.TRUNCATED

    def test_random_bytes_in_the_scan_and_spliced_frames_are_found(self):
        # Huffman codes find their way back: about one damage in a hundred leaves exactly as many blocks as before
        photographs = pictures.photographs(120)
        noisy = [pictures.damaged(data, "random_block", seed) for seed, data in enumerate(photographs)]
        spliced = [
            first[: len(first) // 2] + second[len(second) // 2 :]
            for first, second in zip(photographs, photographs[1:] + photographs[:1], strict=True)
        ]
        assert sum(map(_is_sound, noisy)) <= 3
        assert sum(map(_is_sound, spliced)) <= 3

    def test_strict_check_has_no_false_alarm(self):
        for seed in range(40):
            check_still(pictures.jpeg(320 + seed, 240 + seed, seed, quality=40 + seed), LIMITS, at_least=256)

    @pytest.mark.parametrize("cut", [40, 1200, 20_000])
    def test_truncated_png(self, cut):
        assert _reason(pictures.with_pillow("PNG")[:cut]) is RejectReason.TRUNCATED

    def test_damaged_png(self):
        data = bytearray(pictures.with_pillow("PNG"))
        data[len(data) // 2] ^= 0x10
        assert _reason(bytes(data)) is RejectReason.CORRUPT

    def test_png_with_two_sizes(self):
        data = pictures.black_png(400)
        assert _reason(data[:33] + pictures.black_png(200)[8:], Limits(min_image_bytes=1)) is RejectReason.CORRUPT

    def test_truncated_webp(self):
        assert _reason(pictures.with_pillow("WEBP")[:-200]) is RejectReason.TRUNCATED

    def test_webp_without_a_picture(self):
        data = pictures.with_pillow("WEBP")
        assert _reason(data[:12] + b"JUNK" + data[16:]) is RejectReason.CORRUPT

    @pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00", b"\xff\xd8\xff\xe0\x00\x00" * 400])
    def test_crumbs(self, data):
        assert _reason(data) in {RejectReason.EMPTY, RejectReason.TRUNCATED, RejectReason.CORRUPT}

    @pytest.mark.parametrize(
        ("data", "limit"),
        [
            (b"\xff\xd8" + b"\xff\xd0" * 500_000, "4096 segments"),
            (b"\xff\xd8" + b"\xff\xe0\x00\x02" * 500_000, "4096 segments"),
            (b"\xff\xd8" + b"\xff" * 2_000_000 + b"\xff\xe0\x00\x02" * 500_000, "4096 segments"),
            (pictures.black_png(8)[:33] + pictures.chunk(b"aaAa", b"") * 70_000, "65536 chunks"),
        ],
        ids=["restarts", "segments", "filled", "chunks"],
    )
    def test_a_header_of_countless_parts_is_not_walked_through(self, data, limit):
        with pytest.raises(Rejected, match=f"has more than {limit}") as caught:
            check_still(data, LIMITS)
        assert caught.value.reason is RejectReason.CORRUPT

    @pytest.mark.parametrize(("parts", "seen"), [(60_000, True), (70_000, False)])
    def test_a_webp_of_countless_parts_is_looked_through_in_part(self, parts, seen):
        body = pictures.with_pillow("WEBP")[12:] + b"none\0\0\0\0" * parts + b"EXIF\x08\0\0\0II*\0\x08\0\0\0"
        header = read_webp_header(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body)
        assert (header.exif is not None) is seen

    def test_a_filled_header_is_sound(self):
        data = pictures.jpeg()
        assert decode(data[:2] + b"\xff" * 100_000 + data[2:]).width == decode(data).width

    def test_size_limits(self):
        data = pictures.jpeg()
        assert _reason(data, Limits(min_image_bytes=len(data) + 1)) is RejectReason.TOO_SMALL
        assert _reason(data, Limits(max_image_bytes=len(data) - 1)) is RejectReason.TOO_LARGE

    @pytest.mark.parametrize("name", ["GIF", "TIFF", "BMP", "PPM", "ICO"])
    def test_other_picture_formats_are_not_opened(self, name):
        assert _reason(_other(name)) is RejectReason.NOT_MEDIA

    @pytest.mark.parametrize(
        "data", [b"<!DOCTYPE html><html>" * 99, b"PK\x03\x04" + bytes(2000), b"%!PS-Adobe-3.0" * 200]
    )
    def test_foreign_files_are_not_opened(self, data):
        assert _reason(data) is RejectReason.NOT_MEDIA

    @settings(max_examples=300, deadline=None)
    @given(st.data())
    def test_any_change_is_rejected_or_decodes(self, data):
        name = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP"]))
        content = bytearray(pictures.with_pillow(name, 48, 32))
        for _ in range(data.draw(st.integers(0, 8))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        end = data.draw(st.just(len(content)) | st.integers(0, len(content)))
        try:
            _, picture = check_still(bytes(content[:end]), Limits(min_image_bytes=0, max_pixels=1_000_000))
        except Rejected:
            return
        assert picture.pixels.shape == (picture.height, picture.width, 3)


class TestBombs:
    def test_png_with_169_megapixels(self):
        data = pictures.black_png(13_000)
        assert len(data) < 500_000
        assert _reason(data) is RejectReason.TOO_MANY_PIXELS

    def test_progressive_jpeg_with_84_megapixels(self):
        assert _reason(pictures.progressive_bomb(9_166, 6)) is RejectReason.TOO_MANY_PIXELS

    def test_36_megapixels_in_400_scans_are_refused_without_a_decode(self, monkeypatch):
        data = pictures.progressive_bomb(6_000, 400)
        assert data.count(b"\xff\xda") == 400

        def never(*_args, **_more):
            raise AssertionError("it was decoded")

        for name in ("decode_checked", "decode_in_child"):
            monkeypatch.setattr(validate, name, never)
        assert _reason(data) is RejectReason.TOO_MANY_SCANS

    @pytest.mark.parametrize("side", [9_000, 65_500])
    def test_stated_size_beyond_the_limit(self, side):
        assert _reason(pictures.with_stated_size(pictures.jpeg(), side, side)) is RejectReason.TOO_MANY_PIXELS

    def test_side_beyond_the_limit(self):
        assert _reason(pictures.with_stated_size(pictures.jpeg(), 20_000, 100)) is RejectReason.TOO_MANY_PIXELS

    def test_a_scan_in_the_metadata_is_not_counted(self):
        data = pictures.jpeg()
        comment = b"\xff\xda" * 500
        data = data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + data[2:]
        assert read_still_header(data).scans == 1

    def test_work_beyond_a_thread_is_done_in_a_child(self):
        data = pictures.with_pillow("JPEG", 640, 480, progressive=True)
        _, picture = check_still(data, Limits(thread_work=1000), at_least=200)
        assert picture.pixels.shape == (240, 320, 3)
        assert np.array_equal(picture.pixels, decode(data, at_least=200).pixels)

    def test_child_reports_its_reason(self):
        data = pictures.damaged(pictures.jpeg(), "random_block")
        with pytest.raises(Rejected) as caught:
            decode_in_child(data, at_least=None, limits=LIMITS)
        assert caught.value.reason is RejectReason.CORRUPT

    def test_child_is_stopped_when_it_takes_too_long(self):
        data = pictures.progressive_bomb(6_000, 400)
        limits = Limits(max_scans=1000, thread_work=1, child_cpu_s=1)
        assert _reason(data, limits) is RejectReason.TOO_SLOW

    def test_child_is_stopped_by_the_wall_clock(self):
        data = pictures.progressive_bomb(6_000, 400)
        limits = Limits(max_scans=1000, thread_work=1, child_cpu_s=60, timeout_s=0.5)
        assert _reason(data, limits) is RejectReason.TOO_SLOW

    def test_child_is_bound_in_memory(self):
        data = pictures.progressive_bomb(7_000, 6)
        limits = Limits(thread_work=1, child_bytes=160 * 1024 * 1024, child_cpu_s=100, timeout_s=100)
        with pytest.raises(Rejected) as caught:
            decode_in_child(data, at_least=None, limits=limits)
        assert caught.value.reason in {RejectReason.TOO_MANY_PIXELS, RejectReason.CORRUPT}


def test_exif_time_with_and_without_offset():
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    details[0x9003] = "2026:11:20 08:15:30"
    assert read_still_header(pictures.with_exif(pictures.jpeg(), exif)).exif.taken == datetime(2026, 11, 20, 8, 15, 30)  # noqa: DTZ001
    details[0x9011] = "+02:00"
    taken = read_still_header(pictures.with_exif(pictures.jpeg(), exif)).exif.taken
    assert taken is not None
    assert taken.astimezone(UTC) == datetime(2026, 11, 20, 6, 15, 30, tzinfo=UTC)


def test_broken_exif_does_not_spoil_the_picture():
    block = b"Exif\x00\x00II*\x00" + bytes(range(256)) * 4
    data = pictures.jpeg()
    data = data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2) + block + data[2:]
    assert decode(data).pixels.shape == (480, 640, 3)
