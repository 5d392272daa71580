"""Refused files over HTTP and as a command: which, when and why."""

import pytest

from home_sentry_engine.api.limits import Limits
from home_sentry_engine.contract import RejectionPage, decode, from_plain
from tests.fakes.api import serving, speaking

REFUSED = "/api/v1/media/rejections"


async def refused(client, **query) -> RejectionPage:
    async with client.get(REFUSED, params=query) as response:
        assert response.status == 200, await response.text()
        return decode(RejectionPage, await response.read())


async def test_refused_files_are_listed_with_their_names_and_reasons(client):
    page = await refused(client, limit="1", total="true")
    assert [(one.name, one.reason, one.camera_id) for one in page.items] == [("2.jpg", "empty", "front_door")]
    assert page.total == 2
    assert [one.name for one in (await refused(client, cursor=page.next_cursor)).items] == ["1.jpg"]
    assert [one.name for one in (await refused(client, reason="corrupt")).items] == ["1.jpg"]


@pytest.mark.parametrize("query", [{"reason": "ugly"}, {"limit": "0"}, {"cursor": "x"}, {"state": "failed"}])
async def test_other_filters_are_refused(client, query):
    async with client.get(REFUSED, params=query) as response:
        assert response.status == 400


async def test_a_client_lists_them_by_command(connect):
    peer = await connect()
    await peer.greet()
    result = await peer.ask("list_rejections", {"reason": "empty"})
    assert [one.name for one in from_plain(RejectionPage, result.data).items] == ["2.jpg"]


async def test_lists_are_counted_as_searches(engine):
    async with serving(engine, limits=Limits()) as server, speaking(server) as client:
        statuses = []
        for _ in range(31):
            async with client.get(REFUSED) as response:
                statuses.append(response.status)
    assert statuses == [200] * 30 + [429]
