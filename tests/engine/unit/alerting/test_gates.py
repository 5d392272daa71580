"""Which alerts a channel tells, and what it says of those that it does not."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.alerting.gates import Telling, held_by, pass_gates
from home_sentry_engine.contract import AlertSchedule, ChannelFilters, RiskLevel
from home_sentry_engine.contract.notifications import DeliveryGate, DeliveryReason
from home_sentry_engine.domain.risk import severity

# a Friday
HOME = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=HOME)
HIGH = Telling(level=RiskLevel.HIGH, camera_id="front_door", at=NOON, home=HOME)
LEVELS = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)
NIGHT = ChannelFilters(quiet_hours=(AlertSchedule(days=(4,), start="22:00", end="06:30"),))


def held(telling, filters=None, *, enabled=True):
    return held_by(pass_gates(telling, filters or ChannelFilters(), enabled=enabled))


def test_an_alert_of_level_high_passes_a_channel_as_it_comes():
    results = pass_gates(HIGH, ChannelFilters(), enabled=True)
    assert held_by(results) is None
    assert [one.gate for one in results] == [gate for gate in DeliveryGate if gate is not DeliveryGate.UNKNOWN]
    assert all(one.passed and one.reason is None for one in results)


@pytest.mark.parametrize(
    ("telling", "filters", "reason"),
    [
        (replace(HIGH, level=RiskLevel.MEDIUM), ChannelFilters(), DeliveryReason.BELOW_LEVEL),
        (HIGH, ChannelFilters(cameras=("garden",)), DeliveryReason.OTHER_CAMERA),
        (replace(HIGH, lag=timedelta(minutes=15, seconds=1)), ChannelFilters(), DeliveryReason.STALE),
        (replace(HIGH, told=RiskLevel.HIGH), ChannelFilters(), DeliveryReason.TOLD_BEFORE),
        (replace(HIGH, told=RiskLevel.CRITICAL), ChannelFilters(), DeliveryReason.TOLD_BEFORE),
        (replace(HIGH, at=NOON.replace(hour=23)), NIGHT, DeliveryReason.QUIET_HOURS),
        (replace(HIGH, recent=6), ChannelFilters(), DeliveryReason.RATE_CAPPED),
        (replace(HIGH, recent=1), ChannelFilters(per_hour=1), DeliveryReason.RATE_CAPPED),
    ],
)
def test_each_gate_holds_with_its_own_reason(telling, filters, reason):
    results = pass_gates(telling, filters, enabled=True)
    assert held_by(results) is reason
    assert [one.reason for one in results if not one.passed] == [reason]


def test_a_channel_that_is_off_holds_everything():
    assert held(HIGH, enabled=False) is DeliveryReason.CHANNEL_OFF


@pytest.mark.parametrize(
    ("telling", "filters"),
    [
        (HIGH, ChannelFilters(cameras=("garden", "front_door"))),
        (replace(HIGH, lag=timedelta(minutes=15)), ChannelFilters()),
        (replace(HIGH, level=RiskLevel.CRITICAL, told=RiskLevel.HIGH), ChannelFilters()),
        (replace(HIGH, recent=1000), ChannelFilters(per_hour=0)),
        (replace(HIGH, recent=5), ChannelFilters()),
        (replace(HIGH, level=RiskLevel.CRITICAL, at=NOON.replace(hour=23)), NIGHT),
        (replace(HIGH, level=RiskLevel.MEDIUM), ChannelFilters(level=RiskLevel.MEDIUM)),
    ],
)
def test_what_passes(telling, filters):
    assert held(telling, filters) is None


@pytest.mark.parametrize(
    ("day", "clock", "quiet"),
    [
        (20, "21:59", False),
        (20, "22:00", True),
        (20, "23:59", True),
        (21, "00:00", True),
        (21, "06:29", True),
        (21, "06:30", False),
        (21, "22:30", False),
        (20, "03:00", False),
    ],
)
def test_quiet_hours_of_a_friday_end_on_saturday_morning(day, clock, quiet):
    hour, minute = map(int, clock.split(":"))
    at = NOON.replace(day=day, hour=hour, minute=minute, second=30)
    assert (held(replace(HIGH, at=at), NIGHT) is DeliveryReason.QUIET_HOURS) is quiet


def test_quiet_hours_that_end_where_they_begin_are_the_whole_day():
    whole = ChannelFilters(quiet_hours=(AlertSchedule(days=(4,)),))
    assert held(HIGH, whole) is DeliveryReason.QUIET_HOURS
    assert held(replace(HIGH, at=NOON + timedelta(days=1)), whole) is None


def test_without_a_level_nothing_breaks_through_quiet_hours():
    silent = replace(NIGHT, breaks_quiet=None)
    night = replace(HIGH, level=RiskLevel.CRITICAL, at=NOON.replace(hour=23))
    assert held(night, silent) is DeliveryReason.QUIET_HOURS


@given(st.sampled_from(LEVELS), st.one_of(st.none(), st.sampled_from(LEVELS)))
def test_what_is_told_rises(level, told):
    passes = held(replace(HIGH, level=level, told=told), ChannelFilters(level=RiskLevel.LOW)) is None
    assert passes is (told is None or severity(level) > severity(told))
