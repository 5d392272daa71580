"""What the pipeline sees with beside the detector: enlarged pictures, and how good they are."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from home_sentry_engine.domain.errors import Permanent, Rejected
from home_sentry_engine.domain.quality import PictureQuality
from home_sentry_engine.media.picture import Picture
from home_sentry_engine.vision.second_look import Looker, SecondLook
from home_sentry_engine.vision.tasks.pictures import Frame
from home_sentry_engine.vision.tasks.quality import quality_of
from home_sentry_engine.vision.tasks.tiles import TileRules


class QualityMeter:
    """``pipeline.seeing.Meter`` by statistics of the pictures."""

    def __init__(self, executor: Executor) -> None:
        """Take the executor that measures."""
        self._executor = executor

    async def measure(self, pictures: Sequence[Frame]) -> Sequence[PictureQuality]:
        """Give the quality of each picture; raises ``StageError`` for what is none."""
        return await asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: [_measured(picture) for picture in pictures]
        )


def make_second_look(detector: Looker, executor: Executor, *, tiles: bool) -> SecondLook:
    """Give the detector that looks twice; without ``tiles`` only single boxes are confirmed."""
    return SecondLook(
        detector,
        enlarge=_whole,
        stirs=lambda frame: isinstance(frame, Picture) and frame.stirred,
        executor=executor,
        tiles=TileRules() if tiles else None,
    )


def _whole(frame: Frame) -> Frame:
    try:
        return frame.full() if isinstance(frame, Picture) else frame
    except Rejected as err:
        raise Permanent(err.detail, code=err.reason.value) from err


def _measured(picture: Frame) -> PictureQuality:
    found = quality_of(picture)
    return PictureQuality(
        score=round(found.score, 1),
        grade=found.grade,
        defects=tuple(defect.value for defect in found.defects),
        covered=found.verdict == "view covered",
        bad=found.verdict is not None,
    )
