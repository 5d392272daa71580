"""Association: detections of one visit become subjects, so that one person in five pictures is one person."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
import math
from typing import Final

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.box import Box, intersection_over_union
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.domain.messages import Sighting

from .telling import telling
from .tracks import Look, Subject, frames_of

# similarity -1..1 of two looks by appearance, None where nobody compared them
type Appearance = Callable[[Look, Look], float | None]

_PREDICT_MOST_S: Final = 2.0
# detectors mix up cars with trucks and buses, hardly ever with these
_TWO_WHEELS: Final = frozenset({"bicycle", "motorcycle"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationRules:
    """When two looks may be one subject; distances are in box heights.

    A subject may have moved ``reach`` plus ``speed`` per second and grown or shrunk by ``growth``, each within
    ``max_gap_s``. Looks less alike than ``alike`` are different subjects. ``counted`` is the confidence that counts.
    Over more than ``clear_s`` boxes alone are sure only where no other choice costs less than ``rivalry`` more.
    """

    reach: float = 0.6
    speed: float = 1.2
    growth: float = 1.8
    growth_per_s: float = 0.15
    max_gap_s: float = 45.0
    video_gap_s: float = 3.0
    alike: float = 0.55
    counted: float = 0.3
    clear_s: float = 2.0
    rivalry: float = 1.5


@dataclass(slots=True)
class _Track:
    looks: list[Look] = field(default_factory=list)
    unsure: set[int] = field(default_factory=set)

    @property
    def last(self) -> Look:
        return self.looks[-1]

    def take(self, look: Look, *, sure: bool) -> None:
        if not sure:
            self.unsure.add(len(self.looks))
        self.looks.append(look)

    def alike(self, look: Look, appearance: Appearance) -> float | None:
        """Compare with the newest of its looks that can be compared."""
        return next((found for one in reversed(self.looks) if (found := appearance(one, look)) is not None), None)

    def centre_at(self, look: Look) -> tuple[float, float]:
        """Predict the centre by constant velocity over the last second."""
        x, y = _centre(self.last.detection.box)
        earlier = next((one for one in reversed(self.looks[:-1]) if _seconds(one, self.last) >= 0.4), None)
        if earlier is None or not look.moving:
            return x, y
        before_x, before_y = _centre(earlier.detection.box)
        share = min(_seconds(self.last, look), _PREDICT_MOST_S) / _seconds(earlier, self.last)
        return x + (x - before_x) * share, y + (y - before_y) * share


def associate(
    sightings: Iterable[Sighting], *, rules: AssociationRules | None = None, appearance: Appearance | None = None
) -> tuple[Subject, ...]:
    """Group the detections of one camera's visit; each detection belongs to exactly one subject."""
    rules = rules or AssociationRules()
    tracks: list[_Track] = []
    for looks in frames_of(sightings):
        free = list(looks)
        for track, look, sure in _pairs(tracks, free, rules, appearance):
            track.take(look, sure=sure)
            free.remove(look)
        tracks.extend(_Track([look]) for look in free)
    return tuple(
        Subject(number=number, looks=tuple(track.looks), unsure=frozenset(track.unsure))
        for number, track in enumerate(tracks, start=1)
    )


def count_by_group(
    subjects: Iterable[Subject], *, rules: AssociationRules | None = None
) -> dict[ObjectGroup, tuple[Subject, ...]]:
    """Give the subjects that count, by their group."""
    least = (rules or AssociationRules()).counted
    found: dict[ObjectGroup, tuple[Subject, ...]] = {}
    for subject in subjects:
        if subject.confidence >= least:
            found[subject.group] = (*found.get(subject.group, ()), subject)
    return found


