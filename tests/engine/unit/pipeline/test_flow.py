"""The pipeline over a real database: visits, urgency, failures, restarts."""

import asyncio

import pytest

from home_sentry_engine.contract import AnalysisReason, AnalysisState, CameraStatus, EventChange, RiskLevel
from home_sentry_engine.domain.errors import Permanent, Transient, Unavailable
from home_sentry_engine.domain.messages import ModelFailure
from tests.fakes.household import household

PERSON = ("person", 0.8)
SURE_PERSON = ("person", 0.95)
CAT = ("cat", 0.8)


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as opened:
        yield opened


async def test_one_picture_becomes_one_event_that_is_judged_and_ends(home):
    await home.deliver(PERSON)
    await home.work()
    (event,) = await home.events()
    assert event.analysis_state is AnalysisState.PROVISIONAL
    assert event.ended_at is None
    await home.pass_time(35)
    (event,) = await home.events()
    assert event.analysis_state is AnalysisState.RULES
    assert event.analysis_reason is AnalysisReason.DISABLED
    assert event.ended_at is not None
    changes = [transition.change for transition in event.transitions]
    assert changes == [EventChange.STARTED, EventChange.ENDED, EventChange.REVISED]
    assert await home.announced() == [
        "camera_changed",
        "event_created",
        "detections_added",
        "camera_changed",
        "batch_closed",
        "event_updated",
        "event_updated",
    ]
    assert home.news > 0


async def test_an_empty_picture_makes_no_event_and_is_accounted_for(home):
    await home.deliver()
    await home.work()
    assert await home.events() == []
    account = await home.database.read(home.tables.media.accounting)
    assert (account.accepted, account.stored, account.queued, account.quarantined) == (1, 1, 0, 0)


async def test_the_model_revises_the_same_event(home):
    home.mind.answer = 12
    await home.deliver(PERSON)
    await home.pass_time(35)
    (event,) = await home.events()
    assert (event.risk_score, event.llm_score, event.analysis_state) == (12, 12, AnalysisState.LLM)
    assert event.summary == "what the model says"


async def test_a_gardener_at_work_for_twenty_minutes_is_one_event(home):
    for _ in range(120):
        await home.deliver(PERSON)
        await home.pass_time(10)
    (event,) = await home.events()
    assert event.ended_at is None
    assert len(home.mind.asked) > 5
    assert event.detection_count == home.settings.batch.best_detections
    await home.pass_time(40)
    (event,) = await home.events()
    assert (event.ended_at - event.started_at).total_seconds() == pytest.approx(1190, abs=1)


async def test_the_model_hears_of_a_rare_one_among_many_that_are_surer(home):
    most = home.settings.batch.best_detections
    await home.deliver(("cat", 0.6))
    for _ in range(most + 5):
        await home.deliver(PERSON)
    await home.pass_time(40)
    told = [one.label for sighting in home.mind.asked[-1].batch.sightings for one in sighting.detections]
    assert len(told) == most
    assert told.count("cat") == 1


async def test_a_pause_longer_than_the_idle_time_starts_a_new_event(home):
    await home.deliver(PERSON)
    await home.pass_time(40)
    await home.deliver(PERSON)
    await home.pass_time(40)
    first, second = await home.events()
    assert first.event_id != second.event_id


async def test_cameras_do_not_share_visits(home):
    await home.deliver(PERSON, camera="door")
    await home.deliver(CAT, camera="yard")
    await home.work()
    assert sorted(event.camera_id for event in await home.events()) == ["door", "yard"]


async def test_a_sure_person_is_assessed_at_once_and_only_once_per_visit(home):
    home.mind.answer = 40
    await home.deliver(SURE_PERSON)
    await home.work()
    (event,) = await home.events()
    assert event.is_fast_path
    assert event.analysis_state is AnalysisState.LLM
    assert event.ended_at is None
    await home.pass_time(5)
    await home.deliver(SURE_PERSON)
    await home.work()
    assert len(home.mind.asked) == 1
    await home.pass_time(40)
    assert len(home.mind.asked) == 2


async def test_closing_without_new_evidence_asks_nobody_again(home):
    home.mind.answer = 40
    await home.deliver(SURE_PERSON)
    await home.pass_time(60)
    assert len(home.mind.asked) == 1
    (event,) = await home.events()
    assert event.ended_at is not None


