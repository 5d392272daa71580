"""Parts that crash, are restarted, switched off and on, and what is remembered of that over a restart."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from home_sentry_engine.contract import Component, ComponentState, RestartStrategy
from home_sentry_engine.domain.errors import Outage
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.operations.registry import ComponentRegistry, NotSwitchable, PartPlan, Rank, UnknownPart
from home_sentry_engine.storage.database import Database, sqlite_url
from home_sentry_engine.storage.errors import StorageFull
from home_sentry_engine.storage.repositories.components import ComponentRecord, Components
from tests.fakes.clock import FakeClock


class Job:
    """Runs until cancelled, or fails as often as it is told."""

    def __init__(self) -> None:
        self.faults = 0
        self.starts = self.ends = 0

    async def run(self) -> None:
        self.starts += 1
        if self.faults:
            self.faults -= 1
            raise RuntimeError("it broke")
        try:
            await asyncio.Event().wait()
        finally:
            self.ends += 1


class Shelf:
    def __init__(self) -> None:
        self.saved: dict[str, ComponentRecord] = {}
        self.fault: Exception | None = None

    async def save(self, record: ComponentRecord) -> None:
        if self.fault is not None:
            raise self.fault
        self.saved[record.id] = record


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@asynccontextmanager
async def running(clock: FakeClock, *plans: PartPlan, shelf: Shelf | None = None, records=None):
    board = HealthBoard(clock)
    registry = ComponentRegistry(board, clock, (shelf or Shelf()).save)
    registry.add(plans, records or {})
    task = asyncio.create_task(registry.run())
    await clock.advance(0)
    try:
        yield registry, board
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_part_that_runs_is_healthy_and_one_that_crashed_is_watched_for_a_moment(clock):
    job, shelf = Job(), Shelf()
    job.faults = 1
    plan = PartPlan(id="timers", jobs={"timers": job.run})
    async with running(clock, plan, shelf=shelf) as (registry, board):
        assert board.state("timers") is ComponentState.DEGRADED
        assert board.get("timers").reason == "RuntimeError: it broke"
        await clock.advance(2)
        assert job.starts == 2
        assert board.state("timers") is ComponentState.DEGRADED
        await clock.advance(2)
        registry.review()
        assert board.state("timers") is ComponentState.HEALTHY
        part = registry.part("timers")
        assert (part.failures, part.restarts, part.core) == (1, 1, True)
    assert (shelf.saved["timers"].failures, shelf.saved["timers"].restarts) == (1, 1)


class Away(Outage, ConnectionError):
    """The server is away."""


async def test_a_part_that_waits_for_something_outside_needs_no_restart_and_recovers_by_itself(clock):
    server = {"away": True}

    async def work() -> None:
        if server["away"]:
            raise Away("the server is away")
        await asyncio.Event().wait()

    async with running(clock, PartPlan(id="timers", jobs={"timers": work})) as (registry, board):
        await clock.advance(3600)
        shown, part = board.get("timers"), registry.part("timers")
        assert (shown.state, shown.reason, shown.fix) == (ComponentState.DEGRADED, "the server is away", None)
        assert (part.failures, part.restarts) == (0, 0)
        server["away"] = False
        await clock.advance(15)
        registry.review()
        assert board.state("timers") is ComponentState.HEALTHY


async def test_what_a_part_did_is_told_beside_its_restarts_also_while_it_is_in_trouble(clock):
    job, done = Job(), {"items_processed": 7}
    plan = PartPlan(id="timers", jobs={"timers": job.run}, details=lambda: {**done})
    async with running(clock, plan) as (registry, board):
        assert board.get("timers").details == {"restarts": 0, "failures": 0, "items_processed": 7}
        done["items_processed"] = 8
        registry.review()
        assert board.get("timers").details["items_processed"] == 8
        registry.switch("timers", on=False)
        assert board.get("timers").details["items_processed"] == 8


async def test_a_part_that_was_stopped_stays_so_until_it_is_started_and_nothing_remembers_it(clock):
    job, shelf = Job(), Shelf()
    plans = [PartPlan(id="timers", jobs={"timers": job.run}), PartPlan(id="api", jobs={"api": Job().run}, fixed=True)]
    async with running(clock, *plans, shelf=shelf) as (registry, board):
        assert registry.start("timers").stopped is False
        stopped = registry.stop("timers")
        assert (stopped.stopped, stopped.enabled) == (True, True)
        await clock.advance(0)
        assert (job.starts, job.ends) == (1, 1)
        assert board.get("timers").state is ComponentState.DISABLED
        assert board.get("timers").fix == "start it"
        with pytest.raises(NotSwitchable, match="start it instead"):
            await registry.restart("timers")
        assert registry.start("timers").stopped is False
        await clock.advance(0)
        assert job.starts == 2
        assert board.state("timers") is ComponentState.HEALTHY
        registry.stop("timers")
        assert registry.switch("timers", on=False).stopped is False
        with pytest.raises(NotSwitchable, match="enable it instead"):
            registry.start("timers")
        assert registry.stop("timers").stopped is False
        with pytest.raises(NotSwitchable, match="cannot be stopped"):
            registry.stop("api")
        for verb in (registry.start, registry.stop):
            with pytest.raises(UnknownPart):
                verb("nothing")
        assert registry.switch("timers", on=True).enabled
        registry.stop("timers")
        await clock.advance(0)
    assert shelf.saved["timers"].enabled


async def test_each_part_tells_how_it_begins_anew_and_what_others_speak_for_is_only_reported(clock):
    asked: list[None] = []
    engine, llm = Job(), Job()
    whole = PartPlan(
        id="engine", jobs={"engine": engine.run}, strategy=RestartStrategy.APP, instead=lambda: asked.append(None)
    )
    model = PartPlan(id="llm", jobs={"llm": llm.run}, strategy=RestartStrategy.PROCESS)
    async with running(clock, whole, model, PartPlan(id="timers", jobs={"t": Job().run})) as (registry, board):
        registry.remote |= {"detector"}
        board.report(Component(id="detector", state=ComponentState.UNHEALTHY))
        board.report(Component(id="disk", state=ComponentState.HEALTHY))
        assert {part.component.id: part.strategy.value for part in registry.parts()} == {
            "engine": "app",
            "llm": "process",
            "timers": "task",
            "detector": "remote",
            "disk": "none",
        }
        assert (await registry.restart("engine")).restarts == 1
        await clock.advance(0)
        assert (asked, engine.starts) == ([None], 1)
        with pytest.raises(NotSwitchable, match="another engine"):
            await registry.restart("detector")


async def test_one_that_keeps_failing_fails_and_is_tried_again_after_a_rest(clock):
    job = Job()
    job.faults = 4
    async with running(clock, PartPlan(id="extra", jobs={"extra": job.run}, rank=Rank.OPTIONAL)) as (_, board):
        for _ in range(3):
            await clock.advance(60)
        assert board.state("extra") is ComponentState.FAILED
        assert job.starts == 4
        await clock.advance(900)
        assert job.starts == 5


async def test_no_part_takes_another_one_down(clock):
    bad, good = Job(), Job()
    bad.faults = 100
    plans = PartPlan(id="bad", jobs={"bad": bad.run}), PartPlan(id="good", jobs={"good": good.run})
    async with running(clock, *plans) as (_, board):
        for _ in range(20):
            await clock.advance(60)
        assert (good.starts, good.ends) == (1, 0)
        assert board.state("good") is ComponentState.HEALTHY


async def test_a_restart_begins_anew_and_a_switch_ends_and_begins(clock):
    job, renewed = Job(), []

    async def renew() -> None:
        renewed.append(job.starts)

    async with running(clock, PartPlan(id="detector", jobs={"detector": job.run}, renew=renew)) as (registry, board):
        await registry.restart("detector")
        await clock.advance(0)
        assert (job.starts, job.ends, renewed) == (2, 1, [1])
        registry.switch("detector", on=False)
        await clock.advance(0)
        assert (job.starts, job.ends) == (2, 2)
        assert board.state("detector") is ComponentState.DISABLED
        with pytest.raises(NotSwitchable, match="switched off"):
            await registry.restart("detector")
        await clock.advance(3600)
        assert job.starts == 2
        assert registry.switch("detector", on=True).enabled
        await clock.advance(0)
        assert (job.starts, job.ends) == (3, 2)
        assert board.state("detector") is ComponentState.HEALTHY


async def test_what_cannot_be_switched_says_why(clock):
    async with running(clock, PartPlan(id="api", jobs={"api": Job().run}, fixed=True)) as (registry, board):
        with pytest.raises(NotSwitchable, match="nobody could switch it on again"):
            registry.switch("api", on=False)
        with pytest.raises(UnknownPart):
            registry.switch("nothing", on=True)
        board.report(registry.part("api").component.__class__(id="disk", state=ComponentState.HEALTHY))
        with pytest.raises(NotSwitchable, match="only tells how it is"):
            await registry.restart("disk")
        assert [part.controllable for part in registry.parts()] == [True, False]


async def test_a_part_that_speaks_for_itself_is_not_spoken_for(clock):
    plan = PartPlan(id="ingest", jobs={"ingest": Job().run}, describe=lambda: None)
    async with running(clock, plan) as (registry, board):
        registry.review()
        assert board.get("ingest") is None


async def test_switches_and_counters_survive_a_restart_of_the_engine(tmp_path, clock):
    rows = Components()
    async with Database(sqlite_url(tmp_path / "engine.db"), clock) as database:

        class Stored(Shelf):
            async def save(self, record: ComponentRecord) -> None:
                await database.write(lambda conn: rows.save(conn, record))

        job = Job()
        job.faults = 1
        plan = PartPlan(id="timers", jobs={"timers": job.run})
        async with running(clock, plan, shelf=Stored()) as (registry, _):
            await clock.advance(10)
            registry.switch("timers", on=False)
            async with asyncio.timeout(60):
                while (await database.read(rows.all)).get("timers", ComponentRecord(id="x")).enabled:  # noqa: ASYNC110 a row
                    await asyncio.sleep(0.01)
        again = Job()
        records = await database.read(rows.all)
        plan = PartPlan(id="timers", jobs={"timers": again.run})
        async with running(clock, plan, shelf=Stored(), records=records) as (registry, _):
            assert again.starts == 0
            part = registry.part("timers")
            assert (part.enabled, part.failures, part.restarts) == (False, 1, 1)
            assert part.last_failure_at is not None
            registry.switch("timers", on=True)
            await clock.advance(0)
            assert again.starts == 1
            assert registry.part("timers").failures == 0


async def test_a_record_waits_for_a_store_that_is_full(clock):
    shelf = Shelf()
    shelf.fault = StorageFull("full")
    job = Job()
    job.faults = 1
    async with running(clock, PartPlan(id="timers", jobs={"timers": job.run}), shelf=shelf) as (registry, board):
        await clock.advance(10)
        assert shelf.saved == {}
        shelf.fault = None
        await clock.advance(10)
        assert shelf.saved["timers"].failures == 1
        registry.review()
        assert board.state("timers") is ComponentState.HEALTHY


async def test_deaths_of_what_a_part_keeps_running_are_counted_and_remembered(clock):
    job, shelf = Job(), Shelf()
    plan = PartPlan(id="llm", jobs={"language model": job.run}, rank=Rank.MODEL)
    records = {"llm": ComponentRecord(id="llm", failures=3, restarts=2)}
    async with running(clock, plan, shelf=shelf, records=records) as (registry, _board):
        registry.count_failure("llm", "its process ended")
        registry.count_restart("llm")
        registry.count_failure("unknown", "nobody keeps that")
        registry.count_restart("unknown")
        await clock.advance(0)
        part = registry.part("llm")
        assert (part.failures, part.restarts) == (4, 3)
        assert job.starts == 1
    kept = shelf.saved["llm"]
    assert (kept.failures, kept.restarts, kept.reason) == (4, 3, "its process ended")
    assert set(shelf.saved) == {"llm"}
