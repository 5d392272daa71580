"""People's dealings with events over a whole pipeline: marks, feedback, the trash and its end, the way of an event."""

from datetime import timedelta

import pytest

from home_sentry_engine.api.triage_ports import Opinion, Review
from home_sentry_engine.app.triage import TriageDesk
from home_sentry_engine.contract import (
    ApiKey,
    BulkReviewed,
    EventChange,
    EventUpdated,
    FeedbackKind,
    KeyRole,
    decode_server,
)
from home_sentry_engine.contract.errors import Conflict
from home_sentry_engine.operations.retention import Retention
from home_sentry_engine.pipeline.relay import to_message
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.audit import AuditQuery
from home_sentry_engine.storage.repositories.keys import ApiKeys, StoredKey
from tests.fakes.household import Household, household
from tests.fakes.media_paths import Paths

ENDED = 400


@pytest.fixture
async def home(tmp_path):
    async with household(tmp_path) as opened:
        yield opened


@pytest.fixture
def desk(home) -> TriageDesk:
    return TriageDesk(home.database, home.tables, home.clock, home._announced)


async def visit(home: Household, *, camera: str = "door", ended: bool = True):
    await home.deliver(("person", 0.9), camera=camera)
    await home.pass_time(ENDED if ended else 10)
    return (await home.events())[-1]


async def told(home: Household) -> EventUpdated:
    rows = await home.database.read(lambda conn: home.tables.outbox.since(conn, 0, 10_000))
    message = decode_server(to_message(rows[-1]))
    assert isinstance(message, EventUpdated)
    return message


async def test_a_change_is_stored_and_told(home, desk):
    event = await visit(home)
    until = home.clock.now() + timedelta(hours=2)
    before = home.news
    changed = await desk.review(
        event.event_id,
        Review(reviewed=True, flagged=True, favourite=True, snoozed_until=until, notes="hers", user="anna"),
    )
    assert changed is not None
    assert (changed.reviewed, changed.flagged, changed.favourite) == (True, True, True)
    assert (changed.snoozed_until, changed.notes, changed.revision) == (until, "hers", event.revision + 1)
    assert (await told(home)).event == changed
    assert home.news > before
    assert (await desk.review(event.event_id, Review(notes=""))).notes is None
    assert (await desk.story(event.event_id)).reviewed_by == ("anna",)
    assert await desk.review("nobody", Review(reviewed=True)) is None


async def test_a_review_that_is_taken_back_leaves_those_of_others(home, desk):
    event_id = (await visit(home)).event_id
    for user in ("anna", "bert"):
        await desk.review(event_id, Review(reviewed=True, user=user))
    assert (await desk.review(event_id, Review(reviewed=False, user="anna"))).reviewed
    assert (await desk.story(event_id)).reviewed_by == ("bert",)
    assert not (await desk.review(event_id, Review(reviewed=False, user="bert"))).reviewed


async def test_a_revision_of_the_pipeline_keeps_what_people_said(home, desk):
    event = await visit(home, ended=False)
    await desk.review(event.event_id, Review(flagged=True, favourite=True, notes="look", user="anna"))
    await home.pass_time(ENDED)
    (after,) = await home.events()
    assert after.ended_at is not None
    assert (after.flagged, after.favourite, after.notes) == (True, True, "look")


async def test_many_at_once_with_an_audit_of_each(home, desk):
    ids = [(await visit(home, camera=camera)).event_id for camera in ("door", "yard", "gate")]
    done = await desk.review_all([*ids, ids[0], "nobody"], Review(reviewed=True, user="anna"))
    assert done == BulkReviewed(changed=3, missing=("nobody",))
    assert all(event.reviewed for event in await home.events())
    page = await home.database.read(lambda conn: home.tables.audit.page(conn, AuditQuery(limit=10)))
    assert {(entry.actor, entry.action, entry.target) for entry in page.items} == {
        ("user anna", "event.review", event_id) for event_id in ids
    }


