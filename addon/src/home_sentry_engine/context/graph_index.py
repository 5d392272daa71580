"""Nearest neighbours beyond the size where comparing with every vector is quick: a navigable graph, kept in a file.

Its candidates are compared once more with the exact vectors, so what it finds has exact similarities.
"""

from collections.abc import Iterable, Sequence
import logging
from pathlib import Path
import threading
import time
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from home_sentry_engine.domain.errors import HomeSentryError

from .index import ExactIndex, Hit, Vectors, unit_rows

_LOGGER = logging.getLogger(__name__)
LIMIT: Final = 100_000
# Malkov and Yashunin 2016; measured for recall@10 >= 0.99 on vectors in clusters, as looks are
_CONNECTIVITY: Final = 32
_EXPANSION_ADD: Final = 128
_EXPANSION_SEARCH: Final = 768
_CANDIDATES: Final = 8
_CHUNK: Final = 2048
_CHECKED: Final = 64
_SAME: Final = 0.99


class NoGraph(HomeSentryError, RuntimeError):
    """The library is not installed, or the kept file cannot be used."""


class _Graph:
    """One usearch index of unit vectors in float16."""

    def __init__(self, dimension: int) -> None:
        try:
            from usearch.index import Index  # noqa: PLC0415 an optional library; it takes long to import
        except ImportError as err:
            raise NoGraph("usearch is not installed") from err
        self._index: Any = Index(
            ndim=dimension,
            metric="ip",
            dtype="f16",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION_ADD,
            expansion_search=_EXPANSION_SEARCH,
        )

    def __len__(self) -> int:
        return len(self._index)

    @property
    def ids(self) -> frozenset[int]:
        """Ids of all vectors."""
        return frozenset(int(one) for one in self._index.keys)

    def add(self, ids: Sequence[int], rows: Vectors) -> None:
        """Store unit vectors; an id that is there already must be removed before."""
        self._index.add(np.asarray(ids, np.uint64), rows, threads=1)

    def remove(self, ids: Sequence[int]) -> None:
        """Forget vectors; ids that are not there are left out."""
        for one in ids:
            if one in self._index:
                self._index.remove(one)

    def near(self, query: Vectors, count: int) -> list[int]:
        """Give ids near a unit vector."""
        return [int(one) for one in self._index.search(query, count).keys]

    def vector(self, one: int) -> Vectors:
        """Give a stored vector."""
        return np.asarray(self._index.get(one), np.float32).ravel()

    def save(self, place: Path) -> None:
        """Keep it in a file, replaced as a whole."""
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.with_suffix(".new")
        self._index.save(str(beside))
        beside.replace(place)

    def load(self, place: Path) -> None:
        """Read it from a file; raises ``NoGraph``."""
        try:
            self._index.load(str(place))
        except Exception as err:
            raise NoGraph(f"the kept index cannot be read: {err}") from err


