"""Frames to a file that browsers and phones play: H.264 in MP4, or an animated GIF."""

from collections.abc import Iterable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.lazy import lazy

if TYPE_CHECKING:
    import av
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL import Image
else:
    av, Image = lazy("av"), lazy("PIL.Image")

type Size = tuple[int, int]

NVENC: Final = "h264_nvenc"
X264: Final = "libx264"
_OPTIONS: Final = {
    NVENC: {"preset": "p4", "rc": "vbr", "cq": "23", "b": "0"},
    X264: {"preset": "veryfast", "crf": "23"},
}
_TRIAL: Final = (320, 240)
_THREADS: Final = 2
_COLOURS: Final = 255
_MOST_GIF_FRAMES: Final = 120
_BLACK_Y: Final = 16


class NoEncoder(RuntimeError):
    """This build has no encoder for H.264."""


def usable_encoder(candidates: Iterable[str] = (NVENC, X264)) -> str:
    """Give the first encoder that really encodes a frame here; raises ``NoEncoder``."""
    for name in candidates:
        if name in av.codecs_available and _works(name):
            return name
    raise NoEncoder("this build has no encoder for H.264")


def write_mp4(place: Path, frames: Iterable[VideoFrame], size: Size, rate: float, encoder: str) -> int:
    """Encode frames of yuv420p to an MP4 whose index comes first, without any metadata; gives how many.

    Blocking; raises ``FFmpegError``.
    """
    pace, count = Fraction(rate).limit_denominator(1001), 0
    with av.open(str(place), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}) as target:
        stream = cast("VideoStream", target.add_stream(encoder, rate=pace))
        stream.width, stream.height = size
        stream.pix_fmt, stream.options = "yuv420p", dict(_OPTIONS[encoder])
        stream.codec_context.thread_count = _THREADS
        for frame in frames:
            frame.pts, frame.time_base = count, 1 / pace
            target.mux(stream.encode(frame))
            count += 1
        target.mux(stream.encode())
    return count


def write_gif(place: Path, frames: Iterable[VideoFrame], rate: float, seconds: float) -> int:
    """Write at most 120 of the frames as a GIF that repeats for ever; gives how many. What is black stays black."""
    step = max(1, -(-round(rate * seconds) // _MOST_GIF_FRAMES))
    chosen = (_paletted(frame) for frame in islice(frames, 0, None, step))
    first = next(chosen)
    counted = _Counted(chosen)
    duration_ms = max(20, round(1000 * step / rate))
    first.save(place, format="GIF", save_all=True, append_images=counted, duration=duration_ms, loop=0, optimize=False)
    return counted.count + 1


class _Counted:
    def __init__(self, images: Iterable[Image.Image]) -> None:
        self._images = images
        self.count = 0

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> Image.Image:
        image = next(iter(self._images))
        self.count += 1
        return image


def _paletted(frame: VideoFrame) -> Image.Image:
    planes: NDArray[np.uint8] = np.asarray(frame.to_ndarray(), np.uint8)
    black = planes[: frame.height] <= _BLACK_Y
    whole = Image.fromarray(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
    few = whole.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    numbers = np.array(few)
    # the fill of masks is a colour of its own: no average with what is dark beside it
    numbers[black] = _COLOURS
    palette = (few.getpalette() or [])[: 3 * _COLOURS]
    image = Image.fromarray(numbers, mode="P")
    image.putpalette([*palette, *([0] * (3 * (_COLOURS + 1) - len(palette)))])
    return image


def _works(name: str) -> bool:
    try:
        context = cast("VideoCodecContext", av.CodecContext.create(name, "w"))
        context.width, context.height = _TRIAL
        context.pix_fmt, context.time_base, context.options = "yuv420p", Fraction(1, 10), dict(_OPTIONS[name])
        grey = np.full((_TRIAL[1] * 3 // 2, _TRIAL[0]), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, format="yuv420p")
        frame.pts = 0
        return bool([*context.encode(frame), *context.encode(None)])
    except av.error.FFmpegError, ValueError:
        return False
