"""Which pictures of a visit are worth a closer look: those that show its subjects large, and few enough to hold."""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
import math
from typing import Any, Final

import cv2
import numpy as np

from home_sentry_engine.context.tracks import Look, Subject
from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.messages import Scene

_GROUPS: Final = (ObjectGroup.PERSON, ObjectGroup.VEHICLE, ObjectGroup.ANIMAL, ObjectGroup.PACKAGE, ObjectGroup.OTHER)
_SHARPNESS_SIDE: Final = 160
_SMALLEST_SIDE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRules:
    """How much of a visit is looked at closely.

    ``pictures`` and ``held_bytes`` bound what is decoded at full size at one time, ``subjects`` and ``looks`` (of one
    subject) what is looked at in them.
    """

    pictures: int = 8
    held_bytes: int = 192 * 1024 * 1024
    subjects: int = 8
    looks: int = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturePlace:
    """Where a picture is found: its file, and for a frame of a video the time in it."""

    media_id: str
    offset_s: float | None = None

    @property
    def key(self) -> str:
        """Name of the picture among those of its visit."""
        return self.media_id if self.offset_s is None else f"{self.media_id}@{self.offset_s:.3f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Pictures in the order in which they matter, and each chosen subject's looks in them, best first."""

    places: tuple[PicturePlace, ...]
    looks: Mapping[int, tuple[tuple[Look, PicturePlace], ...]]
    subjects: tuple[Subject, ...]


def choose(scene: Scene, subjects: Iterable[Subject], rules: ViewRules, *, counted: float) -> Choice:
    """Choose pictures in rounds: every subject's best look first, then the next best, until there are enough."""
    chosen = _chosen(subjects, rules, counted)
    ranked = _ranked(chosen)
    places: dict[str, PicturePlace] = {}
    for turn in range(rules.looks):
        for subject in chosen:
            looks = ranked[subject.number]
            if turn >= len(looks):
                continue
            place = _place(looks[turn])
            if place.key in places or len(places) < rules.pictures:
                places[place.key] = place
    if not places and scene.batch.sightings:
        first = scene.batch.sightings[0]
        place = PicturePlace(media_id=first.media_id, offset_s=first.offset_s)
        places[place.key] = place
    return Choice(places=tuple(places.values()), looks=_shown(ranked, places, rules), subjects=chosen)


def chosen_again(choice: Choice, subjects: Iterable[Subject], rules: ViewRules, *, counted: float) -> Choice:
    """Give the same pictures with other subjects, who were told apart by what the pictures show."""
    chosen = _chosen(subjects, rules, counted)
    places = {place.key: place for place in choice.places}
    return Choice(places=choice.places, looks=_shown(_ranked(chosen), places, rules), subjects=chosen)


def persons_in(subjects: Iterable[Subject]) -> Iterator[tuple[Look, str]]:
    """Give every look at a person, the most promising first, with the key of its picture."""
    looks = (look for one in subjects if one.group is ObjectGroup.PERSON for look in one.looks)
    for look in sorted(looks, key=promise, reverse=True):
        yield look, _place(look).key


def promise(look: Look) -> float:
    """Tell how much a look promises before its picture is decoded: size in the picture times confidence."""
    box, (width, height) = look.detection.box, look.image
    cut = 0.8 if box.x <= 1 or box.y <= 1 or box.right >= width - 1 or box.bottom >= height - 1 else 1.0
    return math.sqrt(box.area / (width * height)) * look.detection.confidence * cut


def clarity(look: Look, pixels: Any) -> float:
    """Tell how clear a look is: what it promises, times how sharp its part of the picture is.

    Sharpness is the deviation of the Laplacian over that of the brightness, so that contrast alone counts nothing.
    """
    box = look.detection.box
    part = pixels[box.y : box.bottom, box.x : box.right]
    if min(part.shape[:2]) < _SMALLEST_SIDE:
        return promise(look) * 0.1
    zoom = min(1.0, _SHARPNESS_SIDE / max(part.shape[:2]))
    size = max(_SMALLEST_SIDE, round(part.shape[1] * zoom)), max(_SMALLEST_SIDE, round(part.shape[0] * zoom))
    grey = cv2.cvtColor(cv2.resize(part, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    edges = float(np.asarray(cv2.Laplacian(grey, cv2.CV_32F)).std())
    return promise(look) * min(1.0, edges / (float(grey.std()) + 4.0))


def _chosen(subjects: Iterable[Subject], rules: ViewRules, counted: float) -> tuple[Subject, ...]:
    # a subject of few frames does not count yet, and is what deserves a closer look most
    sure = (one for one in subjects if max(look.detection.confidence for look in one.looks) >= counted)
    return tuple(sorted(sure, key=_importance)[: rules.subjects])


def _ranked(chosen: Iterable[Subject]) -> dict[int, list[Look]]:
    return {one.number: sorted(one.looks, key=promise, reverse=True) for one in chosen}


def _shown(
    ranked: Mapping[int, Iterable[Look]], places: Container[str], rules: ViewRules
) -> dict[int, tuple[tuple[Look, PicturePlace], ...]]:
    return {
        number: tuple((look, place) for look in looks if (place := _place(look)).key in places)[: rules.looks]
        for number, looks in ranked.items()
    }


def _importance(subject: Subject) -> tuple[int, float]:
    return _GROUPS.index(subject.group), -max(promise(look) for look in subject.looks)


def _place(look: Look) -> PicturePlace:
    return PicturePlace(media_id=look.media_id, offset_s=look.offset_s)
