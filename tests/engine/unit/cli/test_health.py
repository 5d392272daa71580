"""``health`` reads the heartbeat of a real engine that has no API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import pytest

from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.operations.heartbeat import FILE, Heartbeat, NoHeartbeat, beat_age_s
from home_sentry_engine.operations.monitor import HealthMonitor
from tests.fakes.clock import FakeClock

PATIENCE_S = 60.0
QUIET = {
    "ROLES": "detect,assess",
    "LLM": "false",
    "ENRICHMENT": "false",
    "REID": "false",
    "OFFLINE": "true",
    "MQTT_URL": "",
}


@contextmanager
def engine(data: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {f"HOME_SENTRY_{name}": value for name, value in QUIET.items() if value}
    environment["HOME_SENTRY_MODELS"] = str(data.parent / "models")
    with (data.parent / "log").open("wb") as log:
        command = [sys.executable, "-m", "home_sentry_engine", "serve", "--data", str(data)]
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


def test_a_running_engine_is_well_a_frozen_one_and_a_killed_one_are_not(run, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    missing = run("health", "--data", data)
    assert (missing.status, "has run" in missing.err) == (1, True)
    with engine(data) as process:
        until(lambda: run("health", "--data", data).status == 0)
        process.send_signal(signal.SIGSTOP)
        until(lambda: run("health", "--data", data, "--max-age", "5.3").status == 1)
        assert "hangs" in run("health", "--data", data, "--max-age", "5.3").out
        process.send_signal(signal.SIGCONT)
        until(lambda: run("health", "--data", data, "--max-age", "5.3").status == 0)
    until(lambda: run("health", "--data", data, "--max-age", "1").status == 1)


async def test_a_beat_is_good_for_30_s_whatever_the_wall_clock_says(run, tmp_path):
    clock = FakeClock()
    await clock.advance(1000)
    await HealthMonitor(HealthBoard(clock), clock, [Heartbeat(tmp_path, clock).probe()]).round()
    assert beat_age_s(tmp_path, clock.monotonic() + 30) == 30
    with pytest.raises(NoHeartbeat, match="since this machine was started"):
        beat_age_s(tmp_path, 20.0)
    (tmp_path / FILE).write_text("nonsense")
    with pytest.raises(NoHeartbeat, match="cannot be read"):
        beat_age_s(tmp_path, 20.0)
    for age_s, status in ((5, 0), (31, 1)):
        (tmp_path / FILE).write_text(f"{time.monotonic() - age_s:020.3f}\n")
        assert run("health", "--data", tmp_path).status == status


async def test_a_file_that_cannot_be_written_takes_nothing_else_down(tmp_path):
    clock = FakeClock()
    board = HealthBoard(clock)
    assert await HealthMonitor(board, clock, [Heartbeat(tmp_path / "gone", clock).probe()]).round()
    assert board.components() == ()
