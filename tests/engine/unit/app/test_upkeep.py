"""Upkeep on demand: a copy of the database in use, a clean-up now, what became of a component."""

from datetime import timedelta

import pytest

from home_sentry_engine.app.cleaning import Cleaning
from home_sentry_engine.app.upkeep import UpkeepDesk
from home_sentry_engine.contract import Component, ComponentState
from home_sentry_engine.contract.errors import Conflict, NotFound
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.operations.backup import inspect
from home_sentry_engine.operations.backups import DailyBackup
from home_sentry_engine.operations.disk import DiskGuard, DiskLimits
from home_sentry_engine.operations.health import HealthBoard
from home_sentry_engine.operations.retention import Retention
from home_sentry_engine.storage.migrate import REVISIONS
from tests.fakes.household import household
from tests.fakes.media_paths import Paths

ROOMY = 10**12


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as opened:
        yield opened


@pytest.fixture
def board(home) -> HealthBoard:
    return HealthBoard(home.clock)


@pytest.fixture
def desk(home, board, tmp_path) -> UpkeepDesk:
    retention = Retention(home.database, Paths(tmp_path), home.clock, timedelta(days=30))
    guard = DiskGuard(tmp_path, DiskLimits.above(1), lambda _folder: ROOMY)
    cleaning = Cleaning(retention, guard, home.database, home.clock, lambda: ROOMY)
    folder = tmp_path / "backups"
    backups = DailyBackup(
        tmp_path / "home.db", folder, home.clock, keep=3, free=lambda _folder: ROOMY, report=board.report
    )
    return UpkeepDesk(backups, cleaning, board)


async def test_the_database_is_copied_while_it_is_written(home, desk, tmp_path):
    await home.deliver(("person", 0.9))
    await home.work()
    made = await desk.back_up()
    copy = tmp_path / "backups" / made.name
    assert made.size_bytes == copy.stat().st_size
    assert made.schema == inspect(copy) == REVISIONS[-1]


async def test_a_copy_that_fails_says_why(home, desk, board):
    await desk.back_up()
    with pytest.raises(Unavailable, match="exists already") as failed:
        await desk.back_up()
    assert failed.value.code == "backup_failed"
    assert board.state("backup") is ComponentState.DEGRADED
    home.clock.tick(1)
    await desk.back_up()
    assert board.state("backup") is ComponentState.HEALTHY


async def test_a_server_is_copied_by_others(desk, board):
    with pytest.raises(Conflict, match="pg_dump"):
        await UpkeepDesk(None, desk._cleaning, board).back_up()


async def test_what_is_too_old_goes_now(home, desk):
    await home.deliver(("person", 0.9))
    await home.pass_time(400)
    assert (await desk.clean_up()).events == 0
    home.clock.tick(timedelta(days=31).total_seconds())
    removed = await desk.clean_up()
    assert (removed.events, removed.files) == (1, 1)
    assert await home.events() == []


async def test_the_history_of_a_component(desk, board):
    for reason in ("first", "second", "second"):
        board.report(Component(id="ingest", state=ComponentState.DEGRADED, reason=reason))
    for number in range(150):
        board.report(Component(id="llm", state=ComponentState.DEGRADED, reason=str(number)))
    assert [one.reason for one in (await desk.history("ingest")).items] == ["second", "first"]
    found = (await desk.history("llm")).items
    assert (len(found), found[0].reason) == (100, "149")
    with pytest.raises(NotFound):
        await desk.history("nothing")
