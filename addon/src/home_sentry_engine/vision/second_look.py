"""The second look: parts of a picture at full size, where the first look over the whole was not sure."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Final, Protocol

from home_sentry_engine.domain.box import Box, intersection_over_union
from home_sentry_engine.domain.detection import Detection, FrameDetections

from .tasks.crops import Crop, cut_box
from .tasks.pictures import Frame
from .tasks.tiles import TileRules, is_cut, joined, tiles_about, tiles_over

CONFIRM_MARGIN: Final = 0.75
_CONFIRM_IOU: Final = 0.4
_CONFIRM_FROM: Final = 0.5


class Looker(Protocol):
    """What looks first: ``Detector`` is one."""

    @property
    def model_id(self) -> str:
        """Id of what looks now."""
        ...

    @property
    def input_side(self) -> int | None:
        """Longer side of its input, None while nothing looks."""
        ...

    async def detect(
        self, frames: Sequence[Frame], *, confidence: float | None = None, priority: int = 0
    ) -> tuple[FrameDetections, ...]:
        """Find objects; raises ``StageError``."""
        ...


class SecondLook:
    """Looks like the detector, and again where that was not sure: at tiles of large pictures, at single boxes.

    ``enlarge`` gives a picture at its original size and blocks; ``stirs`` tells that something moves in a frame.
    """

    def __init__(
        self,
        first: Looker,
        *,
        enlarge: Callable[[Frame], Frame],
        stirs: Callable[[Frame], bool],
        executor: Executor,
        tiles: TileRules | None,
    ) -> None:
        """Take the detector, how pictures are enlarged, and the rules of tiles; None looks at no tiles."""
        self._first = first
        self._enlarge = enlarge
        self._stirs = stirs
        self._executor = executor
        self._tiles = tiles

    @property
    def model_id(self) -> str:
        """Id of what looks now."""
        return self._first.model_id

    async def detect(
        self, frames: Sequence[Frame], *, confidence: float | None = None, priority: int = 0
    ) -> tuple[FrameDetections, ...]:
        """Look at frames, and at tiles of those that need it; raises as the detector does."""
        found = await self._first.detect(frames, confidence=confidence, priority=priority)
        rules, side = self._tiles, self._first.input_side
        if rules is None or side is None:
            return found
        better = []
        for frame, seen in zip(frames, found, strict=True):
            tiles = self._tiles_of(frame, seen, rules, side)
            better.append(await self._tiled(frame, seen, tiles, rules, confidence) if tiles else seen)
        return tuple(better)

    async def confirm(self, frame: Frame, doubtful: Sequence[Detection]) -> tuple[Detection, ...]:
        """Look at each box enlarged; gives the same detections with ``doubted`` set."""
        whole = await self._whole(frame)
        crops = [cut_box(whole, one.box, margin=CONFIRM_MARGIN) for one in doubtful]
        looks = await self._first.detect(crops, confidence=_CONFIRM_FROM)
        return tuple(
            replace(one, doubted=not _found_again(one, crop, look))
            for one, crop, look in zip(doubtful, crops, looks, strict=True)
        )

    def _tiles_of(self, frame: Frame, seen: FrameDetections, rules: TileRules, side: int) -> tuple[Box, ...]:
        image = frame.width, frame.height
        if not rules.worth_it(image, side):
            return ()
        if seen.uncertain:
            return tiles_about(seen.uncertain, image, side, rules)
        return tiles_over(image, rules) if self._stirs(frame) and not seen.detections else ()

    async def _tiled(
        self, frame: Frame, seen: FrameDetections, tiles: Sequence[Box], rules: TileRules, confidence: float | None
    ) -> FrameDetections:
        whole = await self._whole(frame)
        image = frame.width, frame.height
        looks = await self._first.detect([cut_box(whole, tile) for tile in tiles], confidence=confidence)
        found = [
            outside
            for tile, look in zip(tiles, looks, strict=True)
            for one in look.detections
            if not is_cut((outside := _moved(one, tile)).box, tile, image)
        ]
        together = joined(seen.detections, found, rules, about=seen.uncertain or None)
        added = len(together) - len(seen.detections)
        return replace(
            seen,
            detections=together,
            inference_ms=seen.inference_ms + sum(look.inference_ms for look in looks),
            again=(("tiles", len(tiles)), ("tiles_found", added)),
        )

    async def _whole(self, frame: Frame) -> Frame:
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._enlarge, frame)


def _moved(one: Detection, tile: Box) -> Detection:
    box = one.box
    return replace(one, box=Box(x=box.x + tile.x, y=box.y + tile.y, width=box.width, height=box.height))


def _found_again(one: Detection, crop: Crop, look: FrameDetections) -> bool:
    return any(
        found.label == one.label and intersection_over_union(crop.outside(found.box), one.box) >= _CONFIRM_IOU
        for found in look.detections
    )
