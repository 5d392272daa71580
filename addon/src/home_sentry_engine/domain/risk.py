"""Severity: the one place where a score becomes a level."""

from dataclasses import dataclass
from typing import Final, Self

from home_sentry_engine.contract import RiskLevel

MIN_SCORE: Final = 0
MAX_SCORE: Final = 100
_ORDER: Final = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Lowest score of each level above low; must rise strictly within 1..100."""

    medium: int = 30
    high: int = 60
    critical: int = 85

    def __post_init__(self) -> None:
        """Raise ``ValueError`` unless 0 < medium < high < critical <= 100."""
        if not MIN_SCORE < self.medium < self.high < self.critical <= MAX_SCORE:
            raise ValueError(
                f"risk bands must rise within 1..100: medium {self.medium}, high {self.high}, critical {self.critical}"
            )

    def level_of(self, score: int) -> RiskLevel:
        """Give the level of a score 0..100; raises ``ValueError`` outside."""
        if not MIN_SCORE <= score <= MAX_SCORE:
            raise ValueError(f"risk score {score} is outside 0..100")
        if score >= self.critical:
            return RiskLevel.CRITICAL
        if score >= self.high:
            return RiskLevel.HIGH
        return RiskLevel.MEDIUM if score >= self.medium else RiskLevel.LOW


def severity(level: RiskLevel) -> int:
    """Rank a level for comparison: low 0 .. critical 3, unknown -1."""
    return _ORDER.index(level) if level in _ORDER else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRange:
    """What the evidence allows; if floor and ceiling clash the floor wins."""

    floor: int = MIN_SCORE
    floor_reason: str | None = None
    ceiling: int = MAX_SCORE
    ceiling_reason: str | None = None

    def clamp(self, score: int) -> int:
        """Bring a score into the range."""
        return max(self.floor, min(score, self.ceiling))

    def merged(self, other: Self) -> ScoreRange:
        """Combine two ranges: the highest floor and the lowest ceiling, each with its reason."""
        low, high = max((self, other), key=lambda r: r.floor), min((self, other), key=lambda r: r.ceiling)
        return ScoreRange(
            floor=low.floor, floor_reason=low.floor_reason, ceiling=high.ceiling, ceiling_reason=high.ceiling_reason
        )
