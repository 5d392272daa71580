"""Batching: a pure state machine that gathers the sightings of one visit."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from home_sentry_engine.contract import BatchReason

from .identity import IdSource


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRules:
    """Limits of a batch; ``late_s`` is how long after its end a file that was captured inside still joins it."""

    window_s: float = 90.0
    idle_s: float = 30.0
    max_detections: int = 500
    late_s: float = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBatch:
    """A batch that still takes sightings; times are the engine's steady time of arrival."""

    batch_id: str
    event_id: str
    camera_id: str
    opened_at: datetime
    last_at: datetime
    detections: int
    evidence_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBatch:
    """The newest closed batch of a camera, kept to continue its visit."""

    batch_id: str
    event_id: str
    camera_id: str
    opened_at: datetime
    last_at: datetime
    closed_at: datetime
    reason: BatchReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """A batch to close now, and why."""

    batch: OpenBatch
    reason: BatchReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Outcome of one sighting: the batch that holds it, what was closed first, what is new."""

    batch: OpenBatch
    closed: Closure | None
    opened: bool
    new_event: bool


class Batcher:
    """Decides which batch a sighting belongs to and when a batch closes; keeps no state of its own."""

    def __init__(self, rules: BatchRules, ids: IdSource) -> None:
        """Take the limits and the source of new batch and event ids."""
        self.rules = rules
        self._ids = ids

    def deadline(self, batch: OpenBatch) -> datetime:
        """Give the moment at which the batch closes if nothing more comes."""
        window = batch.opened_at + timedelta(seconds=self.rules.window_s)
        return min(window, batch.last_at + timedelta(seconds=self.rules.idle_s))

    def due(self, batch: OpenBatch, now: datetime) -> BatchReason | None:
        """Tell why the batch is to be closed at ``now``, None if it stays open."""
        if now >= batch.opened_at + timedelta(seconds=self.rules.window_s):
            return BatchReason.WINDOW
        if now >= batch.last_at + timedelta(seconds=self.rules.idle_s):
            return BatchReason.IDLE
        return BatchReason.FULL if batch.detections >= self.rules.max_detections else None

    def visit_ends(self, closed: ClosedBatch) -> datetime:
        """Give the moment after which a new sighting is a new visit."""
        return closed.last_at + timedelta(seconds=self.rules.idle_s)

    def offer(
        self,
        *,
        camera_id: str,
        count: int,
        now: datetime,
        current: OpenBatch | None,
        previous: ClosedBatch | None,
    ) -> Offer:
        """Place ``count`` detections that arrive at ``now``; ``count`` must be positive."""
        if count <= 0:
            raise ValueError("a sighting without detections does not enter a batch")
        closed = None
        if current is not None:
            reason = self.due(current, now)
            if reason is None:
                return Offer(batch=self._grown(current, count, now), closed=None, opened=False, new_event=False)
            closed = Closure(batch=current, reason=reason)
            previous = ClosedBatch(
                batch_id=current.batch_id,
                event_id=current.event_id,
                camera_id=camera_id,
                opened_at=current.opened_at,
                last_at=current.last_at,
                closed_at=now,
                reason=reason,
            )
        event_id = self._continued(previous, now)
        batch = OpenBatch(
            batch_id=self._ids(),
            event_id=event_id or self._ids(),
            camera_id=camera_id,
            opened_at=now,
            last_at=now,
            detections=count,
            evidence_version=1,
        )
        return Offer(batch=batch, closed=closed, opened=True, new_event=event_id is None)

    def _grown(self, batch: OpenBatch, count: int, now: datetime) -> OpenBatch:
        return replace(
            batch,
            last_at=max(now, batch.last_at),
            detections=batch.detections + count,
            evidence_version=batch.evidence_version + 1,
        )

    def _continued(self, previous: ClosedBatch | None, now: datetime) -> str | None:
        if previous is None or previous.reason not in {BatchReason.WINDOW, BatchReason.FULL}:
            return None
        return previous.event_id if now < self.visit_ends(previous) else None
