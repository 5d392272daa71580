"""An event, its announcement and the evaluation of its alert are stored together or not at all."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from home_sentry_engine.api.triage_ports import Review
from home_sentry_engine.app.triage import TriageDesk
from home_sentry_engine.contract import AlertDecision, RiskLevel
from home_sentry_engine.storage.alerts_schema import alert_evaluations
from home_sentry_engine.storage.schema import events
from tests.fakes.household import Household, household


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as opened:
        yield opened


@pytest.fixture
def desk(home) -> TriageDesk:
    return TriageDesk(home.database, home.tables, home.clock, home._announced)


async def decisions(home: Household, event_id: str):
    made = await home.database.read(lambda conn: home.tables.alerts.of(conn, event_id))
    return [(one.revision, one.decision) for one in made]


async def graded(home: Household, event, level: RiskLevel):
    changed = replace(event, revision=event.revision + 1, risk_level=level)
    await home.store.write(lambda tx: tx.events.save(changed))
    return changed


async def test_every_revision_of_a_visit_is_evaluated_as_it_is_stored(home):
    await home.deliver(("person", 0.9))
    await home.pass_time(10)
    (event,) = await home.events()
    assert [revision for revision, _ in await decisions(home, event.event_id)][-1] == event.revision
    await home.pass_time(400)
    (ended,) = await home.events()
    assert ended.revision > event.revision
    made = await decisions(home, event.event_id)
    assert made[-1][0] == ended.revision
    assert {change.revision for change in ended.transitions} <= {revision for revision, _ in made}


async def test_a_revision_that_is_not_stored_has_no_evaluation(home):
    await home.deliver(("person", 0.9))
    await home.pass_time(10)
    (event,) = await home.events()
    before = await decisions(home, event.event_id)

    def work(tx) -> None:
        tx.events.save(replace(event, revision=event.revision + 1, risk_level=RiskLevel.CRITICAL))
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        await home.store.write(work)
    assert await decisions(home, event.event_id) == before


async def test_levels_snoozing_learning_and_the_trash_count_in_their_turn(home, desk):
    await home.database.write(
        lambda conn: home.tables.cameras.ensure(
            conn, camera_id="door", name="Door", folder="door", now=home.clock.steady()
        )
    )
    await home.deliver(("person", 0.9), camera="door")
    await home.pass_time(10)
    (event,) = await home.events()
    learned = home.clock.steady() - timedelta(seconds=1)
    await home.database.write(lambda conn: home.tables.cameras.learn_until(conn, "door", learned))
    event = await graded(home, event, RiskLevel.HIGH)
    event = await graded(home, event, RiskLevel.HIGH)
    snoozed = await desk.review(event.event_id, Review(snoozed_until=home.clock.steady() + timedelta(hours=1)))
    assert snoozed is not None
    event = await graded(home, snoozed, RiskLevel.HIGH)
    event = await graded(home, event, RiskLevel.CRITICAL)
    later = home.clock.steady() + timedelta(days=1)
    await home.database.write(lambda conn: home.tables.cameras.learn_until(conn, "door", later))
    event = await graded(home, event, RiskLevel.CRITICAL)
    made = [decision for _, decision in await decisions(home, event.event_id)]
    assert made[-6:] == [
        AlertDecision.DUE,
        AlertDecision.TOLD_BEFORE,
        AlertDecision.SNOOZED,
        AlertDecision.SNOOZED,
        AlertDecision.DUE,
        AlertDecision.LEARNING,
    ]
    await home.pass_time(400)
    await desk.discard(event.event_id)
    assert (await decisions(home, event.event_id))[-1][1] is AlertDecision.IN_TRASH
    story = await desk.story(event.event_id)
    assert [one.decision for one in story.alerts][-1] is AlertDecision.IN_TRASH


async def test_evaluations_go_with_their_event(home):
    await home.deliver(("person", 0.9))
    await home.pass_time(10)
    (event,) = await home.events()
    assert await decisions(home, event.event_id)
    await home.database.write(lambda conn: conn.execute(events.delete().where(events.c.id == event.event_id)))
    left = await home.database.read(
        lambda conn: conn.execute(sa.select(sa.func.count()).select_from(alert_evaluations)).scalar_one()
    )
    assert left == 0
