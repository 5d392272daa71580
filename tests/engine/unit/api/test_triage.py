"""People's dealings with events, and deeds about parts and jobs, over REST and the WebSocket."""

from dataclasses import replace
from datetime import timedelta

import pytest

from home_sentry_engine.contract import (
    BulkReviewed,
    Command,
    DeadJobPage,
    Dropped,
    Event,
    EventDetail,
    EventPage,
    Feedback,
    FeedbackKind,
    Part,
    PartList,
    Requeued,
    decode,
    from_plain,
)
from home_sentry_engine.storage.query import EventQuery
from tests.fakes.clock import START

LATER = START + timedelta(hours=3)


@pytest.fixture
def ended(engine) -> None:
    engine.events["e1"] = replace(engine.events["e1"], ended_at=START)


@pytest.fixture
async def ask(connect):
    peer = await connect()
    await peer.greet()
    numbers = iter(range(1, 100))

    async def command(name, **args):
        await peer.send(Command(id=next(numbers), name=name, args=args))
        answer = await peer.receive()
        while answer.type != "result":
            answer = await peer.receive()
        return answer

    return command


async def called(client, method, path, shape, *, status=200, **options):
    async with client.request(method, path, **options) as response:
        assert response.status == status, await response.text()
        return decode(shape, await response.read()) if shape else None


async def test_marks_of_one_event(engine, client):
    body = {"flagged": True, "favourite": True, "snoozed_until": LATER.isoformat(), "notes": "hers", "user": "anna.b"}
    changed = await called(client, "PATCH", "/api/v1/events/e1", Event, json=body)
    assert (changed.flagged, changed.favourite, changed.snoozed_until) == (True, True, LATER)
    detail = await called(client, "GET", "/api/v1/events/e1", EventDetail)
    assert detail.reviewed_by == ("anna.b",)
    assert [hop.hop for hop in detail.hops] == ["file"]
    for wrong in ({"user": "anna"}, {"flagged": None}, {"snoozed_until": "soon"}, {"flagged": True, "user": "a b"}):
        await called(client, "PATCH", "/api/v1/events/e1", None, status=400, json=wrong)


async def test_lists_are_filtered_by_marks(engine, client, monkeypatch):
    asked: list[EventQuery] = []
    page_of = engine.catalogue.events_page

    async def remember(query):
        asked.append(query)
        return await page_of(query)

    monkeypatch.setattr(engine.catalogue, "events_page", remember)
    await called(client, "GET", "/api/v1/events?flagged=true&favourite=false", EventPage)
    assert (asked[0].flagged, asked[0].favourite) == (True, False)


async def test_many_events_at_once(engine, client):
    body = {"event_ids": ["e1", "e2", "e9"], "reviewed": True, "user": "anna"}
    done = await called(client, "POST", "/api/v1/events/review", BulkReviewed, json=body)
    assert done == BulkReviewed(changed=2, missing=("e9",))
    assert [engine.events[one].reviewed for one in ("e1", "e2", "e3")] == [True, True, False]
    most = {"event_ids": [f"e{number}" for number in range(500)], "flagged": True}
    assert (await called(client, "POST", "/api/v1/events/review", BulkReviewed, json=most)).changed == 3
    for ids in ([], ["e1"] * 501, ["../e1"]):
        wrong = {"event_ids": ids, "reviewed": True}
        await called(client, "POST", "/api/v1/events/review", None, status=400, json=wrong)
    await called(client, "POST", "/api/v1/events/review", None, status=400, json={"event_ids": ["e1"]})


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"kind": "correct"}, 201),
        ({"kind": "this_is", "subject": "Ann"}, 201),
        ({"kind": "this_is"}, 400),
        ({"kind": "not_this", "subject": " "}, 400),
        ({"kind": "correct", "subject": "Ann"}, 400),
        ({"kind": "unknown"}, 400),
        ({"kind": "missed", "comment": "x" * 1001}, 400),
        ({}, 400),
    ],
)
async def test_feedback(engine, client, body, status):
    said = await called(
        client, "POST", "/api/v1/events/e1/feedback", Feedback if status == 201 else None, status=status, json=body
    )
    assert (said is not None) == bool(engine.triage.said)
    if said:
        assert said.kind.value == body["kind"]
        detail = await called(client, "GET", "/api/v1/events/e1", EventDetail)
        assert detail.feedback == (said,)
    await called(client, "POST", "/api/v1/events/e9/feedback", None, status=404, json={"kind": "correct"})


