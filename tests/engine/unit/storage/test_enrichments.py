"""What models found is kept with its event."""

from datetime import timedelta

from home_sentry_engine.contract import EnrichmentStatus, StepOutcome
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.enrichment import Attempt, EnrichmentResult, Finding, Outcome
from home_sentry_engine.storage.repositories.enrichments import Enrichments
from home_sentry_engine.storage.repositories.events import Events
from tests.engine.unit.storage.samples import at, event, with_camera, with_media

EVENTS, ROWS = Events(), Enrichments()
NOW = at(0)
FACE = Finding(
    about="faces",
    model_id="yunet",
    value={"visible": True},
    confidence=0.9,
    subject=1,
    detection_id=7,
    box=Box(x=1, y=2, width=3, height=4),
)
RESULT = EnrichmentResult(
    findings=(FACE,),
    attempts=(
        Attempt(about="faces", outcome=Outcome.RAN, model_id="yunet", looks=1),
        Attempt(about="pose", outcome=Outcome.UNAVAILABLE, reason="no file"),
        Attempt(about="damage", outcome=Outcome.SKIPPED, reason="no vehicle was seen"),
    ),
    unreadable={"m1": "the file is gone"},
)


def made_event(conn):
    with_camera(conn)
    with_media(conn, "m1")
    made = event()
    EVENTS.insert(conn, made)
    return made


async def test_a_look_is_kept_and_comes_back_whole(database):
    def work(conn):
        made = made_event(conn)
        assert ROWS.of(conn, made.event_id) is None
        assert ROWS.legs(conn, made.event_id) == {}
        ROWS.save(conn, made.event_id, batch_id="b", at=NOW, result=RESULT, legs={"faces": {"faces_visible": 1}})
        return ROWS.of(conn, made.event_id), ROWS.legs(conn, made.event_id)

    found, legs = await database.write(work)
    assert (found.status, found.at, found.success_rate) == (EnrichmentStatus.PARTIAL, NOW, 0.5)
    assert (found.successful_models, found.failed_models) == (("yunet",), ("pose",))
    assert found.errors == {"pose": "no file"}
    assert [(one.about, one.outcome, one.confidence) for one in found.steps] == [
        ("faces", StepOutcome.RAN, 0.9),
        ("pose", StepOutcome.UNAVAILABLE, None),
        ("damage", StepOutcome.SKIPPED, None),
    ]
    assert (found.findings[0].detection_id, found.findings[0].box.width) == (7, 3)
    assert found.unreadable == {"m1": "the file is gone"}
    assert legs == {"faces": {"faces_visible": 1}}


async def test_a_later_look_replaces_the_record_and_keeps_what_only_the_first_found(database):
    def work(conn):
        made = made_event(conn)
        ROWS.save(conn, made.event_id, batch_id="b", at=NOW, result=RESULT, legs={"faces": 1, "pose": 1})
        later = NOW + timedelta(seconds=9)
        ROWS.save(conn, made.event_id, batch_id="c", at=later, result=EnrichmentResult(), legs={"faces": 2})
        return ROWS.of(conn, made.event_id), ROWS.legs(conn, made.event_id)

    found, legs = await database.write(work)
    assert (found.status, found.findings) == (EnrichmentStatus.SUCCESS, ())
    assert legs == {"faces": 2, "pose": 1}
