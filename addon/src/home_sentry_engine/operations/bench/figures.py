"""Figures of the engine beside those of plain scripts."""

from dataclasses import dataclass
from typing import Final

_NOT_WORSE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of the engine beside the plain script's; ``n`` is how many things were judged."""

    what: str
    engine: float
    bare: float
    n: int
    more_is_better: bool = True

    @property
    def kept(self) -> bool:
        """Whether the engine is at least as good, up to a small slack."""
        gain = self.engine - self.bare if self.more_is_better else self.bare - self.engine
        return gain >= -_NOT_WORSE * max(1.0, abs(self.bare))