async def test_the_trash(engine, client):
    await called(client, "DELETE", "/api/v1/events/e1", None, status=409)
    engine.events["e1"] = replace(engine.events["e1"], ended_at=START)
    assert (await called(client, "DELETE", "/api/v1/events/e1", Event)).deleted_at == START
    await called(client, "GET", "/api/v1/events/e1", None, status=404)
    page = await called(client, "GET", "/api/v1/events/trash?limit=5", EventPage)
    assert [event.event_id for event in page.items] == ["e1"]
    assert (await called(client, "POST", "/api/v1/events/e1/restore", Event)).deleted_at is None
    await called(client, "POST", "/api/v1/events/e1/restore", None, status=404)
    await called(client, "DELETE", "/api/v1/events/e9", None, status=404)
    deeds = [(deed.action, deed.outcome) for deed in engine.audit.deeds]
    assert deeds == [
        ("event.delete", "conflict"),
        ("event.delete", "done"),
        ("event.restore", "done"),
        ("event.restore", "not_found"),
        ("event.delete", "not_found"),
    ]


@pytest.mark.usefixtures("ended")
async def test_the_same_as_commands(engine, ask):
    assert (await ask("review_event", event_id="e1", flagged=True, user="anna")).data["flagged"]
    many = await ask("review_events", event_ids=["e1", "e9"], favourite=True, user="anna")
    assert from_plain(BulkReviewed, many.data) == BulkReviewed(changed=1, missing=("e9",))
    said = await ask("give_feedback", event_id="e1", kind="false_positive", user="anna")
    assert from_plain(Feedback, said.data).kind is FeedbackKind.FALSE_POSITIVE
    assert (await ask("delete_event", event_id="e1", user="anna")).data["deleted_at"]
    trash = from_plain(EventPage, (await ask("list_trash", limit=5)).data)
    assert [event.event_id for event in trash.items] == ["e1"]
    assert (await ask("restore_event", event_id="e1", user="anna")).data["deleted_at"] is None
    for name in ("give_feedback", "delete_event", "restore_event"):
        refused = await ask(name, event_id="e9", **({"kind": "correct"} if name == "give_feedback" else {}))
        assert (refused.ok, refused.code) == (False, "not_found")
    assert (await ask("review_events", event_ids=["e1"])).code == "invalid_request"
    assert {deed.actor for deed in engine.audit.deeds if deed.outcome == "done"} == {"user anna"}


async def test_parts_and_given_up_jobs_as_commands(engine, ask):
    parts = from_plain(PartList, (await ask("list_components")).data)
    assert [part.component.id for part in parts.items] == ["ingest"]
    assert from_plain(Part, (await ask("restart_component", component_id="ingest", user="anna")).data).restarts == 1
    assert not from_plain(Part, (await ask("disable_component", component_id="ingest")).data).enabled
    assert (await ask("restart_component", component_id="ingest")).code == "conflict"
    assert from_plain(Part, (await ask("enable_component", component_id="ingest")).data).enabled
    assert (await ask("enable_component", component_id="nothing")).code == "not_found"
    letters = from_plain(DeadJobPage, (await ask("list_dead_letters", queue="detect", limit=2)).data)
    assert [job.id for job in letters.items] == [3, 2]
    one = await ask("requeue_dead_letters", queue="detect", letter_id=3)
    assert from_plain(Requeued, one.data) == Requeued(requeued=1, remaining=2)
    assert (await ask("drop_dead_letters", queue="detect", letter_id=3)).code == "not_found"
    assert from_plain(Dropped, (await ask("drop_dead_letters", queue="detect", letter_id=2)).data).dropped == 1
    assert from_plain(Requeued, (await ask("requeue_dead_letters", queue="detect")).data).requeued == 1
    assert (await ask("list_dead_letters", queue="other")).code == "invalid_request"
    assert ("component.restart", "user anna") in {(deed.action, deed.actor) for deed in engine.audit.deeds}
