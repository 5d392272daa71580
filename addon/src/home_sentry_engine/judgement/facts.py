"""What the pictures of a batch show: who, how many, how sure, for how long, which way."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.daypart import is_night
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.domain.messages import Scene, Sighting

DEEP_NIGHT_FROM_H: Final = 23
DEEP_NIGHT_UNTIL_H: Final = 5
PETS: Final = frozenset({"dog", "cat", "bird"})
SURE_PET: Final = 0.85

_LIKELY_PET: Final = 0.7
_AGREEING_PETS: Final = 3
_SAME_STAY_GAP_S: Final = 45.0
_MAX_EVIDENCE: Final = 8
_APPROACH_GROWTH: Final = 1.4
_APPROACH_SHIFT: Final = 0.04
_APPROACH_MIN_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """Movement of the largest person between its first and last timed position; ``growth``: ratio of box areas."""

    towards: bool
    growth: float
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Figures of a batch; ``counts`` holds the most objects of each label seen at once, persons first.

    ``likely_pets`` is the number of pictures in which something probably is a pet.
    """

    camera: str
    local_time: datetime
    counts: tuple[tuple[str, int], ...]
    confidence: dict[ObjectGroup, float]
    evidence: dict[ObjectGroup, tuple[str, ...]]
    stay_s: dict[ObjectGroup, float]
    approach: Approach | None
    likely_pets: int = 0

    @property
    def persons(self) -> int:
        """Most persons in one frame."""
        return self.many(ObjectGroup.PERSON)

    def many(self, group: ObjectGroup) -> int:
        """Most objects of a group, label by label."""
        return sum(count for label, count in self.counts if group_of(label) is group)

    @property
    def night(self) -> bool:
        """Tell whether the visit began between 22 and 6 o'clock at home."""
        return is_night(self.local_time)

    @property
    def deep_night(self) -> bool:
        """Tell whether the visit began between 23 and 5 o'clock at home."""
        return self.local_time.hour >= DEEP_NIGHT_FROM_H or self.local_time.hour < DEEP_NIGHT_UNTIL_H

    @property
    def pet_only(self) -> bool:
        """Tell whether nothing but pets was seen."""
        return bool(self.counts) and all(label in PETS for label, _ in self.counts)

    @property
    def sure_pet(self) -> bool:
        """Tell whether one picture is sure of a pet or several agree: a faint one may be somebody who crouches."""
        return self.confidence.get(ObjectGroup.ANIMAL, 0.0) >= SURE_PET or self.likely_pets >= _AGREEING_PETS


def facts_of(scene: Scene) -> Facts:
    """Count and measure the sightings of a scene."""
    sightings = sorted(scene.batch.sightings, key=lambda sighting: sighting.at)
    groups: dict[ObjectGroup, list[tuple[float, str, datetime]]] = {}
    for sighting in sightings:
        for detection, evidence in _numbered(sighting):
            groups.setdefault(group_of(detection.label), []).append((detection.confidence, evidence, sighting.at))
    return Facts(
        camera=" ".join(scene.batch.camera_name.split())[:64] or scene.batch.camera_id,
        local_time=scene.local_time,
        counts=_counts(sightings),
        confidence={group: max(seen)[0] for group, seen in groups.items()},
        evidence={group: _best(seen) for group, seen in groups.items()},
        stay_s={group: _stay_s([at for _, _, at in seen]) for group, seen in groups.items()},
        approach=_approach(sightings),
        likely_pets=sum(any(_likely_pet(one) for one in sighting.detections) for sighting in sightings),
    )


def _likely_pet(detection: Detection) -> bool:
    return detection.label in PETS and detection.confidence >= _LIKELY_PET


def _numbered(sighting: Sighting) -> Iterator[tuple[Detection, str]]:
    for index, detection in enumerate(sighting.detections):
        known = index < len(sighting.detection_ids)
        yield (
            detection,
            f"detection:{sighting.detection_ids[index]}" if known else f"media:{sighting.media_id}#{index}",
        )


def _counts(sightings: list[Sighting]) -> tuple[tuple[str, int], ...]:
    most: Counter[str] = Counter()
    for sighting in sightings:
        most |= Counter(detection.label for detection in sighting.detections)
    order = tuple(ObjectGroup)
    return tuple(sorted(most.items(), key=lambda pair: (order.index(group_of(pair[0])), -pair[1], pair[0])))


def _best(seen: list[tuple[float, str, datetime]]) -> tuple[str, ...]:
    ranked = sorted(seen, key=lambda item: (-item[0], item[1]))
    return tuple(dict.fromkeys(evidence for _, evidence, _ in ranked))[:_MAX_EVIDENCE]


def _stay_s(times: list[datetime]) -> float:
    longest = 0.0
    start = previous = times[0]
    for at in times[1:]:
        if (at - previous).total_seconds() > _SAME_STAY_GAP_S:
            start = at
        previous = at
        longest = max(longest, (at - start).total_seconds())
    return longest


def _approach(sightings: list[Sighting]) -> Approach | None:
    track = []
    for sighting in sightings:
        persons = [pair for pair in _numbered(sighting) if pair[0].label == "person"]
        if persons:
            detection, evidence = max(persons, key=lambda pair: (pair[0].box.area, pair[1]))
            track.append((sighting, detection, evidence))
    if len(track) < 2 or (track[-1][0].at - track[0][0].at).total_seconds() < _APPROACH_MIN_S:
        return None
    (first, before, first_id), (last, after, last_id) = track[0], track[-1]
    growth = _share(last, after) / max(_share(first, before), 1e-9)
    shift = after.box.bottom_centre(_size(last))[1] - before.box.bottom_centre(_size(first))[1]
    if growth >= _APPROACH_GROWTH and shift >= _APPROACH_SHIFT:
        return Approach(towards=True, growth=growth, evidence=(first_id, last_id))
    if growth <= 1 / _APPROACH_GROWTH and shift <= -_APPROACH_SHIFT:
        return Approach(towards=False, growth=growth, evidence=(first_id, last_id))
    return None


def _size(sighting: Sighting) -> tuple[int, int]:
    return max(1, sighting.image_width), max(1, sighting.image_height)


def _share(sighting: Sighting, detection: Detection) -> float:
    width, height = _size(sighting)
    return detection.box.area / (width * height)
