"""Plane geometry in fractions of a picture: x to the right, y downwards, both 0..1."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
import math

type Point = tuple[float, float]
type Polygon = Sequence[Point]


def rectangle(x: float, y: float, width: float, height: float) -> tuple[Point, ...]:
    """Give the corners of a rectangle, clockwise from its upper left."""
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


def contains(polygon: Polygon, point: Point) -> bool:
    """Tell whether a point lies inside, by casting a ray to the right; of two polygons that share an edge one has it.

    A point on the outer edges of the whole picture (x or y = 1) belongs to a polygon that reaches there.
    """
    x, y = _inward(point[0]), _inward(point[1])
    inside = False
    for (x1, y1), (x2, y2) in edges(polygon):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            inside = not inside
    return inside


def edges(polygon: Polygon) -> Iterator[tuple[Point, Point]]:
    """Give the edges in order, the closing one last."""
    yield from pairwise((*polygon, polygon[0]))


def signed_area(polygon: Polygon) -> float:
    """Give the area by the shoelace formula, positive where the points run clockwise as seen on a screen."""
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in edges(polygon)) / 2


def centroid(polygon: Polygon) -> Point:
    """Give the centre of mass; of a polygon without area, the mean of its corners."""
    area = signed_area(polygon)
    if abs(area) < 1e-12:
        return math.fsum(x for x, _ in polygon) / len(polygon), math.fsum(y for _, y in polygon) / len(polygon)
    parts = [(x1 * y2 - x2 * y1, x1 + x2, y1 + y2) for (x1, y1), (x2, y2) in edges(polygon)]
    return (
        math.fsum(weight * x for weight, x, _ in parts) / (6 * area),
        math.fsum(weight * y for weight, _, y in parts) / (6 * area),
    )


def is_simple(polygon: Polygon) -> bool:
    """Tell whether no edge touches another one except where neighbours meet."""
    sides = list(edges(polygon))
    last = len(sides) - 1
    for first, (a, b) in enumerate(sides):
        if a == b:
            return False
        for second in range(first + 1, len(sides)):
            c, d = sides[second]
            if second == first + 1 or (first == 0 and second == last):
                shared, ends = (b, (a, d)) if second == first + 1 else (a, (b, c))
                if _folds_back(shared, *ends):
                    return False
            elif segments_meet(a, b, c, d):
                return False
    return True


def segments_meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Tell whether the segments a-b and c-d share a point."""
    one, two = turn(c, d, a), turn(c, d, b)
    three, four = turn(a, b, c), turn(a, b, d)
    if one * two < 0 and three * four < 0:
        return True
    return any(
        side == 0 and _between(ends[0], point, ends[1])
        for side, ends, point in ((one, (c, d), a), (two, (c, d), b), (three, (a, b), c), (four, (a, b), d))
    )


def turn(a: Point, b: Point, point: Point) -> float:
    """Tell on which side of the line from a to b a point lies: positive right of it on a screen, 0 on it."""
    return (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0])


def touches_box(polygon: Polygon, box: tuple[float, float, float, float]) -> bool:
    """Tell whether a polygon and a box (x, y, width, height) overlap."""
    corners = rectangle(*box)
    x, y, width, height = box
    if contains(polygon, (x + width / 2, y + height / 2)) or any(contains(polygon, corner) for corner in corners):
        return True
    if any(x < px < x + width and y < py < y + height for px, py in polygon):
        return True
    return any(segments_meet(a, b, c, d) for a, b in edges(polygon) for c, d in edges(corners))


def _inward(value: float) -> float:
    return min(value, 1.0 - 1e-9)


def _between(a: Point, point: Point, b: Point) -> bool:
    return min(a[0], b[0]) <= point[0] <= max(a[0], b[0]) and min(a[1], b[1]) <= point[1] <= max(a[1], b[1])


def _folds_back(shared: Point, a: Point, b: Point) -> bool:
    if turn(shared, a, b) != 0:
        return False
    return (a[0] - shared[0]) * (b[0] - shared[0]) + (a[1] - shared[1]) * (b[1] - shared[1]) > 0
