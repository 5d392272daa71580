"""Memory of what was told already, so that each change of an event is told once.

Pure: messages in, news out. The caller keeps ``to_plain()`` across restarts and gives it back to ``from_plain()``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from ..contract import (
    Alert,
    AlertCreated,
    Detection,
    DetectionsAdded,
    Event,
    EventChange,
    EventCreated,
    EventUpdated,
    ObjectGroup,
    Resync,
    ServerMessage,
    Snapshot,
    Transition,
)

TOLD_CHANGES: Final = (
    EventChange.STARTED,
    EventChange.ESCALATED,
    EventChange.DOWNGRADED,
    EventChange.ENDED,
    EventChange.DISMISSED,
)
TOLD_GROUPS: Final = (ObjectGroup.PERSON, ObjectGroup.VEHICLE, ObjectGroup.ANIMAL, ObjectGroup.PACKAGE)
_MAX_EVENTS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityNews:
    """One transition of an event that people want to hear of."""

    camera_id: str
    event: Event
    transition: Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionNews:
    """A kind of object that was seen for the first time in a visit; ``best`` is its surest sighting."""

    camera_id: str
    event_id: str | None
    group: ObjectGroup
    best: Detection
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertNews:
    """A rule of alerts wants somebody to be told."""

    camera_id: str
    alert: Alert


type News = SecurityNews | DetectionNews | AlertNews


@dataclass(slots=True)
class _Told:
    revision: int | None = None
    groups: set[str] = field(default_factory=set)


class Ledger:
    """Sequence number reached, and per event the revision and the kinds of objects that were told."""

    def __init__(self) -> None:
        """Start with nothing told; ``cursor`` None asks for a snapshot without history."""
        self.cursor: int | None = None
        self._told: dict[str, _Told] = {}

    @classmethod
    def from_plain(cls, stored: Mapping[str, Any] | None) -> Self:
        """Rebuild from what ``to_plain`` gave; None gives an empty ledger."""
        ledger = cls()
        if stored:
            ledger.cursor = stored["cursor"]
            for event_id, (revision, groups) in stored["events"].items():
                ledger._told[event_id] = _Told(revision, set(groups))
        return ledger

    def to_plain(self) -> dict[str, Any]:
        """Give JSON values that ``from_plain`` understands."""
        events = {event_id: [told.revision, sorted(told.groups)] for event_id, told in self._told.items()}
        return {"cursor": self.cursor, "events": events}

    def read(self, message: ServerMessage) -> tuple[News, ...]:
        """Give what is new in a message and note it as told; a snapshot never brings news.

        A snapshot ahead of ``cursor`` changes nothing: what was missed comes as a replay, or ``Resync`` says that it
        cannot.
        """
        match message:
            case Resync():
                self.cursor = None
                return ()
            case Snapshot(resumed=False, cursor=cursor) if self.cursor is None or self.cursor >= cursor:
                self._settle(message)
                return ()
        seq = getattr(message, "seq", None)
        if seq is None or (self.cursor is not None and seq <= self.cursor):
            return ()
        self.cursor = seq
        match message:
            case EventCreated(event=event):
                return tuple(self._changes(event, default=0))
            case EventUpdated(event=event):
                return tuple(self._changes(event, default=event.revision - 1))
            case AlertCreated(alert=alert):
                return (AlertNews(camera_id=alert.camera_id, alert=alert),)
            case DetectionsAdded():
                return tuple(self._sightings(message))
            case _:
                return ()

    def _settle(self, snapshot: Snapshot) -> None:
        self.cursor = snapshot.cursor
        for event in snapshot.events:
            told = self._entry(event.event_id)
            told.revision = max(told.revision or 0, event.revision)
            told.groups.update(event.groups)

    def _changes(self, event: Event, *, default: int) -> Iterable[SecurityNews]:
        told = self._entry(event.event_id)
        after = default if told.revision is None else told.revision
        told.revision = max(after, event.revision)
        for transition in event.transitions:
            if transition.revision > after and transition.change in TOLD_CHANGES:
                yield SecurityNews(camera_id=event.camera_id, event=event, transition=transition)

    def _sightings(self, message: DetectionsAdded) -> Iterable[DetectionNews]:
        told = self._entry(message.event_id) if message.event_id else _Told()
        for group in TOLD_GROUPS:
            seen = [detection for detection in message.detections if detection.group is group]
            if not seen or group in told.groups:
                continue
            told.groups.add(group)
            yield DetectionNews(
                camera_id=message.camera_id,
                event_id=message.event_id,
                group=group,
                best=max(seen, key=lambda detection: detection.confidence),
                count=len(seen),
            )

    def _entry(self, event_id: str) -> _Told:
        told = self._told.pop(event_id, None) or _Told()
        self._told[event_id] = told
        while len(self._told) > _MAX_EVENTS:
            del self._told[next(iter(self._told))]
        return told
