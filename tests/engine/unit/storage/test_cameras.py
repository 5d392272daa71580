"""Cameras by folder and id."""

from dataclasses import replace

import pytest

from home_sentry_engine.contract import Camera, CameraStatus
from home_sentry_engine.storage.errors import CameraNameTaken, UnknownRow
from home_sentry_engine.storage.repositories.cameras import Cameras
from home_sentry_engine.storage.repositories.events import Events
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at

CAMERAS = Cameras()


async def ensure(database, camera_id="front_door", name="Front Door", folder="Front Door"):
    return await database.write(
        lambda conn: CAMERAS.ensure(conn, camera_id=camera_id, name=name, folder=folder, now=at(0))
    )


async def test_a_camera_is_made_once(database):
    camera, created = await ensure(database)
    assert created
    assert camera == Camera(id="front_door", name="Front Door", status=CameraStatus.UNKNOWN, created_at=at(0))
    assert await ensure(database, name="Other name") == (camera, False)


async def test_another_folder_cannot_take_the_id(database):
    await ensure(database)
    with pytest.raises(CameraNameTaken, match="front-door"):
        await ensure(database, folder="front-door")
    with pytest.raises(ValueError, match="front-door"):
        await ensure(database, folder="front-door")


async def test_a_folder_belongs_to_one_camera(database):
    await ensure(database)
    with pytest.raises(CameraNameTaken):
        await ensure(database, camera_id="other", folder="Front Door")


async def test_a_camera_without_a_folder_gets_the_first_that_comes(database):
    await ensure(database, folder=None)
    await ensure(database, folder="Front Door")
    assert await database.read(CAMERAS.folders) == {"Front Door": "front_door"}
    assert (await ensure(database, folder=None))[1] is False
    with pytest.raises(CameraNameTaken):
        await ensure(database, folder="FRONT DOOR")


async def test_signs_of_life_only_move_forward(database):
    await ensure(database)

    async def seen(media_id, seconds):
        return await database.write(lambda conn: CAMERAS.seen(conn, "front_door", media_id=media_id, at=at(seconds)))

    await database.write(lambda conn: CAMERAS.set_status(conn, "front_door", CameraStatus.OFFLINE, "quiet for 1 h"))
    camera = await seen("m1", 10)
    assert (camera.status, camera.status_reason) == (CameraStatus.ONLINE, None)
    assert (camera.latest_media_id, camera.latest_media_at, camera.last_seen_at) == ("m1", at(10), at(10))
    assert await seen(None, 20) == replace(camera, last_seen_at=at(20))
    assert await seen("old", 5) == replace(camera, last_seen_at=at(20))
    assert (await seen("m2", 30)).latest_media_id == "m2"
    with pytest.raises(UnknownRow):
        await database.write(lambda conn: CAMERAS.seen(conn, "nobody", media_id=None, at=at(0)))


async def test_a_status_is_told_only_when_it_changes(database):
    await ensure(database)

    async def set_status(status, reason=None):
        return await database.write(lambda conn: CAMERAS.set_status(conn, "front_door", status, reason))

    assert (await set_status(CameraStatus.BLIND, "black picture")).status_reason == "black picture"
    assert await set_status(CameraStatus.BLIND, "black picture") is None
    assert (await set_status(CameraStatus.BLIND, "blurred")).status_reason == "blurred"
    assert (await set_status(CameraStatus.ONLINE)).status is CameraStatus.ONLINE
    assert await set_status(CameraStatus.ONLINE) is None
    assert await database.write(lambda conn: CAMERAS.set_status(conn, "x", CameraStatus.ONLINE)) is None


async def test_name_and_threshold_can_be_changed(database):
    await ensure(database)
    assert await database.read(lambda conn: CAMERAS.confidence(conn, "front_door")) is None
    assert (await database.write(lambda conn: CAMERAS.rename(conn, "front_door", "Entrance"))).name == "Entrance"
    await database.write(lambda conn: CAMERAS.patch(conn, "front_door", confidence=0.65))
    assert await database.read(lambda conn: CAMERAS.confidence(conn, "front_door")) == 0.65
    with pytest.raises(ValueError, match="status"):
        await database.write(lambda conn: CAMERAS.patch(conn, "front_door", status="online"))
    with pytest.raises(UnknownRow):
        await database.write(lambda conn: CAMERAS.rename(conn, "nobody", "x"))


async def test_a_removed_camera_keeps_its_history_and_may_return(database):
    await ensure(database)
    await ensure(database, camera_id="yard", name="Yard", folder="yard")
    await database.write(lambda conn: Events().insert(conn, samples.event()))
    assert await database.write(lambda conn: CAMERAS.remove(conn, "yard", at(5)))
    assert not await database.write(lambda conn: CAMERAS.remove(conn, "yard", at(5)))
    assert [camera.id for camera in await database.read(CAMERAS.all)] == ["front_door"]
    assert await database.read(lambda conn: CAMERAS.get(conn, "yard")) is None
    assert await database.read(lambda conn: Events().get(conn, "e1")) is not None
    camera, created = await ensure(database, camera_id="yard", name="Garden", folder="yard")
    assert created
    assert camera.name == "Garden"


async def test_events_of_today_are_counted_from_the_start_of_the_day_at_home(database):
    await ensure(database, camera_id="yard", name="Yard", folder="yard")

    def fill(conn):
        for number, start in enumerate((-10, 0, 10, 20)):
            Events().insert(conn, samples.event(f"e{number}", started_at=at(start), ended_at=None))
        Events().trash(conn, "e3", at(30))

    await database.write(fill)
    counting = Cameras(day_start=lambda: at(0))
    assert (await database.read(lambda conn: counting.get(conn, "yard"))).events_today == 2
    assert (await database.read(lambda conn: CAMERAS.get(conn, "yard"))).events_today == 0
