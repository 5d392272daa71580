"""The batcher: property tests over arbitrary deliveries, and the limits one by one."""

from datetime import timedelta
import itertools

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.contract import BatchReason
from home_sentry_engine.domain.batch import Batcher, BatchRules, ClosedBatch, OpenBatch
from tests.fakes.clock import START

RULES = BatchRules(window_s=90, idle_s=30, max_detections=500)


def make_batcher(rules: BatchRules = RULES) -> Batcher:
    counter = itertools.count()
    return Batcher(rules, lambda: f"id{next(counter)}")


def at(seconds: float):
    return START + timedelta(seconds=seconds)


def closed_from(batch: OpenBatch, reason: BatchReason, now) -> ClosedBatch:
    return ClosedBatch(
        batch_id=batch.batch_id,
        event_id=batch.event_id,
        camera_id=batch.camera_id,
        opened_at=batch.opened_at,
        last_at=batch.last_at,
        closed_at=now,
        reason=reason,
    )


def test_first_sighting_opens_a_batch_and_an_event():
    offer = make_batcher().offer(camera_id="door", count=2, now=START, current=None, previous=None)
    assert offer.opened
    assert offer.new_event
    assert offer.batch.detections == 2
    assert offer.batch.evidence_version == 1


def test_idle_closes_after_thirty_seconds_and_starts_a_new_event():
    batcher = make_batcher()
    first = batcher.offer(camera_id="door", count=1, now=START, current=None, previous=None).batch
    assert batcher.due(first, at(29.9)) is None
    assert batcher.due(first, at(30)) is BatchReason.IDLE
    later = batcher.offer(camera_id="door", count=1, now=at(31), current=first, previous=None)
    assert later.closed is not None
    assert later.closed.reason is BatchReason.IDLE
    assert later.new_event


def test_window_closes_at_ninety_seconds_and_the_visit_goes_on():
    batcher = make_batcher()
    batch = batcher.offer(camera_id="door", count=1, now=START, current=None, previous=None).batch
    for second in range(10, 90, 10):
        batch = batcher.offer(camera_id="door", count=1, now=at(second), current=batch, previous=None).batch
    assert batcher.due(batch, at(90)) is BatchReason.WINDOW
    offer = batcher.offer(camera_id="door", count=1, now=at(91), current=batch, previous=None)
    assert offer.opened
    assert not offer.new_event
    assert offer.batch.event_id == batch.event_id
    assert offer.batch.batch_id != batch.batch_id


def test_full_batch_closes_and_the_next_continues_the_event():
    batcher = make_batcher()
    batch = batcher.offer(camera_id="door", count=500, now=START, current=None, previous=None).batch
    assert batcher.due(batch, at(1)) is BatchReason.FULL
    previous = closed_from(batch, BatchReason.FULL, at(1))
    offer = batcher.offer(camera_id="door", count=1, now=at(2), current=None, previous=previous)
    assert offer.batch.event_id == batch.event_id


@pytest.mark.parametrize(("gap", "continues"), [(29.9, True), (30.0, False), (300.0, False)])
def test_a_visit_continues_only_within_the_idle_time(gap, continues):
    batcher = make_batcher()
    batch = batcher.offer(camera_id="door", count=1, now=START, current=None, previous=None).batch
    previous = closed_from(batch, BatchReason.WINDOW, at(1))
    offer = batcher.offer(camera_id="door", count=1, now=at(gap), current=None, previous=previous)
    assert (offer.batch.event_id == batch.event_id) is continues


def test_nothing_seen_is_refused():
    with pytest.raises(ValueError, match="without detections"):
        make_batcher().offer(camera_id="door", count=0, now=START, current=None, previous=None)


@given(
    gaps=st.lists(st.floats(min_value=0, max_value=200, allow_nan=False), min_size=1, max_size=60),
    counts=st.data(),
)
def test_every_sighting_is_in_exactly_one_batch_and_limits_hold(gaps, counts):
    rules = BatchRules(window_s=90, idle_s=30, max_detections=20)
    batcher = make_batcher(rules)
    current, previous, now, total = None, None, START, 0
    held: dict[str, int] = {}
    events: dict[str, list] = {}
    for gap in gaps:
        now += timedelta(seconds=gap)
        count = counts.draw(st.integers(1, 8))
        total += count
        offer = batcher.offer(camera_id="door", count=count, now=now, current=current, previous=previous)
        if offer.closed is not None:
            assert current is not None
            assert offer.closed.batch.batch_id == current.batch_id
            previous = closed_from(current, offer.closed.reason, now)
        held[offer.batch.batch_id] = offer.batch.detections
        events.setdefault(offer.batch.event_id, []).append(now)
        current = offer.batch
        assert current.last_at - current.opened_at < timedelta(seconds=rules.window_s)
        assert current.detections < rules.max_detections + 8
        assert batcher.deadline(current) > now or batcher.due(current, now) is BatchReason.FULL
    assert sum(held.values()) == total
    for times in events.values():
        assert all((later - earlier).total_seconds() <= rules.window_s for earlier, later in itertools.pairwise(times))
    starts = [times[0] for times in events.values()]
    ends = [times[-1] for times in events.values()]
    assert all((start - end).total_seconds() >= rules.idle_s for end, start in zip(ends, starts[1:], strict=False))
