"""F18: a day and more in simulated time, many cameras, scripted faults, retention at work."""

from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
import gc
from pathlib import Path
import random
import sqlite3
import threading
import time

import psutil
import pytest

from home_sentry_engine.app.housekeeping import Housekeeping
from home_sentry_engine.contract import AnalysisReason
from home_sentry_engine.domain.errors import Permanent, Transient, Unavailable
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.operations.retention import Retention
from home_sentry_engine.pipeline.reassess import SecondChances
from tests.engine.faults.invariants import check_invariants, sha256
from tests.fakes.household import Household, household

MB = 2**20
CAMERAS = 20
KEPT = timedelta(hours=2)
DEAD_KEPT = timedelta(days=30)
SHOWN = ("person", "car", "dog", "cat", "bicycle")
FAULTS = (Transient("it crashed"), Unavailable("it loads", retry_after_s=3.0), Permanent("it is no picture"))
# these are as large as the home, whatever goes on
FIXED = frozenset({"alembic_version", "sqlite_sequence", "sqlite_stat1", "meta", "counters", "cameras", "watched"})
# habits are kept for a month, so a day sees no end of their growth: a row for each class and hour at each camera
HABITS = "activity"


class Always:
    def answers(self) -> bool:
        return True


class Day:
    """One household under simulated time: visits come and go, things fail, old things are deleted."""

    def __init__(self, home: Household, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.chance = random.Random(18)
        self.retention = Retention(home.database, MediaPaths(folder), home.clock, KEPT)
        self.tidy = Housekeeping(home.store, home.database, home.tables, home.settings, home.clock)
        self.again = SecondChances(home.store, Always(), home.clock)
        self.delivered = 0
        home.media_root = folder / "media"
        home.media_root.mkdir()

    async def hour(self, visits: int) -> None:
        """Let an hour go by with that many visits spread over the cameras."""
        for number in range(visits):
            camera = f"cam{self.chance.randrange(CAMERAS):02d}"
            self.home.mind.answer = self.chance.choice(
                (40, 70, ModelFailure(reason=AnalysisReason.UNREACHABLE, detail="down"))
            )
            for _ in range(self.chance.randint(1, 3)):
                await self._picture(camera)
                await self.home.pass_time(5, step=5)
            jump_s = self.chance.choice((-3600, 3600)) if self.chance.random() < 0.1 else 0
            self.home.clock.jump(jump_s)
            await self.home.pass_time(3600 / visits - 10, step=120)
            self.home.clock.jump(-jump_s)
            if number % 10 == 0:
                await self.again.round()
        await self.retention.clean()
        await self.tidy.tidy()
        await self.home.database.write(self._hasten)

    def _hasten(self, conn) -> None:
        # what is kept for longer than a day goes by the same statements, only earlier
        tables, old = self.home.tables, self.home.clock.steady() - KEPT
        tables.outbox.prune(conn, 100, old)
        tables.media.forget_sources(conn, old)
        tables.queue.prune_dead(conn, old + DEAD_KEPT)
        tables.recognitions.prune(conn, old)
        tables.entities.prune(conn, old)
        tables.scenes.prune_changes(conn, old)
        tables.states.prune(conn, old)

    async def _picture(self, camera: str) -> None:
        self.delivered += 1
        body = f"picture {self.delivered}".encode() * 10
        shown = [] if self.chance.random() < 0.3 else [(self.chance.choice(SHOWN), self.chance.uniform(0.5, 0.99))]
        media_id = await self.home.deliver(*shown, camera=camera, sha256=sha256(body))
        assert media_id is not None
        (self.home.media_root / f"{media_id}.jpg").write_bytes(body)
        if self.chance.random() < 0.1:
            # the first looks fail, the next one sees
            truth, looks = self.home.eyes.shows[media_id], self.chance.randint(1, 2)
            fault = self.chance.choice(FAULTS)
            self.home.eyes.shows[media_id] = fault
            await self.home.work()
            # what is unavailable comes back some day, a crash may last
            if isinstance(fault, Unavailable) or (looks == 1 and isinstance(fault, Transient)):
                self.home.eyes.shows[media_id] = truth
        if self.delivered % 500 == 0:
            self.home.eyes.shows.clear()
            self.home.mind.asked.clear()

    def sizes(self) -> dict[str, int]:
        """Give the rows of every table, and the number of files of pictures."""
        with closing(sqlite3.connect(self.folder / "home.db")) as raw:
            tables = {name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} - FIXED
            found = {name: raw.execute(f"SELECT COUNT(*) FROM {name}").fetchone()[0] for name in sorted(tables)}
        return found | {"files": sum(1 for _ in self.home.media_root.iterdir())}


@dataclass
class Held:
    """What the process and its database take, hour by hour."""

    process: psutil.Process = field(default_factory=psutil.Process)
    memory_mb: list[float] = field(default_factory=list)
    database_mb: list[float] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def note(self, database: Path) -> None:
        gc.collect()
        self.memory_mb.append(self.process.memory_info().rss / MB)
        self.database_mb.append(database.stat().st_size / MB)
        self.threads.append(threading.active_count())
        self.descriptors.append(self.process.num_fds())

    def check(self, half: int, most_mb_h: float) -> float:
        """Check that nothing grows in the second half; gives the slope of the memory in MB an hour."""
        slope = (self.memory_mb[-1] - self.memory_mb[half - 1]) / (len(self.memory_mb) - half)
        assert slope <= most_mb_h, self.memory_mb
        assert self.database_mb[-1] <= self.database_mb[half - 1] * 1.1 + 0.5, self.database_mb
        # other tests of the same process may have left a few that come and go
        assert max(self.threads[half:]) <= max(self.threads[:half]) + 5, self.threads
        assert max(self.descriptors[half:]) <= max(self.descriptors[:half]) + 10, self.descriptors
        return slope


@pytest.mark.timeout(1200)
async def test_f18_a_day_with_twenty_cameras_stays_flat(tmp_path, rounds):
    hours, visits = rounds(8, 30), rounds(20, 100)
    began, held = time.monotonic(), Held()
    sizes: list[dict[str, int]] = []
    async with household(tmp_path) as home:
        day = Day(home, tmp_path)
        for _ in range(hours):
            await day.hour(visits)
            held.note(tmp_path / "home.db")
            sizes.append(day.sizes())
        await home.pass_time(900)
        account = await home.database.read(home.tables.media.accounting)
        assert account.accepted == day.delivered
        assert account.queued == 0
        await home.database.check()
    check_invariants(tmp_path, pruned=True, file="home.db")
    half = hours // 2
    assert sizes[-1][HABITS] <= CAMERAS * (len(SHOWN) + 1) * (hours + 2)
    for name in sizes[0].keys() - {HABITS}:
        # two hours are kept: the third one is full, the others are as it, but for chance
        earlier = max(one[name] for one in sizes[2 : half + 1])
        later = max(one[name] for one in sizes[half + 1 :])
        assert later <= earlier * 1.3 + 30, f"{name} grows: {[one[name] for one in sizes]}"
    # a few hours say little: the process has the memory of all tests before it
    slope = held.check(half, rounds(15.0, 1.0))
    left = {name: rows for name, rows in sizes[-1].items() if rows}
    print(
        f"  {hours} h, {CAMERAS} cameras, {day.delivered} files in {time.monotonic() - began:.0f} s; "
        f"memory {held.memory_mb[0]:.0f} → {held.memory_mb[-1]:.0f} MB ({slope:+.2f} MB/h), "
        f"database {held.database_mb[half - 1]:.1f} → {held.database_mb[-1]:.1f} MB, "
        f"{held.threads[-1]} threads, {held.descriptors[-1]} descriptors; rows at the end {left}"
    )
