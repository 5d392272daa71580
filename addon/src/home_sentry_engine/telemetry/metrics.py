"""Numbers for Prometheus: counters, gauges and histograms whose labels cannot grow without bound."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from math import isfinite, isnan
import re
from typing import Final, Protocol

ALLOWED_LABELS: Final = frozenset(
    {
        "camera_id",
        "class",
        "code",
        "component",
        "kind",
        "level",
        "limit",
        "method",
        "model_id",
        "mode",
        "outcome",
        "provider",
        "queue",
        "reason",
        "route",
        "stage",
        "state",
        "status",
        "version",
    }
)
MOST_SERIES: Final = 500
OTHER: Final = "other"
SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_NAME: Final = re.compile(r"^[a-z][a-z0-9_]*$")

type _Key = tuple[str, ...]


class InvalidMetric(ValueError):
    """A metric has a bad name, a label outside ``ALLOWED_LABELS``, or is declared twice in different ways."""


class _Metric(Protocol):
    name: str
    text: str
    kind: str
    labels: _Key

    def lines(self) -> Iterable[str]: ...


class _Series[T]:
    def __init__(self, name: str, text: str, labels: _Key) -> None:
        self.name = name
        self.text = text
        self.labels = labels
        self._values: dict[_Key, T] = {}

    def _key(self, labels: Mapping[str, str]) -> _Key:
        if len(labels) != len(self.labels):
            raise InvalidMetric(f"metric '{self.name}' takes the labels {self.labels}")
        try:
            key = tuple(str(labels[name]) for name in self.labels)
        except KeyError as err:
            raise InvalidMetric(f"metric '{self.name}' takes the labels {self.labels}") from err
        if key not in self._values and len(self._values) >= MOST_SERIES:
            return (OTHER,) * len(self.labels)
        return key


class Counter(_Series[float]):
    """A number that only grows."""

    kind = "counter"

    def add(self, amount: float = 1.0, **labels: str) -> None:
        """Grow by ``amount`` (not negative)."""
        if amount < 0:
            raise ValueError("a counter only grows")
        key = self._key(labels)
        self._values[key] = self._values.get(key, 0.0) + amount

    def value(self, **labels: str) -> float:
        """Tell the number."""
        return self._values.get(self._key(labels), 0.0)

    def lines(self) -> Iterable[str]:
        """Give the exposition lines."""
        for key, value in self._values.items():
            yield f"{self.name}{_labels(self.labels, key)} {_number(value)}"


class Gauge(_Series[float]):
    """A number that goes up and down."""

    kind = "gauge"

    def set(self, value: float, **labels: str) -> None:
        """Replace the number."""
        self._values[self._key(labels)] = value

    def forget(self, **labels: str) -> None:
        """Stop showing a series whose subject is gone."""
        self._values.pop(self._key(labels), None)

    def value(self, **labels: str) -> float | None:
        """Tell the number, None before the first ``set``."""
        return self._values.get(self._key(labels))

    def lines(self) -> Iterable[str]:
        """Give the exposition lines."""
        for key, value in self._values.items():
            yield f"{self.name}{_labels(self.labels, key)} {_number(value)}"


class _Tally:
    __slots__ = ("counts", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * (buckets + 1)
        self.total = 0.0


class Histogram(_Series[_Tally]):
    """How observed values spread over buckets with fixed upper bounds."""

    kind = "histogram"

    def __init__(self, name: str, text: str, labels: _Key, bounds: tuple[float, ...]) -> None:
        """Take the upper bounds, ascending, without infinity."""
        super().__init__(name, text, labels)
        self.bounds = bounds

    def observe(self, value: float, **labels: str) -> None:
        """Count one value."""
        key = self._key(labels)
        tally = self._values.get(key)
        if tally is None:
            tally = self._values[key] = _Tally(len(self.bounds))
        tally.counts[bisect_left(self.bounds, value)] += 1
        tally.total += value

    def count(self, **labels: str) -> int:
        """Tell how many values were observed."""
        tally = self._values.get(self._key(labels))
        return sum(tally.counts) if tally else 0

    def lines(self) -> Iterable[str]:
        """Give the exposition lines: cumulative buckets, sum and count."""
        names = (*self.labels, "le")
        for key, tally in self._values.items():
            below = 0
            for bound, count in zip((*self.bounds, float("inf")), tally.counts, strict=True):
                below += count
                yield f"{self.name}_bucket{_labels(names, (*key, _number(bound)))} {below}"
            yield f"{self.name}_sum{_labels(self.labels, key)} {_number(tally.total)}"
            yield f"{self.name}_count{_labels(self.labels, key)} {below}"


class Registry:
    """All metrics of one engine; the same declaration made twice gives the same metric."""

    def __init__(self, prefix: str = "home_sentry_") -> None:
        """Put ``prefix`` before every name."""
        self._prefix = prefix
        self._metrics: dict[str, _Metric] = {}

    def counter(self, name: str, text: str, labels: _Key = ()) -> Counter:
        """Declare a counter; its name ends in ``_total``."""
        if not name.endswith("_total"):
            raise InvalidMetric(f"the counter '{name}' must end in _total")
        return self._declare(name, labels, Counter, lambda full: Counter(full, text, labels))

    def gauge(self, name: str, text: str, labels: _Key = ()) -> Gauge:
        """Declare a gauge."""
        return self._declare(name, labels, Gauge, lambda full: Gauge(full, text, labels))

    def histogram(self, name: str, text: str, labels: _Key = (), bounds: tuple[float, ...] = SECONDS) -> Histogram:
        """Declare a histogram; ``bounds`` default to seconds from 1 ms to 2 min."""
        return self._declare(name, labels, Histogram, lambda full: Histogram(full, text, labels, bounds))

    def render(self) -> str:
        """Write everything in the text format of ``CONTENT_TYPE``."""
        lines: list[str] = []
        for metric in self._metrics.values():
            lines += (f"# HELP {metric.name} {_escape_help(metric.text)}", f"# TYPE {metric.name} {metric.kind}")
            lines += metric.lines()
        return "\n".join(lines) + "\n"

    def _declare[M: (Counter, Gauge, Histogram)](
        self, name: str, labels: _Key, kind: type[M], make: Callable[[str], M]
    ) -> M:
        full = self._prefix + name
        if not _NAME.match(full):
            raise InvalidMetric(f"'{full}' is not a metric name")
        if unknown := set(labels) - ALLOWED_LABELS:
            raise InvalidMetric(f"metric '{full}' has labels that are not allowed: {sorted(unknown)}")
        known = self._metrics.get(full)
        if known is None:
            known = self._metrics[full] = make(full)
        if not isinstance(known, kind) or known.labels != labels:
            raise InvalidMetric(f"metric '{full}' is declared already, in another way")
        return known


def _labels(names: _Key, values: _Key) -> str:
    if not names:
        return ""
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in zip(names, values, strict=True)) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _number(value: float) -> str:
    if isfinite(value):
        return str(int(value)) if value == int(value) else repr(value)
    return "NaN" if isnan(value) else f"{'+' if value > 0 else '-'}Inf"
