"""Changes of views, the home, limits of habits and learning weeks over HTTP and the WebSocket."""

import pytest

from home_sentry_engine.contract import HomeFactKind, HomeReport, LearningReport, SceneBaseline, SceneChangeList, decode
from tests.fakes.peer import Peer

SCENES = "/api/v1/scenes"
FRONT = "/api/v1/cameras/front_door"
ALARM = {"kind": "alarm", "entity_id": "alarm_control_panel.home", "name": "Alarm", "state": "armed_away"}


async def test_changes_are_listed_and_acknowledged_one_by_one(client):
    for path in (SCENES, f"{FRONT}/scene"):
        (change,) = decode(SceneChangeList, await (await client.get(path)).read()).items
        assert (change.id, change.kind.value, change.stands) == (1, "view_blocked", True)
    answer = await client.post(f"{SCENES}/1/acknowledge")
    assert answer.status == 200
    assert (await answer.json())["acknowledged_at"] is not None
    assert (await client.post(f"{SCENES}/2/acknowledge")).status == 404
    assert (await client.get(f"{SCENES}?limit=0")).status == 400


async def test_a_camera_is_acknowledged_as_a_whole(client):
    first = await (await client.post(f"{FRONT}/scene/acknowledge")).json()
    assert [one["id"] for one in first["items"]] == [1]
    again = await (await client.post(f"{FRONT}/scene/acknowledge")).json()
    assert again["items"] == []


async def test_usual_views_are_forgotten_of_one_camera_or_of_all(client, engine):
    for path in (f"{FRONT}/scene", SCENES):
        assert await (await client.delete(path)).json() == {"forgotten": 2}
    assert engine.scenes.reset_of == ["front_door", None]


async def test_the_newest_picture_becomes_the_usual_view(client, engine):
    answer = await client.post(f"{FRONT}/scene/update")
    assert answer.status == 200
    assert decode(SceneBaseline, await answer.read()).media_id == "m1"
    engine.scenes.dark = True
    refused = await client.post(f"{FRONT}/scene/update")
    assert (refused.status, "shows nothing" in await refused.text()) == (422, True)
    page = await (await client.get("/api/v1/audit")).json()
    assert "scene.update" in {one["action"] for one in page["items"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *[("get", "scene"), ("post", "scene/acknowledge"), ("post", "scene/update"), ("delete", "scene")],
        *[("get", "learning"), ("delete", "learning")],
    ],
)
async def test_a_camera_that_does_not_exist(client, method, path):
    assert (await getattr(client, method)(f"/api/v1/cameras/nowhere/{path}")).status == 404


async def test_what_changes_something_is_in_the_audit(client, engine):
    await client.post(f"{SCENES}/1/acknowledge")
    await client.delete(f"{FRONT}/scene")
    await client.delete(f"{FRONT}/learning")
    await client.patch("/api/v1/baseline", json={"min_days": 5})
    page = await (await client.get("/api/v1/audit")).json()
    assert {one["action"] for one in page["items"]} >= {
        "scene.acknowledge",
        "scene.reset",
        "camera.finish_learning",
        "baseline.limits",
    }


async def test_the_home_is_told_and_shown(client):
    assert (await (await client.get("/api/v1/home")).json())["facts"] == []
    weather = {"kind": "weather", "entity_id": "weather.home", "name": "W", "state": "rainy"}
    facts = [ALARM, weather | {"details": {"temperature": 7.5, "temperature_unit": "°C"}}]
    answer = await client.put("/api/v1/home", json={"facts": facts, "time_zone": "Europe/Berlin"})
    assert answer.status == 200
    said = decode(HomeReport, await (await client.get("/api/v1/home")).read())
    assert [fact.kind for fact in said.facts] == [HomeFactKind.ALARM, HomeFactKind.WEATHER]
    assert said.facts[1].details == {"temperature": 7.5, "temperature_unit": "°C"}
    assert said.time_zone == "Europe/Berlin"
    assert said.received_at is not None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"facts": [ALARM], "time_zone": "Middle/Earth"}, 422),
        ({"facts": [ALARM, ALARM]}, 422),
        ({"facts": [ALARM | {"entity_id": "../etc"}]}, 400),
        ({"facts": [ALARM | {"kind": "mood"}]}, 400),
        ({"facts": [ALARM | {"state": 1}]}, 400),
        ({"facts": [ALARM | {"details": {"password": "x"}}]}, 400),
        ({"facts": [ALARM | {"changed_at": "yesterday"}]}, 400),
        ({}, 400),
    ],
)
async def test_what_is_no_report_is_refused(client, engine, body, status):
    assert (await client.put("/api/v1/home", json=body)).status == status
    assert engine.home.said == HomeReport()


async def test_the_limits_of_habits_are_patched(client):
    assert await (await client.get("/api/v1/baseline")).json() == {
        "window_days": 30,
        "min_days": 10,
        "threshold_std": 2.0,
    }
    changed = await client.patch("/api/v1/baseline", json={"threshold_std": 3})
    assert await changed.json() == {"window_days": 30, "min_days": 10, "threshold_std": 3.0}
    assert (await client.patch("/api/v1/baseline", json={"min_days": 30})).status == 422
    assert (await client.patch("/api/v1/baseline", json={"window_days": 3})).status == 400


async def test_a_learning_week_is_shown_and_ended(client):
    assert decode(LearningReport, await (await client.get(f"{FRONT}/learning")).read()).state.value == "learning"
    assert (await (await client.delete(f"{FRONT}/learning")).json())["learning_until"] is not None
    assert decode(LearningReport, await (await client.get(f"{FRONT}/learning")).read()).state.value == "done"


async def test_the_same_over_the_websocket(connect, engine):
    peer: Peer = await connect()
    await peer.greet()
    front = {"camera_id": "front_door"}
    known = await peer.ask("acknowledge_scene", front)
    assert [one["id"] for one in known.data["items"]] == [1]
    assert (await peer.ask("update_scene", front)).data["light"] == "day"
    assert (await peer.ask("reset_scene", front)).data == {"forgotten": 2}
    assert (await peer.ask("get_learning", front)).data["state"] == "learning"
    assert (await peer.ask("finish_learning", front)).data["id"] == "front_door"
    assert (await peer.ask("report_home", {"facts": [ALARM], "time_zone": "UTC"})).ok
    assert engine.home.said.facts[0].state == "armed_away"
    assert (await peer.ask("report_home", {"facts": [ALARM], "time_zone": "Moon/Base"})).code == "unprocessable"
    for name in ("acknowledge_scene", "update_scene", "reset_scene", "finish_learning", "get_learning"):
        assert (await peer.ask(name, {"camera_id": "nowhere"})).code == "not_found"