class GrowingIndex:
    """``Index`` that compares with every vector up to ``limit`` and through a graph beyond it.

    The graph is read from ``file`` or built by a thread beside the work, which goes on comparing with everything until
    it is there. Without the library it stays so. Safe for one caller at a time.
    """

    def __init__(self, dimension: int, *, limit: int = LIMIT, file: Path | None = None) -> None:
        """Take the length of the vectors, where the graph begins, and where it is kept."""
        self._exact = ExactIndex(dimension)
        self._limit = limit
        self._file = file
        self._graph: _Graph | None = None
        self._builder: threading.Thread | None = None
        self._changed: set[int] = set()
        self._lock = threading.Lock()
        self._unavailable = False
        self.built_s: float | None = None

    def __len__(self) -> int:
        return len(self._exact)

    @property
    def by_graph(self) -> bool:
        """Tell whether searches go through the graph now."""
        return self._graph is not None

    def add(self, ids: Sequence[int], vectors: ArrayLike) -> None:
        """Store vectors; raises ``UnusableVector`` and stores none."""
        with self._lock:
            self._exact.add(ids, vectors)
            if self._graph is not None:
                self._graph.remove(ids)
                self._graph.add(ids, self._exact.rows(ids))
            elif self._builder is not None:
                self._changed.update(ids)
        self._grow()

    def remove(self, ids: Iterable[int]) -> int:
        """Forget vectors; gives how many were there."""
        gone = list(ids)
        with self._lock:
            removed = self._exact.remove(gone)
            if self._graph is not None:
                self._graph.remove(gone)
            elif self._builder is not None:
                self._changed.update(gone)
        return removed

    def top(self, query: ArrayLike, k: int) -> list[Hit]:
        """Give the ``k`` nearest, equal ones by their id; raises ``UnusableVector``."""
        with self._lock:
            if self._graph is None or k <= 0 or len(self._exact) <= k * _CANDIDATES:
                return self._exact.top(query, k)
            wanted = unit_rows(query, self._exact.dimension)[0]
            near = self._graph.near(wanted, min(len(self._exact), max(k * _CANDIDATES, 4 * k + 32)))
            return self._exact.ranked(near, wanted)[:k]

    def wait(self, timeout_s: float) -> bool:
        """Wait until a graph that is being built is there; gives whether one is."""
        builder = self._builder
        if builder is not None:
            builder.join(timeout_s)
        return self.by_graph

    def _grow(self) -> None:
        if len(self._exact) <= self._limit or self._graph is not None or self._builder is not None or self._unavailable:
            return
        try:
            graph = _Graph(self._exact.dimension)
        except NoGraph as err:
            self._unavailable = True
            _LOGGER.warning("More than %d looks are compared one by one: %s", self._limit, err)
            return
        with self._lock:
            ids = self._exact.ids
            rows = self._exact.matrix.astype(np.float16)
            self._changed.clear()
            self._builder = threading.Thread(target=self._build, args=(graph, ids, rows), daemon=True, name="index")
        self._builder.start()

    def _build(self, graph: _Graph, ids: list[int], rows: Any) -> None:
        began = time.perf_counter()
        try:
            self._fill(self._restored(graph, ids, rows), ids, rows, began)
        except (NoGraph, RuntimeError, MemoryError, OSError) as err:
            self._unavailable = True
            _LOGGER.warning("The index could not be built, looks are compared one by one: %s", err)
            self._builder = None

        else:
            took_s = time.perf_counter() - began
            _LOGGER.info("The index of %d looks is ready", len(ids), extra={"duration_ms": took_s * 1000})

    def _restored(self, graph: _Graph, ids: list[int], rows: Any) -> _Graph:
        """Give the kept graph if its vectors are those of the rows, else an empty one."""
        if self._file is None or not self._file.exists():
            return graph
        try:
            graph.load(self._file)
            known = graph.ids
            place = {one: number for number, one in enumerate(ids)}
            checked = [one for one in ids[:: max(1, len(ids) // _CHECKED)] if one in known]
            same = all(float(graph.vector(one) @ rows[place[one]].astype(np.float32)) > _SAME for one in checked)
            if checked and same:
                graph.remove([one for one in known if one not in place])
                return graph
        except (NoGraph, ValueError, KeyError) as err:
            _LOGGER.info("The kept index is built anew: %s", err)
        return _Graph(self._exact.dimension)

    def _fill(self, graph: _Graph, ids: list[int], rows: Any, began: float) -> None:
        known = graph.ids
        missing = [number for number, one in enumerate(ids) if one not in known]
        for start in range(0, len(missing), _CHUNK):
            chunk = missing[start : start + _CHUNK]
            graph.add([ids[number] for number in chunk], rows[chunk].astype(np.float32))
        with self._lock:
            changed = list(self._changed)
            graph.remove(changed)
            kept = [one for one in changed if one in self._exact]
            if kept:
                graph.add(kept, self._exact.rows(kept))
            if self._file is not None and missing:
                graph.save(self._file)
            self._changed.clear()
            # who finds the graph also finds how long it took
            self.built_s = time.perf_counter() - began
            self._graph, self._builder = graph, None
