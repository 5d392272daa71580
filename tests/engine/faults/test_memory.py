"""Processes that take too much memory: drained, begun anew, and no picture or answer of theirs is lost."""

import asyncio
import subprocess
import sys
import time

import pytest

from home_sentry_engine.contract import ComponentState
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.language.process import ModelProcess
from home_sentry_engine.operations.memory import MemoryWatch, Watched, engine_limit_bytes, resident_bytes
from tests.engine.faults.invariants import check_invariants
from tests.engine.faults.programs import ROOT, Serve, deliver, engine
from tests.fakes import workers
from tests.fakes.clock import FakeClock

MB = 2**20
GROWS = (
    'held.append(bytearray(60_000_000)); print(json.dumps({"id": request["id"], "ok": True, "tokens": 7}), flush=True)'
)


def start_growing(served: Serve) -> None:
    with served.log.open("ab") as log:
        command = [sys.executable, "-m", "tests.engine.faults.growing", "serve", "--data", str(served.data)]
        served._process = subprocess.Popen(
            [*command, "--port", "0", "--no-llm"], stdout=log, stderr=log, cwd=ROOT, env=served._environment
        )


@pytest.mark.timeout(1500)
def test_he10_an_engine_above_its_limit_begins_anew_in_the_middle_of_work_and_loses_nothing(
    tmp_path, model_mirror, stock, rounds
):
    wanted, pictures = rounds(2, 10), iter(stock(60))
    delivered = 0
    with engine(tmp_path / "data", model_mirror, MEMORY_LIMIT_MB="64") as served:
        start_growing(served)
        first = served.process.pid
        until = time.monotonic() + 100 * wanted
        while served.log.read_text(errors="replace").count("Begun anew for its memory") < wanted:
            assert time.monotonic() < until, served.tail()
            assert served.process.poll() is None, served.tail()
            for _ in range(5 if delivered < 60 else 0):
                deliver(served.cameras / "yard", f"{delivered}.jpg", next(pictures))
                delivered += 1
            time.sleep(0.3)
        assert served.process.poll() is None
        assert served.process.pid == first
        served.kill()
        served._environment["HOME_SENTRY_MEMORY_LIMIT_MB"] = "0"
        served.start()
        served.drained(delivered)
        served.stop()
    account = check_invariants(served.data)
    assert (account.stored, account.quarantined) == (delivered, 0)
    print(f"  {wanted} new beginnings under load, {delivered} of {delivered} pictures stored")


async def test_he10_a_model_process_that_grows_is_replaced_between_two_answers():
    process = ModelProcess(workers.program("held = []", workers.READY, body=GROWS), clock=SystemClock())
    clock = FakeClock()
    watch = MemoryWatch(
        clock, [Watched(name="llm", pid=lambda: process.pid, recycle=process.aclose, limit_bytes=250 * MB)]
    )
    pids, largest = set(), 0
    try:
        for _ in range(16):
            asking = asyncio.create_task(process.call("count", {}, timeout_s=60))
            found = await watch.check()
            clock.tick(700)
            assert (await asking)["tokens"] == 7
            pids.add(process.pid)
            largest = max(largest, resident_bytes(process.pid or 0) or 0)
        assert watch.recycled >= 2
        assert len(pids - {None}) == watch.recycled + 1
        assert process.restarts == 0
        assert largest <= 600 * MB
        assert found.id == "memory"
    finally:
        await process.aclose()
    print(f"  16 answers of 16 from {len(pids)} processes, the largest with {largest // MB} MB")


async def test_a_young_process_that_is_too_large_is_told_and_left_alone():
    clock, taken = FakeClock(), [300 * MB]
    begun: list[None] = []

    async def recycle() -> None:
        begun.append(None)

    watch = MemoryWatch(
        clock, [Watched(name="engine", pid=lambda: 1, recycle=recycle, limit_bytes=200 * MB)], lambda _pid: taken[0]
    )
    for _ in range(3):
        found = await watch.check()
        assert (found.state, found.reason) == (ComponentState.DEGRADED, "engine takes 300 MB of 200 MB")
        assert "memory_limit_mb" in (found.fix or "")
        clock.tick(15)
    assert begun == []
    clock.tick(600)
    await watch.check()
    assert len(begun) == 1
    # the next one is young again: no storm of new beginnings
    await watch.check()
    await watch.check()
    assert len(begun) == 1
    taken[0] = 100 * MB
    assert (await watch.check()).state is ComponentState.HEALTHY


async def test_without_a_limit_a_process_may_take_half_more_than_at_its_beginning():
    clock, taken = FakeClock(), [400 * MB]
    begun: list[None] = []

    async def recycle() -> None:
        begun.append(None)

    watch = MemoryWatch(clock, [Watched(name="llm", pid=lambda: 1, recycle=recycle)], lambda _pid: taken[0])
    await watch.check()
    clock.tick(601)
    for taken[0] in (855 * MB, 857 * MB, 850 * MB, 857 * MB):
        await watch.check()
    assert begun == []
    await watch.check()
    assert len(begun) == 1


async def test_a_process_that_is_gone_is_no_trouble():
    watch = MemoryWatch(FakeClock(), [Watched(name="llm", pid=lambda: None, recycle=asyncio.Event().wait)])  # type: ignore[arg-type]
    assert (await watch.check()).state is ComponentState.HEALTHY


def test_the_limit_leaves_a_fifth_of_the_machine_unless_it_is_set():
    assert engine_limit_bytes(0, 1000 * MB) == 800 * MB
    assert engine_limit_bytes(300, 1000 * MB) == 300 * MB
