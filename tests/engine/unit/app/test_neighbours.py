"""What an engine with the API shows of the engines that play the other roles."""

import asyncio
from contextlib import asynccontextmanager

from home_sentry_engine.app.neighbours import Neighbours
from home_sentry_engine.broker.pubsub import LocalBus
from home_sentry_engine.contract import Component, ComponentState, Mode
from home_sentry_engine.operations.health import HealthBoard, mode_of
from tests.fakes.clock import FakeClock

HEALTHY, UNHEALTHY = ComponentState.HEALTHY, ComponentState.UNHEALTHY


class House:
    def __init__(self) -> None:
        self.clock, self.bus = FakeClock(), LocalBus()

    def engine(self, node: str, *roles: str) -> Neighbours:
        return Neighbours(
            node=node, roles=frozenset(roles), board=HealthBoard(self.clock), clock=self.clock, bus=self.bus
        )

    @asynccontextmanager
    async def running(self, *engines: Neighbours):
        jobs = [asyncio.ensure_future(job()) for engine in engines for job in engine.jobs().values()]
        try:
            yield
        finally:
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)


def shown(engine: Neighbours, component_id: str) -> Component:
    found = engine.board.get(component_id)
    assert found is not None
    return found


async def pass_time(house: House, seconds: float) -> None:
    for _ in range(10):
        await asyncio.sleep(0)
    await house.clock.advance(seconds)


async def test_the_roles_of_others_are_shown_as_they_tell_and_missed_when_they_fall_silent():
    house = House()
    front, eyes = house.engine("front", "ingest", "api"), house.engine("eyes", "detect")
    eyes.board.report(Component(id="detector", state=HEALTHY, details={"model": "rtdetr"}))
    eyes.board.report(Component(id="disk", state=UNHEALTHY, reason="its own disk"))
    async with house.running(front):
        async with house.running(eyes):
            await pass_time(house, 11)
            detector = shown(front, "detector")
            assert (detector.state, detector.details) == (HEALTHY, {"model": "rtdetr", "engines": 1})
            assert front.board.get("disk") is None
            assert front.board.state("assess_workers") is ComponentState.STARTING
            eyes.board.report(Component(id="detector", state=UNHEALTHY, reason="the card is gone"))
            await pass_time(house, 11)
            assert shown(front, "detector").reason == "the card is gone"
        await pass_time(house, 26)
        detector = shown(front, "detector")
        assert detector.state is UNHEALTHY
        assert "role detect" in str(detector.reason)
        assert mode_of(front.board.components())[0] is Mode.MINIMAL
        async with house.running(eyes):
            eyes.board.report(Component(id="detector", state=HEALTHY))
            await pass_time(house, 11)
            assert front.board.state("detector") is HEALTHY


async def test_of_several_engines_the_one_that_does_best_speaks():
    house = House()
    front, one, two = house.engine("front", "api"), house.engine("one", "detect"), house.engine("two", "detect")
    one.board.report(Component(id="detector", state=UNHEALTHY, reason="no card"))
    two.board.report(Component(id="detector", state=HEALTHY))
    async with house.running(front, one, two):
        await pass_time(house, 11)
        assert front.board.state("detector") is HEALTHY
        assert shown(front, "detector").details == {"engines": 2}


async def test_own_roles_are_not_taken_from_others_and_rubbish_is_passed_over():
    house = House()
    whole = house.engine("whole", "ingest", "detect", "assess", "api")
    other = house.engine("other", "detect")
    whole.board.report(Component(id="detector", state=HEALTHY))
    other.board.report(Component(id="detector", state=UNHEALTHY, reason="theirs"))
    async with house.running(whole, other):
        await pass_time(house, 1)
        await house.bus.publish("health", b"{}")
        await pass_time(house, 30)
        assert [one.id for one in whole.board.components()] == ["detector"]
        assert whole.board.state("detector") is HEALTHY


async def test_engines_that_are_gone_are_forgotten():
    house = House()
    front = house.engine("front", "api")
    async with house.running(front):
        for number in range(30):
            async with house.running(house.engine(f"made anew {number}", "detect")):
                await pass_time(house, 6)
        assert len(front._heard) < 10
        await pass_time(house, 26)
        assert front._heard == {}
