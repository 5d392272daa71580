"""F16: clocks that jump; leases, visits, retention and order do not."""

from datetime import UTC, datetime, timedelta

import pytest

from home_sentry_engine.media.paths import MediaPaths
from home_sentry_engine.operations.retention import Retention
from tests.engine.faults.invariants import check_invariants, sha256
from tests.fakes.clock import START, FakeClock
from tests.fakes.household import household

HOUR = 3600.0
JUMPS = {
    "an hour back": -HOUR,
    "an hour ahead": HOUR,
    "a day back": -24 * HOUR,
    "a day ahead": 24 * HOUR,
    "ten years ahead": 87_600 * HOUR,
}


async def _pictures(home, count: int) -> None:
    home.media_root.mkdir(exist_ok=True)
    for _ in range(count):
        body = str(home.clock.monotonic()).encode()
        media_id = await home.deliver(("person", 0.9), sha256=sha256(body))
        (home.media_root / f"{media_id}.jpg").write_bytes(body)
        await home.pass_time(5)


@pytest.mark.parametrize("jump", JUMPS)
async def test_f16_a_jump_in_the_middle_of_a_visit_loses_and_splits_nothing(tmp_path, jump):
    async with household(tmp_path) as home:
        home.media_root = tmp_path / "media"
        await _pictures(home, 4)
        home.clock.jump(JUMPS[jump])
        await _pictures(home, 4)
        await home.pass_time(200)
        events = await home.events()
        assert [event.ended_at is not None for event in events] == [True] * len(events)
        assert len(events) <= 2
        assert await home.tables.queue.claim("detect", 10, 60) == ()
        retention = Retention(home.database, MediaPaths(tmp_path), home.clock, timedelta(days=30))
        removed = await retention.clean()
        assert (removed.files, removed.events) == (0, 0)
    account = check_invariants(tmp_path, file="home.db")
    assert (account.stored, account.queued) == (8, 0)


@pytest.mark.parametrize("jump", JUMPS)
async def test_f16_a_jump_neither_ends_a_lease_nor_makes_it_last_for_ever(tmp_path, jump):
    async with household(tmp_path) as home:
        home.media_root = tmp_path / "media"
        home.media_root.mkdir()
        media_id = await home.deliver(("person", 0.9), sha256=sha256(b"x"))
        (home.media_root / f"{media_id}.jpg").write_bytes(b"x")
        (job,) = await home.tables.queue.claim("detect", 1, 60.0)
        home.clock.jump(JUMPS[jump])
        assert await home.tables.queue.claim("detect", 1, 60.0) == ()
        home.clock.tick(61)
        (again,) = await home.tables.queue.claim("detect", 1, 60.0)
        assert again.id == job.id
        assert again.attempt == 2


@pytest.mark.parametrize("jump", JUMPS)
async def test_f16_a_restart_after_a_jump_goes_on_where_it_was(tmp_path, jump):
    async with household(tmp_path) as home:
        home.media_root = tmp_path / "media"
        await _pictures(home, 3)
        for number in range(5):
            body = f"late {number}".encode()
            media_id = await home.deliver(("person", 0.9), sha256=sha256(body))
            (home.media_root / f"{media_id}.jpg").write_bytes(body)
    later = FakeClock(START + timedelta(seconds=60 + JUMPS[jump]))
    async with household(tmp_path, clock=later) as home:
        home.eyes.shows = _Anything()
        await home.recover()
        await home.pass_time(600)
        assert all(event.ended_at is not None for event in await home.events())
    account = check_invariants(tmp_path, file="home.db")
    assert (account.stored, account.queued) == (8, 0)


class _Anything(dict):
    def __missing__(self, media_id: str) -> list[tuple[str, float]]:
        return [("person", 0.9)]


@pytest.mark.parametrize("start", [datetime(2026, 3, 29, 0, 58, tzinfo=UTC), datetime(2026, 10, 25, 0, 58, tzinfo=UTC)])
async def test_f16_summer_and_winter_time_change_no_visit(tmp_path, start):
    async with household(tmp_path, clock=FakeClock(start), time_zone="Europe/Berlin") as home:
        home.media_root = tmp_path / "media"
        await _pictures(home, 40)
        await home.pass_time(200)
        assert len(await home.events()) == 1
    check_invariants(tmp_path, file="home.db")


async def test_f16_a_camera_whose_clock_is_seven_hours_off_makes_one_visit_of_now(tmp_path):
    async with household(tmp_path) as home:
        home.media_root = tmp_path / "media"
        home.media_root.mkdir()
        for number in range(12):
            body = f"{number}".encode()
            media_id = await home.deliver(("person", 0.9), late_s=7 * HOUR, sha256=sha256(body))
            (home.media_root / f"{media_id}.jpg").write_bytes(body)
            await home.pass_time(5)
        await home.pass_time(200)
        events = await home.events()
        assert sum(event.detection_count for event in events) == 12
        # until the constant error is known, files count as caught up
        assert len(events) <= 6
    account = check_invariants(tmp_path, file="home.db")
    assert account.stored == 12
