"""Models as a person manages them: what there is, whether it may run, where its files are, how it does."""

from dataclasses import dataclass
from datetime import datetime

from .vocabulary import ModelState


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFetch:
    """How far the fetching of a file is; ``total_bytes`` is None while the server has not told."""

    file: str
    origin: str
    done_bytes: int
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRecord:
    """One model of the catalogue.

    ``place`` is where its files are (local, mirror, package) or could come from (source, none). ``on`` tells whether it
    may run; a model that is not ``permissive`` is switched on and fetched only by naming its licence. ``memory_bytes``
    is measured once it was loaded (``measured``), before that as published. ``resident`` models do not idle out.
    ``unconfirmed`` names what nobody read at the source itself (``licence``, ``source``); ``sha256`` is that of its
    first file, None where the first download pins it. A ``cold`` one is loaded and had nothing to do for 300 s.
    """

    id: str
    name: str
    task: str
    state: ModelState
    on: bool
    licence: str
    permissive: bool
    source: str
    place: str
    rank: str
    default_on: bool = False
    resident: bool = False
    measured: bool = False
    reason: str | None = None
    note: str = ""
    variant_of: str | None = None
    unconfirmed: tuple[str, ...] = ()
    sha256: str | None = None
    provider: str | None = None
    size_bytes: int | None = None
    memory_bytes: int | None = None
    loads: int = 0
    uses: int = 0
    failures: int = 0
    last_ms: float | None = None
    fetch: ModelFetch | None = None
    cold: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMemory:
    """Memory that models may take on their device; ``left_bytes`` None = no limit is known.

    ``tier`` is the size class of the machine in GB of graphics memory, 0 = a processor alone.
    """

    tier: int
    used_bytes: int
    budget_bytes: int | None = None
    reserve_bytes: int = 0
    left_bytes: int | None = None
    resident_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelList:
    """All models."""

    items: tuple[ModelRecord, ...]
    memory: ModelMemory


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsStatus:
    """Models in short: ids by what they do, and how often one did not fit."""

    memory: ModelMemory
    loaded: tuple[str, ...] = ()
    cold: tuple[str, ...] = ()
    fetching: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    refusals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMinute:
    """Uses of a model within one minute, in milliseconds."""

    at: datetime
    calls: int
    mean_ms: float
    longest_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLatency:
    """Uses of a model within the last hour."""

    model_id: str
    calls: int
    p50_ms: float | None = None
    p95_ms: float | None = None
    minutes: tuple[ModelMinute, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLatencyList:
    """Every model that was used within the last hour."""

    items: tuple[ModelLatency, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFileCheck:
    """What reading a file again showed: verified, missing or corrupt; ``expected`` None = not known beforehand."""

    file: str
    state: str
    origin: str | None = None
    sha256: str | None = None
    expected: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVerified:
    """Result of checking the files of a model."""

    id: str
    ok: bool
    files: tuple[ModelFileCheck, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRemoved:
    """How much disk the removal of our own copies of a model freed."""

    id: str
    freed_bytes: int
