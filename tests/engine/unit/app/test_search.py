"""Search over HTTP before a real database of either kind: the same request finds the same events in the same order."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import aiohttp
import pytest

from home_sentry_engine.app.catalogue import StoredCatalogue
from home_sentry_engine.app.parts import make_queue, make_tables
from home_sentry_engine.contract import Event, RiskLevel
from home_sentry_engine.settings import load_settings
from home_sentry_engine.storage.database import Database, sqlite_url
from tests.fakes.api import FakeEngine, serving, speaking
from tests.fakes.clock import START, FakeClock
from tests.fakes.records import event

SEARCH = "/api/v1/events/search"


def told(event_id: str, minute: int, summary: str, **fields) -> Event:
    return replace(event(event_id, at=START + timedelta(minutes=minute)), summary=summary, **fields)


EVENTS = (
    told("ring", 1, "A person rings at the door"),
    told("lurk", 2, "Somebody waits", reasoning="A person stands at the door for long", risk_level=RiskLevel.HIGH),
    told("dog", 3, "A dog runs", object_types=("dog",), camera_id="back_yard", camera_name="Back Yard"),
    told("van", 4, "A person brings a parcel", object_types=("person", "truck"), reviewed=True, flagged=True),
)


@pytest.fixture(params=["sqlite", "postgres"])
async def client(request, tmp_path) -> AsyncIterator[aiohttp.ClientSession]:
    clock = FakeClock()
    url = sqlite_url(tmp_path / "engine.db")
    if request.param == "postgres":
        url = await request.getfixturevalue("postgres_server").migrated()
    settings = load_settings(data=tmp_path, environment={})
    async with Database(url, clock) as database:
        tables = make_tables(settings, clock, make_queue(settings.storage, database, clock, "engine"))

        def fill(conn) -> None:
            for camera_id, name in (("front_door", "Front Door"), ("back_yard", "Back Yard")):
                tables.cameras.ensure(conn, camera_id=camera_id, name=name, folder=camera_id, now=START)
            for one in EVENTS:
                tables.events.insert(conn, one)

        await database.write(fill)
        engine = FakeEngine(clock)
        engine.catalogue = StoredCatalogue(database, tables)
        async with serving(engine) as server, speaking(server) as session:
            yield session


FOUND: tuple[tuple[dict[str, str], list[str]], ...] = (
    ({"q": "person"}, ["van", "lurk", "ring"]),
    ({"q": '"at the door"', "order": "rank"}, ["ring", "lurk"]),
    ({"q": '"at the door"'}, ["lurk", "ring"]),
    ({"q": "(dog OR parcel) NOT truck"}, ["dog"]),
    ({"q": "yard"}, ["dog"]),
    ({"q": "pers*", "level": "high"}, ["lurk"]),
    ({"q": "a", "camera": "back_yard"}, ["dog"]),
    ({"q": "person", "object": "truck"}, ["van"]),
    ({"q": "person", "reviewed": "false"}, ["lurk", "ring"]),
    ({"q": "person", "flagged": "true"}, ["van"]),
    ({"q": "person", "favourite": "true"}, []),
    ({"q": "person", "since": (START + timedelta(minutes=2)).isoformat()}, ["van", "lurk"]),
    ({"q": "person", "until": (START + timedelta(minutes=2)).isoformat()}, ["ring"]),
    ({"q": "Robert'; DROP TABLE events;--"}, []),
)


async def test_words_and_filters(client):
    for query, found in FOUND:
        async with client.get(SEARCH, params={**query, "total": "true"}) as response:
            body = await response.json()
        assert response.status == 200, body
        assert [one["event_id"] for one in body["items"]] == found, query
        assert (body["total"], body["total_capped"]) == (len(found), False)


@pytest.mark.parametrize("order", ["newest", "rank"])
async def test_pages_follow_each_other_and_belong_to_their_search(client, order):
    seen, cursor = [], None
    while True:
        query = {"q": '"at the door"', "limit": "1", "order": order} | ({"cursor": cursor} if cursor else {})
        async with client.get(SEARCH, params=query) as response:
            body = await response.json()
        seen += [one["event_id"] for one in body["items"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
        async with client.get(SEARCH, params={**query, "q": "dog", "cursor": cursor}) as response:
            assert (response.status, (await response.json())["details"]) == (400, {"field": "cursor"})
    assert seen == (["lurk", "ring"] if order == "newest" else ["ring", "lurk"])


async def test_a_malformed_search_is_never_the_databases_error(client):
    for query, position in (('"dog', 0), ("dog AND", 7), ("event_index:dog NEAR(", 21)):
        async with client.get(SEARCH, params={"q": query}) as response:
            body = await response.json()
            assert (response.status, body["details"]) == (400, {"field": "q", "position": position}), body
