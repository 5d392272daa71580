"""The whole engine begins anew: by itself, below s6, and why it did not where nobody helps."""

import asyncio
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from home_sentry_engine.contract import ComponentState, RestartStrategy
from home_sentry_engine.domain.errors import Transient
from home_sentry_engine.operations.rebirth import ByItself, ContainerService, Rebirth
from tests.fakes.clock import FakeClock


def s6_svc(folder: Path, script: str) -> ContainerService:
    """Give a service with a program of the test in place of s6-svc, which notes what it was told."""
    program, service = folder / "s6-svc", folder / "service"
    service.mkdir()
    (folder / "run").mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >{folder}/told\n{script}\n')
    program.chmod(0o755)
    return ContainerService(program=program, service=service, asked=folder / "run/restart")


@asynccontextmanager
async def waiting(rebirth: Rebirth):
    task = asyncio.create_task(rebirth.run())
    await asyncio.sleep(0)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def settled(rebirth: Rebirth, clock: FakeClock, condition) -> None:
    rebirth.ask()
    async with asyncio.timeout(60):
        while not condition():
            await clock.advance(1)
            await asyncio.sleep(0.01)


async def test_a_service_is_restarted_by_s6_and_its_container_is_told_to_live(tmp_path):
    service = s6_svc(tmp_path, "exit 0")
    assert service.there
    await service.go()
    assert (tmp_path / "told").read_text() == f"-r {tmp_path}/service\n"
    assert service.asked.exists()


async def test_s6_that_refuses_is_told_with_its_word_and_the_container_is_not(tmp_path):
    service = s6_svc(tmp_path, "echo 'not permitted' >&2; exit 111")
    clock = FakeClock()
    rebirth = Rebirth(service, clock)
    assert rebirth.describe().state is ComponentState.HEALTHY
    async with waiting(rebirth):
        await settled(rebirth, clock, lambda: rebirth.describe().state is ComponentState.DEGRADED)
        said = rebirth.describe()
        assert said.reason == "it could not begin anew: s6 refused with 111: not permitted"
        assert said.details == {"strategy": "service"}
        assert not service.asked.exists()
        # it may be asked again
        service.program.write_text("#!/bin/sh\nexit 0\n")
        await settled(rebirth, clock, service.asked.exists)
        await settled(rebirth, clock, lambda: "nobody ended it" in (rebirth.describe().reason or ""))


async def test_without_its_program_or_folders_there_is_no_service(tmp_path):
    service = s6_svc(tmp_path, "exit 0")
    service.program.unlink()
    assert not service.there
    with pytest.raises(Transient, match="s6 cannot be asked: No such file or directory"):
        await service.go()
    assert not ContainerService(program=tmp_path / "a", service=tmp_path / "b", asked=tmp_path / "c/d").there


async def test_an_engine_that_nobody_watches_over_leaves_by_itself_a_moment_after_it_was_asked():
    left: list[None] = []

    async def leave() -> None:
        left.append(None)

    clock = FakeClock()
    rebirth = Rebirth(ByItself(leave), clock)
    assert rebirth.way.strategy is RestartStrategy.ANEW
    async with waiting(rebirth):
        rebirth.ask()
        await clock.advance(0)
        await clock.advance(0.5)
        assert left == []
        await clock.advance(0.6)
        assert left == [None]
        assert rebirth.describe().state is ComponentState.HEALTHY
