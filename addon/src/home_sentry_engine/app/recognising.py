"""Recognition wired: which legs look, and what follows from them."""

from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from home_sentry_engine.context.graph_index import GrowingIndex
from home_sentry_engine.context.identity import Traces
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.pipeline.circumstances import Conclude
from home_sentry_engine.pipeline.enrich.desk import Models
from home_sentry_engine.pipeline.homecoming import Homecoming, HomecomingRules
from home_sentry_engine.pipeline.identity_ports import Appearances, FaceReader
from home_sentry_engine.pipeline.known_faces import KnownFaces
from home_sentry_engine.pipeline.ports import Store
from home_sentry_engine.pipeline.recognition import Recognition, RecognitionRules
from home_sentry_engine.pipeline.subject_views import CloseLeg
from home_sentry_engine.pipeline.trace_memory import TraceMemory
from home_sentry_engine.settings import IdentitySettings

from .appearances import AppearanceRules, ModelAppearances

_HOUR_S = 3600.0
_DAY_S = 86_400.0
_QUICK_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparers:
    """What compares; None where nobody does. ``persons`` tells people of one visit apart, and never waits for long."""

    appearances: Appearances | None = None
    persons: Appearances | None = None
    faces: FaceReader | None = None
    traces: Traces | None = None
    executor: Executor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognising:
    """The close legs, what is concluded from all legs, and the remembered looks."""

    legs: tuple[CloseLeg, ...]
    conclude: Conclude
    memory: TraceMemory


def make_comparers(settings: IdentitySettings, models: Models, clock: Clock, folder: Path) -> Comparers:
    """Give what compares, as far as the settings allow it; a large index is kept in ``folder``."""
    rules = AppearanceRules(at_once=settings.at_once, threshold=settings.similarity_threshold)
    eyes = ModelAppearances(models, clock, rules)

    quick = AppearanceRules(at_once=settings.at_once, tries=1, limit_s=_QUICK_S)

    def index(model_id: str, kind: str, dimension: int) -> GrowingIndex:
        return GrowingIndex(dimension, file=folder / f"{model_id}-{kind}.usearch")

    return Comparers(
        appearances=eyes if settings.enabled else None,
        persons=ModelAppearances(models, clock, quick) if settings.enabled else None,
        faces=eyes if settings.faces else None,
        traces=Traces(index=index),
    )


def make_recognising(
    settings: IdentitySettings, store: Store, comparers: Comparers, clock: Clock, ids: IdSource
) -> Recognising:
    """Wire what the settings allow."""
    memory = TraceMemory(store, comparers.traces, comparers.executor)
    legs = []
    if settings.enabled and comparers.appearances is not None:
        rules = RecognitionRules(ttl_s=settings.ttl_h * _HOUR_S)
        legs.append(Recognition(store, memory, comparers.appearances, clock, ids, rules).leg())
    if settings.faces and comparers.faces is not None:
        legs.append(KnownFaces(store, comparers.faces, clock).leg())
    homecoming = Homecoming(store, clock, HomecomingRules(plates_s=settings.plate_retention_days * _DAY_S))
    return Recognising(legs=tuple(legs), conclude=homecoming, memory=memory)
