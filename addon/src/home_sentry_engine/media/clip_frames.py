"""The frames of a clip at an even pace on a canvas of one size, their masks burned in."""

from collections.abc import Iterator
from functools import lru_cache
import logging
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from home_sentry_engine.domain.errors import Rejected, RejectReason
from home_sentry_engine.domain.lazy import lazy

from .clip_plan import ClipPlan, Part
from .limits import Limits
from .mask import Region, Veil, region
from .masking import burn
from .paths import open_regular
from .picture import Pixels, decode_checked, read_still_header
from .video import VideoReader

if TYPE_CHECKING:
    import av
    from av.video.frame import VideoFrame
else:
    av = lazy("av")

type Size = tuple[int, int]
type Place = tuple[int, int, int, int]

_LOGGER = logging.getLogger(__name__)
_STILLS_RATE: Final = 4.0
_LOWEST_RATE: Final = 5.0
_HIGHEST_RATE: Final = 30.0
_YUV: Final = "yuv420p"


class Timeline:
    """Decodes the parts of a plan, one frame of yuv420p with even sides per tick; blocking, for a process of its own.

    Parts that are gone or do not decode are left out and counted in ``skipped``, the frames given in ``ticks``.
    """

    def __init__(self, plan: ClipPlan, limits: Limits) -> None:
        """Look at the first part that opens; raises ``Rejected`` where none does."""
        self._plan = plan
        self._limits = limits
        self._reader = VideoReader(limits)
        self.skipped = 0
        self.ticks = 0
        self.size = self._canvas()
        self.rate = plan.rate or self._natural_rate()

    def frames(self) -> Iterator[VideoFrame]:
        """Give all frames in order, without times; the same one again while it goes on."""
        for part in self._plan.parts:
            try:
                for frame in self._still(part) if part.start_s is None else self._cut(part, part.start_s):
                    self.ticks += 1
                    yield frame
            except (Rejected, OSError) as err:
                self.skipped += 1
                _LOGGER.debug("A part of a clip is left out: %s", err)

    def hidden(self, place: Place) -> Region | None:
        """Give what is covered of the canvas where a picture is shown at a place."""
        return _hidden(self._plan.veil, self.size, place) if self._plan.veil is not None else None

    def _still(self, part: Part) -> Iterator[VideoFrame]:
        with open_regular(part.path, below=part.below) as file:
            data = file.read()
        picture = decode_checked(data, read_still_header(data, self._limits), at_least=min(self.size))
        frame = self._placed(picture.pixels, (picture.width, picture.height))
        for _ in range(max(1, round(part.seconds * self.rate))):
            yield frame

    def _cut(self, part: Part, start_s: float) -> Iterator[VideoFrame]:
        step, ticks = 1 / self.rate, max(1, round(part.seconds * self.rate))
        held: VideoFrame | None = None
        shown: VideoFrame | None = None
        last_s, tick = start_s, 0
        with open_regular(part.path, below=part.below) as file:
            for frame, offset in self._reader.between(file, start_s, start_s + part.seconds):
                while held is not None and tick < ticks and start_s + (tick + 0.5) * step < offset:
                    shown = shown or self._of_video(held)
                    yield shown
                    tick += 1
                held, shown, last_s = frame, None, offset
        while held is not None and tick < ticks and start_s + tick * step < last_s + step:
            shown = shown or self._of_video(held)
            yield shown
            tick += 1

    def _of_video(self, frame: VideoFrame) -> VideoFrame:
        place = _fitted((frame.width, frame.height), self.size)
        if place[2:] != self.size:
            return self._placed(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), (frame.width, frame.height))
        width, height = self.size
        small = frame.reformat(width=width, height=height, format=_YUV, dst_color_range="MPEG")
        hidden = self.hidden(place)
        return small if hidden is None else burn(small, hidden)

    def _placed(self, pixels: Pixels, size: Size) -> VideoFrame:
        place = left, top, wide, high = _fitted(size, self.size)
        scaled = cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA)
        canvas = np.zeros((self.size[1], self.size[0], 3), np.uint8)
        canvas[top : top + high, left : left + wide] = scaled
        frame = av.VideoFrame.from_ndarray(canvas, format="rgb24").reformat(format=_YUV, dst_color_range="MPEG")
        hidden = self.hidden(place)
        return frame if hidden is None else burn(frame, hidden)

    def _canvas(self) -> Size:
        why: Rejected | OSError | None = None
        for part in self._plan.parts:
            try:
                with open_regular(part.path, below=part.below) as file:
                    if part.start_s is None:
                        header = read_still_header(file.read(), self._limits)
                        return _even((header.width, header.height), self._plan.longest_side)
                    frame, _ = next(self._reader.between(file, 0.0, part.seconds))
                    return _even((frame.width, frame.height), self._plan.longest_side)
            except StopIteration:
                continue
            except (Rejected, OSError) as err:
                why = err
        if isinstance(why, Rejected):
            raise why
        raise Rejected(RejectReason.UNREADABLE, "none of the pictures can be read")

    def _natural_rate(self) -> float:
        for part in self._plan.parts:
            if part.start_s is not None:
                try:
                    with open_regular(part.path, below=part.below) as file:
                        return min(_HIGHEST_RATE, max(_LOWEST_RATE, self._reader.rate(file)))
                except Rejected, OSError:
                    continue
        return _STILLS_RATE


@lru_cache(maxsize=8)
def _hidden(veil: Veil, size: Size, place: Place) -> Region:
    left, top, wide, high = place
    width, height = size
    shapes = tuple(tuple(((left + x * wide) / width, (top + y * high) / height) for x, y in one) for one in veil.shapes)
    return region(Veil(shapes=shapes), size)


def _even(size: Size, longest: int) -> Size:
    scale = min(1.0, longest / max(size))
    width, height = (max(16, round(side * scale) & ~1) for side in size)
    return width, height


def _fitted(size: Size, canvas: Size) -> Place:
    """Give left, top, width and height of a picture on a canvas; one off by a pixel fills it."""
    scale = min(canvas[0] / size[0], canvas[1] / size[1])
    wide, high = (min(room, max(1, round(side * scale))) for side, room in zip(size, canvas, strict=True))
    if canvas[0] - wide <= 2 and canvas[1] - high <= 2:
        return 0, 0, *canvas
    return (canvas[0] - wide) // 2, (canvas[1] - high) // 2, wide, high
