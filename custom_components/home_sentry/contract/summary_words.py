"""Closed vocabularies of summaries and exports."""

from .vocabulary import Vocabulary


class SummaryPeriod(Vocabulary):
    """Which time a summary is about; ``custom`` is one that somebody asked for."""

    HOURLY = "hourly"
    DAILY = "daily"
    CUSTOM = "custom"
    UNKNOWN = "unknown"


class SummarySource(Vocabulary):
    """Who wrote a summary: the language model, or fixed sentences over the facts."""

    LLM = "llm"
    RULES = "rules"
    UNKNOWN = "unknown"


class BlindReason(Vocabulary):
    """Why nobody watched: the engine as a whole (the first three), or one camera."""

    NOT_RUNNING = "not_running"
    INTAKE_PAUSED = "intake_paused"
    NOT_LOOKING = "not_looking"
    OFFLINE = "offline"
    BLIND = "blind"
    DEGRADED = "degraded"
    ERROR = "error"
    NOT_KNOWN = "not_known"
    UNKNOWN = "unknown"


class ExportKind(Vocabulary):
    """Form of an export: ``zip`` holds tables, a document and pictures, ``evidence`` what shows every later change."""

    CSV = "csv"
    JSON = "json"
    ZIP = "zip"
    EVIDENCE = "evidence"
    UNKNOWN = "unknown"


class ExportState(Vocabulary):
    """Where an export stands."""

    QUEUED = "queued"
    RUNNING = "running"
    READY = "ready"
    FAILED = "failed"
    UNKNOWN = "unknown"
