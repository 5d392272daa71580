"""From a detector's raw boxes to what is reported: thresholds, classes, sizes, and one box per object."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.labels import CARRIED_CLASSES, SECURITY_CLASSES

type FloatArray = np.ndarray[Any, np.dtype[np.float64]]
type IntArray = np.ndarray[Any, np.dtype[np.int64]]

CANDIDATE_FLOOR: Final = 0.1
_UNCERTAIN_MOST: Final = 16
_SAME_PLACE: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Raw boxes of one picture: ``boxes`` [K,4] xyxy in original pixels, ``scores`` [K] 0..1, class indices [K]."""

    boxes: FloatArray
    scores: FloatArray
    classes: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxRules:
    """What is reported and what counts as one object; from ``uncertain_from`` on a box is worth a closer look.

    ``same_box_iou`` joins boxes of any classes (a DETR head names one box twice), ``same_class_iou`` those of one.
    Detectors take one half of a two-wheeler for a whole one: for ``open_framed`` classes a box that lies to ``inside``
    within a larger one of its class is a part of it, if the larger one is surer, or joins several such parts and is
    ``whole_ratio`` times as sure. Not for other classes: people carry children, and cars stand before cars.
    Things of the classes ``carried`` that are not among ``classes`` are told of the person in whose box at least
    ``carried_share`` of them lies, from ``carried_from`` on, and are else left out.
    """

    confidence: float = 0.5
    uncertain_from: float = 0.25
    class_confidence: Mapping[str, float] = field(default_factory=dict)
    classes: frozenset[str] = SECURITY_CLASSES
    min_box_px: int = 4
    same_box_iou: float = 0.8
    same_class_iou: float = 0.7
    open_framed: frozenset[str] = frozenset({"bicycle", "motorcycle"})
    inside: float = 0.85
    whole_ratio: float = 0.8
    carried: frozenset[str] = CARRIED_CLASSES
    carried_from: float = 0.5
    carried_share: float = 0.6

    def threshold(self, label: str) -> float:
        """Give the lowest confidence at which a class is reported."""
        return self.class_confidence.get(label, self.confidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Reported objects, most confident first, how many boxes each rule removed, and what was not sure enough."""

    detections: tuple[Detection, ...]
    dropped: tuple[tuple[str, int], ...]
    uncertain: tuple[Detection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    label: str
    score: float
    corners: tuple[float, float, float, float]

    @property
    def area(self) -> float:
        left, top, right, bottom = self.corners
        return (right - left) * (bottom - top)


def select(candidates: Candidates, labels: tuple[str, ...], rules: BoxRules, image: tuple[int, int]) -> Selection:
    """Apply the rules to one picture of (width, height); ``labels`` are canonical names by class index."""
    dropped: Counter[str] = Counter()
    kept: list[_Found] = []
    unsure: list[_Found] = []
    things: list[_Found] = []
    for found in _confident(candidates, labels, rules, dropped, unsure):
        if found.label not in rules.classes:
            things.append(found)
            continue
        clipped = _clip(found, image)
        if clipped is None or min(_sides(clipped)) < rules.min_box_px:
            dropped["size"] += 1
        elif any(_same(clipped, other, rules) for other in kept):
            dropped["duplicate"] += 1
        else:
            kept.append(clipped)
    whole = [found for found in kept if not _is_part(found, kept, rules)]
    dropped["fragment"] += len(kept) - len(whole)
    carriers = [_carrier(thing, whole, rules) for thing in things]
    dropped["class"] += carriers.count(None)
    return Selection(
        detections=tuple(
            _with_things(
                _detection(found, image), [one for one, by in zip(things, carriers, strict=True) if by is found]
            )
            for found in whole
        ),
        dropped=tuple(sorted((why, n) for why, n in dropped.items() if n)),
        uncertain=tuple(_detection(found, image) for found in _apart(unsure, kept, rules, image)),
    )


def _detection(found: _Found, image: tuple[int, int]) -> Detection:
    return Detection(label=found.label, confidence=found.score, box=Box.from_corners(found.corners, image=image))


def _apart(unsure: list[_Found], kept: list[_Found], rules: BoxRules, image: tuple[int, int]) -> list[_Found]:
    """Give what is not sure enough and is no second box of something that is, nor of each other."""
    apart: list[_Found] = []
    for found in unsure:
        clipped = _clip(found, image)
        if len(apart) >= _UNCERTAIN_MOST:
            break
        if clipped is None or min(_sides(clipped)) < rules.min_box_px:
            continue
        if not any(_is_within(clipped, other) for other in (*kept, *apart)):
            apart.append(clipped)
    return apart


def _is_within(found: _Found, other: _Found) -> bool:
    return found.label == other.label and overlap(found.corners, other.corners) >= _SAME_PLACE * found.area


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    """Give the area that two xyxy boxes share."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _confident(
    candidates: Candidates, labels: tuple[str, ...], rules: BoxRules, dropped: Counter[str], unsure: list[_Found]
) -> list[_Found]:
    lowest = min((rules.confidence, CANDIDATE_FLOOR, *rules.class_confidence.values()))
    strong = np.flatnonzero(candidates.scores >= lowest)
    order = strong[np.argsort(-candidates.scores[strong], kind="stable")]
    found: list[_Found] = []
    for index in order:
        label, score = labels[candidates.classes[index]], float(candidates.scores[index])
        left, top, right, bottom = (float(value) for value in candidates.boxes[index])
        one = _Found(label=label, score=score, corners=(left, top, right, bottom))
        if score < rules.threshold(label):
            dropped["confidence"] += 1
            if score >= rules.uncertain_from and label in rules.classes:
                unsure.append(one)
        elif label in rules.classes or (label in rules.carried and score >= rules.carried_from):
            found.append(one)
        else:
            dropped["class"] += 1
    return found


