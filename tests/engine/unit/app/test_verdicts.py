"""A person wants a verdict anew: what is judged, what stays in the history, what cannot be judged."""

import pytest
import sqlalchemy as sa

from home_sentry_engine.app.triage import TriageDesk
from home_sentry_engine.app.verdicts import StoredVerdicts
from home_sentry_engine.contract import AnalysisReason, AnalysisState
from home_sentry_engine.domain.jobs import ASSESS, NewJob
from home_sentry_engine.domain.messages import ModelFailure
from home_sentry_engine.pipeline.forced import NothingLeft
from home_sentry_engine.pipeline.ports import QueueFull
from home_sentry_engine.storage.schema import detections
from tests.fakes.household import household

ENDED = 400
LIMIT = 10


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path, queue_limit=LIMIT) as opened:
        yield opened


@pytest.fixture
def verdicts(home) -> StoredVerdicts:
    return StoredVerdicts(home.store, home.database, home.tables)


async def ended(home):
    await home.deliver(("person", 0.9))
    await home.pass_time(ENDED)
    (event,) = await home.events()
    assert event.ended_at is not None
    return event


async def test_old_and_new_score_stay_in_the_history(home, verdicts):
    home.mind.answer = 20
    before = await ended(home)
    home.mind.answer = 40
    queued = await verdicts.reassess(before.event_id)
    assert (queued.revision, queued.risk_score) == (before.revision, before.risk_score)
    await home.work()
    (after,) = await home.events()
    assert after.risk_score > before.risk_score
    assert after.revision > before.revision
    assert after.ended_at == before.ended_at
    assert after.transitions[: len(before.transitions)] == before.transitions
    assert after.transitions[-1].score == after.risk_score
    desk = TriageDesk(home.database, home.tables, home.clock, lambda: None)
    scores = [hop.score for hop in (await desk.story(before.event_id)).hops if hop.hop == "assess"]
    assert scores[-2:] == [before.risk_score, after.risk_score]


async def test_the_same_verdict_is_one_more_assessment(home, verdicts):
    home.mind.answer = 20
    before = await ended(home)
    judged = len(await home.database.read(lambda conn: home.tables.assessments.of_event(conn, before.event_id)))
    for _ in range(2):
        await verdicts.reassess(before.event_id)
        await home.work()
    assessments = await home.database.read(lambda conn: home.tables.assessments.of_event(conn, before.event_id))
    assert len(assessments) == judged + 2
    (after,) = await home.events()
    assert after.transitions == before.transitions


async def test_who_asks_twice_waits_for_one_verdict(home, verdicts):
    event = await ended(home)
    await verdicts.reassess(event.event_id)
    await verdicts.reassess(event.event_id)
    assert (await home.tables.queue.depth(ASSESS)).pending == 1


async def test_a_visit_that_goes_on_is_judged_as_it_is_now(home, verdicts):
    home.mind.answer = 30
    await home.deliver(("person", 0.9))
    await home.work()
    (event,) = await home.events()
    assert event.ended_at is None
    asked = len(home.mind.asked)
    await verdicts.reassess(event.event_id)
    await home.work()
    (judged,) = await home.events()
    assert len(home.mind.asked) == asked + 1
    assert judged.analysis_state is AnalysisState.LLM
    assert judged.ended_at is None


async def test_a_model_that_fails_leaves_its_reason(home, verdicts):
    home.mind.answer = 20
    event = await ended(home)
    home.mind.answer = ModelFailure(reason=AnalysisReason.TIMEOUT, detail="slow")
    await verdicts.reassess(event.event_id)
    await home.work()
    (judged,) = await home.events()
    assert (judged.analysis_state, judged.analysis_reason) == (AnalysisState.RULES, AnalysisReason.TIMEOUT)


async def test_what_cannot_be_judged(home, verdicts):
    event = await ended(home)
    assert await verdicts.reassess("nobody") is None
    await home.database.write(lambda conn: conn.execute(sa.delete(detections)).rowcount)
    with pytest.raises(NothingLeft, match="is kept"):
        await verdicts.reassess(event.event_id)
    await home.database.write(lambda conn: home.tables.events.trash(conn, event.event_id, home.clock.now()))
    assert await verdicts.reassess(event.event_id) is None


async def test_a_full_queue_is_told_and_leaves_no_job(home, verdicts):
    event = await ended(home)
    put = [NewJob(queue=ASSESS, payload={}, key="door", unique=f"other {number}") for number in range(LIMIT)]
    await home.store.write(lambda tx: [tx.jobs.put(job) for job in put])
    with pytest.raises(QueueFull):
        await verdicts.reassess(event.event_id)
    depth = await home.tables.queue.depth(ASSESS)
    assert (depth.pending, depth.dead) == (LIMIT, 0)


async def test_what_models_were_asked_is_there_word_for_word(home, verdicts):
    home.mind.answer = 20
    event = await ended(home)
    home.mind.answer = ModelFailure(reason=AnalysisReason.TIMEOUT, detail="slow")
    await verdicts.reassess(event.event_id)
    await home.work()
    stored = await home.database.read(lambda conn: home.tables.assessments.of_event(conn, event.event_id))
    asked = await verdicts.questions(event.event_id)
    assert asked.event_id == event.event_id
    answered = [one for one in stored if one.model_id is not None]
    assert len(stored) == len(answered) + 1
    assert [(one.prompt, one.score, one.at) for one in asked.items] == [("…", 20, one.at) for one in answered]
    assert {one.model_id for one in asked.items} == {"fake-model"}
    assert await verdicts.questions("nobody") is None
    await home.database.write(lambda conn: home.tables.events.trash(conn, event.event_id, home.clock.now()))
    assert await verdicts.questions(event.event_id) is None
