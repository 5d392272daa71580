"""Spans of the clock on the wall."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.alerting.schedule import InvalidSchedule, checked_schedule, holds
from home_sentry_engine.contract import AlertSchedule

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
CLOCKS = st.times().map(lambda clock: f"{clock.hour:02}:{clock.minute:02}")
SCHEDULES = st.builds(
    AlertSchedule,
    days=st.sets(st.integers(0, 6)).map(tuple),
    start=CLOCKS,
    end=CLOCKS,
    timezone=st.none() | st.sampled_from(ZONES),
)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-11-20T21:59", False),
        ("2026-11-20T22:00", True),
        ("2026-11-21T05:59", True),
        ("2026-11-21T06:00", False),
        # the night that began on Saturday, which is no day of the schedule
        ("2026-11-21T23:00", False),
        ("2026-11-22T01:00", False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_began(at, inside):
    friday_nights = AlertSchedule(days=(4,), start="22:00", end="06:00")
    assert holds(friday_nights, local(at), BERLIN) is inside


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        # the hour from two to three does not exist
        ("2026-03-29T00:30+00:00", False),
        ("2026-03-29T01:00+00:00", True),
        # and exists twice
        ("2026-10-25T00:30+00:00", False),
        ("2026-10-25T01:00+00:00", False),
        ("2026-10-25T02:00+00:00", True),
    ],
)
def test_the_clock_on_the_wall_counts_when_it_is_changed(at, inside):
    early = AlertSchedule(start="03:00", end="04:00")
    assert holds(early, datetime.fromisoformat(at), BERLIN) is inside


def test_both_hours_of_a_clock_that_is_set_back_count():
    twice = AlertSchedule(start="02:00", end="03:00")
    for at in ("2026-10-25T00:30+00:00", "2026-10-25T01:30+00:00"):
        assert holds(twice, datetime.fromisoformat(at), BERLIN)


def test_the_time_zone_of_the_schedule_comes_before_that_of_the_home():
    noon = AlertSchedule(start="12:00", end="13:00", timezone="America/New_York")
    at = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
    assert holds(noon, at, BERLIN)
    assert not holds(AlertSchedule(start="12:00", end="13:00"), at, BERLIN)


@given(SCHEDULES, MOMENTS)
def test_a_schedule_and_its_complement_share_no_moment_and_leave_none_out(schedule, at):
    checked_schedule(schedule)
    if schedule.days or schedule.start == schedule.end:
        return
    other = AlertSchedule(start=schedule.end, end=schedule.start, timezone=schedule.timezone)
    assert holds(schedule, at, BERLIN) is not holds(other, at, BERLIN)


@given(SCHEDULES, MOMENTS)
def test_a_span_is_that_of_its_days_minute_by_minute(schedule, at):
    zone = ZoneInfo(schedule.timezone) if schedule.timezone else BERLIN
    there = at.astimezone(zone)
    start, end = time.fromisoformat(schedule.start), time.fromisoformat(schedule.end)
    now, days = there.time(), set(schedule.days or range(7))
    spans = []
    for back in (0, 1):
        day = (there.date() - timedelta(days=back)).weekday()
        if day in days:
            late = start <= now if back == 0 else now < end
            spans.append(late and (start >= end or (back == 0 and now < end)))
    assert holds(schedule, at, BERLIN) is any(spans)


@pytest.mark.parametrize("start", ["7:00", "07:60", "0700", "0\N{ARABIC-INDIC DIGIT SEVEN}:00", ""])
def test_what_is_no_time_is_refused(start):
    with pytest.raises(InvalidSchedule):
        checked_schedule(AlertSchedule(start=start))
