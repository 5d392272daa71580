"""Two ways of doing the same, round by round in turn: what the engine reaches of its limit."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
import time
from typing import Self

from .spread import Spread

type Side = Callable[[], Awaitable[Lap]]


@dataclass(slots=True, kw_only=True)
class Lap:
    """How much was done in which time; ``cpu_s`` is the processor time of this process alone."""

    done: int
    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time of a block."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += time.process_time() - cpu

    @property
    def per_s(self) -> float:
        """Done per second."""
        return self.done / self.wall_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One comparison: rates per second over the rounds, and the engine's share of the limit's (medians of the rounds).

    ``cpu_ratio`` compares processor time instead, which other work on the machine disturbs less; it leaves out what
    servers and other processes spend. ``target`` is the least share that is wanted of the engine, None for no promise.
    """

    what: str
    limit: str
    engine_per_s: Spread
    limit_per_s: Spread
    ratio: float
    cpu_ratio: float
    target: float | None

    @classmethod
    def of(cls, what: str, limit: str, laps: Sequence[tuple[Lap, Lap]], target: float | None) -> Self:
        """Sum up rounds of (engine, limit)."""
        return cls(
            what=what,
            limit=limit,
            engine_per_s=Spread.of([engine.per_s for engine, _ in laps]),
            limit_per_s=Spread.of([bare.per_s for _, bare in laps]),
            ratio=median(engine.per_s / bare.per_s for engine, bare in laps),
            cpu_ratio=median((bare.cpu_s / bare.done) / (engine.cpu_s / engine.done) for engine, bare in laps),
            target=target,
        )

    @property
    def passed(self) -> bool:
        """Whether the target is reached."""
        return self.target is None or self.ratio >= self.target

    def rows(self) -> list[tuple[str, str, str]]:
        """Give two lines of a table: what, figure, ratio."""
        wanted = "" if self.target is None else f" (target {self.target:g})"
        return [
            (self.limit, _figure(self.limit_per_s), "1.00"),
            (
                self.what,
                _figure(self.engine_per_s),
                f"{self.ratio:.2f}{wanted}, of processor time {self.cpu_ratio:.2f}",
            ),
        ]


async def in_turn(engine: Side, limit: Side, rounds: int) -> list[tuple[Lap, Lap]]:
    """Run both sides ``rounds`` times, each first as often as second, after one round that does not count."""
    laps = []
    for number in range(rounds + 1):
        if number % 2:
            mine = await engine()
            theirs = await limit()
        else:
            theirs = await limit()
            mine = await engine()
        if number:
            laps.append((mine, theirs))
    return laps


def _figure(rate: Spread) -> str:
    return f"{rate.p50:,.0f}/s (n {rate.n}, {rate.minimum:,.0f} to {rate.maximum:,.0f})"
