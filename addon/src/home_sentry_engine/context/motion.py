"""Movement of a subject: towards what, how fast, over which line. Everything needs two timed positions, else None.

Distances are in picture heights, so that a step to the side counts as much as one down.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
import math
from typing import Final

from .geometry import Point, segments_meet, turn
from .tracks import Look, Subject

_STILL: Final = 0.01


class Crossing(StrEnum):
    """Which way somebody went over a line."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approach:
    """Movement relative to a target; ``direction_deg`` is 0 upwards, 90 to the right; None while standing still.

    ``speed`` is along the path in picture heights per second, ``distance`` what is left to the target in picture
    heights, ``eta_s`` when it is reached at the present pace, None unless approaching.
    """

    approaching: bool
    direction_deg: float | None
    speed: float
    distance: float
    eta_s: float | None

    def document(self) -> dict[str, object]:
        """Give it as JSON values."""
        return {
            "approaching": self.approaching,
            "direction_deg": None if self.direction_deg is None else round(self.direction_deg, 1),
            "speed": round(self.speed, 4),
            "distance": round(self.distance, 4),
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
        }


def dwell_s(looks: Sequence[Look]) -> float | None:
    """Give the seconds between the first and the last look."""
    return (looks[-1].at - looks[0].at).total_seconds() if timed(looks) else None


def timed(looks: Sequence[Look]) -> bool:
    """Tell whether there are two looks at different times."""
    return len(looks) >= 2 and looks[-1].at > looks[0].at


def approach_of(subject: Subject, target: Point) -> Approach | None:
    """Measure how a subject moves relative to a point of the picture."""
    looks = subject.looks
    if not timed(looks):
        return None
    seconds = (looks[-1].at - looks[0].at).total_seconds()
    start, end = looks[0], looks[-1]
    right = (end.point[0] - start.point[0]) * end.aspect
    down = end.point[1] - start.point[1]
    moved = math.hypot(right, down)
    closing = -_slope(looks, [_distance(look, target) for look in looks])
    distance = _distance(end, target)
    approaching = distance < _distance(start, target) - _STILL and closing > 0
    return Approach(
        approaching=approaching,
        direction_deg=math.degrees(math.atan2(right, -down)) % 360 if moved > _STILL else None,
        speed=sum(_step(a, b) for a, b in pairwise(looks)) / seconds,
        distance=distance,
        eta_s=distance / closing if approaching else None,
    )


def crossings(subject: Subject, line: Sequence[Point]) -> tuple[Crossing, ...]:
    """List how a subject went over a threshold of two points; from its left to its right, seen along it, is inwards."""
    if not timed(subject.looks):
        return ()
    first, second = line
    found: list[Crossing] = []
    side, where = 0.0, subject.looks[0].point
    for look in subject.looks:
        now = turn(first, second, look.point)
        if now == 0:
            continue
        if side * now < 0 and segments_meet(where, look.point, first, second):
            found.append(Crossing.IN if now > 0 else Crossing.OUT)
        side, where = now, look.point
    return tuple(found)


def _distance(look: Look, target: Point) -> float:
    return math.hypot((look.point[0] - target[0]) * look.aspect, look.point[1] - target[1])


def _step(a: Look, b: Look) -> float:
    return math.hypot((b.point[0] - a.point[0]) * b.aspect, b.point[1] - a.point[1])


def _slope(looks: Sequence[Look], values: Sequence[float]) -> float:
    """Least squares change per second."""
    times = [(look.at - looks[0].at).total_seconds() for look in looks]
    mean_t, mean_v = math.fsum(times) / len(times), math.fsum(values) / len(values)
    spread = math.fsum((t - mean_t) ** 2 for t in times)
    return math.fsum((t - mean_t) * (v - mean_v) for t, v in zip(times, values, strict=True)) / spread
