"""Daily copies: made, kept, and told of when they fail."""

import asyncio
from contextlib import closing
from datetime import timedelta
import sqlite3

import pytest

from home_sentry_engine.contract import ComponentState, Mode
from home_sentry_engine.operations.backup import BackupFailed
from home_sentry_engine.operations.backups import DailyBackup
from home_sentry_engine.operations.health import HealthBoard, mode_of
from home_sentry_engine.storage.database import Database, sqlite_url
from tests.fakes.clock import FakeClock

ROOMY = 10**12


class Disk:
    """The free space, as a test says."""

    def __init__(self) -> None:
        self.free = ROOMY

    def __call__(self, _folder) -> int:
        return self.free


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(clock) -> HealthBoard:
    return HealthBoard(clock)


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
async def backup(tmp_path, clock, board, disk) -> DailyBackup:
    async with Database(sqlite_url(tmp_path / "home.db"), clock):
        pass
    folder = tmp_path / "backups"
    return DailyBackup(tmp_path / "home.db", folder, clock, keep=2, free=disk, report=board.report)


async def test_the_newest_copies_are_kept_and_sound(backup, board, clock, tmp_path):
    for _ in range(3):
        made = await backup.make()
        clock.tick(86_400)
    kept = list((tmp_path / "backups").iterdir())
    assert (len(kept), max(kept)) == (2, made.path)
    with closing(sqlite3.connect(made.path)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    component = board.get("backup")
    assert component.state is ComponentState.HEALTHY
    assert component.details["kept"] == 2


async def test_a_failing_backup_is_an_ill_component_until_one_succeeds(backup, board, disk, tmp_path):
    disk.free = 0
    assert await backup.once() is None
    ill = board.get("backup")
    assert ill.state is ComponentState.DEGRADED
    assert "free space" in ill.reason
    assert ill.fix
    mode, causes = mode_of(board.components())
    assert mode is Mode.DEGRADED
    assert causes[0].startswith("backup: the database could not be copied")
    disk.free = ROOMY
    assert await backup.once() is not None
    assert board.get("backup").state is ComponentState.HEALTHY
    assert [one.state for one in board.history("backup")] == [ComponentState.DEGRADED, ComponentState.HEALTHY]


async def test_a_folder_that_cannot_be_written_is_told_without_its_place(backup, board, tmp_path):
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(BackupFailed):
        await backup.make()
    assert str(tmp_path) not in board.get("backup").reason
    assert backup.last is None


async def test_it_tries_again_every_hour_until_it_works(backup, board, clock, disk):
    disk.free = 0
    running = asyncio.create_task(backup.run())
    try:
        await _settled(lambda: board.get("backup") is not None)
        await _settled(lambda: clock.asleep)
        await clock.advance(3600)
        await _settled(lambda: board.state("backup") is ComponentState.DEGRADED)
        await _settled(lambda: clock.asleep)
        disk.free = ROOMY
        await clock.advance(3600)
        await _settled(lambda: board.state("backup") is ComponentState.HEALTHY)
        assert clock.now() - backup.last < timedelta(hours=1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _settled(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a thread copies
            await asyncio.sleep(0.01)


async def test_two_copies_of_one_second_are_two_files(backup, clock, board):
    first = await backup.make()
    clock.tick(0.001)
    second = await backup.make()
    assert first.path.exists()
    assert first.path < second.path
    assert board.get("backup").state is ComponentState.HEALTHY
