"""Geometry against references that know nothing of it: exact fractions, OpenCV, areas."""

from fractions import Fraction
import math

import cv2
from hypothesis import assume, given
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.context import geometry

GRID = 64
whole = st.integers(0, GRID)
corner = st.tuples(whole, whole)
SQUARE = geometry.rectangle(0.25, 0.25, 0.5, 0.5)


def star(angles: list[float], radii: list[float]) -> list[tuple[float, float]]:
    """A polygon around (0.5, 0.5) whose corners go once around it never crosses itself."""
    return [
        (0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(angle))
        for angle, radius in zip(angles, radii, strict=True)
    ]


@st.composite
def simple_polygons(draw):
    count = draw(st.integers(3, 9))
    steps = draw(st.lists(st.floats(0.2, 1.0), min_size=count, max_size=count))
    total = sum(steps)
    assume(max(steps) / total < 0.49)
    angles = [2 * math.pi * sum(steps[:index]) / total for index in range(count)]
    return star(angles, draw(st.lists(st.floats(0.1, 0.5), min_size=count, max_size=count)))


def crossed_exactly(polygon) -> bool:
    """Every pair of edges, by exact arithmetic and parameters of both lines."""
    points = [(Fraction(x), Fraction(y)) for x, y in polygon]
    count = len(points)
    sides = [(points[i], points[(i + 1) % count]) for i in range(count)]
    for i in range(count):
        for j in range(i + 1, count):
            if _common(sides[i], sides[j], neighbours=j == i + 1 or (i == 0 and j == count - 1)):
                return True
    return any(a == b for a, b in sides)


def _common(one, two, *, neighbours: bool) -> bool:
    (ax, ay), (bx, by) = one
    (cx, cy), (dx, dy) = two
    denominator = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
    if denominator:
        t = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / denominator
        u = ((cx - ax) * (by - ay) - (cy - ay) * (bx - ax)) / denominator
        return 0 <= t <= 1 and 0 <= u <= 1 and not neighbours
    if (bx - ax) * (cy - ay) != (by - ay) * (cx - ax):
        return False
    along = 0 if ax != bx or cx != dx else 1
    low, high = sorted((one[0][along], one[1][along]))
    first, last = sorted((two[0][along], two[1][along]))
    shared = min(high, last) - max(low, first)
    return shared > 0 if neighbours else shared >= 0


@given(st.lists(corner, min_size=3, max_size=7))
def test_outlines_that_cross_themselves_are_found(points):
    assume(all(points[i] != points[i - 1] for i in range(len(points))))
    polygon = [(x / GRID, y / GRID) for x, y in points]
    if len(points) == 3 and geometry.signed_area(polygon) == 0:
        assert not geometry.is_simple(polygon)
        return
    assert geometry.is_simple(polygon) is not crossed_exactly(polygon)


@given(simple_polygons(), st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_ray_casting_agrees_with_opencv(polygon, point):
    outline = np.array(polygon, dtype=np.float32).reshape(-1, 1, 2)
    signed = cv2.pointPolygonTest(outline, point, measureDist=True)
    assume(abs(signed) > 1e-4)
    assert geometry.contains(polygon, point) is (signed > 0)


@given(st.tuples(st.floats(0, 1), st.floats(0, 1)), st.integers(1, 15))
def test_tiles_share_the_picture_without_gap_or_overlap(point, count):
    cuts = [index / count for index in range(count + 1)]
    tiles = [
        geometry.rectangle(x, y, cuts[i + 1] - x, cuts[j + 1] - y)
        for i, x in enumerate(cuts[:-1])
        for j, y in enumerate(cuts[:-1])
    ]
    assert sum(geometry.contains(tile, point) for tile in tiles) == 1


@given(simple_polygons(), st.integers(1, 8))
def test_nothing_depends_on_the_corner_to_begin_with(polygon, shift):
    turned = polygon[shift % len(polygon) :] + polygon[: shift % len(polygon)]
    assert geometry.signed_area(turned) == pytest.approx(geometry.signed_area(polygon))
    assert geometry.centroid(turned) == pytest.approx(geometry.centroid(polygon))
    assert geometry.signed_area(polygon[::-1]) == pytest.approx(-geometry.signed_area(polygon))


@given(simple_polygons())
def test_the_centroid_is_the_mean_of_the_area(polygon):
    pixels = np.zeros((400, 400), np.uint8)
    cv2.fillPoly(pixels, [np.round(np.array(polygon) * 400).astype(np.int32)], 1)
    rows, columns = np.nonzero(pixels)
    assert geometry.centroid(polygon) == pytest.approx((columns.mean() / 400, rows.mean() / 400), abs=0.01)


@given(
    simple_polygons(),
    st.tuples(st.floats(0, 0.9), st.floats(0, 0.9), st.floats(0.02, 0.1), st.floats(0.02, 0.1)),
)
def test_a_box_that_touches_shares_pixels(polygon, box):
    side = 1000
    shape, tile = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    cv2.fillPoly(shape, [np.round(np.array(polygon) * side).astype(np.int32)], 1)
    x, y, width, height = (round(value * side) for value in box)
    tile[y : y + height, x : x + width] = 1
    shared = int((shape & tile).sum())
    around = np.asarray(cv2.dilate(shape, np.ones((9, 9), np.uint8)), dtype=np.uint8)
    assume(shared > 200 or not (around & tile).any())
    assert geometry.touches_box(polygon, box) is (shared > 0)


def test_the_right_and_lower_edge_of_the_picture_belong_to_the_zone_there():
    assert geometry.contains(geometry.rectangle(0.5, 0.5, 0.5, 0.5), (1.0, 1.0))
    assert not geometry.contains(SQUARE, (1.0, 1.0))
