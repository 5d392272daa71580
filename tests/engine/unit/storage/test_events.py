"""Events: one row per visit."""

from dataclasses import fields, replace

import pytest
from sqlalchemy.exc import IntegrityError

from home_sentry_engine.contract import AnalysisState, Event, EventChange, RiskLevel
from home_sentry_engine.domain.messages import ModelVerdict, RuleVerdict, Verdict
from home_sentry_engine.domain.risk import ScoreRange
from home_sentry_engine.storage.errors import StaleRevision, UnknownRow
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.assessments import Assessments, assessment_of
from home_sentry_engine.storage.repositories.events import Events
from tests.engine.unit.storage import samples
from tests.engine.unit.storage.samples import at, event, transition

ROWS = Events()


@pytest.fixture
async def filled(database):
    def work(conn):
        samples.with_camera(conn)
        samples.with_camera(conn, "door")

    await database.write(work)
    return database


async def insert(database, *all_events):
    def work(conn):
        for one in all_events:
            ROWS.insert(conn, one)

    await database.write(work)


async def get(database, event_id="e1"):
    return await database.read(lambda conn: ROWS.get(conn, event_id))


def test_the_sample_sets_every_field():
    bare = Event(
        event_id="x",
        batch_id="x",
        camera_id="x",
        camera_name="x",
        started_at=at(0),
        risk_score=0,
        risk_level=RiskLevel.LOW,
        rule_score=0,
        analysis_state=AnalysisState.LLM,
        summary="",
        detection_count=0,
        media_id="x",
        revision=9,
    )
    same = {one.name for one in fields(Event) if getattr(bare, one.name) == getattr(event(), one.name)}
    people = {"reviewed", "notes", "flagged", "favourite", "snoozed_until", "deleted_at"}
    assert same == {"started_at", *people}


async def test_an_event_comes_back_as_it_was(filled):
    whole = event(reviewed=True, notes="the neighbour")
    bare = event("e2", **{one.name: one.default for one in fields(Event) if one.name in _OPTIONAL})
    await insert(filled, whole, bare)
    assert await get(filled) == whole
    assert await get(filled, "e2") == bare
    assert await get(filled, "none") is None


_OPTIONAL = {
    *("ended_at", "llm_score", "floor_reason", "ceiling_reason", "analysis_reason", "analysis_detail", "reasoning"),
    *("recommended_action", "confidence", "flags", "unsupported", "factors", "object_types", "groups", "model_id"),
    *("prompt_version", "transitions", "visual_verdict"),
}


async def test_an_event_id_and_a_batch_exist_once(filled):
    await insert(filled, event())
    for twin in (event(batch_id="other"), event("e2", batch_id="batch of e1")):
        with pytest.raises(IntegrityError):
            await insert(filled, twin)


async def test_a_revision_replaces_the_event_and_adds_its_transition(filled):
    await insert(filled, event())
    revised = event(
        batch_id="second batch",
        risk_score=90,
        risk_level=RiskLevel.CRITICAL,
        analysis_state=AnalysisState.LLM,
        analysis_reason=None,
        factors=(),
        object_types=("dog", "person", "car"),
        revision=2,
        transitions=(transition(1), transition(2, EventChange.ESCALATED)),
    )
    await filled.write(lambda conn: ROWS.save(conn, revised))
    assert await get(filled) == revised
    only_new = replace(revised, revision=3, transitions=(transition(3, EventChange.ENDED),))
    await filled.write(lambda conn: ROWS.save(conn, only_new))
    assert [one.revision for one in (await get(filled)).transitions] == [1, 2, 3]


async def test_an_older_revision_cannot_overwrite_a_newer_one(filled):
    await insert(filled, event(revision=3))
    with pytest.raises(StaleRevision, match="revision 3"):
        await filled.write(lambda conn: ROWS.save(conn, event(revision=2, summary="late answer")))
    await filled.write(lambda conn: ROWS.save(conn, event(revision=3, summary="same revision")))
    assert (await get(filled)).summary == "same revision"
    with pytest.raises(UnknownRow):
        await filled.write(lambda conn: ROWS.save(conn, event("none")))


async def test_a_revision_does_not_undo_what_a_person_did(filled):
    await insert(filled, event())
    reviewed = await filled.write(lambda conn: ROWS.review(conn, "e1", reviewed=True, user="anna", now=at(100)))
    assert reviewed.reviewed
    noted = await filled.write(lambda conn: ROWS.notes(conn, "e1", "postman"))
    assert noted.notes == "postman"
    await filled.write(lambda conn: ROWS.save(conn, event(revision=2)))
    after = await get(filled)
    assert (after.reviewed, after.notes, after.revision) == (True, "postman", 2)
    assert not (
        await filled.write(lambda conn: ROWS.review(conn, "e1", reviewed=False, user="anna", now=at(101)))
    ).reviewed
    with pytest.raises(UnknownRow):
        await filled.write(lambda conn: ROWS.review(conn, "none", reviewed=True, user=None, now=at(0)))


