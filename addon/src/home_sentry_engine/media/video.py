"""Clips: probe and frames by PyAV, opened by first bytes and never by name, so that no other file can be opened."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
import math
import time
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.errors import Halted, Rejected, RejectReason
from home_sentry_engine.domain.filetypes import SNIFF_BYTES, FileType, sniff
from home_sentry_engine.domain.lazy import lazy

from .keyframes import Key, KeyRules, Moment, choose, grey_of_plane
from .limits import Limits
from .mask import Veil, marked, veiled
from .picture import Picture, encode, reduced

if TYPE_CHECKING:
    import av
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
else:
    # a home with cameras that send pictures alone never decodes a clip
    av = lazy("av")

_CONTAINERS: Final = {FileType.MOV: "mov", FileType.MATROSKA: "matroska", FileType.AVI: "avi"}
# The file object is the only input: no protocol may open another one, and no demuxer may hand over to another.
_OPTIONS: Final = {"protocol_whitelist": "none", "format_whitelist": "mov,matroska,avi"}
_CODECS: Final = frozenset(
    {
        "h264",
        "hevc",
        "av1",
        "vp8",
        "vp9",
        "mpeg4",
        "mjpeg",
        "mpeg2video",
        "mpeg1video",
        "h263",
        "msmpeg4v2",
        "msmpeg4v3",
    }
)
_SCAN: Final = b"\xff\xda"
_STILL_QUALITY: Final = 90
_SEEK_FROM_S: Final = 2.0
_BROKEN_PACKETS: Final = 100
_PLANAR: Final = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "nv12", "gray")
_USUAL_RATE: Final = 25
_SCAN_STEP_S: Final = 0.25
_SCAN_MOST: Final = 240
_SCAN_SHARE: Final = 0.5
_SEEK_LEAST_S: Final = 0.5
_HELD_BYTES: Final = 96 * 1024 * 1024
_HELD_LEAST: Final = 24
# 24 frames of 4K; those of a larger clip are decoded a second time
_HELD_MOST_BYTES: Final = 320 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What a probe found: container, codec, size in pixels as stored, length in seconds."""

    file_type: FileType
    codec: str
    width: int
    height: int
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """Which frames to take: the first, then one each ``interval_s``, at most ``max_frames``.

    ``adaptive`` takes no more of them, but chooses those that show most, as ``keyframes.choose`` does. ``at_least``
    bounds the reduction of their pixels as in ``picture.decode``; a ``veil`` is burned in.
    """

    interval_s: float = 4.0
    max_frames: int = 20
    at_least: int | None = None
    adaptive: bool = False
    veil: Veil | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """What a quick look over a clip gave; ``points`` are the times from which it can be decoded.

    ``held`` are decoded frames of moments by their time, ``whole`` is False where it took too long and ended at
    ``until_s``.
    """

    moments: tuple[Moment, ...]
    points: tuple[float, ...]
    held: Mapping[float, VideoFrame]
    until_s: float
    whole: bool

    def jumps(self, reached_s: float, wanted_s: float) -> bool:
        """Tell whether decoding on is longer than to begin again at a later point."""
        if wanted_s > self.until_s:
            return wanted_s - reached_s > _SEEK_FROM_S
        return any(reached_s + _SEEK_LEAST_S < point <= wanted_s for point in self.points)


