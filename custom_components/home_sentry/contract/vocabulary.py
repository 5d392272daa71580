"""Closed vocabularies of the wire; an unknown value from a newer peer reads as ``UNKNOWN``."""

from enum import StrEnum
from typing import Self


class Vocabulary(StrEnum):
    """Words of which a newer peer may know more."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """Degrade an unknown word to ``UNKNOWN`` instead of failing the whole message."""
        return cls("unknown") if isinstance(value, str) and value != "unknown" else None

    @classmethod
    def words(cls) -> tuple[str, ...]:
        """Give the words that this version knows, in order; ``UNKNOWN`` is none."""
        return tuple(word.value for word in cls if word.value != "unknown")


class RiskLevel(Vocabulary):
    """Severity derived from a final score; the bands live in the engine's ``domain.risk``."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class AnalysisState(Vocabulary):
    """Who decided the score that an event shows."""

    PROVISIONAL = "provisional"
    LLM = "llm"
    VLM = "vlm"
    RULES = "rules"
    UNKNOWN = "unknown"


class AnalysisReason(Vocabulary):
    """Why an event stays in state ``rules``."""

    DISABLED = "disabled"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    BREAKER_OPEN = "breaker_open"
    BAD_OUTPUT = "bad_output"
    CONTEXT_OVERFLOW = "context_overflow"
    OUT_OF_MEMORY = "out_of_memory"
    MODEL_MISSING = "model_missing"
    GATED = "gated"
    UNKNOWN = "unknown"


class VisualVerdict(Vocabulary):
    """What a vision-language model says of detections after a look at the pictures; ``rejected``: nothing is there."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    UNKNOWN = "unknown"


class EventChange(Vocabulary):
    """What happened to an event at one revision."""

    STARTED = "started"
    REVISED = "revised"
    ESCALATED = "escalated"
    DOWNGRADED = "downgraded"
    ENDED = "ended"
    DISMISSED = "dismissed"
    UNKNOWN = "unknown"


class FeedbackKind(Vocabulary):
    """What a person says of a verdict; ``missed``: something was overlooked, the last two name who."""

    CORRECT = "correct"
    FALSE_POSITIVE = "false_positive"
    MISSED = "missed"
    WRONG_SEVERITY = "wrong_severity"
    THIS_IS = "this_is"
    NOT_THIS = "not_this"
    UNKNOWN = "unknown"


class ObjectGroup(Vocabulary):
    """Coarse kind of a detected object, as people speak of it."""

    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"
    PACKAGE = "package"
    OTHER = "other"
    UNKNOWN = "unknown"


class MediaKind(Vocabulary):
    """Kind of a file that a camera delivered."""

    IMAGE = "image"
    VIDEO = "video"
    UNKNOWN = "unknown"


class MediaState(Vocabulary):
    """Where a media file stands on its way through the pipeline."""

    QUEUED = "queued"
    DETECTED = "detected"
    FAILED = "failed"
    UNKNOWN = "unknown"


class CameraStatus(Vocabulary):
    """Health of one camera: ``blind`` means that pictures arrive and cannot be looked at."""

    ONLINE = "online"
    OFFLINE = "offline"
    DEGRADED = "degraded"
    BLIND = "blind"
    ERROR = "error"
    UNKNOWN = "unknown"


class ComponentState(Vocabulary):
    """Health of one component of the engine."""

    HEALTHY = "healthy"
    STARTING = "starting"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    FAILED = "failed"
    DISABLED = "disabled"
    UNKNOWN = "unknown"


class Mode(Vocabulary):
    """How much of the engine works."""

    NORMAL = "normal"
    DEGRADED = "degraded"
    MINIMAL = "minimal"
    OFFLINE = "offline"
    UNKNOWN = "unknown"


class Health(Vocabulary):
    """The mode in the words of monitoring: minimal and offline engines are unhealthy."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"


