"""Things that stay: a parked car is remembered where it stands and not announced again."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.detection import Detection, FrameDetections
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.domain.resting import Place, Resting, Shown

from .patches import confirmed, held
from .sieve import Screen

RESTING_GROUPS: Final = frozenset({ObjectGroup.VEHICLE, ObjectGroup.PACKAGE, ObjectGroup.OTHER})
_MOST: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRules:
    """When a thing has settled and when its place is free again.

    ``iou`` to its former place for ``after_s`` settles. Looks that miss it free the place: ``young_misses`` of one that
    has not settled, ``misses`` of one that has, if they also span ``after_s``. Pictures that show too little to be
    trusted (dark, blurred, striped, covered) miss nothing, so that a dark night does not make a parked car new. Nor is
    a settled thing missed while the pixels at its place stay what they were in the same light; in a light in which it
    was never seen, while they are what they were when that light began, at most ``adopt_s`` after it was seen.
    """

    iou: float = 0.7
    after_s: float = 600.0
    young_misses: int = 4
    misses: int = 10
    adopt_s: float = 2 * 3600.0
    groups: frozenset[ObjectGroup] = field(default=RESTING_GROUPS)


class RestingThings:
    """What rests before one camera; ``look`` gives the screen for a file's frames and what to remember afterwards."""

    def __init__(self, remembered: Iterable[Resting], rules: StaticRules | None = None) -> None:
        """Take what was remembered."""
        self._rules = rules or StaticRules()
        self.things: tuple[Resting, ...] = tuple(remembered)

    def look(self, frames: Sequence[FrameDetections], at: datetime, shown: Shown | None = None) -> Screen:
        """Take the frames of one file captured at ``at``; older files change nothing that is remembered.

        ``shown`` is what the first of them shows, None where nobody compares pixels.
        """
        rules = self._rules
        seen = self.things
        fresh: list[Resting] = []
        for frame in frames:
            image = frame.image_width, frame.image_height
            moment = at + timedelta(seconds=frame.offset_s or 0.0)
            placed = [
                (one.label, _place(one, image)) for one in frame.detections if group_of(one.label) in rules.groups
            ]
            seen, new = _updated(seen, placed, moment, rules)
            fresh.extend(new)
        newest = max((one.last_at for one in self.things), default=at)
        if at >= newest:
            doubtful = all(frame.quality is not None and frame.quality.bad for frame in frames)
            kept = seen if doubtful else _missed(self.things, seen, at, lambda thing: self._held(thing, shown, at))
            if shown is not None and not doubtful:
                kept = tuple(confirmed(thing, shown, at) if thing.last_at >= at else thing for thing in kept)
            self.things = _remembered(kept, fresh, at, rules)
        standing = [thing for thing in seen if _settled(thing, rules)]

        def screen(detection: Detection, image: tuple[int, int]) -> str | None:
            if group_of(detection.label) not in rules.groups:
                return None
            place = _place(detection, image)
            return "static" if any(_same(thing, detection.label, place, rules) for thing in standing) else None

        return screen

    def _held(self, thing: Resting, shown: Shown | None, at: datetime) -> Resting | None:
        if shown is None or not _settled(thing, self._rules):
            return None
        return held(thing, shown, at, adopt_s=self._rules.adopt_s)


def overlap(a: Place, b: Place) -> float:
    """Give the IoU of two places."""
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    return wide * high / (a[2] * a[3] + b[2] * b[3] - wide * high)


def _settled(thing: Resting, rules: StaticRules) -> bool:
    return (thing.last_at - thing.first_at).total_seconds() >= rules.after_s


def _place(detection: Detection, image: tuple[int, int]) -> Place:
    return detection.box.normalised(image)


def _same(thing: Resting, label: str, place: Place, rules: StaticRules) -> bool:
    return group_of(thing.label) is group_of(label) and overlap(thing.place, place) >= rules.iou


def _updated(
    things: tuple[Resting, ...], placed: Sequence[tuple[str, Place]], moment: datetime, rules: StaticRules
) -> tuple[tuple[Resting, ...], list[Resting]]:
    left = list(placed)
    updated = []
    for thing in sorted(things, key=lambda one: one.first_at):
        matching = [one for one in left if _same(thing, *one, rules)]
        if not matching:
            updated.append(thing)
            continue
        label, place = max(matching, key=lambda one: overlap(thing.place, one[1]))
        left.remove((label, place))
        updated.append(
            replace(
                thing, place=_blended(thing.place, place), last_at=max(thing.last_at, moment), missed=0, missed_at=None
            )
        )
    fresh = [Resting(label=label, place=place, first_at=moment, last_at=moment) for label, place in left]
    return tuple(updated), fresh


def _missed(
    before: tuple[Resting, ...], seen: tuple[Resting, ...], at: datetime, held_by: Callable[[Resting], Resting | None]
) -> tuple[Resting, ...]:
    """Count one more miss of everything that was not seen again and whose place does not look the same either."""
    known = {(thing.label, thing.first_at, thing.last_at) for thing in before}
    counted = []
    for thing in seen:
        missed = thing.missed_at is not None or (thing.label, thing.first_at, thing.last_at) in known
        if missed and thing.last_at < at:
            missing = replace(thing, missed=thing.missed + 1, missed_at=thing.missed_at or at)
            counted.append(held_by(thing) or missing)
            continue
        counted.append(thing)
    return tuple(counted)


def _remembered(
    seen: tuple[Resting, ...], fresh: Sequence[Resting], at: datetime, rules: StaticRules
) -> tuple[Resting, ...]:
    kept = [thing for thing in seen if not _gone(thing, at, rules)]
    newest = [one for index, one in enumerate(fresh) if not _repeated(one, fresh[:index], rules)]
    return tuple(sorted((*kept, *newest), key=lambda one: one.last_at, reverse=True)[:_MOST])


def _repeated(thing: Resting, earlier: Sequence[Resting], rules: StaticRules) -> bool:
    return any(_same(one, thing.label, thing.place, rules) for one in earlier)


def _gone(thing: Resting, at: datetime, rules: StaticRules) -> bool:
    if thing.missed_at is None:
        return False
    if not _settled(thing, rules):
        return thing.missed >= rules.young_misses
    return thing.missed >= rules.misses and (at - thing.missed_at).total_seconds() >= rules.after_s


def _blended(old: Place, new: Place) -> Place:
    a, b, c, d = (0.8 * before + 0.2 * now for before, now in zip(old, new, strict=True))
    return a, b, c, d