def agreed(
    sightings: Sequence[Sighting],
    *,
    rules: AssociationRules | None = None,
    appearance: Appearance | None = None,
    most: int | None = None,
) -> tuple[Sighting, ...]:
    """Give the sightings as their subjects agree on them: one label each, and nothing of subjects that do not count.

    In a video no look is surer than its subject, so that one flash does not stand for all. Of more than ``most``
    detections the most telling stay. Sightings of which nothing is left stay, without detections.
    """
    least = (rules or AssociationRules()).counted
    subjects = associate(sightings, rules=rules, appearance=appearance)
    counting = [subject for subject in subjects if subject.confidence >= least]
    many = most is not None and sum(len(subject.looks) for subject in counting) > most
    told = telling(counting, most) if many and most is not None else None
    meant: dict[tuple[str, float | None, Detection], Detection | None] = {}
    for subject in subjects:
        label, sure = subject.label, subject.confidence
        for look in subject.looks:
            one = look.detection
            confidence = min(one.confidence, sure) if look.moving else one.confidence
            stays = sure >= least and (told is None or look in told)
            meaning = replace(one, label=label, confidence=confidence) if stays else None
            meant[(look.media_id, look.offset_s, one)] = meaning
    return tuple(_as_meant(sighting, meant) for sighting in sightings)


def _as_meant(sighting: Sighting, meant: Mapping[tuple[str, float | None, Detection], Detection | None]) -> Sighting:
    kept = [
        (meaning, index)
        for index, one in enumerate(sighting.detections)
        if (meaning := meant.get((sighting.media_id, sighting.offset_s, one), one)) is not None
    ]
    ids = sighting.detection_ids
    return replace(
        sighting,
        detections=tuple(meaning for meaning, _ in kept),
        detection_ids=tuple(ids[index] for _, index in kept if index < len(ids)),
    )


def _pairs(
    tracks: Sequence[_Track], looks: Sequence[Look], rules: AssociationRules, appearance: Appearance | None
) -> list[tuple[_Track, Look, bool]]:
    costs = sorted(
        (
            (cost, row, column)
            for row, track in enumerate(tracks)
            for column, look in enumerate(looks)
            if (cost := _cost(track, look, rules, appearance)) is not None
        ),
    )
    taken_rows: set[int] = set()
    taken_columns: set[int] = set()
    pairs = []
    for choice in costs:
        _, row, column = choice
        if row not in taken_rows and column not in taken_columns:
            taken_rows.add(row)
            taken_columns.add(column)
            track, look = tracks[row], looks[column]
            sure = _is_close(track, look, rules, appearance) or not _is_rivalled(choice, costs, rules)
            pairs.append((track, look, sure))
    return pairs


def _is_close(track: _Track, look: Look, rules: AssociationRules, appearance: Appearance | None) -> bool:
    """Tell whether a pair needs no proof: hardly any time between them, or compared by what they look like."""
    compared = appearance is not None and track.alike(look, appearance) is not None
    return compared or _seconds(track.last, look) <= rules.clear_s


def _is_rivalled(
    choice: tuple[float, int, int], costs: Iterable[tuple[float, int, int]], rules: AssociationRules
) -> bool:
    own, row, column = choice
    others = (one for one in costs if one != choice and (one[1] == row or one[2] == column))
    return any(cost < own + rules.rivalry for cost, _, _ in others)


def _cost(track: _Track, look: Look, rules: AssociationRules, appearance: Appearance | None) -> float | None:
    last = track.last
    seconds = _seconds(last, look)
    gap = rules.video_gap_s if look.moving and last.moving and look.media_id == last.media_id else rules.max_gap_s
    if seconds > gap or not _may_be_called(last.detection.label, look.detection.label):
        return None
    box, before = look.detection.box, last.detection.box
    growth = max(box.area, before.area) / min(box.area, before.area)
    if math.sqrt(growth) > rules.growth + rules.growth_per_s * seconds:
        return None
    (x, y), (was_x, was_y) = _centre(box), track.centre_at(look)
    distance = math.hypot(x - was_x, y - was_y) / max(box.height, before.height)
    reach = rules.reach + rules.speed * seconds
    overlap = intersection_over_union(box, before)
    if distance > reach and overlap <= 0:
        return None
    alike = track.alike(look, appearance) if appearance is not None else None
    if alike is not None and alike < rules.alike:
        return None
    # one box more of distance weighs as much as half of the size or a quarter of the likeness lost
    return distance - overlap + 0.5 * math.log(growth) + (4.0 * (1.0 - alike) if alike is not None else 0.0)


def _may_be_called(one: str, other: str) -> bool:
    """Tell whether the same thing may get both labels."""
    return group_of(one) is group_of(other) and (one in _TWO_WHEELS) == (other in _TWO_WHEELS)


def _centre(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2


def _seconds(earlier: Look, later: Look) -> float:
    return (later.at - earlier.at).total_seconds()
