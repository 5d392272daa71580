"""Prompts with their versions, records of verdicts, what people said of scores: the same in both databases."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from home_sentry_engine.contract import (
    AlertDecision,
    AlertEvaluation,
    AnalysisState,
    CalibrationWeek,
    EventAudit,
    EvidenceFlags,
    Feedback,
    FeedbackKind,
    PromptChange,
    PromptModel,
    RiskLevel,
    SelfEvaluation,
    ShadowRun,
    ShadowState,
)
from home_sentry_engine.storage.errors import InvalidCursor
from home_sentry_engine.storage.repositories.alerts import AlertEvaluations
from home_sentry_engine.storage.repositories.calibrations import Calibrations
from home_sentry_engine.storage.repositories.evaluations import AuditedQuery, Evaluations
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.prompts import HistoryQuery, PromptChangeRow, Prompts, ShadowRuns
from home_sentry_engine.storage.repositories.retention import Expiry
from home_sentry_engine.storage.repositories.triage import Triage
from tests.engine.unit.storage.samples import at, event, with_camera

PROMPTS, RECORDS, SAID, RUNS = Prompts(), Evaluations(), Calibrations(), ShadowRuns()
NEMOTRON = PromptModel.NEMOTRON
MONDAY = date(2026, 11, 16)
GOOD = SelfEvaluation(
    critique="Good as it is.",
    context_usage=4,
    reasoning_coherence=4,
    risk_justification=4,
    actionability=4,
    consistency=5.0,
    second_score=70,
    overall=4.2,
    missing_context=("who lives here",),
)


@pytest.fixture
async def filled(database):
    def work(conn):
        with_camera(conn)
        with_camera(conn, "door")
        for number in (1, 2, 3):
            Events().insert(conn, event(f"e{number}", started_at=at(number)))

    await database.write(work)
    return database


def record(number: int = 1, **fields) -> EventAudit:
    whole = EventAudit(
        event_id=f"e{number}",
        camera_id="yard",
        at=at(100 + number),
        state=AnalysisState.LLM,
        flags=EvidenceFlags(rtdetr=True, zones=True),
        utilisation=0.1667,
        effects={"zones": -12},
        model_id="nemotron",
        prompt_version="risk-1.v2",
        prompt_chars=4000,
        prompt_tokens=1100,
    )
    return replace(whole, **fields)


def change(text: str, **fields) -> PromptChangeRow:
    return PromptChangeRow(model=NEMOTRON, change=PromptChange.WRITTEN, content={"instructions": text}, **fields)


async def test_the_newest_version_holds_and_all_are_kept(database):
    async def add(row, seconds):
        return await database.write(lambda conn: PROMPTS.add(conn, row, at(seconds)))

    first, second = await add(change("a", author="ann"), 1), await add(change("b", note="why"), 2)
    assert (first.version, second.version) == (1, 2)
    other = await add(replace(change("c"), model=PromptModel.XCLIP), 3)
    assert other.version == 1
    active = await database.read(PROMPTS.active)
    assert active == {NEMOTRON: second, PromptModel.XCLIP: other}
    assert await database.read(PROMPTS.marks) == {"nemotron": 2, "xclip": 1}
    assert await database.read(lambda conn: PROMPTS.get(conn, NEMOTRON, 1)) == first
    assert await database.read(lambda conn: PROMPTS.get(conn, NEMOTRON, 3)) is None
    assert await database.read(PROMPTS.all) == (first, second, other)
    page = await database.read(lambda conn: PROMPTS.history(conn, HistoryQuery(model=NEMOTRON, limit=1)))
    assert page.items == (second,)
    rest = HistoryQuery(model=NEMOTRON, limit=1, cursor=page.next_cursor)
    assert (await database.read(lambda conn: PROMPTS.history(conn, rest))).items == (first,)
    with pytest.raises(InvalidCursor):
        await database.read(lambda conn: PROMPTS.history(conn, replace(rest, model=PromptModel.XCLIP)))


async def test_writers_at_the_same_time_get_versions_of_their_own(database):
    async with asyncio.TaskGroup() as group:
        for number in range(8):
            row = change(f"text {number}")
            group.create_task(database.write(lambda conn, row=row: PROMPTS.add(conn, row, at(1))))
    versions = [one.version for one in await database.read(PROMPTS.all)]
    assert versions == list(range(1, 9))


async def test_a_record_comes_back_whole_and_goes_with_its_event(filled):
    await filled.write(lambda conn: RECORDS.save(conn, record()))
    assert await filled.read(lambda conn: RECORDS.get(conn, "e1")) == record()
    assert await filled.write(lambda conn: RECORDS.evaluated(conn, record(), GOOD, None, at(200)))
    kept = await filled.read(lambda conn: RECORDS.get(conn, "e1"))
    assert (kept.evaluation, kept.evaluation_error, kept.evaluated_at) == (GOOD, None, at(200))
    await filled.write(lambda conn: RECORDS.save(conn, record(at=at(300))))
    assert (await filled.read(lambda conn: RECORDS.get(conn, "e1"))).evaluation is None
    assert not await filled.write(lambda conn: RECORDS.evaluated(conn, record(), GOOD, None, at(400)))
    await filled.write(lambda conn: Expiry().delete_events(conn, ("e1",)))
    assert await filled.read(lambda conn: RECORDS.get(conn, "e1")) is None


async def test_what_is_evaluated_next(filled):
    def following(**limits):
        usual: dict[str, Any] = {"since": at(0), "tried_before": at(1000), "tries": 2} | limits
        return filled.read(lambda conn: RECORDS.next(conn, **usual))

    def work(conn):
        RECORDS.save(conn, record(1))
        RECORDS.save(conn, record(2))
        RECORDS.save(conn, record(3, state=AnalysisState.RULES))

    await filled.write(work)
    assert await following() == "e2"
    assert await following(since=at(103)) is None
    assert await filled.write(lambda conn: RECORDS.want(conn, at(0), None, 1)) == 1
    await filled.write(lambda conn: RECORDS.evaluated(conn, record(2), None, "timeout", at(500)))
    assert await following() == "e2"
    assert await following(tried_before=at(400)) == "e1"
    await filled.write(lambda conn: RECORDS.evaluated(conn, record(2), None, "timeout", at(600)))
    assert await following() == "e1"
    await filled.write(lambda conn: RECORDS.evaluated(conn, record(1), GOOD, None, at(700)))
    assert await following() is None
    assert await filled.write(lambda conn: RECORDS.want(conn, at(0), "yard", 9)) == 1
    assert await following(since=at(900)) == "e2"
    assert await filled.write(lambda conn: RECORDS.want(conn, at(0), "door", 9)) == 0


async def test_records_in_pages_and_events_without_one(filled):
    await filled.write(lambda conn: RECORDS.save(conn, record(2)))
    assert await filled.read(lambda conn: RECORDS.without(conn, at(0), None, 9)) == ("e3", "e1")
    assert await filled.read(lambda conn: RECORDS.without(conn, at(3), "yard", 9)) == ("e3",)
    assert await filled.read(lambda conn: RECORDS.without(conn, at(0), "door", 9)) == ()
    page = await filled.read(lambda conn: RECORDS.page(conn, AuditedQuery(evaluated=False, camera_id="yard")))
    assert page.items == (record(2),)
    assert not (await filled.read(lambda conn: RECORDS.page(conn, AuditedQuery(evaluated=True)))).items
    assert await filled.read(lambda conn: RECORDS.since(conn, at(103), None, 9)) == ()
    assert await filled.read(lambda conn: RECORDS.since(conn, at(0), "yard", 9)) == (record(2),)


async def test_what_people_said_of_scores(filled):
    def say(conn, event_id, kind, seconds, user="ann"):
        Triage().say(conn, event_id, Feedback(id=0, at=at(seconds), user=user, kind=kind))

    def work(conn):
        say(conn, "e1", FeedbackKind.CORRECT, 10)
        say(conn, "e1", FeedbackKind.FALSE_POSITIVE, 30, "bob")
        say(conn, "e2", FeedbackKind.MISSED, 20)
        say(conn, "e3", FeedbackKind.NOT_THIS, 40)
        Events().trash(conn, "e2", at(50))

    await filled.write(work)
    judged = {one.event_id: one for one in await filled.read(lambda conn: SAID.judged(conn, at(0), None))}
    assert set(judged) == {"e1", "e3"}
    assert judged["e1"].labels == (FeedbackKind.CORRECT, FeedbackKind.FALSE_POSITIVE)
    assert (judged["e3"].labels, judged["e3"].score, judged["e3"].level) == ((), 62, RiskLevel.HIGH)
    assert await filled.read(lambda conn: SAID.judged(conn, at(0), "door")) == ()
    await filled.write(lambda conn: Events().trash(conn, "e2", None))
    labelled = await filled.read(lambda conn: SAID.labelled(conn, 9))
    assert [one.event_id for one in labelled] == ["e1", "e2"]
    assert [one.event_id for one in await filled.read(lambda conn: SAID.labelled(conn, 1))] == ["e1"]


async def test_an_event_is_one_reason_to_alarm_however_often_it_was(filled):
    def work(conn):
        rows = AlertEvaluations()
        for revision, seconds, decision in (
            (1, 5, AlertDecision.BELOW_LEVEL),
            (2, 10, AlertDecision.DUE),
            (3, 20, AlertDecision.DUE),
        ):
            made = AlertEvaluation(revision=revision, at=at(seconds), level=RiskLevel.HIGH, decision=decision)
            rows.keep(conn, "e1", made)

    await filled.write(work)
    assert await filled.read(lambda conn: SAID.alerts(conn, at(0), None)) == (at(10),)
    assert await filled.read(lambda conn: SAID.alerts(conn, at(11), None)) == ()
    assert await filled.read(lambda conn: SAID.alerts(conn, at(0), "door")) == ()


async def test_of_a_week_what_counted_more_stays(database):
    week = CalibrationWeek(week=MONDAY, events=5, by_level={"low": 5}, labelled=0, false_alarms=0, missed=0)
    for one, camera in ((week, None), (replace(week, events=2), None), (replace(week, events=1), "yard")):
        await database.write(lambda conn, one=one, camera=camera: SAID.keep(conn, one, camera))
    assert await database.read(lambda conn: SAID.weeks(conn, MONDAY, None)) == (week,)
    assert await database.read(lambda conn: SAID.weeks(conn, MONDAY, "yard")) == (replace(week, events=1),)
    await database.write(lambda conn: SAID.keep(conn, replace(week, events=9), None))
    assert (await database.read(lambda conn: SAID.weeks(conn, MONDAY, None)))[0].events == 9
    assert await database.read(lambda conn: SAID.weeks(conn, MONDAY + timedelta(days=7), None)) == ()
    assert await database.write(lambda conn: SAID.prune(conn, MONDAY + timedelta(days=1))) == 2


async def test_trials_are_kept_for_a_while(database):
    run = ShadowRun(run_id="r1", model=NEMOTRON, state=ShadowState.RUNNING, created_at=at(1), events=3)
    await database.write(lambda conn: RUNS.save(conn, run))
    done = replace(run, state=ShadowState.DONE, judged=3, failed={"timeout": 1})
    await database.write(lambda conn: RUNS.save(conn, done))
    assert await database.read(lambda conn: RUNS.get(conn, "r1")) == done
    assert await database.read(lambda conn: RUNS.newest(conn, 5)) == (done,)
    assert await database.write(lambda conn: RUNS.prune(conn, at(2))) == 1
    assert await database.read(lambda conn: RUNS.get(conn, "r1")) is None
