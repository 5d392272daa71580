"""Identity across cameras: who was seen before, probably. Vectors of different models are never compared."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from numpy.typing import ArrayLike

from home_sentry_engine.domain.household import Trace

from .index import ExactIndex, Index, unit_rows

WORDING: Final = "probable same subject"
DEFAULT_THRESHOLD: Final = 0.85
# cosine from which two vectors of a model are probably one subject
THRESHOLDS: Final[dict[str, float]] = {
    "osnet-x0-25": 0.7,
    "reid-retail-0288": 0.9,
}
MOST_MATCHES: Final = 32

# (model id, kind, length of the vectors) -> an empty index
type NewIndex = Callable[[str, str, int], Index]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbableMatch:
    """An earlier look that is probably the same subject."""

    trace: Trace
    similarity: float
    seconds_apart: float

    def document(self) -> dict[str, object]:
        """Give it as JSON values, worded as what it is."""
        return {
            "finding": WORDING,
            "camera": self.trace.camera_id,
            "kind": self.trace.kind,
            "similarity": round(self.similarity, 3),
            "seconds_apart": round(self.seconds_apart, 1),
            "at": self.trace.at.isoformat(timespec="seconds"),
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """A look to compare: its model's vector, at a moment, of a visit that is no match for itself.

    ``threshold`` is the model's; None takes the known one. ``besides`` are detections of the subject itself.
    ``seen_at`` is when the look was taken, where that is not ``at``.
    """

    model_id: str
    kind: str
    vector: ArrayLike
    at: datetime
    threshold: float | None = None
    visit: str | None = None
    besides: frozenset[int] = frozenset()
    seen_at: datetime | None = None


class Traces:
    """Remembered looks with their vectors, one index per model and kind."""

    def __init__(self, thresholds: Mapping[str, float] | None = None, *, index: NewIndex | None = None) -> None:
        """Take the thresholds of models that differ from the known ones, and what makes an index for a model."""
        self._thresholds = {**THRESHOLDS, **(thresholds or {})}
        self._new_index = index or (lambda _model_id, _kind, dimension: ExactIndex(dimension))
        self._indexes: dict[tuple[str, str], Index] = {}
        self._traces: dict[int, Trace] = {}
        self._visits: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._traces)

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids of all looks."""
        return tuple(self._traces)

    def threshold(self, model_id: str) -> float:
        """Give the cosine from which two vectors of a model are probably one subject."""
        return self._thresholds.get(model_id, DEFAULT_THRESHOLD)

    def remember(self, trace: Trace, vector: ArrayLike) -> None:
        """Store a look; raises ``UnusableVector`` for a vector that is not one of its model."""
        key = trace.model_id, trace.kind
        index = self._indexes.get(key)
        if index is None:
            index = self._new_index(*key, int(unit_rows(vector).shape[1]))
        index.add([trace.id], vector)
        self._indexes[key] = index
        before = self._traces.get(trace.id)
        self._traces[trace.id] = trace
        if before is None and trace.event_id is not None:
            self._visits[trace.event_id] += 1

    def forget(self, ids: Iterable[int]) -> int:
        """Forget looks; gives how many were there."""
        removed = 0
        for one in ids:
            trace = self._traces.pop(one, None)
            if trace is None:
                continue
            removed += self._indexes[trace.model_id, trace.kind].remove([one])
            if trace.event_id is not None:
                self._visits[trace.event_id] -= 1
                if self._visits[trace.event_id] <= 0:
                    del self._visits[trace.event_id]
        return removed

    def forget_expired(self, now: datetime) -> int:
        """Forget what has expired."""
        return self.forget([trace.id for trace in self._traces.values() if trace.expires_at <= now])

    def probable(self, question: Question, *, most: int = MOST_MATCHES) -> tuple[ProbableMatch, ...]:
        """Give earlier and later looks that are probably the same subject, the likest first, none that has expired."""
        index = self._indexes.get((question.model_id, question.kind))
        if index is None:
            return ()
        least = self.threshold(question.model_id) if question.threshold is None else question.threshold
        own = self._visits[question.visit] if question.visit is not None else 0
        found: list[ProbableMatch] = []
        for hit in index.top(question.vector, most + len(question.besides) + own):
            trace = self._traces[hit.id]
            if hit.similarity < least or _is_own(trace, question) or trace.expires_at <= question.at:
                continue
            apart = ((question.seen_at or question.at) - trace.at).total_seconds()
            found.append(ProbableMatch(trace=trace, similarity=min(1.0, hit.similarity), seconds_apart=apart))
        return tuple(found[:most])


def best_by_camera(matches: Iterable[ProbableMatch]) -> tuple[ProbableMatch, ...]:
    """Give the likest look of each camera, the likest first."""
    best: dict[str, ProbableMatch] = {}
    for match in matches:
        kept = best.get(match.trace.camera_id)
        if kept is None or match.similarity > kept.similarity:
            best[match.trace.camera_id] = match
    return tuple(sorted(best.values(), key=lambda one: -one.similarity))


def _is_own(trace: Trace, question: Question) -> bool:
    same_visit = question.visit is not None and trace.event_id == question.visit
    return same_visit or (trace.detection_id is not None and trace.detection_id in question.besides)
