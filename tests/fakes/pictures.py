"""Pictures and clips made in the test: sound ones, damaged ones and hostile ones."""

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO
from pathlib import Path
import struct
import zlib

import av
import numpy as np
from PIL import Image
import simplejpeg
from skimage import data


def scene(width: int = 640, height: int = 480, seed: int = 1) -> np.ndarray:
    """A picture with structure and noise, so that its JPEG is as large as a camera's."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    base = np.stack([rows * 255 // height, columns * 255 // width, (rows + columns) % 256], axis=2)
    return np.clip(base + rng.integers(-20, 20, base.shape), 0, 255).astype(np.uint8)


def photographs(count: int, width: int = 640, height: int = 480) -> list[bytes]:
    """JPEGs of one size: different cuts of the photographs that scikit-image carries."""
    rng = np.random.default_rng(3)
    whole = [Image.fromarray(one()) for one in (data.astronaut, data.chelsea, data.coffee)]
    made = []
    for number in range(count):
        image = whole[number % len(whole)]
        wide = int(rng.integers(image.width // 2, image.width))
        high = wide * height // width
        left, top = (int(rng.integers(0, side)) for side in (image.width - wide, max(1, image.height - high)))
        cut = image.resize((width, height), box=(left, top, left + wide, min(image.height, top + high)))
        made.append(simplejpeg.encode_jpeg(np.asarray(cut), quality=85, colorsubsampling="420"))
    return made


def jpeg(width: int = 640, height: int = 480, seed: int = 1, quality: int = 85) -> bytes:
    return simplejpeg.encode_jpeg(scene(width, height, seed), quality=quality, colorsubsampling="420")


def with_pillow(name: str, width: int = 320, height: int = 240, mode: str = "RGB", **options) -> bytes:
    out = BytesIO()
    Image.fromarray(scene(width, height)).convert(mode).save(out, name, **options)
    return out.getvalue()


def with_exif(data: bytes, exif: Image.Exif) -> bytes:
    block = exif.tobytes()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


def black_png(side: int) -> bytes:
    """A grey PNG of side x side black pixels; 13,000 x 13,000 are 164 KB."""
    rows = zlib.compressobj(9)
    packed = b"".join([*(rows.compress(bytes(side + 1)) for _ in range(side)), rows.flush()])
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, body) for name, body in chunks)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def progressive_bomb(side: int, scans: int) -> bytes:
    """A progressive JPEG of side x side grey pixels whose refinement scan repeats."""
    out = BytesIO()
    Image.new("L", (side, side)).save(out, "JPEG", progressive=True)
    data = out.getvalue()
    last = data.rfind(b"\xff\xda")
    tables = data.rfind(b"\xff\xc4", 0, last)
    repeat = data[tables:-2]
    return data[:-2] + repeat * max(0, scans - data.count(b"\xff\xda")) + b"\xff\xd9"


def with_stated_size(data: bytes, width: int, height: int) -> bytes:
    """The same JPEG whose frame header states another size."""
    at = data.find(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def damaged(content: bytes, how: str, seed: int = 7) -> bytes:
    """A JPEG damaged the way that cameras and networks do it."""
    rng = np.random.default_rng(seed)
    half, scan = len(content) // 2, content.find(b"\xff\xda") + 64
    if how == "truncated":
        return content[:half]
    if how == "zero_tail":
        return content[:half] + bytes(len(content) - half)
    if how == "random_block":
        at = int(rng.integers(scan, len(content) - 600))
        return content[:at] + rng.bytes(512) + content[at + 512 :]
    assert how == "no_end"
    return content[:-2]


def clip(
    path: Path, *, seconds: float = 10.0, rate: int = 10, size: tuple[int, int] = (320, 240), codec: str = "mpeg4"
):
    """A clip whose frame at second n has the grey value 10 * n; the suffix of the path chooses the container."""
    greys = (min(250, 10 * (number // rate)) for number in range(int(seconds * rate)))
    return clip_of((np.full((size[1], size[0], 3), grey, np.uint8) for grey in greys), path, rate=rate, codec=codec)


def clip_of(shown: Iterable[np.ndarray], path: Path, *, rate: int = 2, codec: str = "mpeg4") -> Path:
    """A clip of these pictures."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=rate)
        assert isinstance(stream, av.VideoStream)
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.gop_size = 25
        for number, pixels in enumerate(shown):
            if not number:
                stream.height, stream.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            frame.time_base = Fraction(1, rate)
            for packet in stream.encode(frame):
                out.mux(packet)
        for packet in stream.encode():
            out.mux(packet)
    return path


def sound_only(path: Path) -> Path:
    with av.open(str(path), "w") as out:
        stream = out.add_stream("aac", rate=8000)
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.rate, frame.pts = 8000, 0
        for packet in (*stream.encode(frame), *stream.encode()):
            out.mux(packet)
    return path
