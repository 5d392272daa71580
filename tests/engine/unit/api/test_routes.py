"""What the routes answer."""

from dataclasses import replace
from datetime import UTC, datetime
import io

import aiohttp
import pytest

from home_sentry_engine.api.limits import Limits
from home_sentry_engine.api.routing import Router
from home_sentry_engine.contract import (
    Box,
    Camera,
    CameraPage,
    DetectionDetailPage,
    DetectionPage,
    Enrichment,
    EnrichmentFinding,
    EnrichmentStatus,
    EnrichmentStep,
    Event,
    EventDetail,
    EventPage,
    Info,
    Media,
    MediaPage,
    Problem,
    RegionKind,
    RiskLevel,
    Status,
    StepOutcome,
    decode,
)
from home_sentry_engine.domain.errors import Permanent, Transient, Unavailable
from home_sentry_engine.storage.errors import StaleRevision, StorageBusy
from home_sentry_engine.storage.query import EventQuery, Page
from tests.fakes.api import FakeEngine, serving, speaking
from tests.fakes.catalogue import FakeCatalogue
from tests.fakes.clock import FakeClock


async def problem_of(response: aiohttp.ClientResponse) -> Problem:
    assert response.content_type == "application/problem+json"
    problem = decode(Problem, await response.read())
    assert problem.status == response.status
    assert problem.request_id == response.headers["X-Request-ID"]
    return problem


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("info", Info),
        ("status", Status),
        ("cameras", CameraPage),
        ("cameras/front_door", Camera),
        ("media", MediaPage),
        ("media/m1", Media),
        ("detections", DetectionPage),
        ("events", EventPage),
        ("events/e1", Event),
        ("events/e1/detections", DetectionPage),
    ],
)
async def test_reads_answer_with_the_contracts_records(client, path, shape):
    async with client.get(f"/api/v1/{path}") as response:
        assert response.status == 200
        assert response.content_type == "application/json"
        assert decode(shape, await response.read())


@pytest.mark.parametrize(
    "path",
    [
        "cameras/back_yard",
        "cameras/back_yard/latest.jpg",
        "media/m9",
        "media/m9/picture.jpg",
        "media/m9/thumbnail.jpg",
        "events/e9",
        "events/e9/thumbnail.jpg",
        "events/e9/snapshot.jpg",
        "detections/99/picture.jpg",
        "detections/99/thumbnail.jpg",
        "events/e9/detections",
        "nothing",
        "events/e1/",
        "events//",
    ],
)
async def test_what_does_not_exist_is_404(client, path):
    async with client.get(f"/api/v1/{path}") as response:
        assert response.status == 404
        assert (await problem_of(response)).code == "not_found"


@pytest.mark.parametrize(
    ("method", "allowed"), [("PUT", "DELETE, GET, HEAD, PATCH"), ("POST", "DELETE, GET, HEAD, PATCH")]
)
async def test_a_wrong_method_names_the_right_ones(client, method, allowed):
    async with client.request(method, "/api/v1/events/e1") as response:
        assert response.status == 405
        assert response.headers["Allow"] == allowed
        assert (await problem_of(response)).code == "method_not_allowed"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=%D9%A1", "limit"),
        ("since=yesterday", "since"),
        ("level=awful", "level"),
        ("reviewed=maybe", "reviewed"),
        ("camera=Front%20Door", "camera"),
        ("cursor=%00", "cursor"),
        ("cursor=someone-elses", "cursor"),
        ("limit=5&limit=6", "limit"),
    ],
)
async def test_a_wrong_parameter_is_named(client, query, field):
    async with client.get(f"/api/v1/events?{query}") as response:
        assert response.status == 400
        problem = await problem_of(response)
        assert problem.code == "invalid_request"
        assert problem.details["field"] == field


async def test_an_unknown_parameter_is_refused_with_the_known_ones(client):
    async with client.get("/api/v1/events", params={"colour": "red"}) as response:
        problem = await problem_of(response)
    assert response.status == 400
    assert "level" in problem.details["known"]


