"""Labelled pictures and clips of a folder, as the quality benchmark wants them.

The folder holds ``images/coco_val2017`` with ``labels/coco_val2017_person_keypoints`` (``0 cx cy w h`` and 17 times
``x y v``, as fractions), ``images/plates`` and ``video/vtest.avi``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.video import Sampling, VideoReader
from home_sentry_engine.vision.tasks.pictures import Frame

PLATES: Final = {"test_plate_1.png": "AD799KB", "lpd_sample_1.jpg": "E99999", "lpd_sample_2.jpeg": "BD01113"}
CLIP: Final = Path("video", "vtest.avi")
_PERSONS: Final = Path("labels", "coco_val2017_person_keypoints")
_PICTURES: Final = Path("images", "coco_val2017")
_PLATE_PICTURES: Final = Path("images", "plates")


class NoLabels(HomeSentryError, FileNotFoundError):
    """The folder does not hold what the benchmark needs."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Person:
    """A labelled person: xyxy in pixels, ``joints`` [17,3] of x, y in pixels and 0 = unknown, 1 = hidden, 2 = seen."""

    corners: tuple[float, float, float, float]
    joints: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonPicture:
    """A picture and everybody in it."""

    frame: Frame
    persons: tuple[Person, ...]


def person_pictures(media: Path) -> list[PersonPicture]:
    """Read the pictures with labelled persons; raises ``NoLabels`` without any."""
    found: list[PersonPicture] = []
    for notes in sorted((media / _PERSONS).glob("*.txt")):
        frame = decode((media / _PICTURES / f"{notes.stem}.jpg").read_bytes())
        rows = [line.split() for line in notes.read_text(encoding="utf-8").splitlines()]
        persons = tuple(_person([float(word) for word in row], frame.width, frame.height) for row in rows)
        found.append(PersonPicture(frame=frame, persons=persons))
    if not found:
        raise NoLabels(f"{media.name or 'the folder'} holds no {_PERSONS.as_posix()}")
    return found


def plate_pictures(media: Path) -> dict[str, Frame]:
    """Read the pictures whose plates are known, by their text."""
    return {truth: decode((media / _PLATE_PICTURES / name).read_bytes()) for name, truth in PLATES.items()}


def clip_frames(media: Path, *, every_s: float, most: int) -> list[Frame]:
    """Read frames of the clip with pedestrians."""
    with (media / CLIP).open("rb") as file:
        return list(VideoReader(Limits()).frames(file, Sampling(interval_s=every_s, max_frames=most)))


def _person(row: list[float], width: int, height: int) -> Person:
    _, cx, cy, wide, high = row[:5]
    joints = np.asarray(row[5:], np.float64).reshape(-1, 3)
    return Person(
        corners=((cx - wide / 2) * width, (cy - high / 2) * height, (cx + wide / 2) * width, (cy + high / 2) * height),
        joints=joints * (width, height, 1),
    )