async def test_urgent_assessments_overtake_ordinary_ones(home):
    for camera in ("a", "b", "c"):
        await home.deliver(PERSON, camera=camera)
    await home.work(assess=False)
    home.clock.tick(31)
    await home.pipeline.timers.sweep()
    await home.deliver(SURE_PERSON, camera="d")
    for worker in home.pipeline.detect:
        await worker.step()
    await home.pipeline.assess[0].step()
    assert home.mind.asked[0].batch.camera_id == "d"


async def test_fifty_concurrent_pictures_land_in_one_batch(home):
    await asyncio.gather(*(home.deliver(PERSON) for _ in range(50)))
    await home.work()
    (event,) = await home.events()
    assert event.detection_count == 50
    assert len(await home.database.read(home.tables.batches.all_open)) == 1


async def test_five_hundred_detections_close_the_batch_and_the_visit_goes_on(home):
    crowd = [("person", 0.8)] * 14
    for _ in range(40):
        await home.deliver(*crowd)
    await home.work(assess=False)
    (event,) = await home.events()
    (batch,) = await home.database.read(home.tables.batches.all_open)
    assert batch.event_id == event.event_id
    assert batch.detections == 14 * 40 - 504


async def test_the_same_content_is_looked_at_once(home):
    assert await home.deliver(PERSON, sha256="a" * 64) is not None
    assert await home.deliver(PERSON, sha256="a" * 64) is None
    assert await home.deliver(PERSON, sha256="a" * 64, camera="yard") is not None
    await home.work()
    assert home.eyes.looks == 2
    account = await home.database.read(home.tables.media.accounting)
    assert (account.seen, account.accepted, account.duplicate) == (3, 2, 1)


async def test_a_file_that_comes_late_joins_the_visit_it_belongs_to(home):
    await home.deliver(PERSON)
    await home.pass_time(10)
    await home.deliver(PERSON)
    await home.pass_time(45)
    (event,) = await home.events()
    assert event.ended_at is not None
    await home.deliver(CAT, late_s=50)
    await home.work()
    (late,) = await home.events()
    assert late.event_id == event.event_id
    assert late.ended_at == event.ended_at
    assert "cat" in late.object_types
    assert late.transitions[-1].change is not EventChange.STARTED


async def test_files_of_hours_ago_make_visits_of_their_own_time(home):
    for minutes in (180, 179.8, 120):
        await home.deliver(PERSON, late_s=minutes * 60)
    await home.deliver(PERSON)
    await home.pass_time(40)
    events = await home.events()
    assert len(events) == 3
    assert all(event.ended_at is not None for event in events)
    assert (events[2].started_at - events[0].started_at).total_seconds() == pytest.approx(180 * 60)


async def test_visits_of_hours_ago_stay_apart_although_their_batches_are_closed_now(home):
    for minutes in (180, 120, 60):
        await home.deliver(PERSON, late_s=minutes * 60)
        await home.pass_time(40)
    events = await home.events()
    assert [event.detection_count for event in events] == [1, 1, 1]
    assert all(event.ended_at == event.started_at for event in events)


async def test_a_failed_detector_is_never_an_empty_picture(home):
    await home.deliver(Unavailable("no model file"))
    await home.work()
    camera = await home.database.read(lambda conn: home.tables.cameras.get(conn, "door"))
    assert camera.status is CameraStatus.BLIND
    assert camera.status_reason == "no model file"
    account = await home.database.read(home.tables.media.accounting)
    assert (account.queued, account.stored) == (1, 0)
    home.eyes.shows = {key: [PERSON] for key in home.eyes.shows}
    await home.pass_time(10)
    camera = await home.database.read(lambda conn: home.tables.cameras.get(conn, "door"))
    assert camera.status is CameraStatus.ONLINE
    assert len(await home.events()) == 1


async def test_a_detector_that_fails_every_third_time_loses_nothing(home):
    failures = iter(range(10_000))

    def sometimes():
        if next(failures) % 3 == 2:
            raise Transient("out of memory")

    home.eyes.before = sometimes
    for _ in range(20):
        await home.deliver(PERSON)
    await home.pass_time(60, step=1)
    account = await home.database.read(home.tables.media.accounting)
    assert (account.stored, account.queued, account.quarantined) == (20, 0, 0)