def _carrier(thing: _Found, whole: list[_Found], rules: BoxRules) -> _Found | None:
    """Give the person who has most of a thing; a thing that two have to the same part is the surer one's."""
    people = [one for one in whole if one.label == "person"]
    best = max(people, key=lambda one: overlap(thing.corners, one.corners), default=None)
    if best is None or overlap(thing.corners, best.corners) < rules.carried_share * thing.area:
        return None
    return best


def _with_things(detection: Detection, things: Iterable[_Found]) -> Detection:
    sure: dict[str, float] = {}
    for one in things:
        sure[one.label] = max(sure.get(one.label, 0.0), one.score)
    return replace(detection, carried=tuple(sorted(sure.items()))) if sure else detection


def _clip(found: _Found, image: tuple[int, int]) -> _Found | None:
    width, height = image
    left, top, right, bottom = found.corners
    left, top, right, bottom = max(0.0, left), max(0.0, top), min(float(width), right), min(float(height), bottom)
    if round(right) <= round(left) or round(bottom) <= round(top):
        return None
    return _Found(label=found.label, score=found.score, corners=(left, top, right, bottom))


def _sides(found: _Found) -> tuple[float, float]:
    left, top, right, bottom = found.corners
    return right - left, bottom - top


def _same(found: _Found, other: _Found, rules: BoxRules) -> bool:
    shared = overlap(found.corners, other.corners)
    if not shared:
        return False
    limit = min(rules.same_box_iou, rules.same_class_iou) if found.label == other.label else rules.same_box_iou
    return shared / (found.area + other.area - shared) >= limit


def _is_part(found: _Found, kept: list[_Found], rules: BoxRules) -> bool:
    if found.label not in rules.open_framed:
        return False
    return any(
        _holds(whole, found, rules) and (whole.score >= found.score or _joins_parts(whole, kept, rules))
        for whole in kept
    )


def _holds(whole: _Found, part: _Found, rules: BoxRules) -> bool:
    return (
        whole.label == part.label
        and whole.area > part.area
        and overlap(part.corners, whole.corners) >= rules.inside * part.area
    )


def _joins_parts(whole: _Found, kept: list[_Found], rules: BoxRules) -> bool:
    parts = [one for one in kept if _holds(whole, one, rules)]
    return len(parts) > 1 and all(whole.score >= rules.whole_ratio * part.score for part in parts)
