"""F1 to F3: the engine killed at any moment, and asked to stop in the middle of everything."""

import asyncio
from collections import Counter
import json
import os
from pathlib import Path
import random
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from tests.engine.faults.house import House
from tests.engine.faults.invariants import check_invariants, sha256
from tests.engine.faults.programs import ROOT, Serve, deliver, engine

CAMERAS = ("yard", "door", "garage")
QUEUES = ("detect", "assess")


def put_back(served: Serve) -> int:
    """Do what a person does who finds jobs given up because death after death interrupted them; gives how many."""
    return sum(
        served.get(f"/api/v1/queues/{queue}/dead-letters/requeue", method="POST")["requeued"] for queue in QUEUES
    )


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


class Bursts:
    """Cameras whose pictures come in bursts, so that every kill finds some of them half done."""

    def __init__(self, root: Path, pictures: list[bytes], kills: int, chance: random.Random) -> None:
        self.root, self.chance = root, chance
        self._left = list(enumerate(pictures))
        self._share = len(pictures) / kills
        self.delivered: Counter[tuple[str, str]] = Counter()

    def burst(self, *, last: bool = False) -> None:
        """Deliver about a round's share, or all that is left."""
        size = len(self._left) if last else round(self._share * self.chance.choice((0, 0.5, 1, 2.5)))
        for number, picture in self._left[:size]:
            camera = CAMERAS[number % len(CAMERAS)]
            deliver(self.root / camera, f"{number}.jpg", picture)
            self.delivered[camera, sha256(picture)] += 1
        del self._left[:size]


def _held(queue: dict[str, int]) -> int:
    return queue["pending"] + queue["processing"] + queue["delayed"]


def live_and_die(served: Serve, cameras: Bursts, number: int, *, last: bool) -> None:
    """Run the engine for a moment; every other time its pictures came while it was down."""
    if number % 2:
        cameras.burst(last=last)
    served.start()
    if not number % 2:
        time.sleep(cameras.chance.uniform(0.0, 1.0))
        cameras.burst(last=last)
    # the eyes open a second or two after the API
    time.sleep(cameras.chance.uniform(0.0, 3.0))
    served.kill()