class VideoReader:
    """Opens clips within limits; every method is blocking and raises ``Rejected`` with the reason."""

    def __init__(self, limits: Limits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Take the limits of a file; ``timeout_s`` counts for each call by ``monotonic``."""
        self._limits = limits
        self._monotonic = monotonic

    def probe(self, file: BinaryIO) -> VideoFacts:
        """Check that a clip has one video stream with a length above zero whose first frame decodes."""
        deadline = self._monotonic() + self._limits.timeout_s
        with self._open(file) as (container, stream, file_type):
            context = stream.codec_context
            duration_s = _stated_duration_s(container, stream) or self._measured_duration_s(container, stream, deadline)
            if duration_s <= 0:
                raise Rejected(RejectReason.CORRUPT, "the video has no length")
            facts = VideoFacts(
                file_type=file_type,
                codec=context.codec.canonical_name,
                width=context.width,
                height=context.height,
                duration_s=duration_s,
            )
        with self._open(file) as (container, stream, _):
            if next(self._decoded(container, stream, deadline), None) is None:
                raise Rejected(RejectReason.CORRUPT, "no frame of the video decodes")
        return facts

    def frames(self, file: BinaryIO, sampling: Sampling) -> Iterator[Picture]:
        """Give the sampled frames in order, each with ``offset_s`` and its full-size JPEG as ``source``."""
        deadline = self._monotonic() + self._limits.timeout_s
        if sampling.adaptive:
            yield from self._key_frames(file, sampling, deadline)
            return
        with self._open(file) as (container, stream, _):
            start, reached = _start_s(stream), 0.0
            for number in range(sampling.max_frames):
                wanted = number * sampling.interval_s
                if wanted - reached > _SEEK_FROM_S:
                    _seek(container, stream, start + wanted)
                frame = self._first_at(container, stream, start + wanted, deadline)
                if frame is None:
                    return
                reached = max(wanted, (frame.time or 0.0) - start)
                yield _picture(frame, max(0.0, (frame.time or 0.0) - start), sampling)

    def scan(self, file: BinaryIO, rules: KeyRules | None = None, *, deadline: float | None = None) -> Scan:
        """Read a clip once for small grey pictures a quarter of a second apart, or further in a long clip.

        Frames that are likely to be chosen are held. Where the scan would take more than half of the time allowed, it
        ends before the clip does.
        """
        deadline = deadline or self._monotonic() + self._limits.timeout_s
        patience = self._monotonic() + (deadline - self._monotonic()) * _SCAN_SHARE
        moments: list[Moment] = []
        points: list[float] = []
        held: dict[float, VideoFrame] = {}
        largest = 1
        with self._open(file) as (container, stream, _):
            stream.thread_type = "AUTO"
            start, length_s = _start_s(stream), _stated_duration_s(container, stream)
            step = max(_SCAN_STEP_S, length_s / _SCAN_MOST)
            slack, due, offset, whole = 0.5 / float(stream.average_rate or 25), 0.0, 0.0, True
            for frame in self._decoded(container, stream, deadline):
                offset = max(0.0, (frame.time or 0.0) - start)
                if frame.key_frame:
                    points.append(offset)
                if offset >= due - slack:
                    moments.append(Moment(offset_s=offset, grey=grey_of_plane(_brightness(frame))))
                    held[offset] = frame
                    largest = max(largest, sum(plane.buffer_size for plane in frame.planes))
                    due = offset + step
                if len(held) > _held_most(largest):
                    likely = {key.offset_s for key in choose(moments, rules)}
                    held = {at: one for at, one in held.items() if at in likely}
                    while len(held) > _held_most(largest):
                        held.popitem()
                if self._monotonic() > patience:
                    whole = False
                    break
        return Scan(moments=tuple(moments), points=tuple(points), held=held, until_s=offset, whole=whole)

    def _key_frames(self, file: BinaryIO, sampling: Sampling, deadline: float) -> Iterator[Picture]:
        rules = KeyRules(interval_s=sampling.interval_s, most=sampling.max_frames)
        scan = self.scan(file, rules, deadline=deadline)
        keys = list(choose(scan.moments, rules))
        if not scan.whole:
            left = range(1, 1 + sampling.max_frames - len(keys))
            keys += [Key(offset_s=scan.until_s + number * sampling.interval_s, stirred=False) for number in left]
        with self._open(file) as (container, stream, _):
            stream.thread_type = "AUTO"
            start, reached = _start_s(stream), 0.0
            for key in keys:
                frame = scan.held.get(key.offset_s)
                if frame is None:
                    if scan.jumps(reached, key.offset_s):
                        _seek(container, stream, start + key.offset_s)
                    frame = self._first_at(container, stream, start + key.offset_s, deadline)
                    if frame is None:
                        return
                    reached = max(key.offset_s, (frame.time or 0.0) - start)
                picture = _picture(frame, max(0.0, (frame.time or 0.0) - start), sampling)
                yield replace(picture, stirred=key.stirred)

    def decoded(self, file: BinaryIO) -> Iterator[tuple[VideoFrame, Fraction]]:
        """Give all frames in order, each with the usual rate of the clip; no deadline but the caller's."""
        with self._open(file) as (container, stream, _):
            stream.thread_type = "AUTO"
            rate = Fraction(str(stream.average_rate or _USUAL_RATE))
            for frame in self._decoded(container, stream, math.inf):
                yield frame, rate

    def between(self, file: BinaryIO, start_s: float, end_s: float) -> Iterator[tuple[VideoFrame, float]]:
        """Give the frames of a part in order, each with its time; the first may lie some time before ``start_s``.

        No deadline but the caller's.
        """
        with self._open(file) as (container, stream, _):
            stream.thread_type = "AUTO"
            first_s = _start_s(stream)
            if start_s > _SEEK_FROM_S:
                _seek(container, stream, first_s + start_s)
            for frame in self._decoded(container, stream, math.inf):
                offset = max(0.0, (frame.time or 0.0) - first_s)
                if offset > end_s:
                    return
                yield frame, offset

    def rate(self, file: BinaryIO) -> float:
        """Give how many frames a clip shows in a second, on average."""
        with self._open(file) as (_, stream, _):
            return float(stream.average_rate or _USUAL_RATE)

    def comment(self, file: BinaryIO) -> str:
        """Give what a clip says about itself, empty where it says nothing."""
        with self._open(file) as (container, _, _):
            return str(container.metadata.get("comment", ""))

    def frame_at(self, file: BinaryIO, offset_s: float, *, veil: Veil | None = None) -> Picture:
        """Give the first frame at or after ``offset_s`` at full size, else the last one before it."""
        deadline = self._monotonic() + self._limits.timeout_s
        with self._open(file) as (container, stream, _):
            start = _start_s(stream)
            if offset_s > _SEEK_FROM_S:
                _seek(container, stream, start + offset_s)
            frame = self._first_at(container, stream, start + offset_s, deadline, or_last=True)
            if frame is None:
                raise Rejected(RejectReason.CORRUPT, "no frame of the video decodes")
            return _picture(frame, max(0.0, (frame.time or 0.0) - start), Sampling(veil=veil))

    @contextmanager
    def _open(self, file: BinaryIO) -> Iterator[tuple[Any, VideoStream, FileType]]:
        file.seek(0)
        head = file.read(SNIFF_BYTES)
        file.seek(0)
        if not head:
            raise Rejected(RejectReason.EMPTY, "the file is empty")
        file_type = sniff(head)
        if file_type not in _CONTAINERS:
            raise Rejected(RejectReason.NOT_MEDIA, "the content is not an MP4, MOV, MKV or AVI video")
        try:
            with av.open(file, format=_CONTAINERS[file_type], options=dict(_OPTIONS)) as container:
                yield container, self._stream(container), file_type
        except av.error.FFmpegError as err:
            raise Rejected(RejectReason.CORRUPT, f"the video does not open: {err.strerror}") from err

    def _stream(self, container: Any) -> VideoStream:
        streams = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not streams:
            raise Rejected(RejectReason.NO_VIDEO_STREAM, "the file has no video stream")
        stream: VideoStream = streams[0]
        # None where the installed FFmpeg has no decoder, whatever its types say
        context: Any = stream.codec_context
        if context is None:
            raise Rejected(RejectReason.FORBIDDEN_FORMAT, "no decoder for the codec of the video is here")
        if context.codec.canonical_name not in _CODECS:
            name = context.codec.canonical_name
            raise Rejected(RejectReason.FORBIDDEN_FORMAT, f"the codec of the video is not supported: {name}")
        self._check_size(context.width, context.height)
        return stream

    def _check_size(self, width: int, height: int) -> None:
        if width <= 0 or height <= 0:
            raise Rejected(RejectReason.CORRUPT, "the video has no size")
        if width * height > self._limits.max_pixels or max(width, height) > self._limits.max_side:
            raise Rejected(RejectReason.TOO_MANY_PIXELS, f"{width}x{height} pixels are more than allowed")

    def _check_time(self, deadline: float) -> None:
        if self._limits.halted():
            raise Halted("the engine ends")
        if self._monotonic() > deadline:
            raise Rejected(RejectReason.TOO_SLOW, f"the video took more than {self._limits.timeout_s:g} s")

    def _measured_duration_s(self, container: Any, stream: VideoStream, deadline: float) -> float:
        last = 0.0
        for packet in container.demux(stream):
            self._check_time(deadline)
            if packet.pts is not None and packet.time_base is not None:
                last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        return last - _start_s(stream)

    def _decoded(self, container: Any, stream: VideoStream, deadline: float) -> Iterator[VideoFrame]:
        broken = 0
        for packet in container.demux(stream):
            self._check_time(deadline)
            if stream.codec_context.name == "mjpeg" and bytes(packet).count(_SCAN) > self._limits.max_scans:
                raise Rejected(RejectReason.TOO_MANY_SCANS, "a frame of the video has too many scans")
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                broken += 1
                if broken > _BROKEN_PACKETS:
                    raise
                continue
            for frame in frames:
                self._check_size(frame.width, frame.height)
                yield frame

    def _first_at(
        self, container: Any, stream: VideoStream, wanted_s: float, deadline: float, *, or_last: bool = False
    ) -> VideoFrame | None:
        last: VideoFrame | None = None
        slack = 0.5 / float(stream.average_rate or 25)
        for frame in self._decoded(container, stream, deadline):
            last = frame
            if frame.pts is None or frame.time >= wanted_s - slack:
                return frame
        return last if or_last else None


def _is_cover(stream: VideoStream) -> bool:
    return bool(stream.disposition & stream.disposition.attached_pic)


def _start_s(stream: VideoStream) -> float:
    return float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0


def _stated_duration_s(container: Any, stream: VideoStream) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return float(container.duration / av.time_base) if container.duration else 0.0


def _seek(container: Any, stream: VideoStream, wanted_s: float) -> None:
    try:
        container.seek(int(wanted_s / float(stream.time_base or 1)), stream=stream, backward=True)
    except av.error.FFmpegError:
        # no index: reading on from here reaches the wanted frame too, only later
        return


def _held_most(frame_bytes: int) -> int:
    """Give how many frames may be held of a clip whose largest has so many bytes; their sizes may differ."""
    return min(max(_HELD_LEAST, _HELD_BYTES // frame_bytes), _HELD_MOST_BYTES // frame_bytes)


def _brightness(frame: VideoFrame) -> NDArray[np.uint8]:
    if not frame.format.name.startswith(_PLANAR):
        return np.asarray(frame.to_ndarray(format="gray"), dtype=np.uint8)
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return np.asarray(rows[: frame.height, : frame.width], dtype=np.uint8)


def _picture(frame: VideoFrame, offset_s: float, sampling: Sampling) -> Picture:
    whole = frame.to_ndarray(format="rgb24")
    pixels, veil = np.asarray(whole, dtype=np.uint8), sampling.veil
    if veil is not None:
        pixels = veiled(pixels, veil)
    rows, columns = pixels.shape[:2]
    source = encode(pixels, quality=_STILL_QUALITY)
    pixels = reduced(pixels, sampling.at_least)
    if veil is None:
        pixels.flags.writeable = False
        return Picture(pixels=pixels, width=columns, height=rows, source=source, offset_s=offset_s)
    return Picture(
        pixels=veiled(pixels, veil),
        width=columns,
        height=rows,
        source=marked(source, veil),
        offset_s=offset_s,
        veil=veil.key,
    )
