"""Dwell, lines, approach, loitering, routes."""

from itertools import pairwise
import math

from hypothesis import assume, given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.context.geometry import centroid, rectangle
from home_sentry_engine.context.motion import Crossing, approach_of, crossings, dwell_s
from home_sentry_engine.context.visits import routes_leg, stays_in, zones_leg
from home_sentry_engine.context.zones import ZoneMap
from home_sentry_engine.contract import Zone, ZoneType
from home_sentry_engine.judgement.legs import known_of
from tests.fakes.looks import walk
from tests.fakes.scenes import person_scene

SIDEWALK = Zone(id="s", name="Sidewalk", type=ZoneType.SIDEWALK, points=rectangle(0, 0.8, 1, 0.2))
PORCH = Zone(
    id="p",
    name="Porch",
    type=ZoneType.ENTRY_POINT,
    points=rectangle(0.3, 0.2, 0.4, 0.4),
    loitering_s=20.0,
    line=((0.3, 0.6), (0.7, 0.6)),
)
PLACES = ZoneMap([SIDEWALK, PORCH])
LINE = ((0.2, 0.5), (0.8, 0.5))


def test_one_position_measures_nothing():
    once = walk((0, 0.5, 0.5))
    twice_at_once = walk((0, 0.5, 0.5), (0, 0.6, 0.5))
    for subject in (once, twice_at_once):
        assert dwell_s(subject.looks) is None
        assert approach_of(subject, (0.5, 0.5)) is None
        assert crossings(subject, LINE) == ()


@pytest.mark.parametrize(
    ("to", "degrees"), [((0.5, 0.3), 0), ((0.7, 0.5), 90), ((0.5, 0.7), 180), ((0.3, 0.5), 270), ((0.6, 0.3), 45)]
)
def test_directions_are_those_of_the_screen(to, degrees):
    found = approach_of(walk((0, 0.5, 0.5), (2, *to)), (0.5, 0.5))
    assert found is not None
    assert found.direction_deg == pytest.approx(degrees, abs=0.5)


def test_pace_and_arrival_are_in_picture_heights():
    # the picture is twice as wide as high: 0.1 to the right are 0.2 heights
    found = approach_of(walk((0, 0.1, 0.5), (1, 0.2, 0.5), (2, 0.3, 0.5)), (0.8, 0.5))
    assert found is not None
    assert found.approaching
    assert (found.speed, found.distance, found.eta_s) == pytest.approx((0.2, 1.0, 5.0), abs=0.02)
    away = approach_of(walk((0, 0.3, 0.5), (2, 0.1, 0.5)), (0.8, 0.5))
    assert away is not None
    assert (away.approaching, away.eta_s) == (False, None)


@given(
    st.lists(st.tuples(st.floats(0.05, 0.95), st.floats(0.2, 0.95)), min_size=2, max_size=8),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_an_approach_ends_nearer_and_tells_its_arrival(path, target):
    subject = walk(*((second, *place) for second, place in enumerate(path)))
    found = approach_of(subject, target)
    assert found is not None
    assert math.isfinite(found.speed)
    assert found.speed >= 0
    assert (found.eta_s is not None) is found.approaching
    if found.approaching:
        start = subject.first.point
        assert found.distance < math.hypot((start[0] - target[0]) * 2, start[1] - target[1])
        assert found.eta_s is not None
        assert found.eta_s >= 0


@given(st.lists(st.tuples(st.floats(0.21, 0.79), st.sampled_from([0.3, 0.4, 0.6, 0.7])), min_size=2, max_size=9))
def test_every_change_of_side_is_one_crossing_and_they_alternate(path):
    found = crossings(walk(*((second, *place) for second, place in enumerate(path))), LINE)
    sides = [place[1] > 0.5 for place in path]
    assert len(found) == sum(a != b for a, b in pairwise(sides))
    assert all(a is not b for a, b in pairwise(found))
    if found:
        assert found[0] is (Crossing.OUT if sides[0] else Crossing.IN)


@given(st.floats(0.21, 0.79), st.floats(0.21, 0.79))
def test_the_line_turned_around_turns_in_and_out(x1, x2):
    assume(abs(x1 - x2) < 0.5)
    subject = walk((0, x1, 0.4), (1, x2, 0.6))
    assert crossings(subject, LINE) == (Crossing.IN,)
    assert crossings(subject, LINE[::-1]) == (Crossing.OUT,)


def test_who_walks_around_the_end_of_a_line_does_not_cross_it():
    assert crossings(walk((0, 0.9, 0.4), (1, 0.9, 0.6)), LINE) == ()


def test_a_visit_of_the_porch():
    subject = walk((0, 0.5, 0.9), (5, 0.5, 0.5), (30, 0.5, 0.4), (35, 0.5, 0.9))
    stays = stays_in(PLACES, [subject])
    by_name = {record["name"]: record for record in zones_leg(stays)}
    porch = by_name["Porch"]
    assert porch["dwell_s"] == 25.0
    assert porch["loitering"] is True
    assert (porch["entered"], porch["left"]) == (True, True)
    assert porch["crossed"] == ["out", "in"]
    assert by_name["Sidewalk"]["loitering"] is False
    assert "dwell_s" not in by_name["Sidewalk"]
    assert routes_leg(stays, [subject]) == [{"subject": 1, "label": "person", "zones": ["Sidewalk", "Porch"]}]


def test_the_rules_read_the_leg():
    subject = walk((0, 0.5, 0.9), (5, 0.5, 0.5), (30, 0.5, 0.4))
    known = known_of(person_scene(legs={"zones": zones_leg(stays_in(PLACES, [subject]))}))
    assert known.zones is not None
    assert {(zone.name, zone.private, zone.loitering) for zone in known.zones} == {
        ("Sidewalk", False, False),
        ("Porch", True, True),
    }


def test_in_a_video_one_flash_inside_does_not_count_and_a_still_does():
    flash = walk(*((n / 5, 0.1, 0.4) for n in range(4)), (0.8, 0.5, 0.4), moving=True)
    assert stays_in(PLACES, [flash]) == ()
    stayed = walk(*((n / 5, 0.5, 0.4) for n in range(3)), moving=True)
    assert [stay.zone.name for stay in stays_in(PLACES, [stayed])] == ["Porch"]
    assert [stay.zone.name for stay in stays_in(PLACES, [walk((0, 0.5, 0.4))])] == ["Porch"]


def test_nobody_loiters_where_no_time_is_set():
    subject = walk((0, 0.5, 0.9), (4000, 0.5, 0.9))
    assert zones_leg(stays_in(PLACES, [subject]))[0]["loitering"] is False


def test_the_target_is_the_middle_of_the_zone():
    assert centroid(PORCH.points) == pytest.approx((0.5, 0.4))
