"""Identity across cameras: who was seen before, probably. Vectors of different models are never compared."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from numpy.typing import ArrayLike

from home_sentry_engine.domain.household import Trace

from .index import ExactIndex, unit_rows

WORDING: Final = "probable same subject"
DEFAULT_THRESHOLD: Final = 0.85
# cosine from which two vectors of a model are probably one subject
THRESHOLDS: Final[dict[str, float]] = {
    "osnet-x0-25": 0.7,
    "reid-retail-0288": 0.7,
}


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
        }


class Traces:
    """Remembered looks with their vectors, one index per model and kind."""

    def __init__(self, thresholds: Mapping[str, float] | None = None) -> None:
        """Take the thresholds of models that differ from the known ones."""
        self._thresholds = {**THRESHOLDS, **(thresholds or {})}
        self._indexes: dict[tuple[str, str], ExactIndex] = {}
        self._traces: dict[int, Trace] = {}

    def __len__(self) -> int:
        return len(self._traces)

    def threshold(self, model_id: str) -> float:
        """Give the cosine from which two vectors of a model are probably one subject."""
        return self._thresholds.get(model_id, DEFAULT_THRESHOLD)

    def remember(self, trace: Trace, vector: ArrayLike) -> None:
        """Store a look; raises ``UnusableVector`` for a vector that is not one of its model."""
        key = trace.model_id, trace.kind
        index = self._indexes.get(key)
        if index is None:
            index = ExactIndex(int(unit_rows(vector).shape[1]))
        index.add([trace.id], vector)
        self._indexes[key] = index
        self._traces[trace.id] = trace

    def forget(self, ids: Iterable[int]) -> int:
        """Forget looks; gives how many were there."""
        removed = 0
        for one in ids:
            trace = self._traces.pop(one, None)
            if trace is not None:
                removed += self._indexes[trace.model_id, trace.kind].remove([one])
        return removed

    def forget_expired(self, now: datetime) -> int:
        """Forget what has expired."""
        return self.forget([trace.id for trace in self._traces.values() if trace.expires_at <= now])

    def probable(
        self,
        model_id: str,
        kind: str,
        vector: ArrayLike,
        *,
        at: datetime,
        most: int = 5,
        besides: frozenset[int] = frozenset(),
    ) -> tuple[ProbableMatch, ...]:
        """Give earlier and later looks that are probably the same subject, the likest first, none that has expired.

        ``besides`` are detections of the subject itself.
        """
        index = self._indexes.get((model_id, kind))
        if index is None:
            return ()
        least = self.threshold(model_id)
        found: list[ProbableMatch] = []
        for hit in index.top(vector, most + len(besides)):
            trace = self._traces[hit.id]
            if hit.similarity < least or trace.detection_id in besides or trace.expires_at <= at:
                continue
            apart = (at - trace.at).total_seconds()
            found.append(ProbableMatch(trace=trace, similarity=min(1.0, hit.similarity), seconds_apart=apart))
        return tuple(found[:most])


def identity_leg(matches: Iterable[ProbableMatch]) -> list[dict[str, object]]:
    """Write the leg ``identity``: the likest look of each camera."""
    best: dict[str, ProbableMatch] = {}
    for match in matches:
        kept = best.get(match.trace.camera_id)
        if kept is None or match.similarity > kept.similarity:
            best[match.trace.camera_id] = match
    return [match.document() for match in sorted(best.values(), key=lambda one: -one.similarity)]
