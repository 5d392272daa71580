"""A person wants a verdict anew: the visit is judged again as it is known now, ahead of second chances."""

from home_sentry_engine.contract import BatchReason, Event
from home_sentry_engine.domain.batch import OpenBatch
from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.domain.jobs import ASSESS, PRIORITY_NORMAL, NewJob

from .ports import QueueFull, Tx


class NothingLeft(Permanent):
    """What was seen of the visit is gone, so nobody can judge it again."""


def judge_again(tx: Tx, event_id: str) -> Event | None:
    """Queue an assessment of a visit unless one that a person wants waits already; gives the visit as it is now.

    None for an unknown visit and one in the trash; raises ``NothingLeft`` or ``QueueFull``.
    """
    event = tx.events.get(event_id)
    if event is None or event.deleted_at is not None:
        return None
    stored = tx.batches.get(event.batch_id)
    if stored is None or not tx.detections.sightings_of_event(event_id, best=1):
        raise NothingLeft("nothing that was seen of this event is kept", code="nothing_left")
    batch, assessed = stored
    version = batch.evidence_version if isinstance(batch, OpenBatch) else assessed
    payload = {
        "event_id": event_id,
        "batch_id": event.batch_id,
        "version": version,
        "reason": BatchReason.FORCED.value,
    }
    unique = f"{event.batch_id}:{version}:wanted"
    receipt = tx.jobs.put(
        NewJob(queue=ASSESS, payload=payload, key=event.camera_id, unique=unique, priority=PRIORITY_NORMAL)
    )
    if receipt.refused is not None:
        raise QueueFull(receipt.refused, code="queue_full")
    return event