async def test_lists_are_paged_with_a_cursor_and_counted_on_demand(client):
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(5):
        params = {"limit": "2", "total": "true"} | ({"cursor": cursor} if cursor else {})
        async with client.get("/api/v1/events", params=params) as response:
            page = decode(EventPage, await response.read())
        assert page.total == 3
        seen += [event.event_id for event in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == ["e3", "e2", "e1"]
    async with client.get("/api/v1/events") as response:
        assert decode(EventPage, await response.read()).total is None


class ListeningCatalogue(FakeCatalogue):
    def __init__(self, engine: FakeEngine) -> None:
        super().__init__(engine)
        self.heard: list[EventQuery] = []

    async def events_page(self, query: EventQuery) -> Page[Event]:
        self.heard.append(query)
        return await super().events_page(query)


async def test_filters_reach_the_query(engine, client):
    catalogue = engine.catalogue = ListeningCatalogue(engine)
    async with serving(engine) as server:
        url = (
            f"{server.url}/api/v1/events?camera=front_door&level=high&object=person&reviewed=false&ongoing=true&limit=7"
            "&since=2026-11-20T10:00:00+02:00&until=2026-11-21T00:00:00Z"
        )
        async with client.get(url) as response:
            assert response.status == 200
    assert catalogue.heard == [
        EventQuery(
            camera_id="front_door",
            level=RiskLevel.HIGH,
            object_type="person",
            reviewed=False,
            ongoing=True,
            limit=7,
            since=datetime(2026, 11, 20, 8, tzinfo=UTC),
            until=datetime(2026, 11, 21, tzinfo=UTC),
        )
    ]


async def test_cameras_are_filtered_by_state(client):
    for status, count in (("online", 1), ("blind", 0)):
        async with client.get("/api/v1/cameras", params={"status": status}) as response:
            assert len(decode(CameraPage, await response.read()).items) == count


async def test_a_review_changes_the_event_and_is_announced(engine, client):
    async with client.patch("/api/v1/events/e1", json={"reviewed": True, "notes": "the <b>postman</b>"}) as response:
        assert response.status == 200
        event = decode(Event, await response.read())
    assert (event.reviewed, event.notes) == (True, "the <b>postman</b>")
    assert engine.feed.last == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b"{}",
        b'{"reviewed": null}',
        b'{"reviewed": "true"}',
        b'{"reviewed": 1}',
        b'{"notes": 5}',
        b'{"notes": "' + b"x" * 4001 + b'"}',
        b'{"notes": "a\\u0000b"}',
        b'{"reviewed": true, "risk_score": 0}',
        b'{"reviewed": true}\xff',
        b"[" * 100_000,
    ],
)
async def test_a_wrong_body_is_400(engine, client, body):
    headers = {"Content-Type": "application/json"}
    async with client.patch("/api/v1/events/e1", data=body, headers=headers) as response:
        assert response.status == 400
        assert (await problem_of(response)).code == "invalid_request"
    assert engine.feed.last == 0


async def test_a_body_of_another_type_is_415_and_one_too_large_413(client):
    plain = {"Content-Type": "text/plain"}
    async with client.patch("/api/v1/events/e1", data=b"reviewed=1", headers=plain) as response:
        assert response.status == 415
    big = io.BytesIO(b'{"notes": "' + b"x" * (1024 * 1024) + b'"}')
    async with client.patch("/api/v1/events/e1", data=big, headers={"Content-Type": "application/json"}) as response:
        assert response.status == 413
        assert (await problem_of(response)).details == {"limit_bytes": 1024 * 1024}


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (Unavailable("the detector is down", code="gpu", retry_after_s=7), 503, "unavailable"),
        (Transient("try again"), 503, "unavailable"),
        (Permanent("never works"), 422, "unprocessable"),
        (StorageBusy("waiting"), 503, "unavailable"),
        (StaleRevision("newer"), 409, "conflict"),
        (TimeoutError(), 504, "deadline"),
        (RuntimeError("secret /data/path"), 500, "internal"),
        (KeyError("/data/other"), 500, "internal"),
    ],
)
async def test_failures_inside_are_told_in_the_documented_shape(engine, client, caplog, failure, status, code):
    engine.failure = failure
    async with client.get("/api/v1/cameras") as response:
        assert response.status == status
        text = await response.text()
        problem = await problem_of(response)
    assert problem.code == code
    assert "/data" not in text
    assert "Traceback" not in text
    if code == "internal":
        assert any(record.levelname == "ERROR" and record.exc_info for record in caplog.records)
    waits = {"gpu": "7", "transient": "5"}
    assert response.headers.get("Retry-After") == waits.get(problem.details.get("reason", ""))


