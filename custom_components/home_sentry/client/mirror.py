"""Last known state of an engine, kept up to date by its messages."""

from dataclasses import replace
import operator
from typing import Final

from ..contract import (
    Camera,
    CameraChanged,
    CameraRemoved,
    CamerasSilent,
    Event,
    EventCreated,
    EventUpdated,
    Info,
    ModelProgress,
    ModelState,
    ObjectGroup,
    ServerMessage,
    Snapshot,
    Status,
    Summary,
    SummaryPeriod,
    SummaryUpdate,
    SystemStatus,
)

_STARTED: Final = operator.attrgetter("started_at")


class Mirror:
    """Cameras, status and, per camera, the ongoing events and the newest one; ``summary`` is of the newest day."""

    def __init__(self) -> None:
        """Start without knowledge; ``info`` stays None until the first snapshot."""
        self.cursor = 0
        self.info: Info | None = None
        self.status: Status | None = None
        self.summary: Summary | None = None
        self._models: dict[str, ModelProgress] = {}
        self._cameras: dict[str, Camera] = {}
        self._events: dict[str, dict[str, Event]] = {}

    @property
    def cameras(self) -> tuple[Camera, ...]:
        """All cameras that the engine knows."""
        return tuple(self._cameras.values())

    @property
    def fetching(self) -> tuple[ModelProgress, ...]:
        """Models whose files arrive now."""
        return tuple(one for one in self._models.values() if one.state is ModelState.FETCHING)

    @property
    def not_fetched(self) -> tuple[ModelProgress, ...]:
        """Models whose files could not be had since the connection began."""
        return tuple(one for one in self._models.values() if one.state is ModelState.FAILED)

    def camera(self, camera_id: str) -> Camera | None:
        """Give one camera, None when the engine does not know it."""
        return self._cameras.get(camera_id)

    def events(self, camera_id: str) -> tuple[Event, ...]:
        """Give the ongoing events and the newest one of a camera, oldest first."""
        return tuple(sorted(self._events.get(camera_id, {}).values(), key=_STARTED))

    def newest(self, camera_id: str) -> Event | None:
        """Give the event of a camera that started last."""
        return max(self._events.get(camera_id, {}).values(), key=_STARTED, default=None)

    def ongoing_groups(self, camera_id: str) -> frozenset[ObjectGroup]:
        """Give what kinds of objects take part in visits that go on at a camera."""
        ongoing = (event for event in self._events.get(camera_id, {}).values() if event.ended_at is None)
        return frozenset(group for event in ongoing for group in event.groups)

    def apply(self, message: ServerMessage) -> bool:
        """Take over what a message says and tell whether it changed anything; replayed history does not."""
        seq = getattr(message, "seq", None)
        if seq is not None:
            if seq <= self.cursor:
                return False
            self.cursor = seq
        match message:
            case Snapshot():
                self._replace(message)
            case EventCreated(event=event) | EventUpdated(event=event):
                self._put(event)
            case CameraChanged(camera=camera):
                self._cameras[camera.id] = camera
            case CameraRemoved(camera_id=camera_id):
                self._cameras.pop(camera_id, None)
                self._events.pop(camera_id, None)
            case CamerasSilent(camera_ids=ids, since=since) if self.status is not None:
                self.status = replace(self.status, silent_together=ids, silent_since=since)
            case SystemStatus(status=status):
                self.status = status
            case ModelProgress(model_id=model_id):
                self._models[model_id] = message
            case _:
                return isinstance(message, SummaryUpdate) and self._look_back(message.summary)
        return True

    def _replace(self, snapshot: Snapshot) -> None:
        self._models = {}
        self.info, self.status = snapshot.info, snapshot.status
        if snapshot.resumed:
            return
        self.cursor = snapshot.cursor
        self._cameras = {camera.id: camera for camera in snapshot.cameras}
        self._events = {}
        self.summary = snapshot.summary
        for event in snapshot.events:
            self._put(event)

    def _look_back(self, summary: Summary) -> bool:
        newer = self.summary is None or summary.since >= self.summary.since
        if summary.period is not SummaryPeriod.DAILY or not newer:
            return False
        self.summary = summary
        return True

    def _put(self, event: Event) -> None:
        known = self._events.setdefault(event.camera_id, {})
        before = known.get(event.event_id)
        if before is not None and before.revision > event.revision:
            return
        known[event.event_id] = event
        if event.deleted_at is not None:
            del known[event.event_id]
        newest = max(known.values(), key=_STARTED, default=None)
        self._events[event.camera_id] = {
            key: value for key, value in known.items() if value.ended_at is None or value is newest
        }
