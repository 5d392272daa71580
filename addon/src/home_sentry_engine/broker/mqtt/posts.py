"""What a broker is told, word for word: contract records become topics and JSON, without I/O.

Retained topics say how things are, the others what happened; those carry ``seq``, by which a repetition is known.
Pictures, names of recognised persons, plates, notes and addresses stay at home, but for what a summary says of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import re
from typing import Any, Final

import orjson

from home_sentry_engine.contract import (
    Camera,
    CamerasSilent,
    ComponentState,
    DetectionsAdded,
    Event,
    EventChange,
    EventCreated,
    EventUpdated,
    SceneChanged,
    SceneChangeKind,
    Status,
)

ONLINE: Final = b"online"
OFFLINE: Final = b"offline"
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]")
_WELL: Final = frozenset({ComponentState.HEALTHY, ComponentState.DISABLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message for a broker; it keeps a ``retained`` one for later subscribers, until an empty one clears it."""

    topic: str
    payload: bytes
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of the topics below ``prefix``."""

    prefix: str

    @property
    def availability(self) -> str:
        """``online`` or ``offline``, retained; the broker itself says offline when the engine is gone."""
        return f"{self.prefix}/availability"

    @property
    def status(self) -> str:
        """Mode of the engine, retained."""
        return f"{self.prefix}/status"

    @property
    def silent(self) -> str:
        """Cameras that fell quiet together, retained."""
        return f"{self.prefix}/silent"

    def state(self, camera_id: str) -> str:
        """State of a camera, retained."""
        return self._camera(camera_id, "state")

    def risk(self, camera_id: str) -> str:
        """Newest event of a camera, retained."""
        return self._camera(camera_id, "risk")

    def event(self, camera_id: str) -> str:
        """Each change of an event."""
        return self._camera(camera_id, "event")

    def detections(self, camera_id: str) -> str:
        """Objects found in one file."""
        return self._camera(camera_id, "detections")

    def scene(self, camera_id: str) -> str:
        """Lasting changes of a view."""
        return self._camera(camera_id, "scene")

    def _camera(self, camera_id: str, leaf: str) -> str:
        return f"{self.prefix}/cameras/{segment(camera_id)}/{leaf}"


def segment(text: str) -> str:
    """Give a text as one level of a topic."""
    return _UNSAFE.sub("_", text)


def availability(topics: Topics, *, online: bool) -> Post:
    """Say that the engine is there, or not any more."""
    return Post(topic=topics.availability, payload=ONLINE if online else OFFLINE, retained=True)


def engine_status(topics: Topics, status: Status) -> Post:
    """Say how the engine does and which of its parts are in trouble."""
    plain = {
        "mode": status.mode,
        "health": status.health,
        "troubled": sorted(one.id for one in status.components if one.state not in _WELL),
        "missing": list(status.missing),
        "cameras_active": status.cameras_active,
        "cameras_total": status.cameras_total,
    }
    return _retained(topics.status, plain)


def silent_cameras(topics: Topics, silent: CamerasSilent) -> Post:
    """Say which cameras fell quiet together; none: that is over."""
    return _retained(topics.silent, {"cameras": list(silent.camera_ids), "since": silent.since})


def camera_state(topics: Topics, camera: Camera) -> Post:
    """Say how a camera does."""
    change = camera.scene_change
    plain = {
        "camera_id": camera.id,
        "name": camera.name,
        "status": camera.status,
        "reason": camera.status_reason,
        "last_seen_at": camera.last_seen_at,
        "events_today": camera.events_today,
        "quiet_since": camera.quiet_since,
        "learning_until": camera.learning_until,
        "tampered": change is not None and change.stands and change.kind is not SceneChangeKind.UNKNOWN,
    }
    return _retained(topics.state(camera.id), plain)


def camera_risk(topics: Topics, event: Event) -> Post:
    """Say what the newest event of a camera is; ``present`` names the kinds of objects while it goes on."""
    ongoing = event.ended_at is None
    plain = {
        "event_id": event.event_id,
        "score": event.risk_score,
        "level": event.risk_level,
        "summary": event.summary,
        "analysis_state": event.analysis_state,
        "analysis_reason": event.analysis_reason,
        "objects": list(event.object_types),
        "present": list(event.groups) if ongoing else [],
        "ongoing": ongoing,
        "started_at": event.started_at,
        "ended_at": event.ended_at,
    }
    return _retained(topics.risk(event.camera_id), plain)


def cleared(topics: Topics, camera_id: str) -> Sequence[Post]:
    """Take back what is retained of a camera."""
    return [
        Post(topic=topic, payload=b"", retained=True) for topic in (topics.state(camera_id), topics.risk(camera_id))
    ]


def happened(topics: Topics, message: object) -> Sequence[Post]:
    """Tell what happened; nothing for messages that only say how things are."""
    match message:
        case EventCreated() | EventUpdated():
            return [_post(topics.event(message.event.camera_id), _event(message))]
        case DetectionsAdded() if message.detections:
            return [_post(topics.detections(message.camera_id), _detections(message))]
        case SceneChanged():
            change = message.change
            plain = {
                "seq": message.seq,
                "camera_id": change.camera_id,
                "kind": change.kind,
                "at": change.at,
                "over_at": change.over_at,
                "acknowledged_at": change.acknowledged_at,
            }
            return [_post(topics.scene(change.camera_id), plain)]
    return []


def _event(message: EventCreated | EventUpdated) -> dict[str, Any]:
    event = message.event
    return {
        "seq": message.seq,
        "event_type": _change(message),
        "event_id": event.event_id,
        "revision": event.revision,
        "camera_id": event.camera_id,
        "camera": event.camera_name,
        "started_at": event.started_at,
        "ended_at": event.ended_at,
        "risk_score": event.risk_score,
        "risk_level": event.risk_level,
        "rule_score": event.rule_score,
        "llm_score": event.llm_score,
        "analysis_state": event.analysis_state,
        "analysis_reason": event.analysis_reason,
        "visual_verdict": event.visual_verdict,
        "summary": event.summary,
        "recommended_action": event.recommended_action,
        "confidence": event.confidence,
        "factors": [{"id": factor.id, "points": factor.points} for factor in event.factors],
        "objects": list(event.object_types),
        "groups": list(event.groups),
        "detection_count": event.detection_count,
        "reviewed": event.reviewed,
    }


def _change(message: EventCreated | EventUpdated) -> EventChange:
    if isinstance(message, EventCreated):
        return EventChange.STARTED
    last = message.event.transitions[-1] if message.event.transitions else None
    return last.change if last is not None and last.revision == message.event.revision else EventChange.REVISED


def _detections(message: DetectionsAdded) -> dict[str, Any]:
    return {
        "seq": message.seq,
        "camera_id": message.camera_id,
        "media_id": message.media_id,
        "event_id": message.event_id,
        "objects": [
            {"label": one.label, "group": one.group, "confidence": round(one.confidence, 3)}
            for one in message.detections
        ],
    }


def _post(topic: str, plain: Mapping[str, Any]) -> Post:
    return Post(topic=topic, payload=orjson.dumps(plain))


def _retained(topic: str, plain: Mapping[str, Any]) -> Post:
    return Post(topic=topic, payload=orjson.dumps(plain), retained=True)
