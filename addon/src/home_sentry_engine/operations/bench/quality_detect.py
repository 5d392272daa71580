"""Quality of detection and association: objects found per class, and people counted over a clip."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from statistics import fmean
from typing import Final

from home_sentry_engine.context.association import associate, count_by_group
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.box import intersection_over_union
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.messages import Sighting
from home_sentry_engine.vision.second_look import SecondLook
from home_sentry_engine.vision.session import Session
from home_sentry_engine.vision.tasks.pictures import Frame
from home_sentry_engine.vision.tasks.tiles import TileRules
from home_sentry_engine.vision.zoo import Zoo

from . import bare
from .figures import Figure
from .labelled import COUNTED, CountedWindow, LabelledPicture
from .scoring import ClassScore, Guess, Pictures, Truth, mean_score, scores

CLASSES: Final = ("person", "car", "bus", "motorcycle", "bicycle", "dog", "cat", "bird")
_ANYTHING, _COUNTED_FROM = 0.01, 0.5
_SMALL, _MATCH = 0.02, 0.5
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)


async def detection(zoo: Zoo, session: Session, pictures: Sequence[LabelledPicture], name: str) -> list[Figure]:
    """Give AP50 per class and its mean over one labelled set."""
    frames = [picture.frame for picture in pictures]
    found = await zoo.detector.detect(frames, confidence=_ANYTHING)
    plain = [await asyncio.to_thread(bare.objects, session, frame, _ANYTHING) for frame in frames]
    truths: Pictures[Truth] = [picture.truths for picture in pictures]
    ours = scores([Guess.of(one) for one in found], truths, CLASSES)
    theirs = scores(plain, truths, CLASSES)
    return [*_per_class(ours, theirs, name), _mean(ours, theirs, name)]


async def small_persons(zoo: Zoo, pictures: Sequence[LabelledPicture]) -> list[Figure]:
    """Give AP50 of what is reported of small people with a second look at tiles; bare looks once.

    As COCO counts a range of sizes: larger people, and boxes of other sizes that match no small one, count neither way.
    """
    frames = [picture.frame for picture in pictures]
    truths = [_only_small(picture) for picture in pictures]
    with ThreadPoolExecutor(1) as threads:
        twice = SecondLook(
            zoo.detector, enlarge=lambda frame: frame, stirs=lambda _: False, executor=threads, tiles=TileRules()
        )
        again = await twice.detect(frames, confidence=_COUNTED_FROM)
    once = await zoo.detector.detect(frames, confidence=_COUNTED_FROM)
    tiles = sum(dict(frame.again).get("tiles", 0) for frame in again)
    (ours,), (theirs,) = (
        scores([_sized(one, wanted) for one, wanted in zip(found, truths, strict=True)], truths, ("person",))
        for found in (again, once)
    )
    what = f"detection, COCO: AP50 of persons below {_SMALL:.0%} of the picture, {len(frames) + tiles} looks"
    return [Figure(what=f"{what} and {len(frames)}", engine=ours.precision, bare=theirs.precision, n=ours.n)]


async def association(zoo: Zoo, windows: Sequence[CountedWindow]) -> list[Figure]:
    """Give the mean error of counted people per window; bare counts the most boxes that one picture shows."""
    ours: list[int] = []
    theirs: list[int] = []
    for window in windows:
        found = await zoo.detector.detect(window.frames, confidence=_COUNTED_FROM)
        persons = [tuple(one for one in frame.detections if one.label == "person") for frame in found]
        shown = zip(window.frames, persons, window.times_s, strict=True)
        seen = [_sighting(frame, people, at_s) for frame, people, at_s in shown]
        counted = len(count_by_group(associate(seen)).get(ObjectGroup.PERSON, ()))
        ours.append(abs(counted - window.persons))
        theirs.append(abs(max(map(len, persons)) - window.persons))
    return [
        Figure(
            what=f"association: persons counted wrongly per window of {COUNTED.frames} frames, mean",
            engine=fmean(ours),
            bare=fmean(theirs),
            n=len(windows),
            more_is_better=False,
        )
    ]


def _only_small(picture: LabelledPicture) -> tuple[Truth, ...]:
    most = _SMALL * picture.frame.width * picture.frame.height
    return tuple(replace(one, difficult=one.difficult or one.box.area > most) for one in picture.truths)


def _sized(found: FrameDetections, truths: Sequence[Truth]) -> tuple[Guess, ...]:
    small = [one for one in truths if not one.difficult]
    most = _SMALL * found.image_width * found.image_height
    return tuple(
        guess
        for guess in Guess.of(found)
        if guess.box.area <= most or any(intersection_over_union(guess.box, one.box) >= _MATCH for one in small)
    )


def _per_class(ours: Sequence[ClassScore], theirs: Sequence[ClassScore], name: str) -> list[Figure]:
    return [
        Figure(what=f"detection, {name}: AP50 of {one.label}", engine=one.precision, bare=other.precision, n=one.n)
        for one, other in zip(ours, theirs, strict=True)
    ]


def _mean(ours: Sequence[ClassScore], theirs: Sequence[ClassScore], name: str) -> Figure:
    count = sum(one.n for one in ours)
    return Figure(what=f"detection, {name}: mean AP50", engine=mean_score(ours), bare=mean_score(theirs), n=count)


def _sighting(frame: Frame, persons: tuple[Detection, ...], at_s: float) -> Sighting:
    return Sighting(
        media_id="clip",
        camera_id="clip",
        at=_BEGINNING,
        detections=persons,
        detection_ids=(),
        image_width=frame.width,
        image_height=frame.height,
        offset_s=at_s,
    )
