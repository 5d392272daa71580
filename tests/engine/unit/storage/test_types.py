"""Times are aware UTC from end to end, and the checks of the schema hold."""

from datetime import UTC, datetime, timedelta, timezone
import json

from hypothesis import given
from hypothesis import strategies as st
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.errors import NaiveDatetime
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.schema import cameras, metadata
from home_sentry_engine.storage.types import UtcDateTime, from_json, from_micros, to_json, to_micros
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at

JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
AWARE = st.datetimes(timezones=st.timezones() | st.just(UTC))


@pytest.fixture
def database(sqlite) -> Database:
    """These tests are about SQLite."""
    return sqlite


@given(one=AWARE, other=AWARE)
def test_stored_times_keep_their_moment_and_their_order(one, other):
    assert from_micros(to_micros(one)) == one.astimezone(UTC)
    assert from_micros(to_micros(one)).tzinfo is UTC
    assert (to_micros(one) < to_micros(other)) == (one.astimezone(UTC) < other.astimezone(UTC))


@given(st.datetimes())
def test_a_naive_time_is_refused(naive):
    with pytest.raises(NaiveDatetime):
        to_micros(naive)


async def test_a_time_in_another_zone_comes_back_as_the_same_moment_in_utc(database):
    berlin = datetime(2026, 7, 1, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    await database.write(lambda conn: Cameras().ensure(conn, camera_id="yard", name="Yard", folder=None, now=berlin))
    camera = await database.read(lambda conn: Cameras().get(conn, "yard"))
    assert camera.created_at == berlin
    assert camera.created_at.isoformat() == "2026-07-01T12:00:00.123456+00:00"


async def test_the_store_refuses_a_naive_time_with_its_own_error(database):
    naive = datetime(2026, 7, 1, 14, 0)  # noqa: DTZ001
    with pytest.raises(NaiveDatetime):
        await database.write(lambda conn: Cameras().ensure(conn, camera_id="yard", name="Yard", folder=None, now=naive))
    with pytest.raises(NaiveDatetime):
        await database.read(lambda conn: conn.execute(sa.select(cameras).where(cameras.c.created_at > naive)))


@given(st.recursive(JSON, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))
def test_json_comes_back_as_it_was(value):
    assert json.dumps(from_json(to_json(value))) == json.dumps(value)


def test_every_time_in_the_schema_is_of_that_type():
    times = [
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if column.name.endswith("_at") or column.name in {"at", "deadline"}
    ]
    assert len(times) > 15
    assert all(isinstance(column.type, UtcDateTime) for column in times)


ROWS = {
    "cameras": {"id": "c", "name": "C", "status": "online", "created_at": 0},
    "media": {
        "id": "m",
        "camera_id": "yard",
        "kind": "image",
        "state": "queued",
        "sha256": "",
        "path": "p",
        "origin": "folder",
        "captured_at": 0,
        "received_at": 0,
        "size_bytes": 1,
    },
    "detections": {
        "media_id": "m1",
        "camera_id": "yard",
        "model_id": "x",
        "frame_us": -1,
        "position": 0,
        "label": "dog",
        "object_group": "animal",
        "confidence": 0.5,
        "x": 0,
        "y": 0,
        "width": 5,
        "height": 5,
        "image_width": 10,
        "image_height": 10,
        "detected_at": 0,
    },
    "batches": {
        "id": "b",
        "event_id": "e",
        "camera_id": "yard",
        "opened_at": 5,
        "last_at": 5,
        "deadline": 9,
        "detections": 1,
        "evidence_version": 1,
    },
    "events": {
        "id": "e",
        "batch_id": "b",
        "camera_id": "yard",
        "camera_name": "Yard",
        "started_at": 5,
        "risk_score": 1,
        "risk_level": "low",
        "rule_score": 1,
        "floor": 0,
        "ceiling": 100,
        "analysis_state": "rules",
        "summary": "",
        **dict.fromkeys(("flags", "unsupported", "factors", "object_types", "object_groups"), "[]"),
        "detection_count": 0,
        "media_id": "m1",
        "revision": 1,
    },
}

BROKEN = [
    *(("cameras", "status", value) for value in ("happy", None)),
    *(("cameras", "confidence", value) for value in (-0.01, 1.01)),
    *(("media", "kind", value) for value in ("text",)),
    *(("media", "state", value) for value in ("lost",)),
    *(("media", "camera_id", value) for value in ("nobody",)),
    *(("media", "size_bytes", value) for value in (-1,)),
    *(("detections", "confidence", value) for value in (-0.01, 1.01, None)),
    *(("detections", name, value) for name, value in (("width", 0), ("x", -1), ("x", 6), ("height", 11))),
    *(("detections", "media_id", value) for value in ("nothing",)),
    *(("batches", name, value) for name, value in (("last_at", 4), ("reason", "idle"), ("closed_at", 6))),
    *(("batches", "detections", value) for value in (0,)),
    *(("events", name, -1) for name in ("risk_score", "rule_score", "llm_score", "floor", "ceiling")),
    *(("events", name, 101) for name in ("risk_score", "rule_score", "llm_score", "floor", "ceiling")),
    *(("events", name, value) for name, value in (("ended_at", 4), ("revision", 0), ("detection_count", -1))),
    *(("events", name, "odd") for name in ("risk_level", "analysis_state", "analysis_reason")),
    *(("events", "confidence", value) for value in (-0.1, 1.1)),
]


@pytest.mark.parametrize(("table", "column", "value"), BROKEN)
async def test_a_value_outside_its_bounds_is_refused(database, table, column, value):
    def insert(conn, row):
        names, marks = ", ".join(row), ", ".join(f":{name}" for name in row)
        conn.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), row)

    await database.write(lambda conn: samples.with_media(conn, "m1"))
    with pytest.raises(IntegrityError, match="constraint failed"):
        await database.write(lambda conn: insert(conn, {**ROWS[table], column: value}))
    await database.write(lambda conn: insert(conn, ROWS[table]))


async def test_removing_a_row_removes_what_hangs_on_it(database):
    def fill(conn):
        samples.with_media(conn, "m1")
        conn.execute(sa.text("INSERT INTO inspections VALUES ('m1', 'x', 0, 1, 1.0, '{}', NULL)"))
        conn.execute(sa.text("DELETE FROM media"))
        return conn.execute(sa.text("SELECT count(*) FROM inspections")).scalar_one()

    assert await database.write(fill) == 0
    assert at(0).tzinfo is not None
