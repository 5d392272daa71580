"""Metadata goes, pixels stay."""

import io

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
import pytest

from home_sentry_engine.api.scrub import without_metadata

SECRET = "planted-secret-word"


def picture() -> Image.Image:
    return Image.effect_noise((96, 64), 80).convert("RGB")


def exif(orientation: int = 1) -> bytes:
    data = Image.Exif()
    data[0x010E] = SECRET
    data[0x0112] = orientation
    return data.tobytes()


def save(image: Image.Image, form: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def pixels(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).convert("RGB").tobytes()


def text_chunk() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SECRET)
    info.add_itxt("XML:com.adobe.xmp", SECRET)
    return info


CASES = {
    "baseline": lambda: save(picture(), "JPEG", exif=exif(), comment=SECRET),
    "progressive": lambda: save(picture(), "JPEG", exif=exif(), progressive=True, comment=SECRET),
    "grey": lambda: save(picture().convert("L"), "JPEG", exif=exif()),
    "cmyk": lambda: save(picture().convert("CMYK"), "JPEG", exif=exif()),
    "restart markers": lambda: save(picture(), "JPEG", exif=exif(), restart_marker_blocks=2),
    "xmp": lambda: save(picture(), "JPEG", xmp=SECRET.encode()),
    "trailer": lambda: save(picture(), "JPEG") + SECRET.encode(),
    "png": lambda: save(picture(), "PNG", exif=exif(), pnginfo=text_chunk()),
    "png palette": lambda: save(picture().convert("P"), "PNG", pnginfo=text_chunk()),
    "png trailer": lambda: save(picture(), "PNG") + SECRET.encode(),
    "webp": lambda: save(picture(), "WEBP", exif=exif(), xmp=SECRET.encode()),
    "webp lossless": lambda: save(picture(), "WEBP", lossless=True, exif=exif()),
}


@pytest.mark.parametrize("name", CASES)
def test_the_words_go_and_the_pixels_stay(name):
    data = CASES[name]()
    assert SECRET.encode() in data
    clean = without_metadata(data)
    assert SECRET.encode() not in clean
    assert pixels(clean) == pixels(data)
    assert without_metadata(clean) == clean


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_stays_turned(orientation):
    clean = without_metadata(save(picture(), "JPEG", exif=exif(orientation)))
    kept = dict(Image.open(io.BytesIO(clean)).getexif())
    assert kept == ({} if orientation == 1 else {0x0112: orientation})


def test_a_colour_profile_stays():
    profile = b"fake profile " * 10
    clean = without_metadata(save(picture(), "JPEG", icc_profile=profile))
    assert Image.open(io.BytesIO(clean)).info["icc_profile"] == profile


@given(st.sampled_from(sorted(CASES)), st.integers(0, 10_000), st.binary(max_size=6))
def test_damaged_files_give_bytes_or_value_error(name, at, noise):
    data = CASES[name]()
    at %= len(data)
    for damaged in (data[:at], data[:at] + noise + data[at + len(noise) :]):
        try:
            assert len(without_metadata(damaged)) <= len(damaged) + 64
        except ValueError:
            continue


@given(st.sampled_from([b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", b""]), st.binary(max_size=300))
def test_noise_gives_bytes_or_value_error(head, noise):
    try:
        assert isinstance(without_metadata(head + noise), bytes)
    except ValueError:
        return
