"""Cameras made and deleted, statistics, the token, and requests that come twice."""

import asyncio
import json

import pytest

from home_sentry_engine.api.idempotency import REPLAYED
from home_sentry_engine.api.tokens import KeyRing, hash_of, open_tokens, rotate_tokens
from home_sentry_engine.contract import Problem, decode
from home_sentry_engine.contract.errors import ServiceUnavailable
from tests.fakes.clock import START, FakeClock
from tests.fakes.patience import until
from tests.fakes.records import jpeg

KEY = {"Idempotency-Key": "the one and only"}
PICTURE = {"Content-Type": "image/jpeg"}


async def problem(response) -> Problem:
    assert response.content_type == "application/problem+json"
    return decode(Problem, await response.read())


async def test_a_camera_is_made_changed_and_deleted(client, engine):
    async with client.post("/api/v1/cameras", json={"name": "Garage"}) as response:
        assert response.status == 201
        assert (await response.json())["id"] == "garage"
    async with client.post("/api/v1/cameras", json={"name": "Garage"}) as response:
        assert (await problem(response)).code == "conflict"
    async with client.patch("/api/v1/cameras/garage", json={"name": " Old garage "}) as response:
        assert (await response.json())["name"] == "Old garage"
    async with client.delete("/api/v1/cameras/garage") as response:
        assert await response.json() == {"camera_id": "garage", "events": 1, "media": 2}
    async with client.get("/api/v1/cameras/garage") as response:
        assert response.status == 404
    assert [deed.action for deed in engine.audit.deeds] == [
        "camera.create",
        "camera.create",
        "camera.change",
        "camera.delete",
    ]


@pytest.mark.parametrize("body", [{}, {"name": " "}, {"confidence": 2}, {"folder": "x"}, {"name": 5}])
async def test_a_change_that_says_nothing_or_too_much_is_refused(client, body):
    async with client.patch("/api/v1/cameras/front_door", json=body) as response:
        assert (await problem(response)).status == 400


@pytest.mark.parametrize(("method", "asked"), [("PATCH", {"name": "x"}), ("DELETE", {})])
async def test_who_is_not_there_is_not_found(client, method, asked):
    async with client.request(method, "/api/v1/cameras/nobody", json=asked) as response:
        assert (await problem(response)).code == "not_found"


async def test_events_are_counted_with_the_filters_of_their_list(client, engine):
    async with client.get("/api/v1/events/stats?camera=front_door&level=low&since=2026-11-01T00:00:00Z") as response:
        assert await response.json() == {
            "total": 3,
            "reviewed": 1,
            "by_level": {"low": 3},
            "by_camera": {},
            "by_day": {},
            "by_object": {},
            "mean_score": 12.5,
        }
    assert (engine.registry.queries[0].camera_id, engine.registry.queries[0].level) == ("front_door", "low")
    async with client.get("/api/v1/events/stats?cursor=x") as response:
        assert response.status == 400


async def test_the_same_request_twice_is_done_once_and_answered_twice(client, engine):
    async with client.post("/api/v1/cameras", json={"name": "Garage"}, headers=KEY) as response:
        first = await response.read()
        assert (response.status, response.headers.get(REPLAYED)) == (201, None)
    async with client.post("/api/v1/cameras", json={"name": "Garage"}, headers=KEY) as response:
        assert (response.status, response.headers[REPLAYED]) == (201, "true")
        assert await response.read() == first
        assert response.content_type == "application/json"
    assert engine.registry.made == ["garage"]
    assert len(engine.audit.deeds) == 1
    assert not any("the one and only" in key for key in engine.replies.kept)


async def test_the_same_key_with_another_body_or_address_is_a_conflict(client):
    async with client.post("/api/v1/cameras", json={"name": "Garage"}, headers=KEY) as response:
        assert response.status == 201
    for path, body in (("/api/v1/cameras", {"name": "Attic"}), ("/api/v1/queues/detect/dead-letters/requeue", None)):
        async with client.post(path, json=body, headers=KEY) as response:
            assert (await problem(response)).code == "conflict"


