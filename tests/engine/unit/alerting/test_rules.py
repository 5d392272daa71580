"""What a rule may say, and why one cannot hold any more."""

from dataclasses import replace

import pytest

from home_sentry_engine.alerting.rules import BUILTIN, InvalidRule, Places, broken_reason, checked_rule
from home_sentry_engine.contract import AlertRule, AlertSchedule, PathMove, RiskLevel

RULE = AlertRule(id="porch", name="Porch", zone_ids=("porch",), camera_ids=("door",))
HOME = Places(zones={"door": frozenset({"porch", "walk"}), "yard": frozenset({"lawn"})})


def test_the_builtin_rule_and_one_without_conditions_are_valid_everywhere():
    bare = AlertRule(id="all", name="All")
    for rule in (BUILTIN, bare):
        assert checked_rule(rule) is rule
        assert broken_reason(rule, Places()) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "Öl"},
        {"id": ""},
        {"name": " "},
        {"name": "a\nb"},
        {"name": "n" * 65},
        {"risk_threshold": 101},
        {"risk_threshold": -1},
        {"min_confidence": 1.5},
        {"cooldown_s": -1},
        {"object_types": ("per<son",)},
        {"camera_ids": tuple(f"c{number}" for number in range(33))},
        {"dedup_key": "{camera_id}:{name}"},
        {"dedup_key": "a b"},
        {"dedup_key": ""},
        {"zone_sequence": ("porch",)},
        {"schedule": AlertSchedule(start="24:00")},
        {"schedule": AlertSchedule(days=(7,))},
        {"schedule": AlertSchedule(days=(1, 1))},
        {"schedule": AlertSchedule(timezone="Mars/Olympus")},
        {"schedule": AlertSchedule(timezone="../../etc/passwd")},
        {"schedule": AlertSchedule(timezone="")},
        {"levels": (RiskLevel.UNKNOWN,)},
        {"moves": (PathMove.UNKNOWN,)},
    ],
)
def test_what_no_home_could_use_is_refused(changes):
    with pytest.raises(InvalidRule):
        checked_rule(replace(RULE, **changes))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"camera_ids": ()}, None),
        ({"zone_ids": ("lawn", "porch"), "camera_ids": ("door", "yard")}, None),
        ({"camera_ids": ("door", "attic")}, "there is no camera attic"),
        ({"zone_ids": ("lawn",)}, "there is no zone lawn of door"),
        ({"zone_sequence": ("walk", "roof")}, "there is no zone roof of door"),
        ({"zone_ids": ("roof",), "camera_ids": ()}, "there is no zone roof"),
        ({"schedule": AlertSchedule(start="?")}, "the schedule's time '?' is not HH:MM"),
    ],
)
def test_a_rule_breaks_with_what_it_names(changes, reason):
    assert broken_reason(replace(RULE, **changes), HOME) == reason


def test_a_zone_that_is_switched_off_breaks_a_rule_too():
    home = Places(zones={"door": frozenset()}, switched_off={"door": frozenset({"porch"})})
    assert broken_reason(RULE, home) == "the zone porch is switched off"
