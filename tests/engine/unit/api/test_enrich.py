"""Questions of other programs: checked like every body, answered or refused with the outcome."""

import asyncio
from base64 import b64encode
import io

import pytest

from home_sentry_engine.vision.services import EnrichmentUnavailableError
from home_sentry_engine.vision.services.transport import Service, ServiceLacks
from tests.fakes.api import TOKEN
from tests.fakes.records import jpeg

IMAGE = b64encode(jpeg()).decode()
PATHS = (
    "/vehicle-classify", "/pet-classify", "/clothing-classify", "/pose-analyze", "/depth-estimate", "/object-distance",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
async def test_each_question_reaches_the_models_with_picture_and_options(engine, client, path):
    async with client.post(path, json={"image": f"data:image/jpeg;base64,{IMAGE}"}) as response:
        assert response.status == 200
        assert (await response.json())["model_id"] == "test"
    assert engine.enricher.asked[-1].pictures == (jpeg(),)
    assert engine.enricher.asked[-1].corners is None


async def test_a_part_of_a_picture_several_pictures_and_options(engine, client):
    question = {"image": IMAGE, "bbox": [1, 2, 31.4, 42], "min_confidence": 0.3}
    async with client.post("/pose-analyze", json=question) as response:
        assert response.status == 200
    asked = engine.enricher.asked[-1]
    assert (asked.about, asked.corners, asked.options) == ("pose", (1, 2, 31, 42), {"min_confidence": 0.3})
    async with client.post("/action-classify", json={"frames": [IMAGE] * 3, "labels": ["running"]}) as response:
        assert response.status == 200
    asked = engine.enricher.asked[-1]
    assert (len(asked.pictures), asked.options) == (3, {"labels": ["running"]})
    options = {"questions": ["faces"], "model_id": "yunet"}
    body = {"detection_type": "person", "image": IMAGE, "options": options}
    async with client.post("/enrich", json=body) as response:
        assert (await response.json())["results"] == {"faces": {"outcome": "ran", "model_id": "test"}}
    assert engine.enricher.asked[-1].options == {"model_id": "yunet"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"image": "%%%"}, 400),
        ({"image": ""}, 400),
        ({"image": 5}, 400),
        ({"image": b64encode(b"MZ no picture").decode()}, 415),
        ({"image": IMAGE, "bbox": [1, 2, 3]}, 400),
        ({"image": IMAGE, "bbox": [5, 5, 5, 9]}, 422),
        ({"image": IMAGE, "path": "/etc/passwd"}, 400),
        ([1], 400),
    ],
)
async def test_what_makes_no_sense_is_refused(client, body, status):
    async with client.post("/pose-analyze", json=body) as response:
        assert (response.status, response.content_type) == (status, "application/problem+json")


async def test_forms_strangers_and_large_bodies_are_refused(client, stranger):
    async with client.post("/pose-analyze", data=jpeg(), headers={"Content-Type": "image/jpeg"}) as response:
        assert response.status == 415
    async with client.post("/enrich", json={"image": IMAGE, "detection_type": "house"}) as response:
        assert response.status == 400
    large = io.BytesIO(b"[" * 15_000_000)
    async with client.post("/pose-analyze", data=large, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 413
    for path in (*PATHS, "/enrich", "/action-classify", "/models/preload"):
        async with stranger.post(path, json={"image": IMAGE}) as response:
            assert response.status == 401


async def test_models_are_told_and_loaded(client):
    async with client.get("/models/status") as response:
        assert (await response.json())["models"] == [{"name": "test", "status": "ready"}]
    async with client.post("/models/preload", json={"model_name": "test"}) as response:
        assert await response.json() == {"model_name": "test", "status": "loaded"}
    async with client.post("/models/preload", json={"model_name": "other"}) as response:
        assert response.status == 404


async def test_a_model_that_is_off_is_no_finding_and_no_failure_of_the_service(engine, client, server):
    engine.enricher.off = {"pose"}
    async with client.post("/pose-analyze", json={"image": IMAGE}) as response:
        body = await response.json(content_type="application/problem+json")
        assert (response.status, body["details"]["outcome"], body["details"]["reason"]) == (503, "skipped", "it is off")
    asked = Service("the other engine", server.url, EnrichmentUnavailableError, token=TOKEN)
    for _ in range(6):
        with pytest.raises(ServiceLacks, match="it is off") as told:
            await asyncio.to_thread(asked.ask, "/pose-analyze", {"image": IMAGE})
        assert told.value.skipped
    assert asked.breaker.state.value == "closed"
