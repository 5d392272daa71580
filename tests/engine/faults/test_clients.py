"""F19 and F27: a thousand listeners of which some stall, and one client that asks without an end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
import json
import os
import re
import statistics
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from home_sentry_engine.api.hub import Pace
from home_sentry_engine.api.server import ApiServer
from tests.engine.faults.invariants import check_invariants
from tests.engine.faults.programs import ROOT, WITHOUT_MODELS, Serve, deliver, engine
from tests.fakes.api import TOKEN, FakeEngine, serving

PACE = Pace(most_messages_behind=60, most_bytes_behind=256 * 1024, status_every_s=3600, status_pause_s=0.01)
LARGE, SMALL = "x" * 30_000, "x" * 800


class Crowd:
    """The listeners, in a process of their own, so that the loop that is measured has the engine's work alone."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, **order: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(300):
            line = await self._process.stdout.readline()
        assert line, "the listeners failed; their reason is in the output"
        return json.loads(line)


@asynccontextmanager
async def crowd() -> AsyncIterator[Crowd]:
    """Start the program, and see to it that it ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.engine.faults.listeners"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield Crowd(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _announce(fake: FakeEngine, text: str) -> None:
    fake.announce(summary=f"{time.monotonic_ns():020d}{text}")


def _dropped(server: ApiServer) -> int:
    """Tell how many were too slow; on a busy machine also some of those who read."""
    found = re.search(r'websocket_dropped_total{reason="slow"} (\d+)', server._surroundings.metrics.render())
    return int(found[1]) if found else 0


@pytest.mark.timeout(1200)
async def test_f19_stalled_clients_are_dropped_and_all_others_hear_everything_once(rounds, within):
    listeners, stalled, restless = rounds(100, 900), rounds(8, 50), rounds(10, 50)
    seconds, rate = rounds(2, 20), 10
    count = seconds * rate
    fake = FakeEngine()
    async with serving(fake, pace=PACE) as server, crowd() as clients:
        await clients.ask(port=server.port, token=TOKEN, calm=listeners, deaf=stalled, restless=restless)
        before_s, began = time.process_time(), time.monotonic()
        await clients.ask(**{"break": restless})
        for number in range(1, count + 1):
            _announce(fake, LARGE if number % 2 else SMALL)
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        busy = (time.process_time() - before_s) / (time.monotonic() - began)
        # whoever does not read is found out by what it leaves unread
        while _dropped(server) < stalled or len(server._hub._clients) > listeners + restless:
            _announce(fake, LARGE)
            await asyncio.sleep(1 / rate)
        dropped_s = time.monotonic() - began
        broken = await clients.ask(**{"break": 0})
        await clients.ask(hear=count)
        await clients.ask(wake=count)
        found = await clients.ask(report=count)
    assert found["astray"] == 0
    assert found["p99_ms"] <= within(100)
    print(
        f"\n  {listeners} listeners p50 {found['p50_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms, "
        f"worst {found['worst_ms']:.0f} ms; {stalled} stalled ones dropped after {dropped_s:.0f} s, "
        f"{broken} connections broken; 0 of {listeners + stalled + restless} x {count} announcements lost; "
        f"{100 * busy:.0f} % of a core, load {os.getloadavg()[0]:.1f}"
    )


class Prober:
    """Another client: asks for the status now and then, each time from an address of its own."""

    def __init__(self, served: Serve) -> None:
        self._served = served
        self._addresses = iter(range(3, 250))

    def took_ms(self, calls: int) -> list[float]:
        return asyncio.run(self._ask(f"127.0.0.{next(self._addresses)}", calls))

    async def _ask(self, source: str, calls: int) -> list[float]:
        took = []
        token = (self._served.data / "token").read_text().strip()
        connector = aiohttp.TCPConnector(local_addr=(source, 0))
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(self._served.url, connector=connector, headers=headers) as session:
            for _ in range(calls):
                began = time.monotonic()
                async with session.get("/api/v1/status") as answer:
                    assert answer.status == 200
                    await answer.read()
                took.append((time.monotonic() - began) * 1000)
                await asyncio.sleep(0.05)
        return took


@contextmanager
def _flood(served: Serve, seconds: float) -> Iterator[dict[str, Any]]:
    """Let one address ask 10,000 times a second; what it found is there at the end."""
    token = (served.data / "token").read_text().strip()
    program = [sys.executable, "-m", "tests.engine.faults.flood", str(urlsplit(served.url).port)]
    asked = [*program, "/api/v1/status", token, "127.0.0.2", str(seconds), "10000"]
    found: dict[str, Any] = {}
    with subprocess.Popen(asked, stdout=subprocess.PIPE, cwd=ROOT) as flood:
        time.sleep(0.7)
        yield found
        output, _ = flood.communicate()
    found.update(json.loads(output))


def _p95(took_ms: list[float]) -> float:
    return statistics.quantiles(took_ms, n=20)[-1]


@pytest.mark.timeout(900)
def test_f27_a_client_that_asks_without_end_gets_its_budget_and_others_do_not_feel_it(
    tmp_path, model_mirror, stock, rounds, within
):
    # idle and busy in turn: other work on the machine comes and goes
    turns, calls = rounds(1, 6), 25
    idle_ms: list[float] = []
    busy_ms: list[float] = []
    answers: Counter[str] = Counter()
    offered, seconds = 0, 0.0
    with engine(tmp_path / "data", model_mirror, **WITHOUT_MODELS) as served:
        served.start()
        for number, picture in enumerate(stock(10)):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.drained(10)
        prober = Prober(served)
        for _ in range(turns):
            idle_ms += prober.took_ms(calls)
            with _flood(served, 3.0) as found:
                busy_ms += prober.took_ms(calls)
            answers.update(found["answers"])
            offered += found["offered"]
            seconds += found["seconds"]
        for number, picture in enumerate(stock(5, first=10), start=10):
            deliver(served.cameras / "yard", f"{number}.jpg", picture)
        served.drained(15)
        served.stop()
    account = check_invariants(served.data)
    assert account.stored == 15
    assert answers["200"] <= 70 * (1 + seconds // 60)
    assert answers["429"] > 0
    assert offered > rounds(1, 10) * answers["429"]
    assert _p95(busy_ms) <= within(2 * _p95(idle_ms))
    print(
        f"  {offered / seconds:.0f} calls/s from one client, {dict(answers)} in {seconds:.0f} s; the other client's "
        f"p95 {_p95(busy_ms):.1f} ms, {_p95(busy_ms) / _p95(idle_ms):.1f} x that without ({_p95(idle_ms):.1f} ms), "
        f"load {os.getloadavg()[0]:.1f}"
    )