async def test_what_cannot_be_looked_at_is_quarantined_with_its_reason(home):
    media_id = await home.deliver(Permanent("the file is gone", code="file_gone"))
    await home.work()
    stored = await home.database.read(lambda conn: home.tables.media.get(conn, media_id))
    assert stored.error == "the file is gone"
    account = await home.database.read(home.tables.media.accounting)
    assert (account.accepted, account.quarantined) == (1, 1)
    depth = await home.tables.queue.depth("detect")
    assert (depth.pending, depth.dead) == (0, 1)


async def test_three_failures_end_in_the_dead_letters_and_the_next_picture_goes_on(home):
    await home.deliver(Transient("broken output"))
    await home.pass_time(20, step=1)
    await home.deliver(PERSON)
    await home.pass_time(20, step=1)
    account = await home.database.read(home.tables.media.accounting)
    assert (account.stored, account.quarantined, account.queued) == (1, 1, 0)


async def test_an_assessment_that_cannot_be_done_keeps_the_rule_score(home):
    home.mind.answer = ModelFailure(reason=AnalysisReason.TIMEOUT, detail="no answer within 120 s")
    await home.deliver(PERSON)
    await home.pass_time(40)
    (event,) = await home.events()
    assert event.analysis_state is AnalysisState.RULES
    assert event.analysis_reason is AnalysisReason.TIMEOUT
    assert event.risk_score == event.rule_score


async def test_a_restart_continues_open_batches_with_their_timers(tmp_path):
    async with household(tmp_path) as home:
        await home.deliver(PERSON)
        await home.work()
        clock = home.clock
    async with household(tmp_path, clock=clock) as again:
        assert len(await again.database.read(again.tables.batches.all_open)) == 1
        await again.pass_time(35)
        (event,) = await again.events()
        assert event.ended_at is not None
        assert event.analysis_state is AnalysisState.RULES


async def test_a_wall_clock_that_jumps_closes_nothing_early_and_nothing_late(home):
    await home.deliver(PERSON)
    await home.work()
    home.clock.jump(86_400)
    await home.pass_time(10)
    assert len(await home.database.read(home.tables.batches.all_open)) == 1
    home.clock.jump(-2 * 86_400)
    await home.pass_time(25)
    assert len(await home.database.read(home.tables.batches.all_open)) == 0
    (event,) = await home.events()
    assert event.ended_at is not None


async def test_rules_that_rise_to_high_ask_the_model_at_once_and_once_per_level(tmp_path):
    async with household(tmp_path, risk_medium=20, risk_high=45) as home:
        home.clock.tick(10.5 * 3600)
        for _ in range(14):
            await home.deliver(PERSON, PERSON, PERSON)
            await home.work(assess=False)
            home.clock.tick(6)
        (event,) = await home.events()
        (raised,) = [one for one in event.transitions if one.change is EventChange.ESCALATED]
        assert raised.level is RiskLevel.HIGH
        depth = await home.tables.queue.depth("assess")
        assert depth.pending == 1


async def test_a_renamed_folder_keeps_its_camera(home):
    await home.deliver(PERSON, camera="door")
    again = await home.ledger.accept(*home.arrival_from("The Door", camera="door"))
    assert again.accepted
    cameras = await home.database.read(home.tables.cameras.all)
    assert [(camera.id, camera.name) for camera in cameras] == [("door", "Door")]


async def test_a_file_of_hours_ago_beside_a_visit_that_goes_on_is_a_visit_of_its_own(home):
    await home.deliver(("person", 0.9))
    await home.work()
    media_id = await home.deliver(("person", 0.9), late_s=7200)
    await home.work()
    stored = await home.database.read(lambda conn: home.tables.media.get(conn, media_id))
    assert stored.state == "detected"
    first, second = await home.events()
    assert first.started_at < second.started_at
    await home.deliver(("person", 0.9))
    await home.pass_time(200)
    assert sorted(event.detection_count for event in await home.events()) == [1, 2]
    assert all(event.ended_at is not None for event in await home.events())
