"""Records of verdicts, evaluations in spare time, figures that count only what there is."""

import asyncio
from datetime import timedelta
import json
from zoneinfo import ZoneInfo

import pytest

from home_sentry_engine.api.evaluation_ports import Span
from home_sentry_engine.api.triage_ports import Opinion
from home_sentry_engine.app.evaluation_desk import EvaluationDesk
from home_sentry_engine.app.self_evaluating import SpareEvaluations
from home_sentry_engine.app.triage import TriageDesk
from home_sentry_engine.contract import (
    AnalysisState,
    FeedbackKind,
    Gpu,
    GpuState,
    HostLoad,
    ModelLoad,
    Performance,
    PromptModel,
    RiskLevel,
)
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.evaluator import SelfEvaluator
from home_sentry_engine.operations.evaluation import leaderboard_of
from home_sentry_engine.operations.idle import IdleWatch
from home_sentry_engine.settings import LanguageSettings
from home_sentry_engine.storage.evaluation_schema import event_audits
from home_sentry_engine.storage.repositories.evaluations import AuditedQuery
from home_sentry_engine.storage.schema import events as stored_events
from tests.engine.unit.language.test_evaluator import REVIEW
from tests.fakes.clock import START, FakeClock
from tests.fakes.household import household
from tests.fakes.language import FakeBackend, answer
from tests.fakes.patience import pass_until, turns

WEEK = Span(days=7)


class Spare:
    """A machine whose load a test sets: percent of its processor, or of its graphics card if it has one."""

    def __init__(self, clock: FakeClock) -> None:
        self.cpu: float | None = 5.0
        self.gpu: float | None = None
        self.working, self.clock = False, clock
        self.asked = 0
        self.watch = IdleWatch(self.load, lambda: self.working, clock)

    async def load(self) -> Performance:
        self.asked += 1
        cards = () if self.gpu is None else (Gpu(index=0, at=START, name="card", utilization_percent=self.gpu),)
        return Performance(
            at=START,
            gpu=GpuState(items=cards),
            host=HostLoad(cpu_percent=self.cpu),
            detector=ModelLoad(),
            queues=(),
            component_states={},
        )


class House:
    def __init__(self, home, backend):
        self.home, self.backend, self.clock = home, backend, home.clock
        self.desk = EvaluationDesk(
            home.database, home.tables, home.pipeline.trials, home.clock, ZoneInfo("Europe/Berlin")
        )
        self.spare = Spare(home.clock)
        evaluator = SelfEvaluator(backend, LanguageSettings())
        self.job = SpareEvaluations(home.database, home.tables, evaluator, self.spare.watch, home.clock)
        self.job.busy = lambda: self.spare.working

    async def event(self, score=40):
        self.backend.steps = [answer(risk_score=score)]
        await self.home.deliver(("person", 0.9))
        await self.home.pass_time(400)
        return (await self.home.events())[-1]

    async def say(self, event_id, kind):
        triage = TriageDesk(self.home.database, self.home.tables, self.clock, lambda: None)
        await triage.say(event_id, Opinion(kind=kind))

    async def turn(self, *steps):
        """Let the background do one verdict, with time going by."""
        self.backend.steps = list(steps)
        turn = asyncio.create_task(self.job.turn())
        await pass_until(self.clock, turn.done)
        return await turn


@pytest.fixture
async def house(tmp_path):
    backend, clock = FakeBackend(), FakeClock()
    mind = LanguageAssessor(backend, settings=LanguageSettings(min_rule_score=0), clock=clock)
    async with household(
        tmp_path, clock=clock, mind=mind, senses={"minds": {PromptModel.NEMOTRON: mind}}, learning_days=0
    ) as home:
        yield House(home, backend)


async def test_every_verdict_leaves_a_record_of_what_really_ran(house):
    event = await house.event()
    record = await house.desk.record(event.event_id)
    assert (record.state, record.model_id, record.prompt_version) == (AnalysisState.LLM, "fake", event.prompt_version)
    assert record.prompt_tokens == 100
    assert record.prompt_chars > 500
    assert record.flags.rtdetr
    assert not record.flags.violence
    ran = [name for name in record.flags.__dataclass_fields__ if getattr(record.flags, name)]
    assert record.utilisation == pytest.approx(len(ran) / 12, abs=1e-3)
    assert set(record.effects) == set(ran) - {"rtdetr"}
    assert (record.evaluation, record.evaluation_error) == (None, None)


