"""Identity: time of the exact ten nearest vectors against the bare matrix product over the same vectors.

Beyond 100,000 vectors a graph finds them; there the share of the right ten counts, on vectors in clusters as looks are.
"""

from dataclasses import asdict, dataclass
import time
from typing import Any, Final

import numpy as np

from home_sentry_engine.context.graph_index import GrowingIndex
from home_sentry_engine.context.index import ExactIndex, unit_rows

LIMIT: Final = 1.3
LEAST_RECALL: Final = 0.99
_LOOKS_PER_SUBJECT: Final = 20
_TRAITS: Final = 64
_SPREAD: Final = 0.35
_ASKED: Final = 200
_PATIENCE_S: Final = 600.0
_DIMENSION: Final = 768
_COUNTS: Final = (10_000, 100_000)
_NEAREST: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityCount:
    """Result for one number of vectors: the shortest of the rounds in ms; ``right`` tells that all ten were right."""

    vectors: int
    product_ms: float
    search_ms: float
    ratio: float
    right: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCount:
    """Result beyond the limit: build time beside one thread, search against exact search, recall of the ten nearest."""

    vectors: int
    build_s: float
    exact_ms: float
    search_ms: float
    recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityBench:
    """Result for float32 vectors of 768 numbers; ``memory_mb`` is what the largest index holds.

    ``beyond`` is None where nobody asked for it, or where the library of the extra ``index`` is not installed.
    """

    rounds: int
    counts: tuple[IdentityCount, ...]
    memory_mb: float
    beyond: GraphCount | None = None
    limit: float = LIMIT

    @property
    def passed(self) -> bool:
        """Whether every search is right and takes at most ``limit`` times the product, and the graph finds enough."""
        found = self.beyond is None or self.beyond.recall >= LEAST_RECALL
        return found and all(one.right and one.ratio <= self.limit for one in self.counts)

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "identity", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, ms, ratio."""
        rows = []
        for one in self.counts:
            rows.append((f"bare product, {one.vectors} vectors", f"{one.product_ms:.2f} ms", "1.00"))
            rows.append((f"ten nearest of {one.vectors}", f"{one.search_ms:.2f} ms", f"{one.ratio:.2f}"))
        if self.beyond is not None:
            far = self.beyond
            rows.append((f"exact ten of {far.vectors}", f"{far.exact_ms:.2f} ms", "1.00"))
            rows.append(
                (f"graph, ten of {far.vectors}", f"{far.search_ms:.2f} ms", f"{far.search_ms / far.exact_ms:.2f}")
            )
            rows.append(("its recall and build", f"{far.build_s:.0f} s", f"{far.recall:.4f}"))
        return rows


def bench_identity(*, rounds: int, beyond: int = 0) -> IdentityBench:
    """Measure on random vectors, product and search in turn, and a graph over ``beyond`` vectors, 0 for none."""
    random = np.random.default_rng(0)
    counts, held = [], 0
    for count in _COUNTS:
        rows = random.standard_normal((count, _DIMENSION), dtype=np.float32)
        index = ExactIndex(_DIMENSION)
        index.add(range(count), rows)
        plain = unit_rows(rows)
        held = max(held, index.matrix.nbytes)
        counts.append(_measured(index, plain, random.standard_normal((rounds, _DIMENSION), dtype=np.float32)))
    return IdentityBench(
        rounds=rounds,
        counts=tuple(counts),
        memory_mb=round(held / 1e6, 1),
        beyond=bench_graph(beyond) if beyond else None,
    )


def looks(count: int, *, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Make vectors of subjects that were looked at twenty times each: few traits, and noise over all numbers."""
    random = np.random.default_rng(seed)
    basis = random.standard_normal((_TRAITS, _DIMENSION), dtype=np.float32) / np.float32(np.sqrt(_TRAITS))
    subjects = random.standard_normal((count // _LOOKS_PER_SUBJECT + 1, _TRAITS), dtype=np.float32)
    rows = np.repeat(subjects, _LOOKS_PER_SUBJECT, axis=0)[:count] @ basis
    rows += np.float32(_SPREAD) * random.standard_normal((count, _DIMENSION), dtype=np.float32)
    return np.asarray(rows, np.float32)


def bench_graph(count: int) -> GraphCount | None:
    """Build the graph over so many vectors and ask for some of them; None where it cannot be built."""
    rows = looks(count)
    index, exact = GrowingIndex(_DIMENSION, limit=count - 1), ExactIndex(_DIMENSION)
    index.add(range(count), rows)
    exact.add(range(count), rows)
    asked = rows[:: max(1, count // _ASKED)][:_ASKED] + np.float32(0.02)
    if not index.wait(_PATIENCE_S) or index.built_s is None:
        return None
    hits, exact_s, search_s = 0, 0.0, 0.0
    for query in asked:
        began = time.perf_counter()
        right = exact.top(query, _NEAREST)
        middle = time.perf_counter()
        found = index.top(query, _NEAREST)
        search_s += time.perf_counter() - middle
        exact_s += middle - began
        hits += len({hit.id for hit in right} & {hit.id for hit in found})
    return GraphCount(
        vectors=count,
        build_s=index.built_s,
        exact_ms=exact_s / len(asked) * 1000,
        search_ms=search_s / len(asked) * 1000,
        recall=hits / (_NEAREST * len(asked)),
    )


def _measured(index: ExactIndex, plain: np.ndarray[Any, np.dtype[np.float32]], queries: Any) -> IdentityCount:
    product_ms = search_ms = float("inf")
    right = True
    for query in queries:
        unit = unit_rows(query)[0]
        began = time.perf_counter()
        scores = plain @ unit
        middle = time.perf_counter()
        found = index.top(query, _NEAREST)
        search_ms = min(search_ms, (time.perf_counter() - middle) * 1000)
        product_ms = min(product_ms, (middle - began) * 1000)
        right &= {hit.id for hit in found} == set(np.argsort(scores)[-_NEAREST:].tolist())
    return IdentityCount(
        vectors=len(plain), product_ms=product_ms, search_ms=search_ms, ratio=search_ms / product_ms, right=bool(right)
    )
