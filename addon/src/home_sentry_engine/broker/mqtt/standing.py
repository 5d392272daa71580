"""What the broker retains, and which messages change it; without I/O."""

from collections.abc import Sequence
from datetime import datetime

from home_sentry_engine.contract import (
    Camera,
    CameraChanged,
    CameraRemoved,
    CamerasSilent,
    Event,
    EventCreated,
    EventUpdated,
    Snapshot,
    Status,
)

from .discovery import Discovery
from .posts import Post, Topics, camera_risk, camera_state, cleared, engine_status, happened, silent_cameras


class Standing:
    """Begins with a snapshot and follows the messages; a camera's risk is that of its newest event."""

    def __init__(self, topics: Topics, discovery: Discovery | None, snapshot: Snapshot) -> None:
        """Take where things are told and how they are now; without ``discovery`` nobody is told of the topics."""
        self._topics = topics
        self._discovery = discovery
        self._cursor = snapshot.cursor
        self._snapshot = snapshot
        self._names: dict[str, str] = {camera.id: camera.name for camera in snapshot.cameras}
        self._newest: dict[str, tuple[datetime, str]] = {}
        self._status: Post | None = None

    def opening(self) -> list[Post]:
        """Tell everything that is to be retained."""
        snapshot, posts = self._snapshot, []
        if self._discovery is not None:
            posts += [self._discovery.engine(), *map(self._discovery.camera, snapshot.cameras)]
        posts += [camera_state(self._topics, camera) for camera in snapshot.cameras]
        newest = sorted(snapshot.events, key=_age)
        for event in newest:
            self._newest[event.camera_id] = _age(event)
        posts += [camera_risk(self._topics, one) for one in newest if self._newest[one.camera_id] == _age(one)]
        silent = CamerasSilent(
            seq=snapshot.cursor, camera_ids=snapshot.status.silent_together, since=snapshot.status.silent_since
        )
        return [*posts, silent_cameras(self._topics, silent), *self.status(snapshot.status)]

    def status(self, status: Status) -> list[Post]:
        """Tell how the engine does, if that is news."""
        post = engine_status(self._topics, status)
        if post == self._status:
            return []
        self._status = post
        return [post]

    def posts(self, seq: int, message: object) -> list[Post]:
        """Tell what a message says; what it says of the state is left out where the snapshot was newer."""
        told = list(happened(self._topics, message))
        if seq > self._cursor or (isinstance(message, CameraRemoved) and message.camera_id not in self._names):
            told += self._changed(message)
        return told

    def _changed(self, message: object) -> Sequence[Post]:
        match message:
            case EventCreated() | EventUpdated():
                return self._risk(message.event)
            case CameraChanged():
                return self._camera(message.camera)
            case CameraRemoved():
                return self._removed(message.camera_id)
            case CamerasSilent():
                return [silent_cameras(self._topics, message)]
        return []

    def _risk(self, event: Event) -> list[Post]:
        age = _age(event)
        if age < self._newest.get(event.camera_id, age):
            return []
        self._newest[event.camera_id] = age
        return [camera_risk(self._topics, event)]

    def _camera(self, camera: Camera) -> list[Post]:
        known = self._names.get(camera.id) == camera.name
        self._names[camera.id] = camera.name
        described = [] if known or self._discovery is None else [self._discovery.camera(camera)]
        return [*described, camera_state(self._topics, camera)]

    def _removed(self, camera_id: str) -> list[Post]:
        self._names.pop(camera_id, None)
        self._newest.pop(camera_id, None)
        described = [] if self._discovery is None else [self._discovery.cleared(camera_id)]
        return [*described, *cleared(self._topics, camera_id)]


def _age(event: Event) -> tuple[datetime, str]:
    return (event.started_at, event.event_id)