async def test_a_verdict_of_rules_alone_has_no_prompt(house):
    house.backend.steps = ["rubbish"]
    await house.home.deliver(("person", 0.9))
    await house.home.pass_time(400)
    (event,) = await house.home.events()
    record = await house.desk.record(event.event_id)
    assert (record.state, record.prompt_chars, record.prompt_tokens) == (AnalysisState.RULES, None, None)
    stats = await house.desk.stats(WEEK)
    assert (stats.prompt_tokens.count, stats.prompt_tokens.mean, stats.by_state) == (0, None, {"rules": 1})


async def test_a_good_evaluation_is_kept_and_a_failed_one_is_null_with_its_code(house):
    good, bad = await house.event(), await house.event()
    assert await house.turn("rubbish")
    assert await house.turn(json.dumps(REVIEW), answer(risk_score=45))
    failed, done = await house.desk.record(bad.event_id), await house.desk.record(good.event_id)
    assert (failed.evaluation, failed.evaluation_error) == (None, "bad_output")
    assert (done.evaluation_error, done.evaluation.consistency, done.evaluation.second_score) == (None, 4.0, 45)
    stats = await house.desk.stats(WEEK)
    assert (stats.evaluated, stats.failed) == (1, {"bad_output": 1})
    assert {one.mark: (one.count, one.mean) for one in stats.rubric}["context_usage"] == (1, 4.0)
    assert [(one.about, one.text, one.count) for one in stats.recommendations] == [
        ("missing_context", "who lives here", 1),
        ("unused_data", "weather", 1),
    ]
    assert (house.job.done, house.job.failed) == (1, 1)


async def test_without_any_evaluation_no_mark_has_a_mean(house):
    await house.event()
    await house.turn("rubbish")
    marks = (await house.desk.stats(WEEK)).rubric
    assert marks
    assert all((one.count, one.mean) == (0, None) for one in marks)


async def test_a_failed_one_is_tried_twice_at_most_and_not_at_once(house):
    await house.event()
    assert await house.turn("rubbish")
    assert not await house.turn("rubbish")
    house.clock.tick(3700)
    assert await house.turn("rubbish")
    house.clock.tick(3700)
    assert not await house.turn("rubbish")


async def test_a_new_verdict_forgets_the_evaluation_of_the_former_one(house):
    event = await house.event()
    await house.turn(json.dumps(REVIEW), answer(risk_score=45))
    record = await house.desk.record(event.event_id)
    await house.home.database.write(lambda conn: house.home.tables.evaluations.save(conn, record))
    assert (await house.desk.record(event.event_id)).evaluation is None


@pytest.mark.parametrize(
    ("busy", "why"),
    [
        ({"cpu": 60.0}, "the processor is 60 % busy"),
        ({"gpu": 80.0}, "the graphics card is 80 % busy"),
        ({"cpu": None}, "the load of the machine is not known"),
        ({"working": True}, "pictures or events are worked on"),
    ],
)
async def test_nothing_is_evaluated_while_the_machine_works(house, busy, why):
    await house.event()
    for name, value in busy.items():
        setattr(house.spare, name, value)
    asked = len(house.backend.questions)
    turn = asyncio.create_task(house.job.turn())
    await pass_until(house.clock, lambda: house.job.details()["state"] == f"waiting: {why}")
    await house.clock.advance(60)
    assert len(house.backend.questions) == asked
    turn.cancel()


async def test_a_card_that_idles_counts_and_not_the_processor_beside_it(house):
    await house.event()
    house.spare.gpu, house.spare.cpu = 20.0, 95.0
    assert await house.turn(json.dumps(REVIEW), answer(risk_score=45))


async def test_five_seconds_of_quiet_are_needed(house):
    await house.event()
    waiting = asyncio.create_task(house.spare.watch.wait())
    await turns()
    assert not waiting.done()
    house.spare.cpu = 90.0
    await house.clock.advance(5)
    house.spare.cpu = 1.0
    await house.clock.advance(5)
    assert not waiting.done()
    await house.clock.advance(5)
    await asyncio.wait_for(waiting, 60)


async def test_real_work_ends_an_evaluation_which_is_done_another_time(house):
    event = await house.event()
    held = asyncio.Event()

    async def hang(_question):
        held.set()
        await asyncio.Event().wait()

    usual, house.backend.complete = house.backend.complete, hang
    turn = asyncio.create_task(house.job.turn())
    await pass_until(house.clock, held.is_set)
    house.spare.working = True
    assert await asyncio.wait_for(turn, 60) is False
    assert house.job.given_way == 1
    record = await house.desk.record(event.event_id)
    assert (record.evaluation, record.evaluation_error, record.evaluated_at) == (None, None, None)
    house.spare.working, house.backend.complete = False, usual
    assert await house.turn(json.dumps(REVIEW), answer(risk_score=45))


