"""All conditions must hold, of one and the same object."""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.alerting.conditions import Match, Miss, Seen, match
from home_sentry_engine.contract import AlertCondition, AlertRule, AlertSchedule, PathMove, RiskLevel
from tests.engine.unit.storage.samples import event

HOME = ZoneInfo("Europe/Berlin")
ARRIVE, LEAVE = PathMove.ARRIVE, PathMove.LEAVE
EVENT = replace(
    event(),
    camera_id="door",
    risk_level=RiskLevel.HIGH,
    risk_score=70,
    object_types=("car", "person"),
    started_at=datetime(2026, 11, 20, 22, 0, tzinfo=UTC),
    ended_at=None,
)
PERSON = Seen(
    label="person",
    confidence=0.8,
    zones=frozenset({"walk", "porch"}),
    private=frozenset({"porch"}),
    arrived=frozenset({"porch"}),
    left=frozenset({"walk"}),
    route=("walk", "porch"),
)
CAR = Seen(label="car", confidence=0.9, zones=frozenset({"drive"}))


def rule(**conditions) -> AlertRule:
    return AlertRule(id="mine", name="Mine", **conditions)


def nobody_looks():
    raise AssertionError("an event says this by itself")


def failing(found: Match | Miss) -> AlertCondition | None:
    return found.condition if isinstance(found, Miss) else None


def test_a_rule_without_conditions_always_matches():
    assert match(rule(), EVENT, nobody_looks, HOME) == Match(object_type="person")
    empty = replace(EVENT, object_types=(), risk_level=RiskLevel.LOW, risk_score=0)
    assert match(rule(), empty, nobody_looks, HOME) == Match(object_type="none")


@pytest.mark.parametrize(
    ("conditions", "missed"),
    [
        ({"camera_ids": ("door", "yard")}, None),
        ({"camera_ids": ("yard",)}, AlertCondition.CAMERA_IDS),
        ({"levels": (RiskLevel.HIGH,)}, None),
        ({"levels": (RiskLevel.CRITICAL,)}, AlertCondition.LEVELS),
        ({"risk_threshold": 70}, None),
        ({"risk_threshold": 71}, AlertCondition.RISK_THRESHOLD),
        ({"object_types": ("person",)}, None),
        ({"object_types": ("vehicle",)}, None),
        ({"object_types": ("Dog", "animal")}, AlertCondition.OBJECT_TYPES),
        ({"schedule": AlertSchedule(start="22:00", end="06:00")}, None),
        ({"schedule": AlertSchedule(start="06:00", end="22:00")}, AlertCondition.SCHEDULE),
    ],
)
def test_conditions_of_the_event_alone(conditions, missed):
    assert failing(match(rule(**conditions), EVENT, nobody_looks, HOME)) is missed


def test_an_event_that_ends_inside_the_schedule_lies_in_it():
    night = rule(schedule=AlertSchedule(start="23:30", end="06:00"))
    assert failing(match(night, EVENT, nobody_looks, HOME)) is AlertCondition.SCHEDULE
    ended = replace(EVENT, ended_at=datetime(2026, 11, 20, 22, 40, tzinfo=UTC))
    assert failing(match(night, ended, nobody_looks, HOME)) is None


@pytest.mark.parametrize(
    ("conditions", "missed"),
    [
        ({"min_confidence": 0.85}, None),
        ({"min_confidence": 0.85, "object_types": ("person",)}, AlertCondition.MIN_CONFIDENCE),
        ({"zone_ids": ("porch",)}, None),
        ({"zone_ids": ("garden",)}, AlertCondition.ZONE_IDS),
        # the car is in the drive and the person on the porch: no object is both
        ({"zone_ids": ("drive",), "object_types": ("person",)}, AlertCondition.ZONE_IDS),
        ({"zone_ids": ("porch",), "min_confidence": 0.85}, AlertCondition.ZONE_IDS),
        ({"moves": (ARRIVE,)}, None),
        ({"moves": (LEAVE,)}, AlertCondition.MOVES),
        ({"moves": (LEAVE,), "zone_ids": ("walk",)}, None),
        ({"moves": (ARRIVE, LEAVE), "zone_ids": ("drive",)}, AlertCondition.MOVES),
        ({"zone_sequence": ("walk", "porch")}, None),
        ({"zone_sequence": ("porch", "walk")}, AlertCondition.ZONE_SEQUENCE),
    ],
)
def test_conditions_of_one_object(conditions, missed):
    assert failing(match(rule(**conditions), EVENT, lambda: (CAR, PERSON), HOME)) is missed


@pytest.mark.parametrize(
    ("route", "missed"),
    [
        (("walk", "porch"), None),
        (("walk", "drive", "porch"), None),
        (("porch", "walk", "porch"), None),
        (("porch", "walk"), AlertCondition.ZONE_SEQUENCE),
        (("porch",), AlertCondition.ZONE_SEQUENCE),
        ((), AlertCondition.ZONE_SEQUENCE),
    ],
)
def test_a_route_may_pass_other_zones_between_those_of_the_rule(route, missed):
    walked = replace(PERSON, route=route)
    assert failing(match(rule(zone_sequence=("walk", "porch")), EVENT, lambda: (walked,), HOME)) is missed


def test_a_match_names_the_object_and_the_zones_of_the_rule():
    wanted = rule(zone_ids=("porch", "drive"))
    assert match(wanted, EVENT, lambda: (CAR, PERSON), HOME) == Match(object_type="person", zone_ids=("porch",))
    cars = replace(wanted, object_types=("vehicle",))
    assert match(cars, EVENT, lambda: (CAR, PERSON), HOME) == Match(object_type="car", zone_ids=("drive",))


@given(st.sets(st.sampled_from(["porch", "walk", "drive", "garden"]), min_size=1), st.sampled_from(["person", "car"]))
def test_an_event_outside_the_zone_never_matches(zones, label):
    wanted = rule(zone_ids=tuple(sorted(zones)), object_types=(label,))
    stood = {"person": PERSON, "car": CAR}[label].zones
    found = match(wanted, EVENT, lambda: (CAR, PERSON), HOME)
    assert isinstance(found, Match) is bool(stood & zones)
