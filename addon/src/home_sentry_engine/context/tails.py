"""Upper tails of counting distributions: how rarely so many or more would come."""

import math
from typing import Final

_NEGLIGIBLE: Final = 1e-17
_MOST_TERMS: Final = 100_000


def upper_tail(count: int, mean: float, variance: float) -> float:
    """Give P(X >= count) of a negative binomial of this mean and variance; of a Poisson where variance <= mean.

    ``mean`` must be positive. Small tails keep their relative precision: they are summed from above.
    """
    if count <= 0:
        return 1.0
    log_first, ratio = _poisson(count, mean) if variance <= mean * (1 + 1e-9) else _binomial(count, mean, variance)
    if count > mean:
        return min(1.0, _sum_upwards(log_first, ratio, count))
    return max(0.0, 1.0 - _sum_downwards(log_first, ratio, count))


type _Law = tuple[float, tuple[float, float, float]]


def _poisson(count: int, mean: float) -> _Law:
    return count * math.log(mean) - mean - math.lgamma(count + 1), (0.0, 1.0, mean)


def _binomial(count: int, mean: float, variance: float) -> _Law:
    size = mean * mean / (variance - mean)
    fails = (variance - mean) / variance
    log_first = (
        math.lgamma(count + size)
        - math.lgamma(size)
        - math.lgamma(count + 1)
        + size * math.log1p(-fails)
        + count * math.log(fails)
    )
    return log_first, (1.0, size, fails)


def _sum_upwards(log_term: float, ratio: tuple[float, float, float], count: int) -> float:
    """Add P(count), P(count + 1) …; P(k + 1) / P(k) = (a k + b) c / (k + 1)."""
    a, b, c = ratio
    term = math.exp(log_term)
    total, k = term, count
    while term > _NEGLIGIBLE * total and k - count < _MOST_TERMS:
        term *= (a * k + b) * c / (k + 1)
        total += term
        k += 1
    return total


def _sum_downwards(log_term: float, ratio: tuple[float, float, float], count: int) -> float:
    """Add P(count - 1), P(count - 2) … P(0)."""
    a, b, c = ratio
    term, total = math.exp(log_term), 0.0
    for k in range(count - 1, -1, -1):
        term *= (k + 1) / ((a * k + b) * c)
        total += term
    return total
