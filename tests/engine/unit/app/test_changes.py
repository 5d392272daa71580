"""Cameras made, changed and deleted with all that is theirs; events counted; replies kept."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from home_sentry_engine.api.tokens import KeyRing, hash_of, open_tokens
from home_sentry_engine.app.changes import StoredRegistry, StoredReplies, TokenFiles
from home_sentry_engine.contract import CameraRemoved, RiskLevel, decode_server
from home_sentry_engine.contract.errors import Conflict, NotFound, ServiceUnavailable, Unprocessable
from home_sentry_engine.operations.retention import Retention
from home_sentry_engine.pipeline.relay import to_message
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.scenes import UsualView
from tests.fakes.household import household
from tests.fakes.media_paths import Paths

TABLES = ("media", "detections", "events", "transitions", "batches", "inspections")


def registry_of(home):
    kept = timedelta(days=30)
    retention = Retention(home.database, Paths(home.settings.media_root), home.clock, kept)
    zone = home.settings.time_zone
    return StoredRegistry(home.database, home.tables, retention, zone, lambda: None)


async def counts(home) -> dict[str, int]:
    def work(conn):
        return {name: conn.execute(sa.text(f"SELECT COUNT(*) FROM {name}")).scalar_one() for name in TABLES}

    return await home.database.read(work)


async def last_message(home):
    rows = await home.database.read(lambda conn: home.tables.outbox.since(conn, 0))
    return decode_server(to_message(rows[-1]))


async def test_a_camera_is_made_and_changed(tmp_path):
    async with household(tmp_path) as home:
        registry = registry_of(home)
        made = await registry.create("Back Yard", None, 0.6)
        assert (made.id, made.name) == ("back_yard", "Back Yard")
        assert await home.database.read(lambda conn: home.tables.cameras.confidence(conn, "back_yard")) == 0.6
        with pytest.raises(Conflict):
            await registry.create("back yard", None, None)
        with pytest.raises(Unprocessable):
            await registry.create("...", None, None)
        changed = await registry.patch("back_yard", {"name": "Yard", "confidence": None})
        assert changed.name == "Yard"
        assert (await last_message(home)).camera == changed
        with pytest.raises(NotFound):
            await registry.patch("nobody", {"name": "x"})


async def test_a_deleted_camera_takes_everything_of_it_along_and_nothing_else(tmp_path):
    async with household(tmp_path) as home:
        registry = registry_of(home)
        await home.deliver(("person", 0.9), camera="yard")
        await home.pass_time(400)
        before = await counts(home)
        await home.deliver(("person", 0.9), camera="door")
        await home.deliver(("car", 0.9), camera="door")
        await home.pass_time(400)
        scenes, now = home.tables.scenes, home.clock.now()
        for camera in ("yard", "door"):
            view = UsualView(camera_id=camera, light="day", picture=b"png", state={}, at=now)
            await home.database.write(lambda conn, view=view: scenes.save(conn, view))
        removed = await registry.delete("door")
        assert await home.database.read(lambda conn: scenes.of(conn, "door")) == ()
        assert len(await home.database.read(lambda conn: scenes.of(conn, "yard"))) == 1
        assert (removed.camera_id, removed.media) == ("door", 2)
        assert removed.events >= 1
        after = await counts(home)
        assert {name: after[name] for name in ("media", "detections", "inspections")} == {
            name: before[name] for name in ("media", "detections", "inspections")
        }
        assert after["events"] == 1
        rows = await home.database.read(lambda conn: home.tables.outbox.since(conn, 0))
        assert CameraRemoved in {type(decode_server(to_message(row))) for row in rows}
        with pytest.raises(NotFound):
            await registry.delete("door")
        again = await registry.create("door", None, None)
        assert (again.id, again.latest_media_id) == ("door", None)


async def test_events_are_counted_by_level_camera_object_and_day_at_home(tmp_path):
    async with household(tmp_path) as home:
        registry = registry_of(home)
        for camera in ("yard", "door"):
            await home.deliver(("person", 0.9), camera=camera)
            await home.pass_time(400)
        found = await registry.stats(EventQuery())
        assert (found.total, found.reviewed) == (2, 0)
        assert found.by_camera == {"yard": 1, "door": 1}
        assert sum(found.by_level.values()) == 2
        assert found.by_object == {"person": 2}
        day = home.clock.now().astimezone(home.settings.time_zone).date().isoformat()
        assert found.by_day == {day: 2}
        assert found.mean_score is not None
        only = await registry.stats(EventQuery(camera_id="yard", until=home.clock.now()))
        assert (only.total, only.by_camera) == (1, {"yard": 1})
        nothing = await registry.stats(EventQuery(level=RiskLevel.CRITICAL, reviewed=True))
        assert (nothing.total, nothing.by_day, nothing.mean_score) == (0, {}, None)
        await home.deliver(("person", 0.9), camera="yard")
        await home.pass_time(400)
        assert (await registry.stats(EventQuery())).by_camera == {"yard": 2, "door": 1}
        await registry.aclose()


async def test_replies_live_in_the_database(tmp_path):
    async with household(tmp_path) as home:
        replies = StoredReplies(home.database, home.clock)
        assert await replies.claim("k", "f") is None
        await replies.keep("k", status=201, body=b"{}")
        kept = await StoredReplies(home.database, home.clock).claim("k", "f")
        assert kept is not None
        assert (kept.status, kept.body) == (201, b"{}")
        assert await replies.claim("other", "f") is None
        await replies.release("other")
        assert await replies.claim("other", "f") is None


async def test_a_rotated_token_counts_at_once_and_the_old_one_for_ten_minutes(tmp_path):
    async with household(tmp_path / "home") as home:
        keys, _ = open_tokens(tmp_path)
        old = (tmp_path / "token").read_text().strip()
        ring = KeyRing(tmp_path, keys, home.clock.monotonic)
        rotated = await TokenFiles(tmp_path, ring, home.clock).rotate()
        assert ring().current == hash_of(rotated.token)
        assert (tmp_path / "token").read_text().strip() == rotated.token
        assert rotated.previous_until == home.clock.now() + timedelta(minutes=10)
        assert ring().accepts(hash_of(old), home.clock.now())
        assert not ring().accepts(hash_of(old), rotated.previous_until)
        assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


async def test_a_token_that_cannot_be_written_stays(tmp_path):
    async with household(tmp_path / "home") as home:
        keys, _ = open_tokens(tmp_path)
        ring = KeyRing(tmp_path, keys, home.clock.monotonic)
        readable = tmp_path / "token"
        readable.unlink()
        # a folder in its place takes no file
        (readable / "inside").mkdir(parents=True)
        with pytest.raises(ServiceUnavailable, match="the token stays as it is"):
            await TokenFiles(tmp_path, ring, home.clock).rotate()
        assert ring() == keys
