"""What people say of events, marks that keep them, the trash, and the way that an event took."""

from dataclasses import replace
from typing import Any

import pytest

from home_sentry_engine.contract import EventHop, Feedback, FeedbackKind
from home_sentry_engine.contract.notifications import DeliveryReason, DeliveryState
from home_sentry_engine.domain.enrichment import Attempt, EnrichmentResult, Outcome
from home_sentry_engine.storage.errors import UnknownRow
from home_sentry_engine.storage.query import EventQuery
from home_sentry_engine.storage.repositories.batches import Batches
from home_sentry_engine.storage.repositories.channels import Channels
from home_sentry_engine.storage.repositories.deliveries import Deliveries
from home_sentry_engine.storage.repositories.detections import Detections
from home_sentry_engine.storage.repositories.enrichments import Enrichments
from home_sentry_engine.storage.repositories.events import Events
from home_sentry_engine.storage.repositories.media import MediaFiles
from home_sentry_engine.storage.repositories.retention import Expiry
from home_sentry_engine.storage.repositories.triage import Triage
from tests.engine.unit.storage.samples import at, batch, detection, event, frame, with_camera, with_media
from tests.engine.unit.storage.test_notifications import PHONE, WAITING

EVENTS, TRIAGE, EXPIRY, MEDIA = Events(), Triage(), Expiry(), MediaFiles()


@pytest.fixture
async def filled(database):
    def work(conn):
        with_camera(conn)
        for number in (1, 2, 3):
            EVENTS.insert(conn, event(f"e{number}", started_at=at(number)))

    await database.write(work)
    return database


def feedback(kind=FeedbackKind.FALSE_POSITIVE, **fields) -> Feedback:
    return Feedback(**{"id": 0, "at": at(100), "user": "anna", "kind": kind} | fields)


async def found(database, **filters) -> list[str]:
    page = await database.read(lambda conn: EVENTS.page(conn, EventQuery(**filters)))
    return [one.event_id for one in page.items]


async def test_each_user_reviews_for_himself(filled):
    async def review(user, now):
        return await filled.write(lambda conn: TRIAGE.review(conn, "e1", user, now))

    assert await review("anna", at(5))
    assert await review("anna", at(6))
    assert await review("bert", at(7))
    assert await filled.read(lambda conn: TRIAGE.reviewers(conn, "e1")) == ("anna", "bert")
    assert await filled.read(lambda conn: TRIAGE.reviewers(conn, "e2")) == ()
    assert await review("anna", None)
    assert await filled.read(lambda conn: TRIAGE.reviewers(conn, "e1")) == ("bert",)
    assert not await review(None, None)
    assert await review(None, at(9))
    assert await filled.read(lambda conn: TRIAGE.reviewers(conn, "e1")) == ()


async def test_feedback_is_kept_and_said_again_it_counts_once(filled):
    async def say(said, event_id="e1"):
        return await filled.write(lambda conn: TRIAGE.say(conn, event_id, said))

    first = await say(feedback(comment="a bag in the wind"))
    assert first == feedback(id=first.id, comment="a bag in the wind")
    others = [
        await say(feedback(user="bert")),
        await say(feedback(user=None)),
        await say(feedback(FeedbackKind.THIS_IS, subject="the postman")),
        await say(feedback(FeedbackKind.THIS_IS, subject="the neighbour")),
    ]
    again = await say(feedback(at=at(200), comment=None))
    assert again.id == first.id
    assert (await say(feedback(user=None))).id == others[1].id
    kept = await filled.read(lambda conn: TRIAGE.said(conn, "e1"))
    assert kept == (again, *others)
    assert (await say(feedback(), "e2")).id not in {one.id for one in kept}


async def test_marks_are_set_alone_and_outlast_a_revision(filled):
    until = at(3600)
    await filled.write(lambda conn: EVENTS.mark(conn, "e1", favourite=True))
    await filled.write(lambda conn: EVENTS.mark(conn, "e1", flagged=True, snoozed_until=until))
    await filled.write(lambda conn: EVENTS.save(conn, event("e1", started_at=at(1), revision=2)))
    kept = await filled.read(lambda conn: EVENTS.get(conn, "e1"))
    assert (kept.flagged, kept.favourite, kept.snoozed_until) == (True, True, until)
    await filled.write(lambda conn: EVENTS.mark(conn, "e2", flagged=True))
    assert await found(filled, flagged=True) == ["e2", "e1"]
    assert await found(filled, flagged=True, favourite=False) == ["e2"]
    assert await found(filled, favourite=True) == ["e1"]
    assert await found(filled, flagged=False) == ["e3"]
    await filled.write(lambda conn: EVENTS.mark(conn, "e1", flagged=False, favourite=False))
    assert await found(filled, flagged=False) == ["e3", "e1"]
    with pytest.raises(UnknownRow):
        await filled.write(lambda conn: EVENTS.mark(conn, "none", flagged=True))


async def test_the_trash_has_its_own_list(filled):
    await filled.write(lambda conn: EVENTS.trash(conn, "e1", at(50)))
    assert await found(filled) == ["e3", "e2"]
    (lies,) = (await filled.read(lambda conn: EVENTS.page(conn, EventQuery(), trashed=True))).items
    assert (lies.event_id, lies.deleted_at) == ("e1", at(50))
    assert await filled.read(lambda conn: EVENTS.get(conn, "e1", trashed=True)) == lies


