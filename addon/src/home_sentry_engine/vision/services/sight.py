"""The tasks of Florence-2 put to a vision-language model in words; boxes count only where they are boxes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.florence import FlorenceAnswer, FlorenceTask, Region, parse_answer
from home_sentry_engine.vision.tasks.pictures import Frame

from .answers import is_number

type Ask = Callable[[Frame, str, Mapping[str, Any], int], Told]

_SCALE: Final = 1000
_MOST_REGIONS: Final = 20
_LONGEST: Final = 400
_WORDS: Final = 120
_PLACES: Final = 900
# a "box" around nearly everything is what a model says that cannot place things
_ALL_OF_IT: Final = 0.98

_ASKED: Final[dict[FlorenceTask, tuple[str, int]]] = {
    FlorenceTask.CAPTION: ("Say in one short sentence what the picture shows.", _WORDS),
    FlorenceTask.DETAILED_CAPTION: ("Describe in two sentences what the picture shows.", 2 * _WORDS),
    FlorenceTask.MORE_DETAILED_CAPTION: ("Describe in a paragraph what the picture shows.", 3 * _WORDS),
    FlorenceTask.OCR: ("Copy the text in the picture, nothing else. Without any, answer with an empty text.", _WORDS),
}
_PLACED: Final[dict[FlorenceTask, str]] = {
    FlorenceTask.OD: "Find every person, animal, vehicle and other object, each with its name.",
    FlorenceTask.DENSE_REGION_CAPTION: "Find the objects, each with a description of a few words.",
    FlorenceTask.OCR_WITH_REGION: "Find every text in the picture, each copied as it stands.",
}
_PLACES_ASKED: Final = (
    " Give each a box [left, top, right, bottom] in thousandths of the picture's width and height, "
    "0 to 1000. Without any, answer with an empty list."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The JSON object that a model answered, and its name."""

    answer: Mapping[str, Any]
    model_id: str


class NoBoxes(Unavailable, ValueError):
    """The model was asked where things are and named places that are no boxes."""


class ServedSight:
    """A vision-language model with the methods of ``FlorenceReader``.

    ``ask`` gets a picture, the question, the JSON schema of the answer and its longest length in tokens; it blocks
    and raises a ``StageError``.
    """

    def __init__(self, ask: Ask) -> None:
        """Take the way to the model."""
        self._ask = ask

    def canary(self, frame: Frame) -> None:
        """Describe a picture; raises a ``StageError``."""
        self._written(FlorenceTask.CAPTION, frame, *_ASKED[FlorenceTask.CAPTION])

    def ask(self, task: FlorenceTask, frame: Frame, *, cancel: Cancel | None = None) -> FlorenceAnswer:  # noqa: ARG002
        """Do one of the seven tasks; a call under way cannot be cancelled, its deadline ends it.

        Raises ``NoBoxes`` where places were asked for and none of those named is a box.
        """
        if task in _PLACED:
            return self._placed(task, frame)
        return self._written(task, frame, *_ASKED[task])

    def answer_question(self, question: str, frame: Frame, *, cancel: Cancel | None = None) -> FlorenceAnswer:  # noqa: ARG002
        """Answer a free question with words."""
        asked = f"{question}\nAnswer in a few words. If the picture does not tell, answer: unanswerable"
        return self._written(FlorenceTask.CAPTION, frame, asked, _WORDS)

    def confirms(self, thing: str, frame: Frame) -> bool | None:
        """Tell whether a picture really shows a thing; None where the model cannot tell."""
        words = ("yes", "no", "unsure")
        schema = _object(answer={"type": "string", "enum": list(words)})
        asked = f"Is this really a {thing} that somebody holds or carries, and not a phone, tool, bag or shadow?"
        said = self._ask(frame, f"{asked} Answer yes, no or unsure.", schema, 20).answer.get("answer")
        return {"yes": True, "no": False}.get(str(said).strip().casefold())

    def _written(self, task: FlorenceTask, frame: Frame, asked: str, most: int) -> FlorenceAnswer:
        schema = _object(text={"type": "string", "maxLength": _LONGEST})
        told = self._ask(frame, asked, schema, most)
        said = told.answer.get("text")
        if not isinstance(said, str):
            raise Unavailable("the vision model's answer holds no text", code="service_nonsense")
        found = parse_answer(task, said[: 4 * _LONGEST], (frame.width, frame.height))
        return replace(found, model_id=told.model_id)

    def _placed(self, task: FlorenceTask, frame: Frame) -> FlorenceAnswer:
        coordinate = {"type": "integer", "minimum": 0, "maximum": _SCALE}
        place = {"type": "array", "items": coordinate, "minItems": 4, "maxItems": 4}
        one = _object(text={"type": "string", "maxLength": 80}, box=place)
        schema = _object(found={"type": "array", "items": one, "maxItems": _MOST_REGIONS})
        told = self._ask(frame, _PLACED[task] + _PLACES_ASKED, schema, _PLACES)
        found = told.answer.get("found")
        if not isinstance(found, list):
            raise NoBoxes("the vision model named no places", code="no_boxes")
        regions = dict.fromkeys(filter(None, (_region(one, (frame.width, frame.height)) for one in found)))
        if found and not regions:
            raise NoBoxes("what the vision model gives as places are no boxes", code="no_boxes")
        dropped = len(found) - len(regions)
        return FlorenceAnswer(task=task, regions=tuple(regions), dropped=dropped, model_id=told.model_id)


def _region(one: object, image: tuple[int, int]) -> Region | None:
    if not isinstance(one, Mapping):
        return None
    text, place = one.get("text"), one.get("box")
    if not isinstance(text, str) or not text.strip() or not isinstance(place, list) or len(place) != 4:
        return None
    if not all(_is_place(value) for value in place):
        return None
    left, top, right, bottom = (value / _SCALE for value in place)
    if (right - left) * (bottom - top) >= _ALL_OF_IT:
        return None
    width, height = image
    try:
        box = Box.from_corners((left * width, top * height, right * width, bottom * height), image=image)
    except InvalidBoundingBoxError:
        return None
    return Region(text=" ".join(text.split()), box=box)


def _is_place(value: object) -> bool:
    return is_number(value) and 0 <= value <= _SCALE


def _object(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
