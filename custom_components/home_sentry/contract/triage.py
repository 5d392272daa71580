"""What people do with events: feedback, many reviews at once; and the way that an event took."""

from dataclasses import dataclass
from datetime import datetime

from .alert_vocabulary import AlertDecision
from .alerts import RuleOutcome
from .vocabulary import FeedbackKind, RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What somebody said of an event; ``subject`` is who it is or is not, ``user`` the id that the client gave."""

    id: int
    at: datetime
    user: str | None = None
    kind: FeedbackKind
    subject: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHop:
    """One step of an event; ``at`` is when it was done.

    The hops are ``file``, ``detect``, ``batch``, ``enrich``, ``assess``, ``announce`` (clients were told) and
    ``notify``, one for each channel that was to tell of it: its ``outcome`` is the state of that delivery, its
    ``detail`` the channel's id and the reason. Each ``assess`` has the ``score`` that it gave; the ``duration_ms`` of
    ``enrich`` is the work of all its steps, that of ``notify`` is there once it got through.
    """

    hop: str
    at: datetime
    duration_ms: float | None = None
    outcome: str
    detail: str | None = None
    score: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertEvaluation:
    """Whether one revision of an event is a reason to alarm somebody, decided in the moment it was stored.

    ``rules`` is what the first fifty rules said, those first that wanted to tell somebody.
    """

    revision: int
    at: datetime
    level: RiskLevel
    decision: AlertDecision
    rules: tuple[RuleOutcome, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkReviewed:
    """How many events were changed, and which ids belong to none."""

    changed: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassessment:
    """An event will be judged again; what it is now, which the new verdict replaces at a higher revision."""

    event_id: str
    revision: int
    risk_score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuestion:
    """What the language model was asked about an event, word for word, and what it answered.

    ``score`` is the model's own; what became of it after the bounds is in the event's hops.
    """

    at: datetime
    model_id: str | None = None
    prompt_version: str | None = None
    prompt: str
    answer: str | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    duration_ms: float | None = None
    score: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuestions:
    """All questions about an event, oldest first; empty where no model answered."""

    event_id: str
    items: tuple[EventQuestion, ...] = ()
