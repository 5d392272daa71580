"""Posture: what the joints of a person tell about how they stand. Pure rules; lengths are measured in torsos."""

from dataclasses import dataclass
from enum import StrEnum
import math
from typing import Final

from .pose import Point, Pose

MIN_CONFIDENCE: Final = 0.3
_LYING_DEG: Final = 55.0
_UPRIGHT_DEG: Final = 40.0
_STRAIGHT_KNEE_DEG: Final = 155.0
_BENT_KNEE_DEG: Final = 125.0
_FOLDED_HIP_DEG: Final = 125.0
_LOW_HIPS: Final = 0.9
_STRIDE: Final = 0.45
_LIFTED_FOOT: Final = 0.45
_BENT_ELBOW_DEG: Final = 110.0
_APART_FEET: Final = 0.35


class Posture(StrEnum):
    """How a person stands."""

    STANDING = "standing"
    WALKING = "walking"
    RUNNING = "running"
    SITTING = "sitting"
    CROUCHING = "crouching"
    LYING_DOWN = "lying_down"
    UNKNOWN = "unknown"


class PoseAlert(StrEnum):
    """What is worth a second look."""

    CROUCHING = "crouching"
    LYING_DOWN = "lying_down"
    HANDS_RAISED = "hands_raised"
    FIGHTING_STANCE = "fighting_stance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stance:
    """Posture and alerts; ``confidence`` is the mean of the joints that the rules used, 0 for an unknown posture."""

    posture: Posture
    alerts: tuple[PoseAlert, ...]
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    hip: Point
    knee: Point
    ankle: Point

    @property
    def knee_deg(self) -> float:
        return _angle_deg(self.hip, self.knee, self.ankle)


def stance_of(pose: Pose, *, min_confidence: float = MIN_CONFIDENCE) -> Stance:
    """Judge a pose; joints below ``min_confidence`` count as not seen, and without torso nothing is said."""
    seen = {index for index, point in enumerate(pose.points) if point.confidence >= min_confidence}
    shoulders, hips = _middle(pose, seen, 5, 6), _middle(pose, seen, 11, 12)
    if shoulders is None or hips is None:
        return Stance(posture=Posture.UNKNOWN, alerts=_raised(pose, seen, None), confidence=0.0)
    torso = max(1e-6, math.dist((shoulders.x, shoulders.y), (hips.x, hips.y)))
    tilt_deg = math.degrees(math.atan2(abs(hips.x - shoulders.x), hips.y - shoulders.y))
    legs = _legs(pose, seen)
    posture = _posture(tilt_deg, legs, shoulders, torso)
    alerts = _raised(pose, seen, torso)
    if posture in {Posture.STANDING, Posture.WALKING, Posture.UNKNOWN} and _guard(pose, seen, legs, torso):
        alerts = (*alerts, PoseAlert.FIGHTING_STANCE)
    if posture in {Posture.CROUCHING, Posture.LYING_DOWN}:
        alerts = (PoseAlert(posture.value), *alerts)
    used = [shoulders.confidence, hips.confidence, *(leg.ankle.confidence for leg in legs)]
    sure = 0.0 if posture is Posture.UNKNOWN else sum(used) / len(used)
    return Stance(posture=posture, alerts=alerts, confidence=sure)


def _posture(tilt_deg: float, legs: list[_Leg], shoulders: Point, torso: float) -> Posture:
    if tilt_deg > _LYING_DEG:
        return Posture.LYING_DOWN
    if not legs:
        return Posture.UNKNOWN
    knees = [leg.knee_deg for leg in legs]
    drop = max(leg.ankle.y - leg.hip.y for leg in legs) / torso
    hip_deg = min(_angle_deg(shoulders, leg.hip, leg.knee) for leg in legs)
    if min(knees) < _BENT_KNEE_DEG and drop < _LOW_HIPS:
        return Posture.CROUCHING
    if hip_deg < _FOLDED_HIP_DEG and max(knees) < _STRAIGHT_KNEE_DEG and tilt_deg < _UPRIGHT_DEG:
        return Posture.SITTING
    if len(legs) == 1:
        return Posture.STANDING if knees[0] >= _STRAIGHT_KNEE_DEG else Posture.UNKNOWN
    stride = abs(legs[0].ankle.x - legs[1].ankle.x) / torso
    lift = abs(legs[0].ankle.y - legs[1].ankle.y) / torso
    if lift > _LIFTED_FOOT and min(knees) < _BENT_KNEE_DEG:
        return Posture.RUNNING
    if stride > _STRIDE or min(knees) < _STRAIGHT_KNEE_DEG:
        return Posture.WALKING
    return Posture.STANDING


def _raised(pose: Pose, seen: set[int], torso: float | None) -> tuple[PoseAlert, ...]:
    """Both hands above the shoulders by more than half of a head, and above the nose where that is seen."""
    if not {5, 6, 9, 10} <= seen:
        return ()
    margin = 0.25 * torso if torso is not None else 0.0
    top = min(pose.points[5].y, pose.points[6].y) - margin
    if 0 in seen:
        top = min(top, pose.points[0].y)
    return (PoseAlert.HANDS_RAISED,) if max(pose.points[9].y, pose.points[10].y) < top else ()


def _guard(pose: Pose, seen: set[int], legs: list[_Leg], torso: float) -> bool:
    """Both hands before the chest or chin, both elbows bent, feet apart."""
    if not {0, 5, 6, 7, 8, 9, 10} <= seen or len(legs) != 2:
        return False
    low = max(pose.points[5].y, pose.points[6].y) + 0.25 * torso
    high = pose.points[0].y - 0.15 * torso
    hands = all(high <= pose.points[index].y <= low for index in (9, 10))
    elbows = all(
        _angle_deg(pose.points[shoulder], pose.points[shoulder + 2], pose.points[shoulder + 4]) < _BENT_ELBOW_DEG
        for shoulder in (5, 6)
    )
    feet = math.dist((legs[0].ankle.x, legs[0].ankle.y), (legs[1].ankle.x, legs[1].ankle.y)) / torso
    return hands and elbows and feet > _APART_FEET


def _legs(pose: Pose, seen: set[int]) -> list[_Leg]:
    return [
        _Leg(hip=pose.points[hip], knee=pose.points[hip + 2], ankle=pose.points[hip + 4])
        for hip in (11, 12)
        if {hip, hip + 2, hip + 4} <= seen
    ]


def _middle(pose: Pose, seen: set[int], left: int, right: int) -> Point | None:
    points = [pose.points[index] for index in (left, right) if index in seen]
    if not points:
        return None
    count = len(points)
    return Point(
        x=sum(point.x for point in points) / count,
        y=sum(point.y for point in points) / count,
        confidence=sum(point.confidence for point in points) / count,
    )


def _angle_deg(a: Point, corner: Point, b: Point) -> float:
    one, two = (a.x - corner.x, a.y - corner.y), (b.x - corner.x, b.y - corner.y)
    length = math.hypot(*one) * math.hypot(*two)
    if not length:
        return 180.0
    return math.degrees(math.acos(max(-1.0, min(1.0, (one[0] * two[0] + one[1] * two[1]) / length))))
