"""Cameras and visits of an engine under the test's control, each change published."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from custom_components.home_sentry.contract import (
    AnalysisState,
    Camera,
    CameraChanged,
    CameraRemoved,
    CameraStatus,
    DetectionsAdded,
    Event,
    EventChange,
    EventCreated,
    EventUpdated,
    Factor,
    ObjectGroup,
    RiskLevel,
    Transition,
)
from tests.fakes.sightings import sighting

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def level_of(score: int) -> RiskLevel:
    bands = ((85, RiskLevel.CRITICAL), (60, RiskLevel.HIGH), (30, RiskLevel.MEDIUM))
    return next((level for lowest, level in bands if score >= lowest), RiskLevel.LOW)


class Visits:
    """What happens at the cameras; who inherits it tells everybody."""

    cameras: dict[str, Camera]
    events: dict[str, Event]
    _numbers: Iterator[int]
    _now: datetime

    @property
    def cursor(self) -> int:
        """Number of the newest message."""
        raise NotImplementedError

    async def _publish(self, message: Any) -> None:
        raise NotImplementedError

    async def put_camera(self, camera_id: str, **changes: Any) -> Camera:
        known = self.cameras.get(camera_id) or Camera(
            id=camera_id,
            name=camera_id.replace("_", " ").title(),
            status=CameraStatus.ONLINE,
            created_at=START,
            last_seen_at=START,
        )
        camera = self.cameras[camera_id] = replace(known, **changes)
        await self._publish(CameraChanged(seq=self.cursor + 1, camera=camera))
        return camera

    async def remove_camera(self, camera_id: str) -> None:
        del self.cameras[camera_id]
        self.events = {key: event for key, event in self.events.items() if event.camera_id != camera_id}
        await self._publish(CameraRemoved(seq=self.cursor + 1, camera_id=camera_id))

    async def start_event(self, camera_id: str, *, score: int = 40, groups: Any = (ObjectGroup.PERSON,)) -> Event:
        number = next(self._numbers)
        self._now += timedelta(seconds=1)
        event = Event(
            event_id=f"event-{number}",
            batch_id=f"batch-{number}",
            camera_id=camera_id,
            camera_name=self.cameras[camera_id].name,
            started_at=self._now,
            risk_score=score,
            risk_level=level_of(score),
            rule_score=score,
            analysis_state=AnalysisState.PROVISIONAL,
            summary=f"A person at {camera_id}",
            factors=tuple(
                Factor(id=name, points=points, text=name)
                for name, points in (("a", 5), ("b", 20), ("c", -10), ("d", 1))
            ),
            object_types=("person",),
            groups=groups,
            detection_count=1,
            media_id=f"media-{number}",
            revision=1,
            transitions=(self._transition(1, EventChange.STARTED, score, AnalysisState.PROVISIONAL),),
        )
        self.events[event.event_id] = event
        await self._publish(EventCreated(seq=self.cursor + 1, event=event))
        return event

    async def change_event(self, event_id: str, change: EventChange, **changes: Any) -> Event:
        self._now += timedelta(seconds=1)
        known = self.events[event_id]
        if change is EventChange.ENDED:
            changes.setdefault("ended_at", self._now)
        score = changes.get("risk_score", known.risk_score)
        changed = replace(known, risk_level=level_of(score), revision=known.revision + 1, **changes)
        transition = self._transition(changed.revision, change, score, changed.analysis_state)
        event = self.events[event_id] = replace(changed, transitions=(*known.transitions, transition))
        await self._publish(EventUpdated(seq=self.cursor + 1, event=event))
        return event

    async def see(self, event: Event | None, *groups: ObjectGroup, camera_id: str = "front_door") -> None:
        number = next(self._numbers)
        found = tuple(
            sighting(number * 100 + index, group, self._now, camera_id, event.event_id if event else None)
            for index, group in enumerate(groups)
        )
        event_id = event.event_id if event else None
        await self._publish(
            DetectionsAdded(
                seq=self.cursor + 1,
                camera_id=camera_id,
                media_id=f"media-{number}",
                event_id=event_id,
                detections=found,
            )
        )

    def _transition(self, revision: int, change: EventChange, score: int, state: AnalysisState) -> Transition:
        return Transition(
            revision=revision, change=change, at=self._now, score=score, level=level_of(score), state=state
        )