async def test_ongoing_and_newest_per_camera(filled):
    await insert(
        filled,
        event("e1", started_at=at(0), ended_at=None),
        event("e2", started_at=at(10), ended_at=at(20)),
        event("e3", started_at=at(5), ended_at=None, camera_id="door"),
        event("e4", started_at=at(10), ended_at=at(20)),
        event("e5", started_at=at(50), ended_at=None),
    )
    await filled.write(lambda conn: ROWS.trash(conn, "e5", at(60)))
    assert [one.event_id for one in await filled.read(ROWS.ongoing)] == ["e1", "e3"]
    assert [one.event_id for one in await filled.read(ROWS.newest_per_camera)] == ["e3", "e4"]


async def test_the_trash_hides_and_gives_back(filled):
    await insert(filled, event())
    assert await filled.write(lambda conn: ROWS.trash(conn, "e1", at(1)))
    assert await get(filled) is None
    assert (await filled.read(lambda conn: ROWS.page(conn, EventQuery(with_total=True)))).total == 0
    assert await filled.write(lambda conn: ROWS.trash(conn, "e1", None))
    assert await get(filled) == event()
    assert not await filled.write(lambda conn: ROWS.trash(conn, "none", at(1)))


async def test_pages_are_filtered_and_counted(filled):
    await insert(
        filled,
        event("e1", started_at=at(1), risk_level=RiskLevel.LOW, ended_at=None),
        event("e2", started_at=at(2), camera_id="door", object_types=("car",)),
        event("e3", started_at=at(3), reviewed=True),
        event("e4", started_at=at(4), object_types=("carousel",)),
    )

    async def ids(**filters):
        page = await filled.read(lambda conn: ROWS.page(conn, EventQuery(with_total=True, **filters)))
        assert page.total == len(page.items)
        return [one.event_id for one in page.items]

    assert await ids() == ["e4", "e3", "e2", "e1"]
    assert await ids(camera_id="door") == ["e2"]
    assert await ids(level=RiskLevel.LOW) == ["e1"]
    assert await ids(object_type="car") == ["e2"]
    assert await ids(object_type="dog") == ["e3", "e1"]
    assert await ids(reviewed=True) == ["e3"]
    assert await ids(reviewed=False, camera_id="yard") == ["e4", "e1"]
    assert await ids(ongoing=True) == ["e1"]
    assert await ids(ongoing=False) == ["e4", "e3", "e2"]
    assert await ids(since=at(2), until=at(4)) == ["e3", "e2"]


async def test_each_judgement_is_kept(filled):
    await insert(filled, event())
    rule = RuleVerdict(score=40, factors=event().factors, allowed=ScoreRange(floor=10, ceiling=90), summary="A person")
    model = ModelVerdict(
        score=95,
        summary="s",
        reasoning="r",
        recommended_action="a",
        confidence=0.8,
        flags=(),
        entities=("person",),
        model_id="nemotron",
        prompt_version="3",
        prompt="Look at this",
        prompt_tokens=100,
        answer_tokens=20,
        duration_ms=812.5,
    )
    alone = Verdict(
        rule=rule,
        model=None,
        score=40,
        state=AnalysisState.PROVISIONAL,
        reason=None,
        detail=None,
        summary="A person",
        reasoning=None,
        recommended_action=None,
        confidence=None,
    )
    both = replace(alone, model=model, score=90, state=AnalysisState.LLM)
    records = [
        assessment_of(alone, event_id="e1", batch_id="b1", evidence_version=1, at=at(1)),
        assessment_of(both, event_id="e1", batch_id="b1", evidence_version=2, at=at(2), answer='{"score": 95}'),
    ]
    rows = Assessments()
    await filled.write(lambda conn: [rows.add(conn, record) for record in records])
    assert await filled.read(lambda conn: rows.of_event(conn, "e1")) == tuple(records)
    assert records[1].model_score == 95
    assert records[0].prompt is None
    assert (records[1].prompt, records[1].floor, records[1].ceiling) == ("Look at this", 10, 90)
    with pytest.raises(IntegrityError):
        await filled.write(lambda conn: rows.add(conn, replace(records[0], event_id="none")))
