"""Waiting times between attempts: exponential with full jitter above a floor."""

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """Shortest and longest wait; a connection that held ``stable_s`` starts the series anew."""

    first_s: float = 0.5
    longest_s: float = 30.0
    patient_s: float = 120.0
    stable_s: float = 10.0


class Backoff:
    """Series of waits, each between half of its step and the whole, the step doubling up to ``longest_s``."""

    def __init__(self, pacing: Pacing, random: Random) -> None:
        """Start at the first step."""
        self._pacing = pacing
        self._random = random
        self._step_s = pacing.first_s

    def reset(self) -> None:
        """Begin again with the shortest wait."""
        self._step_s = self._pacing.first_s

    def next_s(self) -> float:
        """Give the next wait."""
        step_s = self._step_s
        self._step_s = min(step_s * 2, self._pacing.longest_s)
        return self._random.uniform(step_s / 2, step_s)

    def patient_s(self) -> float:
        """Give the wait after a refusal that only an update of one side can end."""
        return self._random.uniform(self._pacing.patient_s / 2, self._pacing.patient_s)
