"""Activity at other cameras around the same time; the leg ``cross_camera``."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

WINDOW_S: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """Something seen by another camera."""

    camera_name: str
    label: str
    at: datetime


def cross_camera_leg(
    seen: Iterable[Elsewhere], *, first_at: datetime, last_at: datetime, window_s: float = WINDOW_S
) -> list[dict[str, object]]:
    """Sum up by camera and class, the nearest in time first; ``seconds`` is negative before the visit, 0 during it."""
    groups: dict[tuple[str, str], list[float]] = {}
    for one in seen:
        apart = _apart(one.at, first_at, last_at)
        if abs(apart) <= window_s:
            groups.setdefault((one.camera_name, one.label), []).append(apart)
    summed = [
        {"camera": camera, "label": label, "count": len(times), "seconds": round(_nearest(times), 1)}
        for (camera, label), times in groups.items()
    ]
    return sorted(summed, key=lambda one: (abs(float(str(one["seconds"]))), str(one["camera"]), str(one["label"])))


def _nearest(times: list[float]) -> float:
    before, after = [one for one in times if one < 0], [one for one in times if one >= 0]
    return max(before) if not after or (before and -max(before) < min(after)) else min(after)


def _apart(at: datetime, first_at: datetime, last_at: datetime) -> float:
    if at < first_at:
        return (at - first_at).total_seconds()
    return max(0.0, (at - last_at).total_seconds())
