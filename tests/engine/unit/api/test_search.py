"""Search over HTTP and as a command: what is found, what is not understood, how often one may ask."""

from dataclasses import replace

import pytest

from home_sentry_engine.api.limits import Limits
from home_sentry_engine.contract import EventMatches, Problem, RiskLevel, decode, from_plain
from tests.fakes.api import FakeEngine, serving, speaking
from tests.fakes.peer import Peer

SEARCH = "/api/v1/events/search"


@pytest.fixture(autouse=True)
def told(engine: FakeEngine) -> None:
    engine.events["e2"] = replace(engine.events["e2"], summary="A dog in the yard", risk_level=RiskLevel.HIGH)


async def matches(client, **query) -> EventMatches:
    async with client.get(SEARCH, params=query) as response:
        assert response.status == 200, await response.text()
        return decode(EventMatches, await response.read())


async def test_events_are_found_by_their_words(client):
    found = await matches(client, q="person OR dog", total="true")
    assert [one.event_id for one in found.items] == ["e3", "e2", "e1"]
    assert (found.total, found.total_capped) == (3, False)
    assert [one.event_id for one in (await matches(client, q="a NOT person")).items] == ["e2"]


async def test_filters_and_pages_hold_for_matches(client):
    assert [one.event_id for one in (await matches(client, q="a", level="high")).items] == ["e2"]
    first = await matches(client, q="person", limit="1", order="rank")
    second = await matches(client, q="person", limit="1", order="rank", cursor=first.next_cursor)
    assert [one.event_id for one in (*first.items, *second.items)] == ["e3", "e1"]
    assert second.next_cursor is None


@pytest.mark.parametrize(
    ("query", "position"), [("dog OR", 6), ('a "dog', 2), ("(dog", 0), ("dog)", 3), ("NOT dog", 0), ("", 0)]
)
async def test_what_is_not_understood_is_told_with_its_place(client, query, position):
    async with client.get(SEARCH, params={"q": query}) as response:
        problem = decode(Problem, await response.read())
        assert (response.status, problem.code) == (400, "invalid_request")
        assert problem.details == {"field": "q", "position": position}
        assert str(position) in problem.detail


@pytest.mark.parametrize("query", [{}, {"q": "a" * 513}, {"q": "dog", "order": "best"}, {"q": "dog", "what": "else"}])
async def test_other_parameters_are_refused(client, query):
    async with client.get(SEARCH, params=query) as response:
        assert response.status == 400


async def test_a_client_searches_by_command(connect):
    peer = await connect()
    await peer.greet()
    result = await peer.ask("search_events", {"q": "dog", "total": True})
    assert result.ok
    assert [one.event_id for one in from_plain(EventMatches, result.data).items] == ["e2"]
    refused = await peer.ask("search_events", {"q": "dog AND"}, number=2)
    assert (refused.code, refused.details) == ("invalid_request", {"field": "q", "position": 7})


async def test_searches_are_counted_as_searches_over_both_ways(engine):
    async with serving(engine, limits=Limits()) as server, speaking(server) as client:
        for _ in range(30):
            await matches(client, q="dog")
        async with client.get(SEARCH, params={"q": "dog"}) as response:
            assert response.status == 429
            assert decode(Problem, await response.read()).details["limit"] == "search"
        async with client.ws_connect("/api/v1/ws") as socket:
            peer = Peer(socket)
            await peer.greet()
            assert (await peer.ask("search_events", {"q": "dog"})).code == "rate_limited"
            assert (await peer.ask("list_events", number=2)).ok
