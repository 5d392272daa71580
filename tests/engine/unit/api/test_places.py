"""Zones and habits over HTTP."""

import pytest

ZONES = "/api/v1/cameras/front_door/zones"
BASELINE = "/api/v1/cameras/front_door/baseline"
PORCH = {"name": "Porch", "type": "entry_point", "points": [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]}


async def test_zones_are_put_and_got_whole(client):
    answer = await client.put(ZONES, json={"zones": [PORCH, {"name": "Lawn", "rectangle": [0, 0.5, 1, 0.5]}]})
    assert answer.status == 200
    body = await answer.json()
    porch, lawn = body["zones"]
    assert (porch["id"], porch["colour"], porch["anchor"], porch["priority"]) == (
        "porch",
        "#3B82F6",
        "bottom_centre",
        0,
    )
    assert lawn["points"] == [[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]
    assert lawn["type"] == "other"
    assert (await (await client.get(ZONES)).json()) == body


@pytest.mark.parametrize(
    ("zone", "status", "why"),
    [
        (PORCH | {"points": [[0, 0], [1, 1]]}, 422, "3 to 64 points"),
        (PORCH | {"points": [[0, 0], [1, 1], [1, 0], [0, 1]]}, 422, "crosses itself"),
        (PORCH | {"points": [[0, 0], [1.2, 0], [1, 1]]}, 422, "between 0 and 1"),
        (PORCH | {"colour": "blue"}, 422, "#3B82F6"),
        (PORCH | {"priority": 101}, 422, "priority"),
        (PORCH | {"rectangle": [0, 0, 1, 1]}, 422, "not both"),
        (PORCH | {"name": "!"}, 422, "no letter or digit"),
        (PORCH | {"type": "moat"}, 400, "one of entry_point"),
        (PORCH | {"points": [[0, 0, 0]]}, 400, "2 to 2 items"),
        (PORCH | {"points": [["a", 0]]}, 400, "a number"),
        (PORCH | {"points": "all"}, 400, "a list"),
        (PORCH | {"colour_of_house": "red"}, 400, "not known"),
        ({"points": PORCH["points"]}, 400, "'name' is missing"),
        ("porch", 400, "an object"),
    ],
)
async def test_what_is_no_zone_is_refused_and_nothing_changes(client, zone, status, why):
    await client.put(ZONES, json={"zones": [PORCH]})
    answer = await client.put(ZONES, json={"zones": [zone]})
    assert answer.status == status
    assert why in (await answer.json())["detail"]
    assert len((await (await client.get(ZONES)).json())["zones"]) == 1


async def test_two_zones_of_one_name_are_refused(client):
    answer = await client.put(ZONES, json={"zones": [PORCH, PORCH | {"id": "other"}]})
    assert answer.status == 422


@pytest.mark.parametrize("method", ["get", "put"])
async def test_a_camera_that_does_not_exist_has_no_zones(client, method):
    path = "/api/v1/cameras/nowhere/zones"
    answer = await (client.get(path) if method == "get" else client.put(path, json={"zones": []}))
    assert answer.status == 404


async def test_the_baseline_is_shown_and_reset(client):
    for answer in (await client.get(BASELINE), await client.delete(BASELINE)):
        assert answer.status == 200
        assert (await answer.json())["min_days"] == 10
    assert (await client.get("/api/v1/cameras/nowhere/baseline")).status == 404
