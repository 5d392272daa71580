"""Exact nearest neighbours by cosine: one contiguous matrix of unit vectors for each model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from home_sentry_engine.domain.errors import HomeSentryError

type Vectors = NDArray[np.float32]

_FIRST_ROOM: Final = 64
_SMALLEST: Final = 1e-12


class UnusableVector(HomeSentryError, ValueError):
    """The vector has another length than its model's, no length at all, or holds no numbers."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A stored vector and its cosine to the query, -1..1."""

    id: int
    similarity: float


class Index(Protocol):
    """What finds the nearest of many vectors of one model."""

    def __len__(self) -> int: ...

    def add(self, ids: Sequence[int], vectors: ArrayLike) -> None:
        """Store vectors, one per row; one that is there already is replaced."""
        ...

    def remove(self, ids: Iterable[int]) -> int:
        """Forget vectors; gives how many were there."""
        ...

    def top(self, query: ArrayLike, k: int) -> list[Hit]:
        """Give the ``k`` nearest, the nearest first."""
        ...


class ExactIndex:
    """``Index`` that compares with every vector: a matrix product and a partial sort."""

    def __init__(self, dimension: int) -> None:
        """Take the length of the model's vectors."""
        self.dimension = dimension
        self._rows: Vectors = np.zeros((_FIRST_ROOM, dimension), np.float32)
        self._ids: NDArray[np.int64] = np.zeros(_FIRST_ROOM, np.int64)
        self._place: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._place)

    @property
    def matrix(self) -> Vectors:
        """The unit vectors, one per row; a view that the next change may move."""
        return self._rows[: len(self)]

    @property
    def ids(self) -> list[int]:
        """Ids of the vectors, in the order of the matrix."""
        return [int(one) for one in self._ids[: len(self)]]

    def __contains__(self, one: int) -> bool:
        return one in self._place

    def rows(self, ids: Sequence[int]) -> Vectors:
        """Give stored unit vectors; raises ``KeyError`` for an id that is not there."""
        return self._rows[[self._place[one] for one in ids]]

    def ranked(self, ids: Sequence[int], wanted: Vectors) -> list[Hit]:
        """Give those of these ids that are there with their cosine to a unit vector, the nearest first."""
        known = [one for one in ids if one in self._place]
        scores = self.rows(known) @ wanted
        hits = [Hit(one, float(score)) for one, score in zip(known, scores, strict=True)]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.id))

    def add(self, ids: Sequence[int], vectors: ArrayLike) -> None:
        """Store vectors of any length above 0; raises ``UnusableVector`` and stores none."""
        unit = unit_rows(vectors, self.dimension)
        if len(unit) != len(ids):
            raise UnusableVector(f"{len(ids)} ids came with {len(unit)} vectors")
        self._make_room(len(self) + len(ids))
        for one, row in zip(ids, unit, strict=True):
            place = self._place.setdefault(one, len(self._place))
            self._rows[place] = row
            self._ids[place] = one

    def remove(self, ids: Iterable[int]) -> int:
        """Forget vectors; the last row takes the place of a removed one."""
        removed = 0
        for one in ids:
            place = self._place.pop(one, None)
            if place is None:
                continue
            last = len(self._place)
            if place != last:
                moved = int(self._ids[last])
                self._rows[place] = self._rows[last]
                self._ids[place] = moved
                self._place[moved] = place
            removed += 1
        return removed

    def top(self, query: ArrayLike, k: int) -> list[Hit]:
        """Give the ``k`` nearest, equal ones by their id; raises ``UnusableVector``."""
        count = len(self)
        wanted = unit_rows(query, self.dimension)[0]
        if count == 0 or k <= 0:
            return []
        scores = self.matrix @ wanted
        best = np.argpartition(scores, count - k)[count - k :] if k < count else np.arange(count)
        hits = [Hit(int(self._ids[place]), float(scores[place])) for place in best]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.id))

    def _make_room(self, count: int) -> None:
        room = len(self._rows)
        if count <= room:
            return
        while room < count:
            room *= 2
        rows = np.zeros((room, self.dimension), np.float32)
        ids = np.zeros(room, np.int64)
        rows[: len(self)], ids[: len(self)] = self.matrix, self._ids[: len(self)]
        self._rows, self._ids = rows, ids


def unit_rows(vectors: ArrayLike, dimension: int | None = None) -> Vectors:
    """Give vectors as rows of length 1; raises ``UnusableVector``."""
    rows = np.atleast_2d(np.asarray(vectors, dtype=np.float32))
    if rows.ndim != 2 or (dimension is not None and rows.shape[1] != dimension):
        raise UnusableVector(f"a vector of this model has {dimension} numbers, not {rows.shape[-1]}")
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > _SMALLEST).all()):
        raise UnusableVector("a vector without length, or with something else than numbers, cannot be compared")
    return np.asarray(rows / lengths, dtype=np.float32)
