"""Alerts when many are evaluated at once, and the rules by which fault tests find what is wrong with alerts."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from home_sentry_engine.app.alerting import keep_evaluation
from home_sentry_engine.app.rules import StoredAlerts
from home_sentry_engine.contract import AlertDecision
from home_sentry_engine.storage.database import Database
from home_sentry_engine.storage.repositories.raised import AlertQuery
from tests.engine.faults.invariants import alert_rules
from tests.engine.unit.app.test_rules import CRITICAL, HIGH, evaluations, graded, listed, visit
from tests.fakes.household import household


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as opened:
        yield opened


@pytest.fixture
def alerts(home) -> StoredAlerts:
    return StoredAlerts(home.database, home.tables, home.clock, home._announced)


async def test_twenty_parallel_evaluations_give_one_alert(home, alerts):
    first = await visit(home)
    copies = [replace(first, event_id=f"e{n}", batch_id=f"b{n}", revision=1, risk_level=HIGH) for n in range(20)]
    await asyncio.gather(*(home.store.write(lambda tx, one=one: tx.events.insert(one)) for one in copies))
    assert len(await listed(alerts)) == 1
    decisions = [(await evaluations(home, one))[-1].decision for one in copies]
    assert sorted(decisions) == [AlertDecision.DUE, *[AlertDecision.IN_COOLDOWN] * 19]
    stats = await alerts.stats(None)
    assert (stats.alerts, stats.suppressed, stats.duplicate_ratio) == (1, 19, 0.95)
    assert stats.by_camera == {"door": 1}
    assert len(stats.recent) == 1


async def test_twenty_parallel_evaluations_of_several_engines_give_one_alert(postgres_server, tmp_path):
    url = await postgres_server.migrated()
    async with AsyncExitStack() as stack:
        home = await stack.enter_async_context(household(tmp_path))
        databases = [await stack.enter_async_context(Database(url, home.clock)) for _ in range(4)]

        def prepare(conn) -> None:
            home.tables.cameras.ensure(
                conn, camera_id="door", name="Door", folder="door", now=home.clock.steady() - timedelta(days=30)
            )
            media, arrival = home.arrival_from("Door", "door", "m1")
            del arrival
            home.tables.media.insert(conn, media, source_key=None, origin="folder")

        await databases[0].write(prepare)
        seen = await visit(home)
        copies = [
            replace(seen, event_id=f"e{n}", batch_id=f"b{n}", media_id="m1", revision=1, risk_level=HIGH)
            for n in range(20)
        ]

        async def store(number: int) -> None:
            def work(conn) -> None:
                home.tables.events.insert(conn, copies[number])
                keep_evaluation(conn, home.tables, copies[number], home.clock.steady())

            await databases[number % 4].write(work)

        await asyncio.gather(*(store(number) for number in range(20)))
        page = await databases[0].read(lambda conn: home.tables.alerting.raised.page(conn, AlertQuery()))
        assert len(page.items) == 1


async def test_the_rules_of_the_fault_tests_find_what_is_wrong_with_alerts(home, alerts):
    for level in (HIGH, CRITICAL):
        await graded(home, await visit(home), level)
        await home.pass_time(120)
    queries = alert_rules(span="1000000", text="json_extract(CAST(o.body AS TEXT), '$.id')")

    async def wrong() -> set[str]:
        def work(conn) -> set[str]:
            return {name for name, query in queries.items() if conn.execute(sa.text(query)).first() is not None}

        return await home.database.read(work)

    async def change(statement: str) -> None:
        await home.database.write(lambda conn: conn.execute(sa.text(statement)))

    assert len(await listed(alerts)) == 2
    assert await wrong() == set()
    await change("UPDATE alerts SET delivered_at = made_at, level = 'critical', dedup_key = 'k'")
    await change("UPDATE alerts SET cooldown_s = 3600")
    assert await wrong() == {"alerts within the cooldown of another", "alerts beside one that waits"}
    await change("DELETE FROM outbox WHERE kind = 'alert_created'")
    await change("DELETE FROM alert_evaluations WHERE decision = 'due'")
    assert await wrong() >= {"alerts not announced once", "alerts that nobody decided"}
    await change("UPDATE alert_evaluations SET decision = 'due'")
    assert "decisions without their alert" in await wrong()
