"""Quality of association at the spacing of key frames: who is linked with whom, with and without looking at them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from statistics import fmean
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.context.association import Appearance, AssociationRules, associate
from home_sentry_engine.context.tracks import Look, Subject
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.messages import Sighting
from home_sentry_engine.vision.tasks.pictures import Frame

from .figures import Figure

_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
# a subject may be missing in one of the frames that are looked at
_FRAMES_APART: Final = 2.2

type Vector = NDArray[np.float32]
type Embed = Callable[[Frame, Box], Awaitable[Vector]]
type Pair = tuple[Look, Look]
type Where = tuple[float, Box]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """A frame of the clip, its time in seconds, and the persons in it."""

    frame: Frame
    at_s: float
    persons: tuple[Detection, ...]

    @classmethod
    def of(cls, frame: Frame, boxes: Iterable[Box]) -> Self:
        """Take a frame that knows its time, and where persons are in it."""
        persons = tuple(Detection(label="person", confidence=1.0, box=box) for box in boxes)
        return cls(frame=frame, at_s=frame.offset_s or 0.0, persons=persons)


async def links(keys: Sequence[Shown], *, eyes: Embed, judge: Embed, border: float) -> list[Figure]:
    """Give how many links of key frames join those whom another model (``judge``) takes for different persons.

    ``eyes`` makes the vectors that tell persons apart; two of the judge's below ``border`` are of different ones.
    """
    mine, others, rules = await _vectors(keys, eyes), await _vectors(keys, judge), _rules(keys)
    compared = _links(associate(_sightings(keys), rules=rules, appearance=_alike(mine)))
    by_boxes = _links(associate(_sightings(keys), rules=rules))
    alike = _alike(others)
    engine, plain = (fmean(alike(*pair) < border for pair in pairs) for pairs in (compared, by_boxes))
    what = "association at key frames: share of links that join different persons, by another model"
    return [Figure(what=what, engine=engine, bare=plain, n=len(compared), more_is_better=False)]


async def kept(frames: Sequence[Shown], same: Iterable[tuple[Where, Where]], *, eyes: Embed) -> list[Figure]:
    """Give the share of pairs of the ``same`` person in one frame and the next that are linked."""
    truth, rules = set(same), _rules(frames)
    looks: dict[str, Appearance | None] = {"eyes": _alike(await _vectors(frames, eyes)), "boxes": None}
    found = {}
    for name, appearance in looks.items():
        linked = _links(associate(_sightings(frames), rules=rules, appearance=appearance))
        found[name] = sum((_where(one), _where(other)) in truth for one, other in linked) / len(truth)
    what = f"association every {rules.video_gap_s / _FRAMES_APART:.0f} s: share of persons who stay one subject"
    return [Figure(what=what, engine=found["eyes"], bare=found["boxes"], n=len(truth))]


def _rules(frames: Sequence[Shown]) -> AssociationRules:
    step = max(after.at_s - before.at_s for before, after in pairwise(frames))
    usual = AssociationRules()
    return replace(usual, video_gap_s=max(usual.video_gap_s, _FRAMES_APART * step))


async def _vectors(frames: Sequence[Shown], embed: Embed) -> dict[Where, Vector]:
    return {(one.at_s, person.box): await embed(one.frame, person.box) for one in frames for person in one.persons}


def _alike(vectors: Mapping[Where, Vector]) -> Callable[[Look, Look], float]:
    return lambda one, other: float(np.dot(vectors[_where(one)], vectors[_where(other)]))


def _links(subjects: Iterable[Subject]) -> list[Pair]:
    return [pair for subject in subjects for pair in pairwise(subject.looks)]


def _where(look: Look) -> Where:
    return look.offset_s or 0.0, look.detection.box


def _sightings(frames: Sequence[Shown]) -> list[Sighting]:
    return [
        Sighting(
            media_id="clip",
            camera_id="clip",
            at=_BEGINNING,
            detections=one.persons,
            detection_ids=(),
            image_width=one.frame.width,
            image_height=one.frame.height,
            offset_s=one.at_s,
        )
        for one in frames
    ]
