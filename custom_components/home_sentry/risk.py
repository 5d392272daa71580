"""Risk of a camera or a house over time: full while a visit goes on, halving again and again after it ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
import math
from typing import Final, Self

from .contract import Event, EventChange, RiskLevel

_STEPS_PER_HALF_LIFE: Final = 2
_LEVELS: Final = (RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """Score 0..100, its level, and the event that it comes from."""

    score: int
    level: RiskLevel
    event: Event

    @classmethod
    def of(
        cls,
        events: Iterable[Event],
        *,
        ends: Mapping[str, datetime | None],
        now: datetime,
        half_life: timedelta,
        bands: tuple[int, int, int],
    ) -> Self | None:
        """Give the highest risk among events, None when there are none; a dismissed event counts nothing.

        ``ends`` tells by id when an event ended on Home Assistant's clock, None while it goes on. ``bands`` holds the
        lowest scores of medium, high and critical. The score falls in steps of half a half-life, so that a camera
        writes few states.
        """
        scored = ((_score(event, ends[event.event_id], now, half_life), event) for event in events)
        best = max(scored, key=lambda pair: (pair[0], pair[1].started_at), default=None)
        if best is None:
            return None
        score, event = best
        level = event.risk_level if score == event.risk_score else level_of(score, bands)
        return cls(score=score, level=level, event=event)


def level_of(score: int, bands: tuple[int, int, int]) -> RiskLevel:
    """Give the level of a score that has fallen below what the engine judged."""
    reached = [level for level, lowest in zip(_LEVELS, bands, strict=True) if score >= lowest]
    return reached[-1] if reached else RiskLevel.LOW


def _score(event: Event, ended_at: datetime | None, now: datetime, half_life: timedelta) -> int:
    if event.transitions and event.transitions[-1].change is EventChange.DISMISSED:
        return 0
    if ended_at is None or now <= ended_at:
        return event.risk_score
    steps = (now - ended_at) // (half_life / _STEPS_PER_HALF_LIFE)
    return round(event.risk_score * math.exp2(-steps / _STEPS_PER_HALF_LIFE))