async def test_head_answers_without_a_body(client):
    async with client.head("/api/v1/events") as response:
        assert response.status == 200
        assert int(response.headers["Content-Length"]) > 100
        assert await response.read() == b""


async def test_every_answer_names_its_request_and_forbids_browsers_to_do_anything(client, stranger):
    ids = set()
    for session, path in ((client, "/api/v1/info"), (client, "/nothing"), (stranger, "/"), (stranger, "/api/v1/info")):
        async with session.get(path, headers={"Origin": "https://example.com"}) as response:
            ids.add(response.headers["X-Request-ID"])
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in response.headers["Content-Security-Policy"]
            assert response.headers["Cache-Control"] == "no-store"
            assert "aiohttp" not in response.headers["Server"]
            assert not any(name.lower().startswith("access-control") for name in response.headers)
    assert len(ids) == 4


async def test_metrics_name_routes_not_paths(client):
    async with client.get("/api/v1/events/e1"), client.get("/nothing/secret-name"):
        pass
    async with client.get("/metrics") as response:
        assert response.status == 200
        assert response.headers["Content-Type"].startswith("text/plain")
        text = await response.text()
    assert 'home_sentry_http_request_seconds_count{route="get_event",method="GET",status="200"} 1' in text
    assert "secret-name" not in text
    assert "/api" not in text


async def test_a_caller_is_told_when_to_come_back():
    clock = FakeClock()
    engine = FakeEngine(clock=clock)
    async with serving(engine, limits=Limits()) as server, speaking(server) as session:

        async def statuses(path: str, count: int, address: str = "192.0.2.1") -> list[int]:
            found = []
            for _ in range(count):
                async with session.get(path, headers={"X-Forwarded-For": address}) as response:
                    found.append(response.status)
            return found

        assert await statuses("/api/v1/info", 72) == [200] * 70 + [429] * 2
        # other classes, other callers and the open paths go on
        assert await statuses("/api/v1/events", 1) == [200]
        assert await statuses("/api/v1/info", 1, "192.0.2.2") == [200]
        assert await statuses("/health", 3) == [200] * 3
        async with session.get("/api/v1/info", headers={"X-Forwarded-For": "192.0.2.1"}) as response:
            assert response.headers["Retry-After"] == "60"
            assert (await problem_of(response)).code == "rate_limited"
        clock.tick(60)
        assert await statuses("/api/v1/info", 71) == [200] * 70 + [429]


async def test_slow_answers_end_at_their_deadline(engine, server, client):
    server._router = Router(replace(route, deadline_s=0.05) for route in server.routes)
    engine.delay_s = 3600
    async with client.get("/api/v1/cameras") as response:
        assert response.status == 504
        assert (await problem_of(response)).code == "deadline"


async def test_an_event_shows_what_models_found_and_what_nobody_looked_at(client, engine):
    face = EnrichmentFinding(
        about="faces", model_id="yunet", confidence=0.9, subject=1, detection_id=1, box=Box(x=5, y=6, width=7, height=8)
    )
    pose = EnrichmentFinding(about="pose", model_id="movenet", value={"posture": "standing"}, detection_id=1)
    engine.enrichments["e1"] = Enrichment(
        status=EnrichmentStatus.PARTIAL,
        at=datetime(2026, 11, 20, 12, tzinfo=UTC),
        success_rate=0.5,
        steps=(EnrichmentStep(about="plates", outcome=StepOutcome.SKIPPED, reason="no vehicle was seen"),),
        findings=(face, pose),
    )
    async with client.get("/api/v1/events/e1") as response:
        shown = decode(EventDetail, await response.read())
    assert shown.event_id == "e1"
    assert shown.enrichment == engine.enrichments["e1"]
    async with client.get("/api/v1/events/e1/detections") as response:
        page = decode(DetectionDetailPage, await response.read())
    first = next(one for one in page.items if one.id == 1)
    assert first.attributes == {"pose": {"posture": "standing", "confidence": None, "model_id": "movenet"}}
    (region,) = first.regions
    assert (region.kind, region.box, region.model_id) == (RegionKind.FACE, face.box, "yunet")
    assert all(one.attributes == {} and one.regions == () for one in page.items if one.id != 1)


async def test_an_event_that_nobody_looked_at_closely_says_so(client):
    async with client.get("/api/v1/events/e1") as response:
        assert decode(EventDetail, await response.read()).enrichment is None
