"""Key frames against fixed steps in many windows of a clip, each taken as a clip of its own.

What a moment shows is what the detector found in the nearest of many frames, so that each is looked at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.media.keyframes import KeyRules, Moment, choose

LENGTHS_S: Final = (12.0, 20.0, 30.0)
_STEP_S: Final = 2.0
_LEAST: Final = 3
_LEAST_FRAMES: Final = 2

CHANCE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Who is seen when: subjects by number for each frame ``at`` a time, and the times at which each is ``there``."""

    at: Mapping[float, frozenset[int]]
    there: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFigures:
    """``count`` windows of ``length_s``, and the share of their subjects that was seen by each way."""

    length_s: float
    count: int
    looks: int
    share_by_fixed: float
    share_by_chosen: float


def window_figures(moments: Sequence[Moment], shown: Shown) -> tuple[WindowFigures, ...]:
    """Compare both ways in windows of each length that fits at least three times."""
    found = (_of_length(moments, shown, length_s) for length_s in LENGTHS_S)
    return tuple(one for one in found if one is not None)


def _of_length(moments: Sequence[Moment], shown: Shown, length_s: float) -> WindowFigures | None:
    rules = KeyRules()
    last_s = max((one.offset_s for one in moments), default=0.0)
    count = there = looks = by_fixed = by_chosen = 0
    for start_s in np.arange(0.0, last_s - length_s, _STEP_S):
        inside = [one for one in moments if start_s <= one.offset_s <= start_s + length_s]
        subjects = _present(shown, start_s, start_s + length_s)
        if not inside or not subjects:
            continue
        fixed = np.arange(rules.bound(inside[-1].offset_s - inside[0].offset_s)) * rules.interval_s
        chosen = choose([replace(one, offset_s=one.offset_s - start_s) for one in inside], rules)
        count, there, looks = count + 1, there + len(subjects), looks + len(chosen)
        by_fixed += len(subjects & _seen(shown, start_s + fixed))
        by_chosen += len(subjects & _seen(shown, start_s + np.array([key.offset_s for key in chosen])))
    if count < _LEAST:
        return None
    return WindowFigures(
        length_s=length_s,
        count=count,
        looks=looks,
        share_by_fixed=by_fixed / there,
        share_by_chosen=by_chosen / there,
    )


def _present(shown: Shown, first_s: float, last_s: float) -> frozenset[int]:
    return frozenset(
        number
        for number, times in enumerate(shown.there)
        if sum(first_s <= at <= last_s for at in times) >= _LEAST_FRAMES
    )


def _seen(shown: Shown, offsets: NDArray[np.float64]) -> frozenset[int]:
    times = np.array(sorted(shown.at))
    return frozenset[int]().union(*(shown.at[float(times[np.abs(times - offset).argmin()])] for offset in offsets))
