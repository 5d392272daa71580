"""A change that comes twice with one key: made once, and told that another body is another request."""

from home_sentry_engine.contract import Problem, decode

KEY = {"Idempotency-Key": "the one and only"}


async def test_a_change_with_a_key_is_made_once(client, engine):
    async with client.post("/api/v1/cameras", json={"name": "Garage"}) as response:
        assert response.status == 201
    for replayed in (None, "true"):
        async with client.patch("/api/v1/cameras/garage", json={"name": "Old"}, headers=KEY) as response:
            assert (response.status, response.headers.get("Idempotency-Replayed")) == (200, replayed)
            assert (await response.json())["name"] == "Old"
    async with client.patch("/api/v1/cameras/garage", json={"name": "New"}, headers=KEY) as response:
        assert decode(Problem, await response.read()).status == 409
    changes = [deed for deed in engine.audit.deeds if deed.action == "camera.change"]
    assert [deed.outcome for deed in changes] == ["done", "conflict"]
    async with client.get("/api/v1/cameras/garage") as response:
        assert (await response.json())["name"] == "Old"