async def test_an_upload_that_is_repeated_is_no_duplicate(client, engine):
    path = "/api/v1/cameras/front_door/frames"
    for replayed in (None, "true"):
        async with client.post(path, data=jpeg(), headers=KEY | PICTURE) as response:
            assert (response.status, response.headers.get(REPLAYED)) == (202, replayed)
    async with client.post(path, data=jpeg(), headers=PICTURE) as response:
        assert response.status == 409
    async with client.post(path, data=jpeg(colour="red"), headers=KEY | PICTURE) as response:
        assert response.status == 409
    assert len(engine.uploads) == 1


async def test_a_request_without_a_body_is_repeated_too(client, engine):
    for _ in range(3):
        async with client.post("/api/v1/system/components/ingest/restart", headers=KEY) as response:
            assert response.status == 200
    assert engine.parts.part.restarts == 1


async def test_a_failure_frees_the_key(client, engine):
    engine.failure = ServiceUnavailable("not now")
    async with client.post("/api/v1/cameras", json={"name": "Garage"}, headers=KEY) as response:
        assert response.status == 503
    engine.failure = None
    for status in (201, 201):
        async with client.post("/api/v1/cameras", json={"name": "Garage"}, headers=KEY) as response:
            assert response.status == status
    assert engine.registry.made == ["garage"]


async def test_two_at_the_same_time_are_one(client, engine):
    others_answered = asyncio.Event()
    engine.registry._pause = others_answered.wait

    async def create() -> int:
        async with client.post("/api/v1/cameras", json={"name": "Garage"}, headers=KEY) as response:
            await response.read()
            return response.status

    asked = [asyncio.create_task(create()) for _ in range(5)]
    await until(lambda: sum(one.done() for one in asked) == 4)
    others_answered.set()
    assert sorted(await asyncio.gather(*asked)) == [201, 409, 409, 409, 409]
    assert engine.registry.made == ["garage"]


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_a_key_has_a_length(client, key):
    async with client.post("/api/v1/cameras", json={"name": "A"}, headers={"Idempotency-Key": key}) as response:
        assert (await problem(response)).details["field"] == "Idempotency-Key"


async def test_a_look_and_a_new_token_are_never_kept(client, engine):
    async with client.post("/api/v1/analyze", data=jpeg(), headers=KEY | PICTURE) as response:
        assert response.status == 200
    tokens = set()
    for _ in range(2):
        async with client.post("/api/v1/system/token/rotate", headers=KEY) as response:
            tokens.add((await response.json())["token"])
            assert response.headers["Cache-Control"] == "no-store"
    assert len(tokens) == 2
    assert engine.replies.kept == {}
    assert [deed.action for deed in engine.audit.deeds] == ["token.rotate"] * 2


async def test_the_document_tells_of_the_key(server):
    described = json.loads(json.dumps(server.describe()))
    headers = {
        path: [one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"]
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        if method == "post"
    }
    assert headers["/api/v1/cameras"] == ["Idempotency-Key"]
    assert headers["/api/v1/analyze"] == []


def test_a_token_that_was_replaced_elsewhere_counts_soon(tmp_path):
    clock = FakeClock()
    keys, _ = open_tokens(tmp_path, lambda: "first" * 10)
    ring = KeyRing(tmp_path, keys, clock.monotonic)
    assert ring().current == hash_of("first" * 10)
    rotate_tokens(tmp_path, START, lambda: "second" * 10)
    assert ring().current == hash_of("first" * 10)
    clock.tick(3)
    assert ring().current == hash_of("second" * 10)
    assert ring().accepts(hash_of("first" * 10), START)
    (tmp_path / "token.sha256").unlink()
    clock.tick(3)
    assert ring().current == hash_of("second" * 10)