async def test_where_it_is_refused_nothing_runs_and_it_says_why(house):
    await house.event()
    house.job.refused = lambda: "this machine has no graphics card"
    assert not await house.turn(json.dumps(REVIEW))
    assert house.job.standing == "off: this machine has no graphics card"


async def test_missing_records_are_made_from_stored_evidence_and_put_to_the_front(house):
    first, second = await house.event(), await house.event()
    await house.home.database.write(
        lambda conn: conn.execute(event_audits.delete().where(event_audits.c.event_id == first.event_id))
    )
    made = await house.desk.audit(WEEK, 50)
    assert (made.looked_at, made.recorded, made.waiting) == (1, 1, 2)
    record = await house.desk.record(first.event_id)
    assert (record.state, record.prompt_version) == (AnalysisState.LLM, first.prompt_version)
    assert record.flags == (await house.desk.record(second.event_id)).flags
    assert (await house.desk.audit(Span(days=7, camera_id="nowhere"), 50)).waiting == 0


async def test_lists_and_spans_hold_what_they_are_asked_for(house):
    event = await house.event()
    page = await house.desk.page(AuditedQuery(evaluated=False))
    assert [one.event_id for one in page.items] == [event.event_id]
    assert not (await house.desk.page(AuditedQuery(evaluated=True))).items
    assert not (await house.desk.page(AuditedQuery(camera_id="nowhere"))).items
    house.clock.tick(8 * 86400)
    assert (await house.desk.stats(WEEK)).events == 0
    assert (await house.desk.leaderboard(Span(days=30))).events == 1


async def test_the_rank_is_by_what_was_measured_and_not_by_presence(house):
    event = await house.event()
    record = await house.desk.record(event.event_id)
    board = leaderboard_of([record], days=7, camera_id=None)
    rows = {one.source: one for one in board.items}
    assert (rows["rtdetr"].present, rows["rtdetr"].measured) == (1, 0)
    assert (rows["rtdetr"].rank, rows["rtdetr"].effect) == (None, None)
    assert (rows["violence"].rank, rows["violence"].effect, rows["violence"].present) == (None, None, 0)
    ranked = [one for one in board.items if one.rank is not None]
    assert [one.rank for one in ranked] == list(range(1, len(ranked) + 1))
    effects = [one.effect or 0.0 for one in ranked]
    assert effects == sorted(effects, reverse=True)


async def test_scores_are_held_against_what_people_said(house):
    events = [await house.event(score) for score in (90, 90, 40)]
    for event, kind in zip(
        events, (FeedbackKind.CORRECT, FeedbackKind.FALSE_POSITIVE, FeedbackKind.WRONG_SEVERITY), strict=True
    ):
        await house.say(event.event_id, kind)
    await house.event(40)
    found = await house.desk.calibration(Span(days=14))
    assert (found.weeks, found.events, found.labelled) == (2, 4, 3)
    level = events[0].risk_level
    assert level in {RiskLevel.HIGH, RiskLevel.CRITICAL}
    row = next(one for one in found.levels if one.level is level)
    assert (row.labelled, row.right, row.precision) == (2, 1, 0.5)
    told = [one for one in found.reliability if one.events]
    assert [(one.events, one.incident_share) for one in told] == [(2, 0.5)]
    assert sum(one.events for one in found.drift) == 4
    assert found.drift[-1].false_alarms == 1
    assert sum(one.alerts for one in found.alerts) == 2
    assert found.alerts_per_day.count == 12
    assert found.alerts_per_day.mean == pytest.approx(2 / 12, abs=1e-3)
    nowhere = await house.desk.calibration(Span(days=7, camera_id="nowhere"))
    assert (nowhere.events, nowhere.drift, nowhere.alerts_per_day.mean) == (0, (), 0.0)
    assert all(one.precision is None and one.labelled == 0 for one in nowhere.levels)


async def test_a_week_that_is_over_outlives_its_events_and_drift_is_against_the_week_before(house):
    await house.event(90)
    house.clock.tick(7 * 86400)
    await house.event(10)
    house.clock.tick(7 * 86400)
    await house.desk.keep_weeks()
    known = (await house.desk.calibration(Span(days=28))).drift
    assert [one.events for one in known] == [1, 1]
    assert known[0].drift is None
    assert known[1].drift == 1.0
    await house.home.database.write(lambda conn: conn.execute(stored_events.delete()))
    kept = await house.desk.calibration(Span(days=28))
    assert (kept.events, kept.drift) == (0, known)
    assert known[1].week - known[0].week == timedelta(days=7)
