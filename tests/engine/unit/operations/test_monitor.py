"""Health: single mishaps do not count, modes follow from components, and what does not work is named."""

import asyncio

import pytest

from home_sentry_engine.contract import Component, ComponentState, Mode
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.operations.health import FEATURES, HealthBoard, features_of, mode_of
from home_sentry_engine.operations.monitor import HealthMonitor, Hysteresis, Probe
from tests.fakes.clock import FakeClock

GOOD, BAD, MEH = ComponentState.HEALTHY, ComponentState.UNHEALTHY, ComponentState.DEGRADED


class Patient:
    """A component that is as a test says."""

    def __init__(self) -> None:
        self.state: ComponentState | Exception = GOOD
        self.looks = 0

    async def check(self) -> Component:
        self.looks += 1
        if isinstance(self.state, Exception):
            raise self.state
        return Component(id="database", state=self.state, reason=None if self.state is GOOD else "it is ill")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(clock: FakeClock) -> HealthBoard:
    return HealthBoard(clock)


async def test_three_failures_make_it_unhealthy_and_two_successes_make_it_well(board, clock):
    patient, shown = Patient(), []
    monitor = HealthMonitor(board, clock, [Probe(id="database", check=patient.check)])
    for state in (GOOD, BAD, BAD, BAD, BAD, GOOD, GOOD, GOOD):
        patient.state = state
        await monitor.round()
        shown.append(board.state("database"))
    assert shown == [GOOD, MEH, MEH, BAD, BAD, MEH, GOOD, GOOD]


def test_a_success_in_between_begins_the_count_anew():
    memory = Hysteresis()
    assert [memory.seen(ok=ok) for ok in (False, False, True, False, False, False, True, False, True, True)] == [
        *(True, True, True, True, True, False, False, False, False, True)
    ]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Unavailable("nobody answers"), "nobody answers"), (ValueError("odd"), "ValueError: odd")],
)
async def test_a_probe_that_raises_is_a_failure_with_its_reason(board, clock, fault, reason):
    patient = Patient()
    patient.state = fault
    monitor = HealthMonitor(board, clock, [Probe(id="database", check=patient.check, damped=False)])
    assert not await monitor.round()
    component = board.get("database")
    assert (component.state, component.reason) == (BAD, reason)


async def test_a_slow_probe_is_cut_and_does_not_hold_up_the_others(board, clock):
    patient = Patient()

    async def hangs() -> Component:
        await asyncio.Event().wait()
        raise AssertionError

    probes = [
        Probe(id="detector", check=hangs, limit_s=0.05, damped=False),
        Probe(id="database", check=patient.check),
    ]
    assert not await HealthMonitor(board, clock, probes).round()
    assert board.state("database") is GOOD
    assert "did not answer within" in (board.get("detector").reason or "")


async def test_it_looks_more_often_while_something_fails_and_at_once_when_told(board, clock):
    patient = Patient()
    monitor = HealthMonitor(board, clock, [Probe(id="database", check=patient.check, interval_s=15.0)])
    task = asyncio.create_task(monitor.run())
    await clock.advance(0)
    assert patient.looks == 1
    await clock.advance(14)
    assert patient.looks == 1
    await clock.advance(1)
    assert patient.looks == 2
    patient.state = BAD
    monitor.hurry("database")
    monitor.hurry("nobody")
    await clock.advance(0)
    assert patient.looks == 3
    await clock.advance(9)
    assert patient.looks == 6
    assert board.state("database") is BAD
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def components(**states: ComponentState) -> list[Component]:
    return [Component(id=name, state=state, reason="because") for name, state in states.items()]


@pytest.mark.parametrize(
    ("states", "mode"),
    [
        ({"database": GOOD, "detector": GOOD, "llm": GOOD}, Mode.NORMAL),
        ({"database": GOOD, "detector": GOOD, "llm": ComponentState.DISABLED}, Mode.NORMAL),
        ({"database": GOOD, "detector": GOOD, "llm": BAD}, Mode.DEGRADED),
        ({"database": GOOD, "detector": GOOD, "mqtt": BAD}, Mode.NORMAL),
        ({"database": MEH, "detector": GOOD}, Mode.DEGRADED),
        ({"database": GOOD, "detector": MEH}, Mode.DEGRADED),
        ({"database": GOOD, "detector": ComponentState.STARTING}, Mode.MINIMAL),
        ({"database": GOOD, "detector": GOOD, "disk": BAD}, Mode.MINIMAL),
        ({"database": GOOD, "detector": GOOD, "ingest": ComponentState.DISABLED}, Mode.MINIMAL),
        ({"database": BAD, "detector": GOOD}, Mode.OFFLINE),
    ],
)
def test_the_mode_follows_from_the_components(states, mode):
    found, causes = mode_of(components(**states))
    assert found is mode
    assert bool(causes) is (mode is not Mode.NORMAL)


def test_features_that_do_not_work_are_named():
    everything = {"database": GOOD, "disk": GOOD, "ingest": GOOD, "detector": GOOD, "llm": GOOD, "api": GOOD}
    assert features_of(components(**everything)) == (FEATURES, ())
    assert features_of(components(**everything | {"llm": MEH}))[1] == ("language",)
    assert features_of(components(**everything | {"disk": BAD}))[1] == ("intake",)
    assert features_of(components(**everything | {"detector": BAD}))[1] == ("detection", "events")
    assert features_of(components(**everything | {"notify_workers": BAD}))[1] == ("notifications",)
    assert features_of(components(**everything | {"database": BAD}))[0] == ()


def test_the_board_keeps_the_last_hundred_changes(board):
    for number in range(150):
        board.report(Component(id="llm", state=MEH, reason=str(number)))
        board.report(Component(id="llm", state=MEH, reason=str(number)))
    changes = board.changes()
    assert len(changes) == 100
    assert [change.reason for change in (changes[0], changes[-1])] == ["50", "149"]
