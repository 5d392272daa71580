"""Pictures for others: every face is blurred, or there is no picture."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Final

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.domain.messages import Media
from home_sentry_engine.media.blur import blurred
from home_sentry_engine.media.picture import Pixels, encode
from home_sentry_engine.pipeline.closely import WholePictures
from home_sentry_engine.vision.models import Models
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.crops import cut_box
from home_sentry_engine.vision.tasks.faces import FaceFinder
from home_sentry_engine.vision.tasks.pictures import RgbFrame

_FINDER: Final = "yunet"
_QUALITY: Final = 90
_PATIENCE_S: Final = 60.0
# rather too many faces than one too few
_CONFIDENCE: Final = 0.35
_CROP_MARGIN: Final = 0.15
_HEAD: Final = 0.3


class SharedPictures:
    """Blurs faces with the model that finds them.

    Household faces are blurred too: one look at a single picture does not tell a member surely enough from a stranger.
    The upper part of a person in whom no face is found is blurred as well.
    """

    def __init__(self, models: Models, pictures: WholePictures, executor: Executor) -> None:
        """Take the models, what decodes, and the executor that draws."""
        self._models = models
        self._pictures = pictures
        self._executor = executor

    async def check(self) -> None:
        """Raise ``Unavailable`` where faces cannot be found."""
        try:
            await self._models.preload(_FINDER, FaceFinder)
        except Unavailable as err:
            reason = (
                f"pictures are shared with blurred faces alone, and the model that finds them is away: {err.reason}"
            )
            raise Unavailable(reason, code="no_face_model") from err

    async def picture(self, media: Media, offset_s: float | None, persons: Sequence[Box]) -> bytes:
        """Give a frame as a JPEG without any face; ``persons`` are the boxes in it. Raises a ``StageError``."""
        pixels = await self._pictures.whole(media, offset_s)

        def find(finder: FaceFinder, cancel: Cancel) -> list[Box]:
            return faces_of(finder, pixels, persons, cancel)

        boxes = await self._models.use(_FINDER, FaceFinder, find, timeout_s=_PATIENCE_S)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: encode(blurred(pixels, boxes), quality=_QUALITY))


def faces_of(finder: FaceFinder, pixels: Pixels, persons: Sequence[Box], cancel: Cancel | None = None) -> list[Box]:
    """Give what has to be blurred of a picture: faces in it and in each person, else the upper part of the person."""
    frame = RgbFrame.of(pixels)
    found = [face.box for face in finder.find(frame, confidence=_CONFIDENCE, cancel=cancel)]
    for person in persons:
        found += _of_person(finder, frame, person, found, cancel)
    return found


def _of_person(finder: FaceFinder, frame: Any, person: Box, known: Sequence[Box], cancel: Cancel | None) -> list[Box]:
    try:
        part = cut_box(frame, person, margin=_CROP_MARGIN)
    except InvalidBoundingBoxError:
        return []
    faces = [part.outside(face.box) for face in finder.find(part, confidence=_CONFIDENCE, cancel=cancel)]
    if faces or any(_overlap(face, person) for face in known):
        return faces
    return [Box(x=person.x, y=person.y, width=person.width, height=max(1, round(person.height * _HEAD)))]


def _overlap(one: Box, other: Box) -> bool:
    return one.x < other.right and other.x < one.right and one.y < other.bottom and other.y < one.bottom
