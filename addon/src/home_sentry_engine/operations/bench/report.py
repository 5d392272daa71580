"""What a benchmark gives: measures with their spread, ratios with their targets, and the machine."""

from collections.abc import Sequence
from dataclasses import dataclass
import statistics

from .machine import MachineFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """Values of one thing: how many, the least, the median and two high percentiles, in ``unit``."""

    name: str
    unit: str
    n: int
    minimum: float
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """One figure that is judged: at least or at most its target; without a target it only informs."""

    name: str
    value: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the target is met, None without a target."""
        if self.at_least is None and self.at_most is None:
            return None
        enough = self.at_least is None or self.value >= self.at_least
        return enough and (self.at_most is None or self.value <= self.at_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Result of one benchmark."""

    bench: str
    machine: MachineFacts
    rounds: int
    measures: tuple[Measure, ...]
    ratios: tuple[Ratio, ...]
    counts: dict[str, int]
    notes: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every target is met."""
        return all(ratio.holds is not False for ratio in self.ratios)


def measure(name: str, unit: str, values: Sequence[float]) -> Measure:
    """Summarise values; raises ``ValueError`` without any. Percentiles are those of the nearest rank."""
    if not values:
        raise ValueError(f"nothing was measured for {name}")
    ordered = sorted(values)
    return Measure(
        name=name,
        unit=unit,
        n=len(ordered),
        minimum=ordered[0],
        p50=statistics.median(ordered),
        p95=_rank(ordered, 0.95),
        p99=_rank(ordered, 0.99),
    )


def _rank(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
