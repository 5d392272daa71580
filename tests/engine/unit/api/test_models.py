"""Models over the API."""

import pytest

from home_sentry_engine.contract import ModelProgress, ModelState


async def test_lists_and_figures(client):
    async with client.get("/api/v1/models") as reply:
        found = await reply.json()
    assert [one["id"] for one in found["items"]] == ["yunet", "agpl"]
    assert found["memory"]["used_bytes"] == 30_000_000
    async with client.get("/api/v1/models/status") as reply:
        assert (await reply.json())["loaded"] == ["yunet"]
    async with client.get("/api/v1/models/latency") as reply:
        assert (await reply.json())["items"][0]["minutes"][0]["mean_ms"] == 2.0
    async with client.get("/api/v1/models/yunet") as reply:
        assert (await reply.json())["licence"] == "MIT"
    async with client.get("/api/v1/models/nobody") as reply:
        assert reply.status == 404


@pytest.mark.parametrize("verb", ["get", "enable"])
async def test_a_restricted_licence_is_accepted_by_its_name(client, verb):
    url = f"/api/v1/models/agpl/{verb}"
    async with client.post(url, json={}) as reply:
        problem = await reply.json()
        assert reply.status == 409
        assert problem["details"]["licence"] == "AGPL-3.0"
    async with client.post(url, json={"accept_licence": "AGPL-3.0"}) as reply:
        assert reply.status == (202 if verb == "get" else 200)
    async with client.post(f"/api/v1/models/yunet/{verb}", json={}) as reply:
        assert reply.status in {200, 202}


@pytest.mark.parametrize("verb", ["get", "enable"])
async def test_a_body_without_fields_may_be_left_out(client, verb):
    async with client.post(f"/api/v1/models/yunet/{verb}") as reply:
        assert reply.status in {200, 202}, await reply.text()
    async with client.post(f"/api/v1/models/agpl/{verb}") as reply:
        assert (reply.status, (await reply.json())["details"]["licence"]) == (409, "AGPL-3.0")
    async with client.post(f"/api/v1/models/yunet/{verb}", data=b" ") as reply:
        assert reply.status == 400
    async with client.post("/api/v1/events/e1/feedback") as reply:
        assert (reply.status, (await reply.json())["detail"]) == (400, "the body is not valid JSON")


async def test_the_description_tells_which_body_may_be_left_out(server):
    paths = server.describe()["paths"]
    assert paths["/api/v1/models/{model_id}/get"]["post"]["requestBody"]["required"] is False
    assert paths["/api/v1/events/{event_id}/feedback"]["post"]["requestBody"]["required"] is True
    assert paths["/api/v1/cameras/{camera_id}/frames"]["post"]["requestBody"]["required"] is True


async def test_deeds_are_kept_in_the_audit(client, engine):
    for verb in ("disable", "verify", "load", "unload"):
        async with client.post(f"/api/v1/models/yunet/{verb}") as reply:
            assert reply.status == 200, verb
    async with client.delete("/api/v1/models/yunet") as reply:
        assert await reply.json() == {"id": "yunet", "freed_bytes": 5}
    assert {"model.disable", "model.verify", "model.load", "model.unload", "model.remove"} <= {
        deed.action for deed in engine.audit.deeds
    }
    assert all(deed.target == "yunet" for deed in engine.audit.deeds if deed.action.startswith("model."))


async def test_loading_and_the_like_are_limited_as_work_of_models(server):
    limits = {route.name: route.limit for route in server.routes}
    assert limits["load_model"] == limits["fetch_model"] == "ai"
    assert limits["list_models"] == "general"


async def test_progress_is_told_over_the_websocket(connect, engine):
    peer = await connect()
    await peer.greet()
    engine.models.progress(40)
    while not isinstance(message := await peer.receive(), ModelProgress):
        pass
    assert (message.model_id, message.state) == ("yunet", ModelState.FETCHING)
    assert message.fetch is not None
    assert message.fetch.done_bytes == 40