class AlertLevel(Vocabulary):
    """How far a figure of the machine is beyond what is good."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


class BatchReason(Vocabulary):
    """Why a batch was assessed or closed."""

    WINDOW = "window"
    IDLE = "idle"
    FULL = "full"
    URGENT = "urgent"
    FORCED = "forced"
    UNKNOWN = "unknown"


class ZoneType(Vocabulary):
    """What a zone of a camera is to its owner; objects in an ``ignore`` zone are not reported."""

    ENTRY_POINT = "entry_point"
    DRIVEWAY = "driveway"
    SIDEWALK = "sidewalk"
    YARD = "yard"
    OTHER = "other"
    IGNORE = "ignore"
    UNKNOWN = "unknown"


class ZoneAnchor(Vocabulary):
    """Which part of an object has to lie in a zone."""

    BOTTOM_CENTRE = "bottom_centre"
    CENTRE = "centre"
    OVERLAP = "overlap"
    UNKNOWN = "unknown"


class SceneChangeKind(Vocabulary):
    """What happened to a camera's view; ``unknown`` is a change of any other kind."""

    VIEW_BLOCKED = "view_blocked"
    ANGLE_CHANGED = "angle_changed"
    VIEW_TAMPERED = "view_tampered"
    UNKNOWN = "unknown"


class HomeFactKind(Vocabulary):
    """What a chosen entity of Home Assistant tells about the home.

    Who visits and guest mode count as facts of the household; here they only tell whether that is known. ``person`` is
    a person to whom a member of the household is linked, whether or not the user chose that entity for presence.
    """

    ALARM = "alarm"
    PRESENCE = "presence"
    CONTACT = "contact"
    WEATHER = "weather"
    SUN = "sun"
    VISITORS = "visitors"
    GUESTS = "guests"
    PERSON = "person"
    UNKNOWN = "unknown"


class LearningState(Vocabulary):
    """Whether a camera is in its learning week."""

    LEARNING = "learning"
    DONE = "done"
    UNKNOWN = "unknown"


class EnrichmentStatus(Vocabulary):
    """Whether all questions to the models that were asked were answered, some, or none."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILED = "failed"
    UNKNOWN = "unknown"


class StepOutcome(Vocabulary):
    """What became of one question: ``skipped`` was not asked, ``unavailable`` was asked in vain."""

    RAN = "ran"
    SKIPPED = "skipped"
    UNAVAILABLE = "unavailable"
    UNKNOWN = "unknown"


class RegionKind(Vocabulary):
    """What a part of a picture shows; ``text`` is any text that is no plate."""

    FACE = "face"
    PLATE = "plate"
    TEXT = "text"
    DAMAGE = "damage"
    OBJECT = "object"
    UNKNOWN = "unknown"


class ModelState(Vocabulary):
    """Where a model stands."""

    OFF = "off"
    READY = "ready"
    MISSING = "missing"
    FETCHING = "fetching"
    LOADED = "loaded"
    FAILED = "failed"
    UNKNOWN = "unknown"


class KeyRole(Vocabulary):
    """What a key of the API may do: read; also review, acknowledge and upload; everything."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    UNKNOWN = "unknown"


class PromptModel(Vocabulary):
    """Models whose questions can be configured: the two that judge, told in words or shown pictures, and others.

    The three last are asked by words: things, actions, clothes.
    """

    NEMOTRON = "nemotron"
    VISION = "vision"
    FLORENCE2 = "florence2"
    YOLO_WORLD = "yolo_world"
    XCLIP = "xclip"
    FASHION_CLIP = "fashion_clip"
    UNKNOWN = "unknown"


class PromptChange(Vocabulary):
    """How a version of a configuration came about; ``reset`` went back to what was shipped."""

    WRITTEN = "written"
    RESTORED = "restored"
    IMPORTED = "imported"
    RESET = "reset"
    UNKNOWN = "unknown"


class ShadowState(Vocabulary):
    """Where a trial on labelled events stands; ``interrupted`` ended with the engine."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNKNOWN = "unknown"
