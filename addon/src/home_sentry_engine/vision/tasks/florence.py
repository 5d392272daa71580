"""Florence-2's language: what it is asked, and what its answers mean.

Source: ``processing_florence2.py`` of ``microsoft/Florence-2-base``: prompts, 1,000 bins per axis, centres of bins.
"""

from dataclasses import dataclass
from enum import StrEnum
import re
from typing import Final

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError

_BINS: Final = 1000
_BOX, _QUAD = 4, 8
_PLACE: Final = re.compile(r"<loc_(\d+)>")
_REGION: Final = re.compile(r"([^<]*)((?:<loc_\d+>)+)")
_AROUND_PLACE: Final = re.compile(r"\s*(<loc_\d+>)\s*")
_FRAME: Final = re.compile(r"</?s>|<pad>|<unk>")
_RAW: Final = re.compile(r"<\w+>|</\w+>")


class FlorenceTask(StrEnum):
    """What can be asked; the value is the task's own token."""

    CAPTION = "<CAPTION>"
    DETAILED_CAPTION = "<DETAILED_CAPTION>"
    MORE_DETAILED_CAPTION = "<MORE_DETAILED_CAPTION>"
    OD = "<OD>"
    DENSE_REGION_CAPTION = "<DENSE_REGION_CAPTION>"
    OCR = "<OCR>"
    OCR_WITH_REGION = "<OCR_WITH_REGION>"


_PROMPTS: Final = {
    FlorenceTask.CAPTION: "What does the image describe?",
    FlorenceTask.DETAILED_CAPTION: "Describe in detail what is shown in the image.",
    FlorenceTask.MORE_DETAILED_CAPTION: "Describe with a paragraph what is shown in the image.",
    FlorenceTask.OD: "Locate the objects with category name in the image.",
    FlorenceTask.DENSE_REGION_CAPTION: "Locate the objects in the image, with their descriptions.",
    FlorenceTask.OCR: "What is the text in the image?",
    FlorenceTask.OCR_WITH_REGION: "What is the text in the image, with regions?",
}
_WITH_REGIONS: Final = {FlorenceTask.OD, FlorenceTask.DENSE_REGION_CAPTION, FlorenceTask.OCR_WITH_REGION}


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Words about a part of the picture."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class FlorenceAnswer:
    """``text`` for captions and OCR, ``regions`` for the others; ``dropped`` counts values that were no answer.

    ``model_id`` is told by models that stand in the place of Florence-2.
    """

    task: FlorenceTask
    text: str = ""
    regions: tuple[Region, ...] = ()
    dropped: int = 0
    model_id: str | None = None


def prompt_of(task: FlorenceTask) -> str:
    """Give the sentence that stands for a task."""
    return _PROMPTS[task]


def question_prompt(question: str) -> str:
    """Give the prompt of a free question; task tokens in it are taken out, so that it stays a question."""
    return "<VQA>" + _RAW.sub(" ", question).strip()


def parse_answer(task: FlorenceTask, raw: str, image: tuple[int, int]) -> FlorenceAnswer:
    """Read what the model wrote about a picture of (width, height).

    A value that still holds raw tokens is no words about the picture: it is dropped and counted.
    """
    words = _FRAME.sub("", raw).strip()
    if task not in _WITH_REGIONS:
        if not words or _RAW.search(words):
            return FlorenceAnswer(task=task, dropped=1)
        return FlorenceAnswer(task=task, text=words)
    regions: list[Region] = []
    dropped = 0
    size = _QUAD if task is FlorenceTask.OCR_WITH_REGION else _BOX
    rest = words = _AROUND_PLACE.sub(r"\1", words)
    for match in _REGION.finditer(words):
        rest = rest.replace(match.group(0), "", 1)
        places = [int(place) for place in _PLACE.findall(match.group(2))]
        text = match.group(1).strip()
        whole, over = divmod(len(places), size)
        dropped += bool(over)
        boxes = [_box(places[at * size : (at + 1) * size], image) for at in range(whole)]
        if not text:
            dropped += len(boxes)
            continue
        regions += [Region(text=text, box=box) for box in boxes if box is not None]
        dropped += sum(box is None for box in boxes)
    return FlorenceAnswer(task=task, regions=tuple(regions), dropped=dropped + bool(rest.strip()))


def _box(places: list[int], image: tuple[int, int]) -> Box | None:
    """Give the box around two or four corners in bins, None for one without area."""
    if max(places) >= _BINS:
        return None
    across = [(place + 0.5) * image[0] / _BINS for place in places[::2]]
    down = [(place + 0.5) * image[1] / _BINS for place in places[1::2]]
    if places[2] < places[0] and len(places) == _BOX:
        return None
    try:
        return Box.from_corners((min(across), min(down), max(across), max(down)), image=image)
    except InvalidBoundingBoxError:
        return None
