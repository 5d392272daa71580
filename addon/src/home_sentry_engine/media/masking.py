"""Clips with privacy masks: decoded, burned and encoded anew, without sound."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from io import BytesIO
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.lazy import lazy

from .mask import Region, Veil, region
from .picture import Pixels
from .video import VideoReader

if TYPE_CHECKING:
    import av
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
else:
    av = lazy("av")

_BLACK_Y, _BLACK_UV = 16, 128
_CODECS: Final = ("libx264", "mpeg4")
_PATIENCE_S: Final = 180.0
_TICKS: Final = Fraction(1, 90_000)
_COMMENT: Final = "home-sentry masked "


def veiled_clip(
    reader: VideoReader, file: BinaryIO, veil: Veil, *, monotonic: Callable[[], float] = time.monotonic
) -> bytes:
    """Give a clip as MP4 with the veil burned into every frame; raises ``Rejected`` for what does not decode in time.

    Blocking: about as slow as the clip is long. The sound is left out.
    """
    until, out = monotonic() + _PATIENCE_S, BytesIO()
    stream: VideoStream | None = None
    hidden: Region | None = None
    with av.open(out, "w", format="mp4") as target:
        target.metadata["comment"] = _COMMENT + veil.key
        for frame, rate in reader.decoded(file):
            if monotonic() > until:
                raise Rejected(RejectReason.TOO_SLOW, f"the masks were not burned in within {_PATIENCE_S:g} s")
            if stream is None:
                stream = _stream(target, frame, rate)
                hidden = region(veil, (stream.width, stream.height))
            assert hidden is not None
            target.mux(stream.encode(_burned(frame, stream, hidden)))
        if stream is None:
            raise Rejected(RejectReason.CORRUPT, "no frame of the video decodes")
        target.mux(stream.encode())
    return out.getvalue()


def encode_clip(frames: Iterable[Pixels], *, rate: Fraction) -> bytes:
    """Encode RGB pictures of one size as MP4; blocking."""
    out = BytesIO()
    stream: VideoStream | None = None
    with av.open(out, "w", format="mp4") as target:
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            stream = stream or _stream(target, frame, rate)
            small = frame.reformat(width=stream.width, height=stream.height, format="yuv420p")
            small.pts, small.time_base = round(number / rate / _TICKS), _TICKS
            target.mux(stream.encode(small))
        if stream is not None:
            target.mux(stream.encode())
    return out.getvalue()


def clip_mark(reader: VideoReader, file: BinaryIO) -> str | None:
    """Give the key of the veil that a clip of ours wears; raises ``Rejected`` for what is no clip."""
    comment = reader.comment(file)
    return comment.removeprefix(_COMMENT) if comment.startswith(_COMMENT) else None


def burn(frame: VideoFrame, hidden: Region) -> VideoFrame:
    """Give a copy of a frame in yuv420p with even sides that is black where it is ``hidden``; it has no time."""
    planes: NDArray[np.uint8] = np.asarray(frame.to_ndarray(), np.uint8).copy()
    rows, columns = frame.height, frame.width
    planes[:rows][hidden] = _BLACK_Y
    quarter = hidden[::2, ::2]
    chroma = planes[rows:].reshape(2, rows // 2, columns // 2)
    chroma[:, quarter] = _BLACK_UV
    return av.VideoFrame.from_ndarray(planes, format="yuv420p")


def _stream(target: Any, frame: VideoFrame, rate: Fraction) -> VideoStream:
    codec = next(name for name in _CODECS if name in av.codecs_available)
    stream: VideoStream = target.add_stream(codec, rate=rate)
    # the encoders want even sides
    stream.width, stream.height = frame.width & ~1, frame.height & ~1
    stream.pix_fmt, stream.time_base = "yuv420p", _TICKS
    stream.codec_context.time_base = _TICKS
    stream.options = {"preset": "veryfast", "crf": "23"} if codec == "libx264" else {"qscale": "4"}
    return stream


def _burned(frame: VideoFrame, stream: VideoStream, hidden: Region) -> VideoFrame:
    small = frame.reformat(width=stream.width, height=stream.height, format="yuv420p", dst_color_range="MPEG")
    burned = burn(small, hidden)
    burned.pts, burned.time_base = round((frame.time or 0.0) / _TICKS), _TICKS
    return burned
