"""Who comes seldom goes first, and nobody waits for long."""

import asyncio

from home_sentry_engine.resilience import courtesy as module
from home_sentry_engine.resilience.courtesy import Courtesy
from tests.fakes.clock import FakeClock
from tests.fakes.patience import turns


def test_who_comes_often_is_not_quiet():
    clock = FakeClock()
    courtesy = Courtesy(clock)
    assert courtesy.came("yard")
    assert not courtesy.came("yard")
    assert courtesy.came("door")
    for _ in range(5):
        clock.tick(0.2)
        assert not courtesy.came("yard")
    clock.tick(0.5)
    assert courtesy.came("yard")


def test_only_so_many_names_are_remembered(monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 3)
    courtesy = Courtesy(FakeClock())
    for number in range(10):
        assert courtesy.came(f"camera {number}")
    assert len(courtesy._came) == 3
    assert not courtesy.came("camera 9")


async def test_who_gives_way_begins_when_the_last_one_has_passed():
    courtesy = Courtesy(FakeClock())
    await courtesy.give_way()
    with courtesy.passing():
        with courtesy.passing():
            waiting = asyncio.create_task(courtesy.give_way())
            await turns()
        await turns()
        assert not waiting.done()
    async with asyncio.timeout(60):
        await waiting


async def test_nobody_waits_for_long_and_nobody_passes_for_long(monkeypatch):
    courtesy = Courtesy(FakeClock())
    monkeypatch.setattr(module, "_MOMENT_S", 0.01)
    with courtesy.passing():
        async with asyncio.timeout(60):
            await courtesy.give_way()
    monkeypatch.setattr(module, "_MOMENT_S", 600.0)
    monkeypatch.setattr(module, "_LONGEST_S", 0.01)
    with courtesy.passing():
        async with asyncio.timeout(60):
            await courtesy.give_way()
    assert not courtesy._passing
