"""The queues beside their limits, and the component that tells of back-pressure."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.app.queues import BackPressure, QueueFigures
from home_sentry_engine.broker.memory import MemoryQueue
from home_sentry_engine.broker.queue import Overflow, QueueLimits
from home_sentry_engine.contract import Component, ComponentState, QueueDepth
from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.domain.jobs import DETECT, NewJob
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.operations.monitor import HealthMonitor
from tests.fakes.clock import FakeClock

LIMITS = QueueLimits(limit=100)


async def nothing() -> tuple[QueueDepth, ...]:
    return ()


def judged(pressure: BackPressure, held: int) -> Component:
    return pressure.judged((QueueDepth(queue=DETECT, pending=held, processing=0, delayed=0, dead=0),))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_it_is_degraded_from_80_percent_on_and_healthy_again_only_below_70():
    pressure = BackPressure(nothing, LIMITS)
    told = [judged(pressure, held).state.value for held in (0, 79, 80, 79, 70, 69, 79, 80)]
    assert told == [*("healthy",) * 2, *("degraded",) * 3, "healthy", "healthy", "degraded"]


def test_the_reason_stays_while_numbers_move_and_tells_what_a_full_queue_does():
    pressure = BackPressure(nothing, QueueLimits(limit=100, overflow=Overflow.REJECT))
    filling, more = judged(pressure, 85), judged(pressure, 91)
    assert filling.reason == more.reason == "the queue detect fills up: 80% of 100 jobs were reached"
    assert (filling.details["detect"], more.details["detect"]) == (85, 91)
    full = judged(pressure, 100)
    assert full.reason == "the queue detect is full: what comes now is refused, that of the busiest camera first"
    assert full.fix is not None


@given(st.lists(st.integers(0, 100), max_size=40))
def test_no_count_is_called_healthy_above_the_limit_or_degraded_far_below(counts: list[int]):
    pressure = BackPressure(nothing, LIMITS)
    for held in counts:
        state = judged(pressure, held).state
        if held >= 80:
            assert state is ComponentState.DEGRADED
        if held < 70:
            assert state is ComponentState.HEALTHY


async def test_a_real_queue_that_fills_up_shows_its_limit_and_what_overflowed(clock: FakeClock):
    limits = QueueLimits(limit=5, overflow=Overflow.DEAD_LETTER)
    queue = MemoryQueue(clock, limits=limits)
    figures = QueueFigures(queue, limits)
    for number in range(7):
        queue.put(None, NewJob(queue=DETECT, payload={"number": number}), clock.now())
    detect = next(depth for depth in await figures.depths() if depth.queue == DETECT)
    assert (detect.pending, detect.limit, detect.dead_lettered, detect.rejected, detect.dropped) == (5, 5, 2, 0, 0)
    board = HealthBoard(clock)
    await HealthMonitor(board, clock, [BackPressure(figures.depths, limits).probe()]).round()
    component = board.get("queues")
    assert component is not None
    assert component.state is ComponentState.DEGRADED
    assert component.details["detect_overflowed"] == 2
    assert "dead letters" in (component.reason or "")


async def test_what_cannot_be_counted_keeps_its_last_state(clock: FakeClock):
    async def gone() -> tuple[QueueDepth, ...]:
        raise HomeSentryError("no database")

    board = HealthBoard(clock)
    monitor = HealthMonitor(board, clock, [BackPressure(gone, LIMITS).probe()])
    assert await monitor.round()
    assert board.get("queues") is None
