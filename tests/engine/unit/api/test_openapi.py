"""The document says what the routes do."""

import asyncio
import json
import threading

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
import jsonschema_rs
from openapi_spec_validator import OpenAPIV31SpecValidator
import pytest

from home_sentry_engine.api.openapi import document
from home_sentry_engine.api.routes.state import StateRoutes
from home_sentry_engine.api.routing import Call
from home_sentry_engine.telemetry.metrics import Registry
from tests.fakes.api import FakeEngine, FakeHealth, serving, speaking
from tests.fakes.records import jpeg

IDS = {
    "{camera_id}": "front_door",
    "{summary_id}": "s1",
    "{channel_id}": "c1",
    "{export_id}": "x1",
    "{property_id}": "cabin",
    "{event_id}": "e1",
    "{media_id}": "m1",
    "{queue}": "detect",
    "{letter_id}": "1",
    "{component_id}": "ingest",
    "{model_id}": "yunet",
    "{change_id}": "1",
    "{entity_id}": "who1",
    "{owner_id}": "o1",
    "{sample_id}": "1",
    "{fact_id}": "o1",
}


@pytest.fixture
def described(server):
    return document(server.routes)


def test_it_is_valid_openapi_31(described):
    OpenAPIV31SpecValidator(json.loads(json.dumps(described))).validate()


def test_it_has_every_route_once(server, described):
    operations = {(path, method): o for path, item in described["paths"].items() for method, o in item.items()}
    assert set(operations) == {(route.path, route.method.lower()) for route in server.routes}
    names = [operation["operationId"] for operation in operations.values()]
    assert len(names) == len(set(names))
    for (path, _), operation in operations.items():
        assert operation["security"] == ([] if path in {"/", "/health", "/ready", "/api/v1/ws"} else [{"token": []}])
        assert operation["summary"]
        problems = [code for code in operation["responses"] if code >= "400"]
        assert problems
        for code in problems:
            assert list(operation["responses"][code]["content"]) == ["application/problem+json"]


def test_it_is_the_same_each_time(server, described):
    assert json.dumps(document(server.routes)) == json.dumps(described)


async def test_making_it_holds_nothing_up():
    loop, others = asyncio.get_running_loop(), threading.Event()

    def describe() -> dict[str, object]:
        loop.call_soon_threadsafe(others.set)
        return {"others_went_on": others.wait(5)}

    engine = FakeEngine()
    table = StateRoutes(FakeHealth(engine), engine.catalogue, Registry(), describe).routes()
    routes = {route.name: route for route in table}
    request = make_mocked_request("GET", "/api/v1/openapi.json")
    answer = await routes["get_openapi"].respond(Call(request=request, request_id="r", path={}, query={}, caller=None))
    assert isinstance(answer, web.Response)
    assert json.loads(answer.text or "") == {"others_went_on": True}


async def test_it_is_served(client, described):
    async with client.get("/api/v1/openapi.json") as response:
        assert await response.json() == json.loads(json.dumps(described))


async def test_answers_have_the_documented_shape(described):
    schemas = {"components": described["components"]}
    engine = FakeEngine()
    async with serving(engine) as server, speaking(server) as client:
        for route in server.routes:
            engine.household.seed()
            engine.entities.seed()
            engine.triage.seed()
            engine.back.seed()
            path = route.path
            for name, value in IDS.items():
                path = path.replace(name, value)
            body = {"POST": jpeg(), "PATCH": b'{"reviewed": true}'}.get(route.method)
            kind = {"Content-Type": "application/octet-stream"} if body else {}
            async with client.request(route.method, path, data=body, headers=kind) as response:
                answered = await response.read()
            operation = described["paths"][route.path][route.method.lower()]
            answer = operation["responses"][str(response.status)]
            assert response.content_type in answer["content"], path
            schema = answer["content"][response.content_type].get("schema")
            if response.content_type.endswith("json") and schema:
                jsonschema_rs.validator_for({**schema, **schemas}).validate(json.loads(answered))


async def test_problems_have_the_documented_shape(described, client):
    schema = {**described["components"]["schemas"]["Problem"], "components": described["components"]}
    validator = jsonschema_rs.validator_for(schema)
    for method, path in (
        ("GET", "/nowhere"),
        ("GET", "/api/v1/events?limit=x"),
        ("DELETE", "/"),
        ("GET", "/api/v1/ws"),
    ):
        async with client.request(method, path) as response:
            assert response.status >= 400
            validator.validate(await response.json(content_type="application/problem+json"))
