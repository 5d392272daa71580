"""How detections join a visit: batch, event and jobs, written in one transaction."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Protocol

from home_sentry_engine.context.association import agreed
from home_sentry_engine.context.baseline import ANYTHING
from home_sentry_engine.contract import (
    BatchClosed,
    BatchReason,
    DetectionsAdded,
    Event,
    EventChange,
    MediaKind,
    RiskLevel,
)
from home_sentry_engine.domain.batch import Batcher, ClosedBatch, Closure, Offer, OpenBatch
from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.domain.jobs import ASSESS, PRIORITY_NORMAL, PRIORITY_URGENT, NewJob
from home_sentry_engine.domain.messages import Batch, Media, RuleVerdict, Scene, Sighting
from home_sentry_engine.resilience.recent import Recent
from home_sentry_engine.settings import BatchSettings

from .circumstances import Circumstances
from .ports import Tx
from .visit import Evidence, Visit

_SKEW_FILES = 5
_MOST_CAMERAS = 1000
_SKEW_SPREAD_S = 3.0
_LATE_S = 5.0
# subjects need more looks than are passed on, so that they stay whole
_LOOKS_FOR_EACH_TOLD = 4
_URGENT_LEVELS = frozenset({RiskLevel.HIGH, RiskLevel.CRITICAL})


class Rules(Protocol):
    """The deterministic half of the judge."""

    def rule(self, scene: Scene) -> RuleVerdict:
        """Score a scene by rules."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one media file showed, frame by frame."""

    media: Media
    camera_name: str
    frames: tuple[FrameDetections, ...]

    @property
    def count(self) -> int:
        """Detections over all frames."""
        return sum(len(frame.detections) for frame in self.frames)


class _Placing(Enum):
    LIVE = auto()
    LATE = auto()
    ALONE = auto()


class _Lateness:
    """How late files come, apart from a camera clock that is wrong by a constant."""

    def __init__(self) -> None:
        self._lags = Recent[str, deque[float]](_MOST_CAMERAS)
        self._last = Recent[str, float](_MOST_CAMERAS)

    def of(self, media: Media) -> float:
        """Take a file's lag in seconds and give what is left of it without the camera's constant error."""
        lag = (media.received_at - media.captured_at).total_seconds()
        lags = self._lags.get(media.camera_id)
        if lags is None:
            lags = deque[float](maxlen=_SKEW_FILES)
            self._lags.put(media.camera_id, lags)
        lags.append(lag)
        constant = len(lags) == _SKEW_FILES and max(lags) - min(lags) < _SKEW_SPREAD_S
        late_s = lag - min(lags) if constant else lag
        self._last.put(media.camera_id, late_s)
        return late_s

    def last(self, camera_id: str) -> float:
        """Give the newest result for a camera, 0 before the first."""
        return self._last.get(camera_id) or 0.0


