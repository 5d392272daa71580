"""Times in which nobody watched, and the hours and days of a home whose clock is changed."""

from datetime import UTC, datetime, timedelta
import itertools
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import BlindReason, Camera, CameraStatus, SummaryPeriod
from home_sentry_engine.operations.summary_times import due_at
from home_sentry_engine.operations.watched import GRACE, Span, blind_periods
from home_sentry_engine.storage.repositories.watching import Ability, CameraState, Spell

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = Span(NOON, NOON + timedelta(hours=1))
BERLIN = ZoneInfo("Europe/Berlin")


def minute(number: float) -> datetime:
    return NOON + timedelta(minutes=number)


def camera(name: str = "door", *, created: float = -600) -> Camera:
    return Camera(id=name, name=name.title(), status=CameraStatus.ONLINE, created_at=minute(created))


def state(status: CameraStatus, at: float, reason: str | None = None, name: str = "door") -> CameraState:
    return CameraState(camera_id=name, status=status, reason=reason, at=minute(at))


def spells(*pairs: tuple[float, float], abilities: tuple[Ability, ...] = tuple(Ability)) -> list[Spell]:
    return [
        Spell(ability=ability, began_at=minute(begin), until_at=minute(end))
        for begin, end in pairs
        for ability in abilities
    ]


ALWAYS = spells((-10, 70))
ONLINE = [state(CameraStatus.ONLINE, -30)]


def found(**changes):
    given_ = {"span": HOUR, "cameras": [camera()], "spells": ALWAYS, "states": ONLINE} | changes
    return [
        (one.camera_id, (one.since - NOON).total_seconds() / 60, (one.until - NOON).total_seconds() / 60, one.reason)
        for one in blind_periods(**given_)
    ]


def test_nothing_is_blind_where_all_worked():
    assert found() == []


def test_a_camera_is_blind_from_a_change_to_the_next():
    states = [*ONLINE, state(CameraStatus.OFFLINE, 10, "nothing came"), state(CameraStatus.ONLINE, 25)]
    assert found(states=states) == [("door", 10, 25, BlindReason.OFFLINE)]
    told = blind_periods(span=HOUR, cameras=[camera()], spells=ALWAYS, states=states)[0]
    assert (told.camera_name, told.detail) == ("Door", "nothing came")


def test_what_held_before_counts_from_the_beginning_and_to_the_end():
    assert found(states=[state(CameraStatus.BLIND, -30)]) == [("door", 0, 60, BlindReason.BLIND)]
    assert found(states=[state(CameraStatus.DEGRADED, -30)]) == [("door", 0, 60, BlindReason.DEGRADED)]


def test_a_camera_of_which_nothing_is_known_did_not_work():
    assert found(states=[]) == [("door", 0, 60, BlindReason.NOT_KNOWN)]
    assert found(states=[state(CameraStatus.ONLINE, 20)]) == [("door", 0, 20, BlindReason.NOT_KNOWN)]


def test_a_camera_is_not_missed_before_it_was_there():
    assert found(cameras=[camera(created=20)], states=[state(CameraStatus.ONLINE, 20.1)]) == []


def test_an_engine_that_did_not_run_is_named_once():
    assert found(spells=spells((-10, 15), (40, 70))) == [(None, 15, 40, BlindReason.NOT_RUNNING)]


def test_two_engines_that_take_turns_leave_no_gap():
    assert found(spells=spells((-10, 30), (29, 70))) == []


def test_a_pause_of_one_ability_is_told_with_its_reason():
    all_day = spells((-10, 70), abilities=(Ability.RUN,))
    taken = spells((-10, 20), (30, 70), abilities=(Ability.TAKE,))
    looked = spells((-10, 40), (50, 70), abilities=(Ability.LOOK,))
    assert found(spells=[*all_day, *taken, *looked]) == [
        (None, 20, 30, BlindReason.INTAKE_PAUSED),
        (None, 40, 50, BlindReason.NOT_LOOKING),
    ]


def test_a_short_restart_is_no_gap():
    assert found(spells=spells((-10, 30), (31, 70))) == []


@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(0, 90)), max_size=6))
def test_gaps_lie_within_and_never_where_somebody_ran(pairs):
    ran = spells(*((begin, begin + length) for begin, length in pairs))
    gaps = blind_periods(HOUR, [], ran, [])
    for gap in gaps:
        assert HOUR.since <= gap.since < gap.until <= HOUR.until
        assert not any(one.began_at < gap.until and one.until_at > gap.since for one in ran)
    covered = sum((gap.until - gap.since for gap in gaps), timedelta())
    if not pairs:
        assert covered == HOUR.until - HOUR.since
    assert all(gap.until - gap.since >= GRACE or gap.until == HOUR.until for gap in gaps)


def days(now: datetime, zone: ZoneInfo = BERLIN) -> list[Span]:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    return [one.span for one in due_at(now, zone, long_ago) if one.period is SummaryPeriod.DAILY]


@pytest.mark.parametrize(
    ("now", "hours"),
    [(datetime(2026, 3, 30, 12, tzinfo=UTC), 23), (datetime(2026, 10, 26, 12, tzinfo=UTC), 25)],
)
def test_the_days_on_which_the_clock_is_changed_are_shorter_and_longer(now, hours):
    yesterday = days(now)[-1]
    assert (yesterday.until - yesterday.since) == timedelta(hours=hours)
    assert yesterday.since.astimezone(BERLIN).hour == yesterday.until.astimezone(BERLIN).hour == 0


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/St_Johns", "UTC"])
@pytest.mark.parametrize("day", [datetime(2026, 3, 29, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)])
def test_hours_are_whole_ones_of_the_clock_and_follow_each_other(zone, day):
    due = due_at(day, ZoneInfo(zone), day - timedelta(days=2))
    hours = [one.span for one in due if one.period is SummaryPeriod.HOURLY]
    assert len(hours) == 24
    assert len({one.id for one in due}) == len(due)
    for one, other in itertools.pairwise(hours):
        assert one.until == other.since
        assert one.until - one.since == timedelta(hours=1)
        assert one.since.astimezone(ZoneInfo(zone)).minute == 0


def test_an_hour_is_due_only_when_there_was_time_to_look_at_it():
    due = due_at(NOON + timedelta(minutes=1), BERLIN, NOON - timedelta(hours=2))
    assert due[-1].span.until == NOON - timedelta(hours=1)
    due = due_at(NOON + timedelta(minutes=2), BERLIN, NOON - timedelta(hours=2))
    assert due[-1].span.until == NOON


def test_what_ended_before_the_first_engine_ran_is_left_out():
    due = due_at(NOON + timedelta(minutes=5), BERLIN, NOON - timedelta(minutes=30))
    assert [one.span for one in due] == [Span(NOON - timedelta(hours=1), NOON)]