async def test_the_holder_of_a_key_is_audited_by_the_name_of_the_key_and_the_installation_as_such(home, desk):
    key = ApiKey(id="k7", name="guard", role=KeyRole.OPERATOR, created_at=home.clock.now())
    await home.database.write(lambda conn: ApiKeys().add(conn, StoredKey(key=key, sha256="0" * 64)))
    event_id = (await visit(home)).event_id
    for user in ("key:k7", None):
        await desk.review_all([event_id], Review(flagged=True, user=user))
    page = await home.database.read(lambda conn: home.tables.audit.page(conn, AuditQuery(limit=10)))
    assert {(entry.actor, entry.details.get("key_id")) for entry in page.items} == {
        ("key guard", "k7"),
        ("token", None),
    }


async def test_feedback_said_twice_counts_once(home, desk):
    event_id = (await visit(home)).event_id
    opinion = Opinion(kind=FeedbackKind.FALSE_POSITIVE, user="anna")
    first = await desk.say(event_id, opinion)
    home.clock.tick(60)
    again = await desk.say(event_id, opinion)
    assert again.id == first.id
    assert (await desk.story(event_id)).feedback == (again,)
    assert await desk.say("nobody", opinion) is None


async def test_an_event_is_thrown_away_and_taken_back(home, desk):
    ongoing = await visit(home, ended=False)
    with pytest.raises(Conflict):
        await desk.discard(ongoing.event_id)
    await home.pass_time(ENDED)
    gone = await desk.discard(ongoing.event_id)
    assert gone.deleted_at is not None
    assert gone.transitions[-1].change is EventChange.DISMISSED
    assert (await told(home)).event == gone
    assert await home.events() == []
    assert await desk.discard(ongoing.event_id) is None
    assert [event.event_id for event in (await desk.trash(EventQuery())).items] == [ongoing.event_id]
    back = await desk.restore(ongoing.event_id)
    assert back.deleted_at is None
    # it counts again: a visit whose last change is its dismissal is no risk
    assert back.transitions[-1].change is EventChange.REVISED
    assert (await told(home)).event == back
    assert [event.event_id for event in await home.events()] == [ongoing.event_id]
    assert await desk.restore(ongoing.event_id) is None
    assert (await desk.trash(EventQuery())).items == ()


async def test_the_trash_is_emptied_after_thirty_days_and_favourites_stay(home, desk, tmp_path):
    retention = Retention(home.database, Paths(tmp_path), home.clock, timedelta(days=90))
    thrown, kept, plain = [(await visit(home, camera=camera)).event_id for camera in ("door", "yard", "gate")]
    await desk.review(kept, Review(favourite=True))
    await desk.discard(thrown)
    home.clock.tick(timedelta(days=29).total_seconds())
    assert (await retention.clean()).events == 0
    home.clock.tick(timedelta(days=2).total_seconds())
    assert (await retention.clean()).events == 1
    assert (await desk.trash(EventQuery())).items == ()
    assert await desk.restore(thrown) is None
    home.clock.tick(timedelta(days=90).total_seconds())
    removed = await retention.clean()
    # the file of the visit that was thrown away is as old as the others
    assert (removed.events, removed.files) == (1, 2)
    (left,) = await home.events()
    assert left.event_id == kept != plain
    assert await home.database.read(lambda conn: home.tables.media.get(conn, left.media_id)) is not None


async def test_the_way_that_an_event_took(home, desk):
    home.mind.answer = 40
    event = await visit(home)
    hops = (await desk.story(event.event_id)).hops
    names = [hop.hop for hop in hops]
    assert set(names) == {"file", "detect", "batch", "assess", "announce"}
    assert names.index("file") < names.index("detect") < names.index("assess")
    assert [hop.at for hop in hops] == sorted(hop.at for hop in hops)
    outcomes = {hop.outcome for hop in hops if hop.hop == "announce"}
    assert {"started", "ended"} <= outcomes
    assert [hop.outcome for hop in hops if hop.hop == "assess"][-1] == "llm"
    assert (await desk.story("nobody")).hops == ()
