"""Entities and the household over HTTP."""

import pytest

from home_sentry_engine.domain.errors import Unavailable

ENTITIES = "/api/v1/entities"
HOUSEHOLD = "/api/v1/household"
ANN = {"name": "Ann", "role": "resident", "trust": "full", "ha_person": "person.ann"}
NIGHTS = {"days": [4, 0, 4], "begins": "22:00", "ends": "06:30"}


async def json_of(answer, status: int = 200):
    assert answer.status == status, await answer.text()
    return await answer.json()


async def test_entities_are_listed_changed_and_erased(client, engine):
    listed = await json_of(await client.get(ENTITIES, params={"type": "person", "since": "2026-01-01", "limit": "7"}))
    assert [one["id"] for one in listed["items"]] == ["who1"]
    assert (engine.entities.asked[0].limit, engine.entities.asked[0].kind) == (7, "person")
    visits = await json_of(await client.get(f"{ENTITIES}/who1/appearances"))
    assert visits["items"][0]["finding"] == "first seen"
    changed = await json_of(await client.patch(f"{ENTITIES}/who1", json={"trust": "trusted", "name": "Postman"}))
    assert (changed["trust"], changed["name"]) == ("trusted", "Postman")
    assert await json_of(await client.delete(f"{ENTITIES}/who1")) == {"erased": 1}
    await json_of(await client.get(f"{ENTITIES}/who1"), 404)
    await json_of(await client.delete(f"{ENTITIES}/who1"), 404)
    assert await json_of(await client.delete(ENTITIES)) == {"erased": 1}
    deeds = [deed.action for deed in engine.audit.deeds]
    assert deeds == ["entity.trust", "entity.erase", "entity.erase", "entity.erase_all"]


async def test_fifty_entities_by_default_and_a_thousand_at_most(client, engine):
    await client.get(ENTITIES)
    assert engine.entities.asked[0].limit == 50
    assert (await client.get(ENTITIES, params={"limit": "1000"})).status == 200
    assert (await client.get(ENTITIES, params={"limit": "1001"})).status == 400


async def test_unreadable_vectors_are_503_with_the_reason_and_no_empty_list(client, engine):
    engine.failure = Unavailable("the remembered looks cannot be read: disk I/O error", code="vector_store")
    problem = await json_of(await client.get(ENTITIES), 503)
    assert "disk I/O error" in problem["detail"]
    assert problem["details"]["reason"] == "vector_store"


async def test_what_could_not_be_compared_says_so(client):
    found = await json_of(await client.get("/api/v1/events/e1/recognition"))
    assert found["unavailable"] == {"identity": "the file of OSNet is not here"}
    await json_of(await client.get("/api/v1/events/e9/recognition"), 404)


async def test_members_and_vehicles_come_change_and_go(client, engine):
    ann = await json_of(await client.post(f"{HOUSEHOLD}/members", json=ANN | {"schedule": NIGHTS}), 201)
    assert ann["schedule"] == {"days": [0, 4], "begins": "22:00", "ends": "06:30"}
    path = f"{HOUSEHOLD}/members/{ann['id']}"
    changed = await json_of(await client.put(path, json=ANN | {"trust": "monitor"}))
    assert (changed["trust"], changed["schedule"]) == ("monitor", None)
    car = await json_of(await client.post(f"{HOUSEHOLD}/vehicles", json={"name": "Car", "plate": "B-HS 1"}), 201)
    view = await json_of(await client.get(HOUSEHOLD))
    assert ([one["id"] for one in view["members"]], [one["plate"] for one in view["vehicles"]]) == (
        [ann["id"]],
        ["B-HS 1"],
    )
    assert (view["faces_allowed"], view["consent"]) == (False, "ask first")
    assert await json_of(await client.delete(path)) == {"erased": 1}
    await json_of(await client.delete(path), 404)
    await json_of(await client.put(f"{HOUSEHOLD}/vehicles/nobody", json={"name": "Car"}), 404)
    await json_of(await client.delete(f"{HOUSEHOLD}/vehicles/{car['id']}"))
    told = [(deed.action, deed.target) for deed in engine.audit.deeds]
    assert ("household.erase_member", ann["id"]) in told
    assert "Ann" not in str(engine.audit.deeds)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "'name' is missing"),
        ({"name": " "}, "of the form"),
        (ANN | {"role": "burglar"}, "one of resident"),
        (ANN | {"trust": "blind"}, "one of full"),
        (ANN | {"ha_person": "light.kitchen"}, "of the form"),
        (ANN | {"schedule": {"days": [7]}}, "0 to 6"),
        (ANN | {"schedule": {"begins": "25:00"}}, "of the form"),
        (ANN | {"plate": "B-HS 1"}, "not known"),
    ],
)
async def test_what_is_no_member_is_refused(client, body, why):
    problem = await json_of(await client.post(f"{HOUSEHOLD}/members", json=body), 400)
    assert why in problem["detail"]


async def test_somebody_is_enrolled_from_a_detection_and_erased(client, engine):
    ann = await json_of(await client.post(f"{HOUSEHOLD}/members", json=ANN), 201)
    path = f"{HOUSEHOLD}/samples/{ann['id']}"
    made = await json_of(await client.post(path, json={"detection_id": 3}), 201)
    other = await json_of(await client.post(path, json={"detection_id": 4, "negative": True}), 201)
    listed = await json_of(await client.get(path))
    assert [(one["detection_id"], one["negative"]) for one in listed["items"]] == [(3, False), (4, True)]
    assert await json_of(await client.delete(f"{path}/{made['id']}")) == {"erased": 1}
    await json_of(await client.delete(f"{path}/{made['id']}"), 404)
    assert await json_of(await client.delete(path)) == {"erased": 1}
    assert other["id"] not in [one.id for one in engine.household.enrolled]
    problem = await json_of(await client.post(path, json={"detection_id": 3, "face": True}), 403)
    assert "not allowed" in problem["detail"]
    assert "household.enrol" in [deed.action for deed in engine.audit.deeds]
    assert await json_of(await client.delete(f"{HOUSEHOLD}/faces")) == {"erased": 0}


async def test_facts_have_an_end(client):
    fact = {"kind": "expected_visitor", "expires_at": "2026-11-20T18:00:00Z", "points": -6}
    made = await json_of(await client.put(f"{HOUSEHOLD}/facts/calendar-7", json=fact))
    assert (made["id"], made["points"]) == ("calendar-7", -6)
    added = await json_of(await client.post(f"{HOUSEHOLD}/facts", json=fact | {"kind": "guest_mode"}), 201)
    assert await json_of(await client.delete(f"{HOUSEHOLD}/facts/{added['id']}")) == {"erased": 1}
    await json_of(await client.delete(f"{HOUSEHOLD}/facts/{added['id']}"), 404)
    for wrong in ({"points": -21}, {"begins_at": "2026-11-20T19:00:00Z"}, {"expires_at": "later"}):
        await json_of(await client.post(f"{HOUSEHOLD}/facts", json=fact | wrong), 400)


async def test_plates_are_listed_and_erased(client):
    assert (await json_of(await client.get(f"{HOUSEHOLD}/plates")))["items"][0]["plate"] == "BHS1234"
    assert await json_of(await client.delete(f"{HOUSEHOLD}/plates")) == {"erased": 1}
