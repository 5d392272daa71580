"""Silence of cameras against weeks of their own rhythm, on a clock that the test moves."""

from dataclasses import replace
from datetime import timedelta
import random

import pytest

from home_sentry_engine.app.home import StoredHome
from home_sentry_engine.app.quiet import QuietWatch, WatchTerms
from home_sentry_engine.contract import CamerasSilent, CameraStatus, HomeReport, decode
from home_sentry_engine.domain.messages import Refusal
from home_sentry_engine.pipeline.relay import to_message
from tests.fakes.household import household

HOUR = 3600.0


class Street:
    """Cameras that deliver every 5 to 25 minutes by day and every one to two hours at night."""

    def __init__(self, home, *names: str) -> None:
        self.home, self.names = home, names
        self.random = random.Random(4)
        self.paused = False
        self.known: dict[str, bool] = {}
        self.due: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        terms = WatchTerms(
            zone=self.home.settings.time_zone, paused=lambda: self.paused, every_s=300.0, lost_s=3 * HOUR + 1
        )
        self.watch = QuietWatch(self.home.database, self.home.tables, self.home.clock, lambda: None, terms)

    async def deliver(self, name: str, after_s: float = 0.0) -> None:
        media, arrival = self.home.arrival_from(name.title(), name)
        at = media.received_at + timedelta(seconds=after_s)
        media = replace(media, received_at=at, captured_at=at)
        if self.known.setdefault(name, False):

            def work(conn):
                self.home.tables.media.insert(conn, media, source_key=None, origin="test")
                self.home.tables.cameras.seen(conn, name, media_id=None, at=at)

            await self.home.database.write(work)
        else:
            await self.home.ledger.accept(media, arrival)
            self.known[name] = True
            await self.home.store.write(lambda tx: tx.cameras.seen(name, media_id=None, at=at))

    async def live(self, hours: float, *, silent: tuple[str, ...] = (), sweep_s: float = 300.0) -> None:
        """Let time go by, with a look around every so often."""
        for _ in range(round(hours * HOUR / sweep_s)):
            now = self.home.clock.monotonic()
            for name in set(self.names) - set(silent):
                while self.due.setdefault(name, now) <= now + sweep_s:
                    after_s = max(0.0, self.due[name] - now)
                    await self.deliver(name, after_s)
                    hour = (self.home.clock.now() + timedelta(seconds=after_s)).hour
                    minutes = self.random.uniform(5, 25) if 7 <= hour < 21 else self.random.uniform(60, 120)
                    self.due[name] = now + after_s + minutes * 60
            self.home.clock.tick(sweep_s)
            await self.watch.sweep()

    async def camera(self, name: str):
        found = await self.home.database.read(lambda conn: self.home.tables.cameras.get(conn, name))
        assert found is not None
        return found

    async def together(self):
        return (await self.home.database.read(self.home.tables.home.silent))[0]


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as made:
        yield made


@pytest.fixture
async def street(home):
    """Two cameras that were watched for six days; it is noon."""
    street = Street(home, "door", "gate")
    for name in street.names:
        await street.deliver(name)
    await street.watch.sweep()
    await street.live(144, sweep_s=2 * HOUR)
    return street


async def test_ordinary_days_and_nights_are_not_silent(street):
    for _ in range(24):
        await street.live(1, sweep_s=600)
        assert [(await street.camera(name)).quiet_since for name in street.names] == [None, None]


async def test_a_camera_is_quiet_and_offline_after_its_own_time_and_comes_back(street):
    await street.live(2, silent=("gate",))
    gate = await street.camera("gate")
    assert gate.quiet_since is not None
    assert 25 * 60 < gate.quiet_allowed_s < 70 * 60
    assert (gate.status, gate.previous_status) == (CameraStatus.OFFLINE, CameraStatus.ONLINE)
    assert "never silent for more than" in gate.status_reason
    assert gate.status_since is not None
    assert (await street.camera("door")).status is CameraStatus.ONLINE
    assert await street.together() == ()
    await street.deliver("gate")
    gate = await street.camera("gate")
    assert (gate.status, gate.previous_status, gate.quiet_since) == (CameraStatus.ONLINE, CameraStatus.OFFLINE, None)


