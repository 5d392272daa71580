"""Silence of cameras: each one against its own rhythm by hour; several at once may be sabotage."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import math
from typing import Final

_MOST_HOURS: Final = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceRules:
    """Gaps needed to know a rhythm, which share of them is ordinary, and how far apart joint silences may begin."""

    min_gaps: int = 20
    ordinary: float = 0.99
    slack: float = 1.25
    at_least_s: float = 300.0
    together_s: float = 300.0
    together: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A camera that has been quiet for longer than it ever is at this hour."""

    camera_id: str
    since: datetime
    allowed_s: float


def allowed_gap_s(gaps: Mapping[int, Sequence[float]], hour: int, rules: SilenceRules | None = None) -> float | None:
    """Give how long a camera may be quiet from this hour on; None while its rhythm is not known.

    Hours that know too little borrow from their neighbours, both sides alike.
    """
    rules = rules or SilenceRules()
    known: list[float] = []
    for away in range(_MOST_HOURS // 2 + 1):
        for near in {(hour - away) % _MOST_HOURS, (hour + away) % _MOST_HOURS}:
            known.extend(gaps.get(near, ()))
        if len(known) >= rules.min_gaps:
            ranked = sorted(known)
            ordinary = ranked[min(len(ranked) - 1, math.ceil(rules.ordinary * len(ranked)) - 1)]
            return max(rules.at_least_s, ordinary * rules.slack)
    return None


def silence_of(camera_id: str, last_at: datetime, now: datetime, allowed_s: float | None) -> Silence | None:
    """Tell whether a camera is quiet at ``now``; ``since`` is when its allowed time ran out."""
    if allowed_s is None or (now - last_at).total_seconds() <= allowed_s:
        return None
    return Silence(camera_id=camera_id, since=last_at + timedelta(seconds=allowed_s), allowed_s=allowed_s)


def sabotage(silences: Iterable[Silence], rules: SilenceRules | None = None) -> tuple[str, ...]:
    """Give the cameras that fell quiet together, empty unless there are enough of them."""
    rules = rules or SilenceRules()
    ranked = sorted(silences, key=lambda one: one.since)
    best: tuple[str, ...] = ()
    for index, first in enumerate(ranked):
        near = [one for one in ranked[index:] if (one.since - first.since).total_seconds() <= rules.together_s]
        if len(near) >= rules.together and len(near) > len(best):
            best = tuple(one.camera_id for one in near)
    return best
