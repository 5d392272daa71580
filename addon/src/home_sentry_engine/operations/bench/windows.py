"""Key frames against fixed steps in many windows of a clip, each taken as a clip of its own.

What a moment shows is what dense sampling found at the nearest of its frames, so that no further looks are needed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from home_sentry_engine.media.keyframes import KeyRules, Moment, choose

LENGTHS_S: Final = (12.0, 20.0, 30.0)
_STEP_S: Final = 2.0
_LEAST: Final = 3
_LEAST_FRAMES: Final = 2

type Shown = Mapping[float, frozenset[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFigures:
    """``count`` windows of ``length_s``, and the share of their subjects that was seen by each way."""

    length_s: float
    count: int
    looks: int
    share_by_fixed: float
    share_by_chosen: float


def window_figures(moments: Sequence[Moment], shown: Shown, duration_s: float) -> tuple[WindowFigures, ...]:
    """Compare both ways in windows of each length that fits at least three times; ``shown`` is who is seen when."""
    found = (_of_length(moments, shown, duration_s, length_s) for length_s in LENGTHS_S)
    return tuple(one for one in found if one is not None)


def _of_length(moments: Sequence[Moment], shown: Shown, duration_s: float, length_s: float) -> WindowFigures | None:
    rules = KeyRules()
    count = there = looks = by_fixed = by_chosen = 0
    for start_s in np.arange(0.0, duration_s - length_s, _STEP_S):
        inside = [one for one in moments if start_s <= one.offset_s <= start_s + length_s]
        subjects = _present(shown, start_s, start_s + length_s)
        if not inside or not subjects:
            continue
        fixed = np.arange(rules.bound(length_s)) * rules.interval_s
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
    frames = [who for at, who in shown.items() if first_s <= at <= last_s]
    everyone = frozenset[int]().union(*frames)
    return frozenset(one for one in everyone if sum(one in who for who in frames) >= _LEAST_FRAMES)


def _seen(shown: Shown, offsets: np.ndarray) -> frozenset[int]:
    times = np.array(sorted(shown))
    return frozenset[int]().union(*(shown[float(times[np.abs(times - offset).argmin()])] for offset in offsets))
