"""Cameras that settings name and nobody knows."""

from contextlib import closing
import sqlite3
from types import SimpleNamespace
from typing import Any

import pytest

from home_sentry_engine.app.pipeline_room import open_folders
from home_sentry_engine.operations.doctor import State
from home_sentry_engine.operations.doctor.stray import look
from home_sentry_engine.operations.stray import stray_cameras
from home_sentry_engine.settings import load_settings
from home_sentry_engine.storage.schema import cameras

SETTINGS = {
    "camera_confidence": {"front_dor": 0.6, "yard": 0.4},
    "box_rules": {"*": {"car": {"min_area": 0.1}}, "drive": {"person": {"min_area": 0.1}}},
    "depth_scales": {"yard": {"nearest_m": 2, "farthest_m": 30}},
}


@pytest.fixture
def settings(tmp_path):
    return load_settings(data=tmp_path / "data", overrides=SETTINGS | {"camera_root": str(tmp_path / "cameras")})


def test_each_setting_is_named_with_the_nearest_and_the_known(settings):
    confidence, rules = stray_cameras(settings, ["yard", "front_door"])
    assert confidence.startswith("camera_confidence names 'front_dor' (nearest: 'front_door')")
    assert confidence.endswith("known: front_door, yard")
    assert rules.startswith("box_rules names 'drive',")


def test_nothing_is_said_before_the_first_camera_and_where_all_are_known(settings):
    assert stray_cameras(settings, []) == ()
    assert stray_cameras(settings, ["yard", "front_dor", "drive"]) == ()


async def test_the_doctor_knows_cameras_of_folder_and_database(settings, tmp_path):
    assert await look(settings) == ()
    (tmp_path / "cameras" / "Front Door").mkdir(parents=True)
    settings.data.mkdir()
    with closing(sqlite3.connect(settings.data / "home_sentry.db")) as database:
        database.execute("CREATE TABLE cameras (id TEXT, deleted_at TEXT)")
        database.execute("INSERT INTO cameras VALUES ('drive', NULL), ('yard', NULL), ('front_dor', '2026-01-01')")
        database.commit()
    assert "deleted_at" in cameras.c
    (finding,) = await look(settings)
    assert finding.state is State.WARN
    assert "'front_dor' (nearest: 'front_door')" in finding.text
    assert "known: drive, front_door, yard" in finding.text


async def test_the_engine_says_it_once_when_it_starts(settings, caplog):
    class Database:
        async def read(self, work):
            return work(None)

    class Cameras:
        def folders(self, _conn):
            return {"Yard": "yard"}

        def all(self, _conn):
            return (SimpleNamespace(id="yard"), SimpleNamespace(id="front_door"))

    ground: Any = SimpleNamespace(settings=settings, database=Database(), tables=SimpleNamespace(cameras=Cameras()))
    await open_folders(ground)
    assert [record.getMessage().split()[0] for record in caplog.records] == ["camera_confidence", "box_rules"]