@pytest.mark.timeout(4800)
def test_f01_kill_at_random_points_loses_no_accepted_picture(tmp_path, model_mirror, stock, rounds):
    count, kills = rounds(60, 500), rounds(5, 200)
    accepted: frozenset[str] = frozenset()
    starts_s: list[float] = []
    in_hand = 0
    with engine(tmp_path / "data", model_mirror) as served:
        cameras = Bursts(served.cameras, stock(count), kills, random.Random(20261121))
        for number in range(kills):
            live_and_die(served, cameras, number, last=number == kills - 1)
            starts_s.append(served.started_s)
            after = check_invariants(served.data)
            assert accepted <= after.ids
            accepted = after.ids
            in_hand += after.queued > 0
        served.start()
        given_up, found = 0, -1
        while found:
            served.drained(count)
            served.until(lambda status: not any(map(_held, status["queues"])))
            given_up += (found := put_back(served))
        stopped_s = served.stop()
    account = check_invariants(served.data)
    assert account.contents == cameras.delivered
    assert account.stored == count
    assert account.events > 0
    assert in_hand >= rounds(0, kills // 4)
    print(
        f"  {kills} kills ({in_hand} with pictures in hand), {count} pictures, {given_up} put back, "
        f"{account.events} events, 0 lost, "
        f"start {statistics.median(starts_s):.1f} s, slowest {max(starts_s):.1f} s, stop {stopped_s:.1f} s"
    )


def _looks(status: Any) -> bool:
    """Tell whether the detector has opened its model and looked at a picture of its own."""
    return any(one["id"] == "detector" and one["state"] == "healthy" for one in status["components"])


@pytest.mark.timeout(600)
def test_f01_after_a_kill_it_listens_and_looks_again_within_seconds(tmp_path, model_mirror, stock, rounds, within):
    kills, burst = rounds(2, 15), 10
    pictures = stock(kills * burst)
    listens_s: list[float] = []
    healthy_s: list[float] = []
    with engine(tmp_path / "data", model_mirror) as served:
        served.start()
        served.until(_looks, every_s=0.05)
        for number in range(kills):
            for offset, picture in enumerate(pictures[number * burst : (number + 1) * burst]):
                deliver(served.cameras / "yard", f"{number}-{offset}.jpg", picture)
            time.sleep(0.4)
            served.kill()
            began = time.monotonic()
            served.start()
            listens_s.append(served.started_s)
            served.until(_looks, every_s=0.05)
            healthy_s.append(time.monotonic() - began)
        served.drained(kills * burst)
        served.stop()
    assert check_invariants(served.data).stored == kills * burst
    assert max(healthy_s) <= within(5)
    print(
        f"  {kills} kills: listens after {statistics.median(listens_s):.2f} s, slowest {max(listens_s):.2f} s; "
        f"detector healthy after {statistics.median(healthy_s):.2f} s, slowest {max(healthy_s):.2f} s; "
        f"load {os.getloadavg()[0]:.1f}"
    )


@pytest.mark.timeout(4800)
async def test_f01_kill_at_random_points_on_postgresql_and_redis(
    tmp_path, model_mirror, stock, rounds, postgres_server, redis_server
):
    count, kills = rounds(60, 500), rounds(3, 200)
    house = House(tmp_path, model_mirror, await postgres_server.empty(), redis_server.url)
    accepted: frozenset[str] = frozenset()
    starts_s: list[float] = []
    in_hand = 0
    with house.engine("engine", "ingest", "detect", "assess", "api") as served:
        cameras = Bursts(house.cameras, stock(count), kills, random.Random(20261122))
        for number in range(kills):
            await asyncio.to_thread(live_and_die, served, cameras, number, last=number == kills - 1)
            starts_s.append(served.started_s)
            after = await house.account()
            assert accepted <= after.ids
            accepted = after.ids
            in_hand += after.queued > 0
        await asyncio.to_thread(served.start)
        given_up, found = 0, -1
        while found:
            await house.at_rest(count)
            given_up += (found := await asyncio.to_thread(put_back, served))
        await house.settled(count)
        stopped_s = await asyncio.to_thread(served.stop)
    events = await house.check(cameras.delivered)
    assert in_hand >= rounds(0, kills // 4)
    print(
        f"  {kills} kills ({in_hand} with pictures in hand), {count} pictures, {given_up} put back, "
        f"{events} events, 0 lost, "
        f"start {statistics.median(starts_s):.1f} s, slowest {max(starts_s):.1f} s, stop {stopped_s:.1f} s"
    )


@pytest.mark.timeout(600)
def test_f02_kill_between_every_pair_of_steps(tmp_path, rounds):
    # a prime, so that the short form does not meet the same step of each picture
    stride = rounds(7, 1)
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


@pytest.mark.timeout(900)
def test_f03_sigterm_under_load_ends_within_ten_seconds_and_loses_nothing(tmp_path, model_mirror, stock, rounds):
    count = rounds(100, 200)
    with engine(tmp_path / "data", model_mirror) as served:
        served.start()
        feeder = Feeder(served.cameras, stock(count), rate=60)
        feeder.start()
        served.until(lambda status: status["accounting"]["accepted"] > 20)
        stopped_s = served.stop(within_s=rounds(30, 10))
        half_way = check_invariants(served.data)
        feeder.join()
        served.start()
        served.drained(count)
        again_s = served.stop(within_s=rounds(30, 10))
    account = check_invariants(served.data)
    assert half_way.ids <= account.ids
    assert dict(account.contents) == feeder.delivered
    print(
        f"  exit 0 after {stopped_s:.1f} s under load and {again_s:.1f} s at rest; {half_way.queued} waited meanwhile"
    )
