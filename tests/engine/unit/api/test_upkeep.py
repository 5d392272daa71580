"""Upkeep over HTTP: copies and clean-ups are audited and limited, histories are read."""

import pytest

from home_sentry_engine.api.limits import Limits
from home_sentry_engine.contract import BackupMade, CleanedUp, ComponentHistory, ComponentState, Problem, decode
from home_sentry_engine.contract.errors import Conflict
from home_sentry_engine.domain.errors import Unavailable
from tests.fakes.api import serving, speaking


async def test_a_backup_and_a_clean_up_on_demand(client, engine):
    async with client.post("/api/v1/system/backup") as response:
        assert response.status == 201
        assert decode(BackupMade, await response.read()).name == "home_sentry-1.db"
    async with client.post("/api/v1/system/cleanup") as response:
        assert response.status == 200
        assert decode(CleanedUp, await response.read()).files == 2
    assert [one.action for one in engine.audit.deeds] == ["system.backup", "system.cleanup"]


@pytest.mark.parametrize(
    ("failure", "status"), [(Conflict("it is a server"), 409), (Unavailable("no room", code="backup_failed"), 503)]
)
async def test_a_backup_that_fails_is_told_and_audited(client, engine, failure, status):
    engine.failure = failure
    async with client.post("/api/v1/system/backup") as response:
        assert response.status == status
        assert decode(Problem, await response.read()).detail == str(failure)
    (deed,) = engine.audit.deeds
    assert (deed.action, deed.outcome) == ("system.backup", failure.code if status == 409 else "unavailable")


async def test_what_became_of_a_component(client):
    async with client.get("/api/v1/system/components/ingest/history") as response:
        items = decode(ComponentHistory, await response.read()).items
        assert [one.state for one in items] == [ComponentState.HEALTHY, ComponentState.DEGRADED]
    async with client.get("/api/v1/system/components/nothing/history") as response:
        assert response.status == 404


@pytest.mark.parametrize("asked", [{"dry_run": True}, {"days": 1}, [1]])
async def test_what_a_body_asks_for_is_not_passed_over_where_none_is_read(client, engine, asked):
    async with client.post("/api/v1/system/cleanup", json=asked) as response:
        assert response.status == 400
        assert "takes no body" in decode(Problem, await response.read()).detail
    assert [one.outcome for one in engine.audit.deeds] == ["invalid_request"]
    async with client.post("/api/v1/system/cleanup", json={}) as response:
        assert response.status == 200


async def test_nobody_fills_the_disk_with_copies(engine):
    async with serving(engine, limits=Limits()) as server, speaking(server) as client:
        statuses = []
        for _ in range(11):
            async with client.post("/api/v1/system/backup") as response:
                statuses.append(response.status)
    assert statuses == [201] * 10 + [429]
