"""Identity: time of the exact ten nearest vectors against the bare matrix product over the same vectors."""

from dataclasses import asdict, dataclass
import time
from typing import Any, Final

import numpy as np

from home_sentry_engine.context.index import ExactIndex, unit_rows

LIMIT: Final = 1.3
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
class IdentityBench:
    """Result for float32 vectors of 768 numbers; ``memory_mb`` is what the largest index holds."""

    rounds: int
    counts: tuple[IdentityCount, ...]
    memory_mb: float
    limit: float = LIMIT

    @property
    def passed(self) -> bool:
        """Whether every search is right and takes at most ``limit`` times the product."""
        return all(one.right and one.ratio <= self.limit for one in self.counts)

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "identity", **asdict(self), "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, ms, ratio."""
        rows = []
        for one in self.counts:
            rows.append((f"bare product, {one.vectors} vectors", f"{one.product_ms:.2f} ms", "1.00"))
            rows.append((f"ten nearest of {one.vectors}", f"{one.search_ms:.2f} ms", f"{one.ratio:.2f}"))
        return rows


def bench_identity(*, rounds: int) -> IdentityBench:
    """Measure on random vectors, product and search in turn."""
    random = np.random.default_rng(0)
    counts, held = [], 0
    for count in _COUNTS:
        rows = random.standard_normal((count, _DIMENSION), dtype=np.float32)
        index = ExactIndex(_DIMENSION)
        index.add(range(count), rows)
        plain = unit_rows(rows)
        held = max(held, index.matrix.nbytes)
        counts.append(_measured(index, plain, random.standard_normal((rounds, _DIMENSION), dtype=np.float32)))
    return IdentityBench(rounds=rounds, counts=tuple(counts), memory_mb=round(held / 1e6, 1))


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
