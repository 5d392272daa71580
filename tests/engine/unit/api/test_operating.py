"""Queues, dead letters, components and the audit over HTTP and the WebSocket."""

import aiohttp
import pytest

from home_sentry_engine.contract import AuditPage, DeadJobPage, Dropped, Part, PartList, QueueList, Requeued, decode
from home_sentry_engine.storage.errors import StorageFull
from tests.fakes.api import TOKEN
from tests.fakes.operating import STICKY

PARTS = "/api/v1/system/components"


async def answered(client, method, path, shape, **options):
    async with client.request(method, path, **options) as response:
        assert response.status == 200, await response.text()
        return decode(shape, await response.read())


async def test_queues_and_their_dead_letters(client):
    queues = await answered(client, "GET", "/api/v1/queues", QueueList)
    assert (queues.items[0].pending, queues.items[0].dead) == (2, 3)
    page = await answered(client, "GET", "/api/v1/queues/assess/dead-letters?limit=2", DeadJobPage)
    assert [(job.id, job.queue, job.error_type) for job in page.items] == [
        (3, "assess", "timeout"),
        (2, "assess", "timeout"),
    ]


async def test_put_back_and_drop_one_and_all(client, engine):
    base = "/api/v1/queues/detect/dead-letters"
    assert await answered(client, "POST", f"{base}/3/requeue", Requeued) == Requeued(requeued=1, remaining=2)
    assert await answered(client, "DELETE", f"{base}/2", Dropped) == Dropped(dropped=1)
    assert (await answered(client, "POST", f"{base}/requeue", Requeued)).requeued == 1
    assert engine.queues.letters == [STICKY]
    async with client.delete(f"{base}/2") as response:
        assert response.status == 404
    async with client.get("/api/v1/queues/other/dead-letters") as response:
        assert response.status == 404


async def test_restart_disable_and_enable(client):
    assert [part.component.id for part in (await answered(client, "GET", PARTS, PartList)).items] == ["ingest"]
    assert (await answered(client, "POST", f"{PARTS}/ingest/restart", Part)).restarts == 1
    assert not (await answered(client, "POST", f"{PARTS}/ingest/disable", Part)).enabled
    async with client.post(f"{PARTS}/ingest/restart") as response:
        assert response.status == 409
    assert (await answered(client, "POST", f"{PARTS}/ingest/enable", Part)).enabled
    async with client.post(f"{PARTS}/nothing/restart") as response:
        assert response.status == 404


async def test_what_was_done_and_tried_is_kept(client, engine):
    await answered(client, "POST", f"{PARTS}/ingest/restart", Part)
    async with client.post(f"{PARTS}/nothing/restart") as response:
        failed = response.headers["X-Request-ID"]
    async with client.patch("/api/v1/events/e1", json={"reviewed": True}) as response:
        assert response.status == 200
    async with client.delete("/api/v1/queues/detect/dead-letters/2"):
        pass
    deeds = engine.audit.deeds
    assert [(deed.action, deed.target, deed.outcome) for deed in deeds] == [
        ("component.restart", "ingest", "done"),
        ("component.restart", "nothing", "not_found"),
        ("event.review", "e1", "done"),
        ("dead_letters.drop", "detect/2", "done"),
    ]
    assert deeds[1].request_id == failed
    assert {deed.address for deed in deeds} == {"127.0.0.1"}
    page = await answered(client, "GET", "/api/v1/audit?limit=2", AuditPage)
    assert [entry.action for entry in page.items] == ["dead_letters.drop", "event.review"]


async def test_reads_leave_no_trace(client, engine):
    for path in ("/api/v1/queues", PARTS, "/api/v1/audit", "/api/v1/events"):
        async with client.get(path) as response:
            assert response.status == 200
    assert engine.audit.deeds == []


async def test_a_wrong_token_is_kept_without_the_token(server, engine):
    wrong = "guess" + "x" * 40
    async with aiohttp.ClientSession(server.url) as session:
        async with session.get("/api/v1/info", headers={"Authorization": f"Bearer {wrong}"}) as response:
            assert response.status == 401
        async with session.get("/api/v1/info") as response:
            assert response.status == 401
    assert [(deed.actor, deed.action) for deed in engine.audit.deeds] == [("stranger", "token.refused")]
    assert wrong not in repr(engine.audit.deeds)


async def test_a_wrong_token_over_the_websocket_is_kept_and_a_review_too(server, engine):
    async with aiohttp.ClientSession(server.url) as session:
        for token in ("wrong" * 10, TOKEN):
            async with session.ws_connect("/api/v1/ws") as socket:
                hello = await socket.receive_json()
                await socket.send_json({"type": "auth", "token": token, "schema": hello["schema"]})
                if token != TOKEN:
                    assert (await socket.receive_json())["type"] == "auth_failed"
                    continue
                command = {"id": 1, "type": "command", "name": "review_event", "deadline_s": 5}
                await socket.send_json(command | {"args": {"event_id": "e1", "reviewed": True}})
                while (await socket.receive_json())["type"] != "result":
                    pass
    assert [deed.action for deed in engine.audit.deeds] == ["token.refused", "event.review"]


@pytest.mark.parametrize("failure", [StorageFull("full"), OSError("gone")])
async def test_an_audit_that_cannot_be_written_stops_nobody(client, engine, failure):
    engine.audit.failure = failure
    assert (await answered(client, "POST", f"{PARTS}/ingest/restart", Part)).restarts == 1
