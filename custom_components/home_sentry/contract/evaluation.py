"""How well events are judged: what each verdict rested on, what the model thinks of it, what people said."""

from dataclasses import dataclass, field
from datetime import date, datetime

from .vocabulary import AnalysisState, RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceFlags:
    """Which sources were really looked at for a verdict."""

    rtdetr: bool = False
    florence: bool = False
    clip: bool = False
    violence: bool = False
    clothing: bool = False
    vehicle: bool = False
    pet: bool = False
    weather: bool = False
    image_quality: bool = False
    zones: bool = False
    baseline: bool = False
    cross_camera: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfEvaluation:
    """What the model says of its own verdict; advice, never a reason to change a score.

    The rubric goes from 1 to 5. ``consistency`` compares ``second_score``, which the same prompt got once more.
    """

    critique: str
    context_usage: int
    reasoning_coherence: int
    risk_justification: int
    actionability: int
    consistency: float
    second_score: int
    overall: float
    missing_context: tuple[str, ...] = ()
    confusing_sections: tuple[str, ...] = ()
    unused_data: tuple[str, ...] = ()
    format_suggestions: tuple[str, ...] = ()
    model_gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAudit:
    """What the newest verdict of an event rested on; ``utilisation`` is the share of the twelve flags.

    ``effects`` are the points by which the rule score changed with each source: those of sources that were there and
    could be left out. Without an ``evaluation`` there was none yet, or ``evaluation_error`` says why it failed.
    """

    event_id: str
    camera_id: str
    at: datetime
    state: AnalysisState
    flags: EvidenceFlags
    utilisation: float
    effects: dict[str, int] = field(default_factory=dict)
    model_id: str | None = None
    prompt_version: str | None = None
    prompt_chars: int | None = None
    prompt_tokens: int | None = None
    evaluation: SelfEvaluation | None = None
    evaluation_error: str | None = None
    evaluated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAuditPage:
    """Part of a list of records, newest first."""

    items: tuple[EventAudit, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A mean with the number of values that it is made of; None of none."""

    count: int
    mean: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RubricMean:
    """The mean of one mark of the rubric over the evaluations that succeeded."""

    mark: str
    count: int
    mean: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEffect:
    """What leaving out a source changed in the rule score; a rank by ``effect``, the mean of the amounts.

    ``present`` counts events that had the source, ``measured`` those without which the score was taken again. None is
    what was never measured; such sources have no rank.
    """

    source: str
    present: int
    measured: int
    rank: int | None = None
    effect: float | None = None
    shift: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaderboard:
    """Sources by what they changed in verdicts, the most effective first; over ``events`` records."""

    days: int
    events: int
    items: tuple[SourceEffect, ...]
    camera_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Something that evaluations found more than once, or once; ``about`` is the list it stood in."""

    about: str
    text: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationStats:
    """Records of some days; ``failed`` counts evaluations without a result by their code, in no mean."""

    days: int
    events: int
    by_state: dict[str, int]
    by_source: dict[str, int]
    utilisation: Measured
    prompt_chars: Measured
    prompt_tokens: Measured
    evaluated: int
    failed: dict[str, int]
    rubric: tuple[RubricMean, ...]
    recommendations: tuple[Recommendation, ...] = ()
    camera_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchAudit:
    """Records that were made for events without one, and events that wait for an evaluation now."""

    looked_at: int
    recorded: int
    waiting: int
    background: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Events with scores from ``low`` to ``high`` about which people said what they were."""

    low: int
    high: int
    events: int
    mean_score: float | None = None
    incident_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPrecision:
    """How often a level was right among the events that people judged; None of none."""

    level: RiskLevel
    events: int
    labelled: int
    right: int
    precision: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationWeek:
    """One week from a Monday at home; ``drift`` is the largest change of a level's share against the week before."""

    week: date
    events: int
    by_level: dict[str, int]
    labelled: int
    false_alarms: int
    missed: int
    mean_score: float | None = None
    drift: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertDay:
    """Reasons to alarm somebody on one day at home, each event once."""

    day: date
    alerts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How scores compare with what people said, each figure with its count."""

    weeks: int
    events: int
    labelled: int
    reliability: tuple[ReliabilityBin, ...]
    levels: tuple[LevelPrecision, ...]
    drift: tuple[CalibrationWeek, ...]
    alerts: tuple[AlertDay, ...]
    alerts_per_day: Measured
    camera_id: str | None = None
