"""F1 to F3: the engine killed at any moment, and asked to stop in the middle of everything."""

import json
from pathlib import Path
import random
import subprocess
import sys
import threading
import time

import pytest

from tests.engine.faults.invariants import check_invariants, sha256
from tests.engine.faults.programs import ROOT, deliver, engine

CAMERAS = ("yard", "door", "garage")


class Feeder(threading.Thread):
    """Cameras that go on delivering whatever the engine does, ``rate`` pictures a second."""

    def __init__(self, root: Path, pictures: list[bytes], rate: float) -> None:
        super().__init__(daemon=True)
        self.root, self.pictures, self.rate = root, pictures, rate
        self.delivered: dict[tuple[str, str], int] = {}

    def run(self) -> None:
        for number, picture in enumerate(self.pictures):
            camera = CAMERAS[number % len(CAMERAS)]
            deliver(self.root / camera, f"{number}.jpg", picture)
            self.delivered[camera, sha256(picture)] = 1
            time.sleep(1 / self.rate)


@pytest.mark.timeout(2400)
def test_f01_kill_at_random_points_loses_no_accepted_picture(tmp_path, model_mirror, stock, rounds):
    count, kills = rounds(120, 500), rounds(6, 200)
    chance = random.Random(20261121)
    accepted: frozenset[str] = frozenset()
    slowest, stored = 0.0, 0
    with engine(tmp_path / "data", model_mirror) as served:
        feeder = Feeder(served.cameras, stock(count), rate=count / (kills * 2.0))
        feeder.start()
        for number in range(kills):
            served.start()
            slowest = max(slowest, served.started_s)
            if number % 2:
                # in the middle of looking; else mostly in the middle of taking
                seen = stored
                served.until(lambda status, seen=seen: status["accounting"]["stored"] >= min(seen + 1, count))
            time.sleep(chance.uniform(0.0, 2.0))
            served.kill()
            after = check_invariants(served.data)
            assert accepted <= after.ids
            accepted, stored = after.ids, after.stored
        feeder.join()
        served.start()
        served.drained(count)
        served.until(lambda status: not any(queue["pending"] for queue in status["queues"]))
        stopped_s = served.stop()
    account = check_invariants(served.data)
    assert dict(account.contents) == feeder.delivered
    assert account.stored == count
    assert account.events > 0
    print(f"  {kills} kills, {count} pictures, 0 lost, slowest start {slowest:.1f} s, stop {stopped_s:.1f} s")


@pytest.mark.timeout(600)
def test_f02_kill_between_every_pair_of_steps(tmp_path, rounds):
    stride = rounds(4, 1)
    command = [sys.executable, "-m", "tests.engine.faults.failpoints", str(tmp_path), str(stride)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=580, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    outcomes = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(outcomes) > 160 // stride
    assert {outcome["died"] for outcome in outcomes[:-1]} == {True}
    assert not outcomes[-1]["died"]
    for outcome in outcomes:
        account = check_invariants(tmp_path / outcome["folder"], file="home.db")
        assert (account.accepted, account.stored) == (outcome["pictures"], outcome["pictures"]), outcome
        assert account.events > 0, outcome
    print(f"  {len(outcomes) - 1} of {len(outcomes) - 1} fail-points passed")


@pytest.mark.timeout(300)
def test_f03_sigterm_under_load_ends_within_ten_seconds_and_loses_nothing(tmp_path, model_mirror, stock):
    count = 200
    with engine(tmp_path / "data", model_mirror) as served:
        served.start()
        feeder = Feeder(served.cameras, stock(count), rate=60)
        feeder.start()
        served.until(lambda status: status["accounting"]["accepted"] > 20)
        stopped_s = served.stop(within_s=10.0)
        half_way = check_invariants(served.data)
        feeder.join()
        served.start()
        served.drained(count)
        again_s = served.stop(within_s=10.0)
    account = check_invariants(served.data)
    assert half_way.ids <= account.ids
    assert dict(account.contents) == feeder.delivered
    print(
        f"  exit 0 after {stopped_s:.1f} s under load and {again_s:.1f} s at rest; {half_way.queued} waited meanwhile"
    )
