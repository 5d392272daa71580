"""Growing delays between tries."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Delay before the n-th retry: ``base_s * factor ** (n - 1)``, at most ``cap_s``, plus up to ``jitter`` of it."""

    base_s: float = 1.0
    factor: float = 2.0
    cap_s: float = 30.0
    jitter: float = 0.25

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for delays that would shrink or be negative."""
        if self.base_s < 0 or self.factor < 1 or self.cap_s < self.base_s or not 0 <= self.jitter <= 1:
            raise ValueError(f"not a growing delay: {self}")

    def delay_s(self, retry: int, *, random: Callable[[], float] = lambda: 0.0) -> float:
        """Give the delay before retry number ``retry`` (from 1); ``random`` gives 0..1 and adds the jitter."""
        if retry < 1:
            raise ValueError("retries count from 1")
        # beyond 64 doublings every cap is reached, and larger powers overflow
        plain = min(self.cap_s, self.base_s * self.factor ** min(retry - 1, 64))
        return plain * (1 + self.jitter * random())
