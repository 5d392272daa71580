"""What grows goes again: every kind of row, after its time and not before."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.app.expiry import expiries
from home_sentry_engine.app.housekeeping import Housekeeping
from home_sentry_engine.broker.sql import tables as broker_tables
from home_sentry_engine.storage import context_schema
from tests.fakes.household import household

# rows that hang on a visit or a file and go with it, or are as many as there are cameras, persons and settings
GO_WITH_OTHERS = {
    "media", "inspections", "detections", "batches", "events", "event_objects", "event_words", "transitions",
    "assessments", "reassessments", "rejections", "audit", "enrichments", "feedback", "reviews",
    "alert_evaluations", "alerts", "event_audits",
}  # fmt: skip
AS_MANY_AS_THE_HOME_HAS = {
    "meta", "counters", "cameras", "components", "zones", "watched", "resting", "scenes", "scene_memory",
    "household", "masks", "rhythm", "alert_rules", "channels", "properties", "property_cameras",
    "prompt_configs", "prompt_versions", "api_keys", "queue_turns",
}  # fmt: skip
# a row is a piece of work, and goes when it is done: at the latest with its camera
FINISHED_BY_WORKERS = {"jobs", "remasking", "unmasked"}


async def _rows(home, name: str) -> int:
    count = sa.text(f"SELECT COUNT(*) FROM {name}")
    return int(await home.database.read(lambda conn: conn.execute(count).scalar_one()))


async def test_habits_go_after_the_window_that_is_looked_back(tmp_path):
    async with household(tmp_path) as home:
        keeper = Housekeeping(home.store, home.database, home.tables, home.settings, home.clock)
        await home.deliver(("person", 0.9), camera="yard")
        for _ in range(50):
            day = home.clock.now().date()
            await home.database.write(
                lambda conn, day=day: home.tables.activity.add(conn, "yard", ["person", "*"], day=day, hour=12)
            )
            home.clock.tick(86_400)
            await keeper.tidy()
        # thirty days are looked back at, and no time zone is further from UTC than a day
        assert 2 * 30 <= await _rows(home, "activity") <= 2 * 33


async def test_marks_of_files_and_announcements_go(tmp_path):
    async with household(tmp_path) as home:
        keeper = Housekeeping(home.store, home.database, home.tables, home.settings, home.clock)
        await home.deliver(("person", 0.9))
        await home.pass_time(400)
        assert await _rows(home, "claims") == await _rows(home, "sources") == 1
        assert await keeper.tidy() == 1
        assert (await _rows(home, "claims"), await _rows(home, "sources")) == (0, 1)
        home.clock.tick(timedelta(days=8).total_seconds())
        await keeper.tidy()
        assert await _rows(home, "sources") == 0


async def test_changes_of_views_go_when_they_are_over_and_those_that_last_stay(tmp_path):
    async with household(tmp_path) as home:
        keeper = Housekeeping(home.store, home.database, home.tables, home.settings, home.clock)
        await home.deliver(("person", 0.9), camera="yard")
        now = home.clock.steady()

        def fill(conn: Connection) -> None:
            for over, accepted in ((now, None), (None, now), (None, None)):
                row = {"camera_id": "yard", "kind": "covered", "at": now, "over_at": over, "acknowledged_at": accepted}
                conn.execute(context_schema.scene_changes.insert().values(row))

        await home.database.write(fill)
        home.clock.tick(timedelta(days=29).total_seconds())
        await keeper.tidy()
        assert await _rows(home, "scene_changes") == 3
        home.clock.tick(timedelta(days=2).total_seconds())
        await keeper.tidy()
        assert await _rows(home, "scene_changes") == 1


async def test_every_table_has_an_end(tmp_path):
    """A new table fails here until somebody says when its rows go."""
    async with household(tmp_path) as home:
        kinds = set(expiries(home.tables, home.settings))
    expired = {
        "fingerprints": "claims",
        "source keys": "sources",
        "announcements": "outbox",
        "dead letters": "dead_letters",
        "habits": "activity",
        "changes of views": "scene_changes",
        "looks": "traces",
        "samples": "samples",
        "vectors of entities": "entities",
        "entities": "appearances",
        "recognitions": "recognitions",
        "facts of the household": "household_facts",
        "plates": "plate_reads",
        "replies": "replies",
        "graphics cards": "gpu_stats",
        "changes of cameras": "camera_states",
        "spells of engines": "spells",
        "summaries": "summaries",
        "trials of prompts": "shadow_runs",
        "weeks of figures": "calibrations",
        "exports": "exports",
        "deliveries": "deliveries",
        "keys of alerts": "alert_slots",
    }
    assert kinds == set(expired)
    known = GO_WITH_OTHERS | AS_MANY_AS_THE_HOME_HAS | FINISHED_BY_WORKERS | set(expired.values())
    made = set(context_schema.metadata.tables) | set(broker_tables.metadata.tables)
    assert made - known == set()
