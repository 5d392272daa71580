"""Labelled pictures and clips of a folder, as the quality benchmark wants them.

The folder holds ``images/voc2012`` with ``labels/voc2012`` (Pascal VOC's XML), ``images/coco_val2017`` with
``labels/coco_val2017_person_keypoints`` (``0 cx cy w h`` and 17 times ``x y v``, as fractions), ``images/plates`` and
``video/vtest.avi``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.labels import canonical_label
from home_sentry_engine.media.limits import Limits
from home_sentry_engine.media.picture import decode
from home_sentry_engine.media.video import Sampling, VideoReader
from home_sentry_engine.vision.tasks.pictures import Frame

from .scoring import Truth

PLATES: Final = {"test_plate_1.png": "AD799KB", "lpd_sample_1.jpg": "E99999", "lpd_sample_2.jpeg": "BD01113"}
CLIP: Final = Path("video", "vtest.avi")
_PERSONS: Final = Path("labels", "coco_val2017_person_keypoints")
_PICTURES: Final = Path("images", "coco_val2017")
_VOC: Final = Path("labels", "voc2012")
_VOC_PICTURES: Final = Path("images", "voc2012")
_PLATE_PICTURES: Final = Path("images", "plates")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Persons counted by eye in the clip: by first frame of a window of ``frames``, every ``step``-th looked at."""

    persons: Mapping[int, int]
    frames: int
    step: int
    per_second: float


COUNTED: Final = Counted(persons={0: 6, 300: 6, 400: 4, 450: 4}, frames=50, step=2, per_second=10.0)


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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelledPicture:
    """A picture with the objects in it."""

    frame: Frame
    truths: tuple[Truth, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CountedWindow:
    """Pictures of a clip with their times in seconds, and how many persons they show."""

    frames: tuple[Frame, ...]
    times_s: tuple[float, ...]
    persons: int


def voc_pictures(media: Path) -> list[LabelledPicture]:
    """Read the pictures with Pascal VOC's labels; raises ``NoLabels`` without any."""
    found: list[LabelledPicture] = []
    for notes in sorted((media / _VOC).glob("*.xml")):
        frame = decode((media / _VOC_PICTURES / f"{notes.stem}.jpg").read_bytes())
        tree = ET.parse(notes)  # noqa: S314 - the labels are the operator's own
        truths = tuple(_voc_truth(node, frame) for node in tree.getroot().iter("object"))
        found.append(LabelledPicture(frame=frame, truths=truths))
    if not found:
        raise NoLabels(f"{media.name or 'the folder'} holds no {_VOC.as_posix()}")
    return found


def coco_pictures(pictures: Sequence[PersonPicture]) -> list[LabelledPicture]:
    """Give pictures of persons as pictures with objects."""
    return [
        LabelledPicture(
            frame=picture.frame,
            truths=tuple(Truth(label="person", box=_box(one.corners, picture.frame)) for one in picture.persons),
        )
        for picture in pictures
    ]


def counted_windows(media: Path) -> list[CountedWindow]:
    """Read the windows of the clip in which persons were counted by eye."""
    every_s = COUNTED.step / COUNTED.per_second
    most = (max(COUNTED.persons) + COUNTED.frames) // COUNTED.step
    frames = clip_frames(media, every_s=every_s, most=most)
    windows = []
    for start, persons in COUNTED.persons.items():
        chosen = range(start // COUNTED.step, min(len(frames), (start + COUNTED.frames) // COUNTED.step))
        windows.append(
            CountedWindow(
                frames=tuple(frames[index] for index in chosen),
                times_s=tuple(index * every_s for index in chosen),
                persons=persons,
            )
        )
    return windows


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


def key_frames(media: Path) -> list[Frame]:
    """Read the key frames of the clip with pedestrians, as the engine chooses them."""
    with (media / CLIP).open("rb") as file:
        return list(VideoReader(Limits()).frames(file, Sampling(adaptive=True)))


def _person(row: list[float], width: int, height: int) -> Person:
    _, cx, cy, wide, high = row[:5]
    joints = np.asarray(row[5:], np.float64).reshape(-1, 3)
    return Person(
        corners=((cx - wide / 2) * width, (cy - high / 2) * height, (cx + wide / 2) * width, (cy + high / 2) * height),
        joints=joints * (width, height, 1),
    )


def _voc_truth(node: ET.Element, frame: Frame) -> Truth:
    corners = tuple(float(node.findtext(f"bndbox/{side}") or "nan") for side in ("xmin", "ymin", "xmax", "ymax"))
    return Truth(
        label=canonical_label(node.findtext("name") or ""),
        box=_box((corners[0], corners[1], corners[2], corners[3]), frame),
        difficult=node.findtext("difficult") == "1",
    )


def _box(corners: tuple[float, float, float, float], frame: Frame) -> Box:
    return Box.from_corners(corners, image=(frame.width, frame.height))