async def test_cameras_that_are_gone_are_watched_no_longer(home):
    street = Street(home, "door", "gate")
    for name in street.names:
        await street.deliver(name)
    await street.watch.sweep()
    assert set(street.watch._cameras) == {"door", "gate"}
    await home.database.write(lambda conn: home.tables.cameras.remove(conn, "gate", home.clock.now()))
    await street.watch.sweep()
    assert set(street.watch._cameras) == {"door"}


async def test_at_night_the_same_silence_is_usual(street):
    await street.live(12.5)
    for name in street.names:
        await street.deliver(name)
    await street.live(1.4, silent=street.names)
    assert [(await street.camera(name)).quiet_since for name in street.names] == [None, None]


async def test_cameras_that_fall_quiet_together_are_told_once_and_end(street):
    for name in street.names:
        await street.deliver(name)
    await street.live(3, silent=street.names)
    assert set(await street.together()) == {"door", "gate"}
    await street.deliver("gate")
    await street.watch.sweep()
    assert await street.together() == ()
    rows = await street.home.database.read(lambda conn: street.home.tables.outbox.since(conn, 0, 100_000))
    told = [decode(CamerasSilent, to_message(row)) for row in rows if row.kind == "cameras_silent"]
    assert [set(one.camera_ids) for one in told] == [{"door", "gate"}, set()]
    assert told[0].since is not None


async def test_a_pause_of_the_engine_is_no_silence(street):
    street.home.clock.tick(9 * HOUR)
    street.restart()
    await street.watch.sweep()
    assert (await street.camera("door")).quiet_since is None
    gaps = await street.home.database.read(lambda conn: street.home.tables.rhythm.of(conn, "door"))
    await street.live(1)
    after = await street.home.database.read(lambda conn: street.home.tables.rhythm.of(conn, "door"))
    assert max(max(found) for found in after.values()) == max(max(found) for found in gaps.values())


async def test_a_short_restart_goes_on_watching(street):
    for name in street.names:
        await street.deliver(name)
    for _ in range(8):
        await street.live(0.25, silent=street.names)
        street.restart()
    assert (await street.camera("door")).quiet_since is not None


async def test_while_no_files_are_taken_nobody_is_silent(street):
    street.paused = True
    await street.live(5, silent=street.names)
    street.paused = False
    await street.live(0.3, silent=street.names)
    assert [(await street.camera(name)).status for name in street.names] == [CameraStatus.ONLINE] * 2


async def test_a_camera_that_is_still_unknown_is_offline_after_a_day_and_no_sabotage(home):
    street = Street(home, "shed", "barn")
    for name in street.names:
        await street.deliver(name)
    await street.live(23, silent=street.names, sweep_s=1800)
    assert (await street.camera("shed")).status is CameraStatus.ONLINE
    await street.live(2, silent=street.names, sweep_s=1800)
    shed = await street.camera("shed")
    assert (shed.status, shed.quiet_since) == (CameraStatus.OFFLINE, None)
    assert await street.together() == ()


async def test_a_camera_that_sends_rubbish_only_is_in_error(street):
    def refuse(conn):
        now = street.home.clock.steady()
        for _ in range(3):
            street.home.tables.media.reject(conn, Refusal(camera_id="gate", reason="corrupt", detail="x", at=now))

    street.home.clock.tick(60)
    await street.home.database.write(refuse)
    await street.watch.sweep()
    gate = await street.camera("gate")
    assert (gate.status, gate.status_reason) == (CameraStatus.ERROR, "the last 3 files were refused (corrupt)")


async def test_hours_are_those_of_home_assistant(home):
    stored = StoredHome(home.database, home.tables.home, home.clock)
    await stored.take(HomeReport(time_zone="Asia/Tokyo"))
    assert not (await stored.report()).stale
    street = Street(home, "door")
    await street.deliver("door")
    await street.live(6)
    found = await home.database.read(lambda conn: home.tables.rhythm.of(conn, "door"))
    # noon at Greenwich is 21 o'clock in Tokyo
    assert set(found) <= {21, 22, 23, 0, 1, 2, 3}
    assert (await stored.report()).stale
