"""Messages of the WebSocket ``/api/v1/ws``.

The server greets with ``hello``; the client answers ``auth``; the server sends ``snapshot`` (or replays what came after
``since``) and from then on sequenced messages. A client that cannot be resumed gets ``resync`` and a new ``snapshot``.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .alerts import Alert
from .keys import Whoami
from .models import ModelFetch
from .performance import LoadAlert, Performance
from .records import Camera, Detection, Event
from .scenes import SceneChange
from .summaries import Summary
from .system import Component, Info, Status
from .version import MIN_SCHEMA, SCHEMA
from .vocabulary import BatchReason, ComponentState, ModelState


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """First message of the server; the only one that an unauthenticated peer gets."""

    type: Literal["hello"] = "hello"
    engine_id: str
    name: str
    version: str
    schema: int = SCHEMA
    min_schema: int = MIN_SCHEMA


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """First message of the client; ``since`` asks for every sequenced message after that number.

    ``types`` and ``cameras`` are as in ``Subscribe``. With ``acks`` the client promises an ``Ack`` for each event of
    level high or critical; one that stays away is asked for again, three times, and then the connection ends.
    """

    type: Literal["auth"] = "auth"
    token: str
    schema: int = SCHEMA
    since: int | None = None
    types: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()
    acks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribe:
    """What the client wants to hear from now on: types and camera ids, each whole or with a ``*`` at its end.

    Nothing named means everything but ``performance_update``, which has to be named. Messages without a camera pass
    the cameras.
    """

    type: Literal["subscribe"] = "subscribe"
    types: tuple[str, ...] = ()
    cameras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The client has dealt with the event message of that number."""

    type: Literal["ack"] = "ack"
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthFailed:
    """The token was refused, or holds no longer; the server closes with code 4401. ``code`` is that of the error."""

    type: Literal["auth_failed"] = "auth_failed"
    message: str
    code: str = "unauthorized"


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Whole state at ``cursor``; ``events`` holds the ongoing and the newest event of each camera.

    ``summary`` is that of the newest day.

    With ``resumed`` it answers ``since``: ``cursor`` is that number, the lists are empty (keep what you have) and
    everything that came after it follows as sequenced messages. ``caller`` is who the token stands for: a key with
    camera limits gets nothing of other cameras.
    """

    type: Literal["snapshot"] = "snapshot"
    cursor: int
    resumed: bool = False
    info: Info
    status: Status
    cameras: tuple[Camera, ...] = ()
    events: tuple[Event, ...] = ()
    summary: Summary | None = None
    caller: Whoami | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """``since`` is too old or from another database; a full snapshot follows."""

    type: Literal["resync"] = "resync"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCreated:
    """A visit began."""

    type: Literal["event_created"] = "event_created"
    seq: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class EventUpdated:
    """An event was revised, changed its level, ended or was dismissed."""

    type: Literal["event_updated"] = "event_updated"
    seq: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionsAdded:
    """Objects were found in one media file."""

    type: Literal["detections_added"] = "detections_added"
    seq: int
    camera_id: str
    media_id: str
    event_id: str | None
    detections: tuple[Detection, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchClosed:
    """What was seen within one window of a visit is together, ``detections`` of it; ``reason`` says why it ended."""

    type: Literal["batch_closed"] = "batch_closed"
    seq: int
    batch_id: str
    event_id: str
    camera_id: str
    opened_at: datetime
    closed_at: datetime
    detections: int
    reason: BatchReason


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraChanged:
    """A camera was added or something about it changed."""

    type: Literal["camera_changed"] = "camera_changed"
    seq: int
    camera: Camera


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraRemoved:
    """A camera was deleted."""

    type: Literal["camera_removed"] = "camera_removed"
    seq: int
    camera_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneChanged:
    """A camera's view changed for good, became the usual one again, or a person acknowledged the change."""

    type: Literal["scene_change"] = "scene_change"
    seq: int
    change: SceneChange


@dataclass(frozen=True, slots=True, kw_only=True)
class CamerasSilent:
    """Several cameras fell quiet within minutes of each other, which may be sabotage; no ids: that is over."""

    type: Literal["cameras_silent"] = "cameras_silent"
    seq: int
    camera_ids: tuple[str, ...]
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryUpdate:
    """A summary of an hour, a day or a time that somebody asked for was written."""

    type: Literal["summary_update"] = "summary_update"
    seq: int
    summary: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCreated:
    """A rule wants somebody to be told of an event; it may come just before the event's own message."""

    type: Literal["alert_created"] = "alert_created"
    seq: int
    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertUpdated:
    """An alert was delivered, acknowledged or dismissed."""

    type: Literal["alert_updated"] = "alert_updated"
    seq: int
    alert: Alert


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemStatus:
    """Status of the engine, sent at most every few seconds and never replayed."""

    type: Literal["system_status"] = "system_status"
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """A part of the engine changed its state: a worker, a model, a link, or the ``feed`` of these messages itself.

    Never replayed; the status says how it is now. ``previous`` is None for a part that is new.
    """

    type: Literal["service_status"] = "service_status"
    component: Component
    previous: ComponentState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InfrastructureAlert:
    """A figure of the machine went beyond a limit, or came back (level normal); never replayed."""

    type: Literal["infrastructure_alert"] = "infrastructure_alert"
    alert: LoadAlert


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceUpdate:
    """The load of the machine, every five seconds to those who named this type; never replayed."""

    type: Literal["performance_update"] = "performance_update"
    performance: Performance


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelProgress:
    """The files of a model are asked for, arrive, are there, or could not be had; never replayed."""

    type: Literal["model_progress"] = "model_progress"
    model_id: str
    state: ModelState
    reason: str | None = None
    fetch: ModelFetch | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request of the client; ``id`` returns in the result, which comes within ``deadline_s``."""

    type: Literal["command"] = "command"
    id: int
    name: str
    args: dict[str, Any] = field(default_factory=dict)
    deadline_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Answer to one command: ``data`` on success, else ``code`` and ``message`` of a ``WireError``."""

    type: Literal["result"] = "result"
    id: int
    ok: bool
    data: Any = None
    code: str | None = None
    message: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bye:
    """The server closes this connection; ``slow`` and ``idle`` clients may resume with ``since``.

    ``rate_limited``: too many wrong tokens came from this address; come again in a minute.
    """

    type: Literal["bye"] = "bye"
    reason: Literal["slow", "idle", "shutdown", "protocol", "rate_limited", "unknown"]


type Sequenced = (
    EventCreated
    | EventUpdated
    | DetectionsAdded
    | BatchClosed
    | CameraChanged
    | CameraRemoved
    | SceneChanged
    | CamerasSilent
    | SummaryUpdate
    | AlertCreated
    | AlertUpdated
)
type Notice = SystemStatus | ServiceStatus | InfrastructureAlert | PerformanceUpdate | ModelProgress
type ServerMessage = Hello | AuthFailed | Snapshot | Resync | Sequenced | Notice | Result | Bye
type ClientMessage = Auth | Subscribe | Ack | Command
