"""Summaries of a time at home, exports of what was stored, and properties: groups of cameras."""

from dataclasses import dataclass, field
from datetime import datetime

from .summary_words import BlindReason, ExportKind, ExportState, SummaryPeriod, SummarySource
from .vocabulary import AnalysisReason, RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindPeriod:
    """A time in which nobody watched: one camera, or all of them without a ``camera_id``.

    ``detail`` says more, such as why a camera is offline.
    """

    camera_id: str | None = None
    camera_name: str | None = None
    since: datetime
    until: datetime
    reason: BlindReason
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unanalysed:
    """How many files of a camera nobody could look at, or has not looked at yet."""

    camera_id: str
    camera_name: str
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What happened from ``since`` to ``until``: two to four sentences about events of level high and critical.

    ``source`` tells who wrote the text; for ``rules`` the ``reason`` says why no model did. ``by_level`` counts all
    events, ``event_ids`` names the high and critical ones, ``looked`` counts the files that were looked at.
    ``all_clear`` is true only if there was no such event and every camera was watched all the time and delivered
    something that was looked at; ``silent`` names cameras that delivered nothing. With ``property_id`` it is about
    those cameras alone.
    """

    id: str
    period: SummaryPeriod
    since: datetime
    until: datetime
    made_at: datetime
    text: str
    language: str
    source: SummarySource
    reason: AnalysisReason | None = None
    detail: str | None = None
    model_id: str | None = None
    all_clear: bool
    looked: int
    by_level: dict[str, int] = field(default_factory=dict)
    event_ids: tuple[str, ...] = ()
    blind: tuple[BlindPeriod, ...] = ()
    unanalysed: tuple[Unanalysed, ...] = ()
    silent: tuple[str, ...] = ()
    property_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryPage:
    """Part of a list of summaries, the newest period first."""

    items: tuple[Summary, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportFilters:
    """Which events an export holds; what is None does not narrow it."""

    since: datetime | None = None
    until: datetime | None = None
    camera_id: str | None = None
    level: RiskLevel | None = None
    object_type: str | None = None
    property_id: str | None = None
    event_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file with stored events; made in the background, there until ``expires_at``.

    With ``share`` it is for others: no names, notes or plates, and faces outside the household are blurred. ``reason``
    says why one ``failed``.
    """

    id: str
    kind: ExportKind
    state: ExportState
    filters: ExportFilters
    share: bool = False
    reason: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    events: int | None = None
    pictures: int | None = None
    created_at: datetime
    finished_at: datetime | None = None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportList:
    """All exports that are kept, newest first."""

    items: tuple[Export, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRemoved:
    """An export and its file were deleted."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """A building or plot with its cameras; a camera belongs to one property at most."""

    id: str
    name: str
    camera_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyList:
    """All properties, by name."""

    items: tuple[Property, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PropertyRemoved:
    """A property was deleted; its cameras stay."""

    id: str
