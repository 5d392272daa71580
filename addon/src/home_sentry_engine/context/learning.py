"""What the first days of a camera propose: where people walk and vehicles stand, which hours are busy, a threshold."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
import math
from typing import Final

from home_sentry_engine.contract import ObjectGroup, Zone, ZoneType

from .geometry import Point, rectangle

_COLUMNS: Final = 16
_ROWS: Final = 9
_FEWEST: Final = 20
_SHARE: Final = 0.8
_BUSY: Final = 2.0
_LOWEST, _HIGHEST, _STEP = 0.3, 0.8, 0.05
_DRAWN: Final = (
    (ObjectGroup.PERSON, "proposed_people", "Where people walk", ZoneType.OTHER, "#22C55E"),
    (ObjectGroup.VEHICLE, "proposed_vehicles", "Where vehicles stand", ZoneType.DRIVEWAY, "#F59E0B"),
)


def proposed_zones(places: Mapping[ObjectGroup, Sequence[Point]]) -> tuple[Zone, ...]:
    """Draw the rectangle in which most objects of a kind stood; nothing for a kind that was seen too seldom."""
    zones = []
    for group, zone_id, name, kind, colour in _DRAWN:
        points = places.get(group, ())
        if len(points) >= _FEWEST:
            zones.append(Zone(id=zone_id, name=name, type=kind, points=_around(points), colour=colour))
    return tuple(zones)


def busy_and_quiet(by_hour: Mapping[int, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Give the hours with at least twice the mean of appearances, and those without any; both empty if too few."""
    total = sum(by_hour.values())
    if total < _FEWEST:
        return (), ()
    busy = tuple(hour for hour in range(24) if by_hour.get(hour, 0) * 24 >= _BUSY * total)
    return busy, tuple(hour for hour in range(24) if by_hour.get(hour, 0) == 0)


def proposed_confidence(best_of_events: Iterable[float]) -> float | None:
    """Give the threshold that would still have let nine of ten visits in; None while they are too few."""
    ranked = sorted(best_of_events)
    if len(ranked) < _FEWEST:
        return None
    tenth = ranked[len(ranked) // 10]
    return round(min(_HIGHEST, max(_LOWEST, math.floor(tenth / _STEP + 1e-9) * _STEP)), 2)


def _around(points: Sequence[Point]) -> tuple[Point, ...]:
    cells = Counter((min(int(x * _COLUMNS), _COLUMNS - 1), min(int(y * _ROWS), _ROWS - 1)) for x, y in points)
    kept: list[tuple[int, int]] = []
    covered = 0
    for cell, count in cells.most_common():
        kept.append(cell)
        covered += count
        if covered >= _SHARE * len(points):
            break
    left, right = min(x for x, _ in kept), max(x for x, _ in kept) + 1
    top, bottom = min(y for _, y in kept), max(y for _, y in kept) + 1
    return rectangle(left / _COLUMNS, top / _ROWS, (right - left) / _COLUMNS, (bottom - top) / _ROWS)