class Gathering:
    """Puts a look into the camera's visit; runs inside a transaction and does no other input or output."""

    def __init__(
        self, settings: BatchSettings, *, rules: Rules, visit: Visit, ids: IdSource, circumstances: Circumstances
    ) -> None:
        """Take the limits, the rule judge, the event steps, the id source and what knows the surroundings."""
        self._settings = settings
        self._rules = rules
        self._visit = visit
        self._batcher = Batcher(settings.rules, ids)
        self._ids = ids
        self.circumstances = circumstances
        self._lateness = _Lateness()

    def join(self, tx: Tx, look: Look) -> None:
        """Store the look's detections and everything that follows from them."""
        at = self._effective_time(look.media, tx.now)
        offer, placing = self._offer(tx, look, at)
        if offer.closed is not None:
            self.close(tx, offer.closed, at)
        batch = offer.batch
        if placing is _Placing.LIVE:
            tx.batches.save_open(batch, deadline=self._batcher.deadline(batch))
        elif placing is _Placing.ALONE:
            tx.batches.save_closed(batch, reason=BatchReason.IDLE, at=batch.last_at)
        ids = tx.detections.add(
            media_id=look.media.media_id,
            camera_id=look.media.camera_id,
            event_id=batch.event_id,
            batch_id=batch.batch_id,
            at=look.media.captured_at,
            frames=look.frames,
        )
        before, event = self._event(tx, batch, look, ongoing=placing is _Placing.LIVE)
        self._announce_detections(tx, look, event, ids)
        if placing is _Placing.LATE:
            tx.jobs.put(self.assessment(batch, BatchReason.FORCED, PRIORITY_NORMAL))
        elif placing is _Placing.ALONE:
            self.close(tx, Closure(batch=batch, reason=BatchReason.IDLE), batch.last_at)
        else:
            self._assess_if_urgent(tx, before, event, batch)
            if self._batcher.due(batch, at) is BatchReason.FULL:
                self.close(tx, Closure(batch=batch, reason=BatchReason.FULL), at)

    def note_empty(self, tx: Tx, look: Look) -> None:
        """Store that a file was looked at and showed nothing."""
        self._lateness.of(look.media)
        self.circumstances.note(tx, look.media.camera_id, look.media.captured_at)
        tx.detections.add(
            media_id=look.media.media_id,
            camera_id=look.media.camera_id,
            event_id=None,
            batch_id=None,
            at=look.media.captured_at,
            frames=look.frames,
        )

    def close(self, tx: Tx, closure: Closure, at: datetime) -> None:
        """Close a batch, tell of it and queue its assessment unless this evidence was assessed already."""
        batch = closure.batch
        stored = tx.batches.get(batch.batch_id)
        tx.batches.close(batch.batch_id, reason=closure.reason, at=at)
        closed = BatchClosed(
            seq=0,
            batch_id=batch.batch_id,
            event_id=batch.event_id,
            camera_id=batch.camera_id,
            opened_at=batch.opened_at,
            closed_at=at,
            detections=batch.detections,
            reason=closure.reason,
        )
        tx.outbox.add("batch_closed", closed, camera_id=batch.camera_id)
        if stored is None or stored[1] < batch.evidence_version:
            tx.jobs.put(self.assessment(batch, closure.reason, PRIORITY_NORMAL))

    def assessment(self, batch: OpenBatch, reason: BatchReason, priority: int) -> NewJob:
        """Make the assessment job of a batch at its present evidence."""
        return NewJob(
            queue=ASSESS,
            payload={
                "event_id": batch.event_id,
                "batch_id": batch.batch_id,
                "version": batch.evidence_version,
                "reason": reason.value,
            },
            key=batch.camera_id,
            unique=f"{batch.batch_id}:{batch.evidence_version}",
            priority=priority,
        )

    def scene(self, tx: Tx, event_id: str, batch: OpenBatch | ClosedBatch, camera_name: str) -> Scene | None:
        """Gather the visit around a batch, with its most telling detections; None when it has no stored sighting."""
        most = self._settings.best_detections
        stored = tx.detections.sightings_of_event(event_id, best=_LOOKS_FOR_EACH_TOLD * most, shared=True)
        return self._scene(tx, event_id, batch, camera_name, stored) if stored else None

    def _scene(
        self, tx: Tx, event_id: str, batch: OpenBatch | ClosedBatch, camera_name: str, stored: Sequence[Sighting]
    ) -> Scene:
        sightings = self._told(stored)
        closed = isinstance(batch, ClosedBatch)
        whole = Batch(
            batch_id=batch.batch_id,
            event_id=event_id,
            camera_id=batch.camera_id,
            camera_name=camera_name,
            opened_at=batch.opened_at,
            last_at=batch.last_at,
            closed=closed,
            reason=batch.reason if isinstance(batch, ClosedBatch) else BatchReason.URGENT,
            evidence_version=0 if isinstance(batch, ClosedBatch) else batch.evidence_version,
            sightings=sightings,
        )
        started = min(sighting.at for sighting in sightings)
        return Scene(
            batch=whole,
            local_time=started.astimezone(self.circumstances.zone(tx)),
            legs=self.circumstances.legs(tx, whole),
        )

    def starts_or_joins(self, tx: Tx, look: Look) -> bool:
        """Tell whether a look makes or joins a visit: a flash in one frame of a video only joins one."""
        if not look.count:
            return False
        if look.media.kind is not MediaKind.VIDEO or tx.batches.open_for(look.media.camera_id) is not None:
            return True
        rules = self.circumstances.association
        return any(sighting.detections for sighting in agreed(_sightings_of(look), rules=rules))

    def lifts(self, tx: Tx, look: Look, sure: Look) -> bool:
        """Tell whether a look would lift its visit to high, and would not if it showed only what is ``sure``."""
        level = self._foreseen(tx, look)
        return level in _URGENT_LEVELS and self._foreseen(tx, sure) not in _URGENT_LEVELS

    def _foreseen(self, tx: Tx, look: Look) -> RiskLevel:
        camera_id = look.media.camera_id
        current = tx.batches.open_for(camera_id)
        event_id = current.event_id if current is not None else ""
        stored = self._surest(tx, event_id) if current is not None else ()
        sightings = self._told((*stored, *_sightings_of(look)))
        if not sightings:
            return RiskLevel.LOW
        batch = Batch(
            batch_id=current.batch_id if current is not None else "",
            event_id=event_id,
            camera_id=camera_id,
            camera_name=look.camera_name,
            opened_at=current.opened_at if current is not None else look.media.captured_at,
            last_at=look.media.captured_at,
            closed=False,
            reason=BatchReason.URGENT,
            evidence_version=0,
            sightings=sightings,
        )
        started = min(sighting.at for sighting in sightings).astimezone(self.circumstances.zone(tx))
        scene = Scene(batch=batch, local_time=started, legs=self.circumstances.legs(tx, batch))
        return self._visit.level_of(self._rules.rule(scene).score)

    def _surest(self, tx: Tx, event_id: str) -> tuple[Sighting, ...]:
        # asked for each look, while nothing else is written: the assessor sees more
        return tx.detections.sightings_of_event(event_id, best=self._settings.best_detections)

    def _told(self, sightings: Sequence[Sighting]) -> tuple[Sighting, ...]:
        most = self._settings.best_detections
        return agreed(sightings, rules=self.circumstances.association, most=most)

    def _effective_time(self, media: Media, now: datetime) -> datetime:
        """Place a file that comes long after its capture (catch-up) at its capture, all else at its arrival."""
        if self._lateness.of(media) <= self._settings.rules.late_s:
            return now
        return min(media.captured_at, now)

    def _offer(self, tx: Tx, look: Look, at: datetime) -> tuple[Offer, _Placing]:
        camera_id = look.media.camera_id
        current, previous = tx.batches.open_for(camera_id), tx.batches.last_closed(camera_id)
        joined = self._late(tx, look, at)
        if joined is not None:
            return joined, _Placing.LATE
        if current is not None and at < current.opened_at - timedelta(seconds=self._settings.rules.idle_s):
            return self._alone(look, at), _Placing.ALONE
        offer = self._batcher.offer(camera_id=camera_id, count=look.count, now=at, current=current, previous=previous)
        return offer, _Placing.LIVE

    def _late(self, tx: Tx, look: Look, at: datetime) -> Offer | None:
        """Find the closed batch that spans a late file's capture and give it back grown."""
        if self._lateness.last(look.media.camera_id) <= _LATE_S:
            return None
        since = at - timedelta(seconds=self._settings.rules.late_s)
        idle = timedelta(seconds=self._settings.rules.idle_s)
        closed = tx.batches.last_containing(look.media.camera_id, look.media.captured_at, since, idle=idle)
        if closed is None:
            return None
        version = tx.batches.grow_closed(closed.batch_id, detections=look.count)
        grown = OpenBatch(
            batch_id=closed.batch_id,
            event_id=closed.event_id,
            camera_id=closed.camera_id,
            opened_at=closed.opened_at,
            last_at=closed.last_at,
            detections=look.count,
            evidence_version=version,
        )
        return Offer(batch=grown, closed=None, opened=False, new_event=False)

    def _alone(self, look: Look, at: datetime) -> Offer:
        batch = OpenBatch(
            batch_id=self._ids(),
            event_id=self._ids(),
            camera_id=look.media.camera_id,
            opened_at=at,
            last_at=at,
            detections=look.count,
            evidence_version=1,
        )
        return Offer(batch=batch, closed=None, opened=True, new_event=True)

    def _event(self, tx: Tx, batch: OpenBatch, look: Look, *, ongoing: bool) -> tuple[Event | None, Event]:
        before = tx.events.get(batch.event_id)
        self._note_appearances(tx, look, before)
        stored = self._surest(tx, batch.event_id)
        if not stored:
            raise LookupError(f"batch {batch.batch_id} has no sighting")
        scene = self._scene(tx, batch.event_id, batch, look.camera_name, stored)
        evidence = Evidence(batch=scene.batch, rule=self._rules.rule(scene), now=tx.now)
        urgent = self._is_urgent(scene.batch, look.media.media_id)
        if before is None:
            event = self._visit.begin(evidence, media_id=look.media.media_id, fast_path=urgent)
            tx.events.insert(event)
            tx.outbox.add("event_created", event, camera_id=event.camera_id)
            return None, event
        event = self._visit.grown(before, evidence, fast_path=urgent, ongoing=ongoing)
        tx.events.save(event)
        tx.outbox.add("event_updated", event, camera_id=event.camera_id)
        return before, event

    def _note_appearances(self, tx: Tx, look: Look, before: Event | None) -> None:
        seen = {one.label for frame in look.frames for one in frame.detections}
        if before is None:
            self.circumstances.note(tx, look.media.camera_id, look.media.captured_at, [ANYTHING, *sorted(seen)])
        elif fresh := sorted(seen.difference(before.object_types)):
            self.circumstances.note(tx, look.media.camera_id, before.started_at, fresh)

    def _announce_detections(self, tx: Tx, look: Look, event: Event, ids: Sequence[Sequence[int]]) -> None:
        if not any(ids):
            return
        rows = tx.detections.of_media(look.media.media_id)
        message = DetectionsAdded(
            seq=0,
            camera_id=look.media.camera_id,
            media_id=look.media.media_id,
            event_id=event.event_id,
            detections=rows,
        )
        tx.outbox.add("detections_added", message, camera_id=look.media.camera_id)

    def _is_urgent(self, batch: Batch, media_id: str) -> bool:
        return any(
            detection.confidence >= self._settings.fast_path_confidence
            and detection.label in self._settings.fast_path_classes
            for sighting in batch.sightings
            if sighting.media_id == media_id
            for detection in sighting.detections
        )

    def _assess_if_urgent(self, tx: Tx, before: Event | None, event: Event, batch: OpenBatch) -> None:
        first_urgent = event.is_fast_path and not (before is not None and before.is_fast_path)
        if first_urgent or _newly_escalated(event):
            tx.jobs.put(self.assessment(batch, BatchReason.URGENT, PRIORITY_URGENT))


def _sightings_of(look: Look) -> tuple[Sighting, ...]:
    return tuple(
        Sighting(
            media_id=look.media.media_id,
            camera_id=look.media.camera_id,
            at=look.media.captured_at,
            detections=frame.detections,
            detection_ids=(),
            image_width=frame.image_width,
            image_height=frame.image_height,
            offset_s=frame.offset_s,
            looked=len(look.frames),
            quality=frame.quality,
        )
        for frame in look.frames
        if frame.detections
    )


def _newly_escalated(event: Event) -> bool:
    last = event.transitions[-1]
    if last.revision != event.revision or last.level not in _URGENT_LEVELS:
        return False
    if last.change not in {EventChange.ESCALATED, EventChange.STARTED}:
        return False
    return all(earlier.level is not last.level for earlier in event.transitions[:-1])
