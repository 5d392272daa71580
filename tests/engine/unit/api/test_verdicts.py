"""A person wants a verdict anew: over HTTP and as a command, audited and limited."""

from home_sentry_engine.api.limits import Limits
from home_sentry_engine.contract import EventQuestions, Problem, Reassessment, decode, from_plain
from home_sentry_engine.domain.errors import Permanent, Transient
from tests.fakes.api import serving, speaking

AGAIN = "/api/v1/events/e1/reassess"


async def test_an_event_is_queued_for_another_verdict(client, engine):
    async with client.post(AGAIN) as response:
        assert response.status == 202
        assert decode(Reassessment, await response.read()) == Reassessment(event_id="e1", revision=1, risk_score=20)
    assert engine.verdicts.wanted == ["e1"]
    assert [(one.action, one.target) for one in engine.audit.deeds] == [("event.reassess", "e1")]


async def test_a_client_asks_by_command_in_somebodys_name(connect, engine):
    peer = await connect()
    await peer.greet()
    result = await peer.ask("reassess_event", {"event_id": "e1", "user": "anna"})
    assert from_plain(Reassessment, result.data).event_id == "e1"
    assert (await peer.ask("reassess_event", {"event_id": "e9"}, number=2)).code == "not_found"
    first = engine.audit.deeds[0]
    assert (first.actor, first.action) == ("user anna", "event.reassess")


async def test_what_cannot_be_judged_now_or_ever(client, engine):
    async with client.post("/api/v1/events/e9/reassess") as response:
        assert response.status == 404
    for failure, status, reason in (
        (Permanent("nothing is kept", code="nothing_left"), 422, "nothing_left"),
        (Transient("the queue is full", code="queue_full"), 503, "queue_full"),
    ):
        engine.failure = failure
        async with client.post(AGAIN) as response:
            problem = decode(Problem, await response.read())
            assert (response.status, problem.details["reason"]) == (status, reason)
        engine.failure = None


async def test_verdicts_are_counted_as_work_of_models(engine):
    async with serving(engine, limits=Limits()) as server, speaking(server) as client:
        statuses = []
        for _ in range(14):
            async with client.post(AGAIN) as response:
                statuses.append(response.status)
    assert statuses == [202] * 13 + [429]


async def test_what_the_model_was_asked_is_told(client):
    async with client.get("/api/v1/events/e1/prompt") as response:
        assert response.status == 200
        told = decode(EventQuestions, await response.read())
    assert (told.event_id, [one.prompt for one in told.items]) == ("e1", ["Who is it?"])
    async with client.get("/api/v1/events/e9/prompt") as response:
        assert response.status == 404
