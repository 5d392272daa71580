"""What models are asked: one configuration per model with its history, and trials before a change."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .enrichment import Enrichment
from .vocabulary import AnalysisReason, AnalysisState, PromptChange, PromptModel, RiskLevel, ShadowState


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptConfig:
    """What a model is asked now; ``version`` 0 without an author is what was shipped and nobody ever changed.

    ``shipped`` tells that the content is that of this release, also after somebody went back to it.
    """

    model: PromptModel
    version: int
    content: dict[str, Any]
    shipped: bool
    at: datetime | None = None
    author: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptList:
    """What every model is asked."""

    items: tuple[PromptConfig, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """One change of a configuration; ``source`` is the version that was restored."""

    model: PromptModel
    version: int
    at: datetime
    change: PromptChange
    content: dict[str, Any]
    author: str | None = None
    note: str | None = None
    source: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersionPage:
    """Part of a history, newest first."""

    items: tuple[PromptVersion, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFieldDiff:
    """One field of the content that differs; ``lines`` is a unified difference of its texts."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptDiff:
    """What a change would alter; ``error`` says why the content cannot be used, ``wrong`` names the field."""

    model: PromptModel
    version: int
    same: bool
    changed: tuple[PromptFieldDiff, ...] = ()
    error: str | None = None
    wrong: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptExport:
    """Configurations to carry elsewhere; those that were never changed are not in it."""

    format: int
    engine_version: str
    at: datetime
    prompts: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptImport:
    """What an import did, or would do: nothing at all while any of it cannot be used."""

    applied: bool
    items: tuple[PromptDiff, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVerdict:
    """A verdict beside another one."""

    score: int
    level: RiskLevel
    state: AnalysisState
    model_score: int | None = None
    reason: AnalysisReason | None = None
    detail: str | None = None
    summary: str | None = None
    reasoning: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTest:
    """What a configuration would make of an event, from stored evidence; nothing of it is kept.

    ``enrichment`` is there for models that look at pictures. ``floor`` and ``ceiling`` hold for both verdicts.
    """

    model: PromptModel
    event_id: str
    before: PromptVerdict
    after: PromptVerdict
    rule_score: int
    floor: int
    ceiling: int
    level_changed: bool
    duration_ms: float
    version: int | None = None
    prompt_tokens: int | None = None
    answer_tokens: int | None = None
    prompt: str | None = None
    enrichment: Enrichment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowChange:
    """An event whose level would be another one."""

    event_id: str
    before: RiskLevel
    after: RiskLevel
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowCounts:
    """Alarms among events about which people said what they were; ``incidents`` and ``harmless`` are how many."""

    incidents: int
    harmless: int
    missed_alarms: int
    false_alarms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRun:
    """A configuration tried on events with feedback before it is used.

    ``judged`` of ``events`` got a verdict of the model, ``failed`` counts the others by reason; only those that were
    judged are in ``before``, ``after`` and ``changes``.
    """

    run_id: str
    model: PromptModel
    state: ShadowState
    created_at: datetime
    finished_at: datetime | None = None
    reason: str | None = None
    events: int = 0
    judged: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    seconds_each: float | None = None
    before: ShadowCounts | None = None
    after: ShadowCounts | None = None
    changes: tuple[ShadowChange, ...] = ()
