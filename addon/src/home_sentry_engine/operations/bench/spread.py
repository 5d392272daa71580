"""How measured values are spread."""

from collections.abc import Sequence
from dataclasses import dataclass
import math
import statistics
from typing import Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How many values, and in their unit: least, median, high percentiles by nearest rank, greatest."""

    n: int
    minimum: float
    p50: float
    p95: float
    p99: float
    maximum: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Summarise values; raises ``ValueError`` without any."""
        if not values:
            raise ValueError("nothing was measured")
        ordered = sorted(values)
        return cls(
            n=len(ordered),
            minimum=ordered[0],
            p50=statistics.median(ordered),
            p95=_rank(ordered, 0.95),
            p99=_rank(ordered, 0.99),
            maximum=ordered[-1],
        )


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