async def test_favourites_never_grow_old_and_the_trash_does(filled):
    def work(conn):
        with_media(conn, "m1", "m2")
        for media_id, event_id in (("m1", "e1"), ("m2", "e2")):
            Detections().add(
                conn,
                media_id=media_id,
                camera_id="yard",
                event_id=event_id,
                batch_id=None,
                at=at(1),
                frames=(frame(detection()),),
            )
        for media_id in ("m1", "m2"):
            MEDIA.mark_detected(conn, media_id)
        EVENTS.mark(conn, "e1", favourite=True)
        EVENTS.trash(conn, "e3", at(60))

    await filled.write(work)
    later = at(10_000)
    assert await filled.read(lambda conn: EXPIRY.events(conn, later, 10)) == ("e2", "e3")
    assert await filled.read(lambda conn: EXPIRY.trash(conn, later, 10)) == ("e3",)
    assert await filled.read(lambda conn: EXPIRY.trash(conn, at(60), 10)) == ()
    for of_events in (False, True):
        files = await filled.read(lambda conn, of=of_events: EXPIRY.files(conn, later, 10, of_events=of))
        assert [one.media_id for one in files] == (["m2"] if of_events else [])


async def test_what_was_said_goes_with_its_event(filled):
    def work(conn):
        TRIAGE.say(conn, "e1", feedback())
        TRIAGE.review(conn, "e1", "anna", at(5))
        return EXPIRY.delete_events(conn, ["e1"])

    assert await filled.write(work) == 1
    assert await filled.read(lambda conn: TRIAGE.said(conn, "e1")) == ()
    assert await filled.read(lambda conn: TRIAGE.reviewers(conn, "e1")) == ()


async def test_hops_are_read_from_what_was_stored(filled):
    def work(conn):
        with_media(conn, "m1")
        Detections().add(
            conn,
            media_id="m1",
            camera_id="yard",
            event_id="e1",
            batch_id="b1",
            at=at(2),
            frames=(frame(detection(), detection("dog")),),
        )
        MEDIA.mark_detected(conn, "m1")
        Batches().save_open(conn, batch("b1", opened_at=at(3), last_at=at(3)), deadline=at(90))

    await filled.write(work)
    hops = await filled.read(lambda conn: TRIAGE.hops(conn, "e1"))
    assert hops == (
        EventHop(hop="file", at=at(1), outcome="accepted", detail="m1"),
        EventHop(hop="announce", at=at(1), outcome="started", detail="provisional"),
        EventHop(hop="detect", at=at(2), duration_ms=12.5, outcome="detected", detail="rtdetr"),
        EventHop(hop="batch", at=at(3), outcome="open"),
    )
    assert await filled.read(lambda conn: TRIAGE.hops(conn, "nobody")) == ()


async def test_a_look_has_the_time_of_its_steps_and_each_delivery_is_a_hop(filled):
    looked = EnrichmentResult(
        attempts=(
            Attempt(about="faces", outcome=Outcome.RAN, model_id="yunet", looks=1, duration_ms=45.5),
            Attempt(about="pose", outcome=Outcome.UNAVAILABLE, reason="no file", duration_ms=0.5),
        )
    )
    done: dict[str, Any] = {
        "state": DeliveryState.DELIVERED,
        "reason": DeliveryReason.DELIVERED,
        "delivered_at": at(12),
    }
    lost: dict[str, Any] = {"state": DeliveryState.FAILED, "reason": DeliveryReason.UNREACHABLE, "tried_at": at(13)}
    held: dict[str, Any] = {"state": DeliveryState.SKIPPED, "reason": DeliveryReason.QUIET_HOURS}
    waiting = replace(WAITING, created_at=at(11))

    def work(conn):
        Enrichments().save(conn, "e1", batch_id="b1", at=at(10), result=looked, legs={})
        states: tuple[dict[str, Any], ...] = (done, lost, held, {})
        for number, fields in enumerate(states, start=1):
            channel = replace(PHONE.channel, id=f"c{number}", name=f"Phone {number}")
            Channels().save(conn, replace(PHONE, channel=channel))
            made = replace(waiting, id=f"d{number}", channel_id=channel.id, **fields)
            assert Deliveries().add(conn, made)
        assert Deliveries().add(conn, replace(waiting, id="t", alert_id=None, test=True, **held))
        assert Deliveries().add(conn, replace(waiting, id="o", alert_id="a2", event_id="e2"))

    await filled.write(work)
    hops = await filled.read(lambda conn: TRIAGE.hops(conn, "e1"))
    assert [hop for hop in hops if hop.hop != "announce"] == [
        EventHop(hop="enrich", at=at(10), duration_ms=46.0, outcome="partial"),
        EventHop(hop="notify", at=at(11), outcome="skipped", detail="c3: quiet_hours"),
        EventHop(hop="notify", at=at(11), outcome="pending", detail="c4: waiting"),
        EventHop(hop="notify", at=at(12), duration_ms=1000.0, outcome="delivered", detail="c1: delivered"),
        EventHop(hop="notify", at=at(13), outcome="failed", detail="c2: unreachable"),
    ]
