"""Activity baseline: whether so much of a class at this hour is unusual for a camera.

A slot is an hour of the home's clock on weekdays or at weekends. What is counted per day are appearances: visits in
which the class was seen. A day without any counts as zero; a day on which the hour does not exist (the clock goes
forward) does not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
import math
from statistics import fmean, variance
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import BaselineLimits

from .tails import upper_tail

ANYTHING: Final = "*"
UNDECIDED: Final = 0.5
_PRIOR: Final = 0.5
_SATURDAY: Final = 5
_QUARTER: Final = timedelta(minutes=15)


class State(StrEnum):
    """Whether enough days were seen."""

    LEARNING = "learning"
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineRules:
    """Days looked back, days needed, and how many standard deviations of a normal distribution are unusual."""

    window_days: int = 30
    min_days: int = 10
    threshold_std: float = 2.0

    @property
    def rare(self) -> float:
        """Upper tail below which activity is unusual."""
        return math.erfc(self.threshold_std / math.sqrt(2)) / 2


def rules_of(limits: BaselineLimits) -> BaselineRules:
    """Give the rules that the household's limits say."""
    return BaselineRules(window_days=limits.window_days, min_days=limits.min_days, threshold_std=limits.threshold_std)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """An hour of a day at home."""

    day: date
    hour: int

    @property
    def weekend(self) -> bool:
        """Tell whether it is on a Saturday or Sunday."""
        return self.day.weekday() >= _SATURDAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """Judgement of one class in one slot; while learning ``tail`` is None and ``score`` undecided."""

    label: str
    state: State
    days: int
    mean: float
    count: int
    tail: float | None
    score: float
    unusual: bool


def slot_of(at: datetime, zone: ZoneInfo) -> Slot:
    """Give the slot of a moment by the home's clock."""
    local = at.astimezone(zone)
    return Slot(day=local.date(), hour=local.hour)


def hours_in(slot: Slot, zone: ZoneInfo) -> float:
    """Give how long the slot lasted: 1, 0 where the clock went over it, 2 where it came twice."""
    midnight = datetime.combine(slot.day, time(), zone)
    tomorrow = datetime.combine(slot.day + timedelta(days=1), time(), zone)
    if midnight.utcoffset() == tomorrow.utcoffset():
        return 1.0
    moment, quarters = midnight.astimezone(UTC), 0
    while moment < tomorrow.astimezone(UTC):
        local = moment.astimezone(zone)
        quarters += local.hour == slot.hour and local.date() == slot.day
        moment += _QUARTER
    return quarters / 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Counts of one class in one hour by day, and the first whole day that was watched; None before any."""

    counts: Mapping[date, int]
    since: date | None

    def rates(self, slot: Slot, zone: ZoneInfo, rules: BaselineRules, *, today: date | None = None) -> list[float]:
        """Give appearances per hour for each day before the slot, or before ``today``, that compares with it.

        Weekdays compare with weekdays and weekends with weekends; while those are too few, all days compare.
        """
        if self.since is None:
            return []
        end = today or slot.day
        first = max(self.since, end - timedelta(days=rules.window_days))
        watched = [first + timedelta(days=n) for n in range((end - first).days)]
        slots = [Slot(day=day, hour=slot.hour) for day in watched]
        lasted = {one: hours_in(one, zone) for one in slots}
        rates = {one: self.counts.get(one.day, 0) / hours for one, hours in lasted.items() if hours > 0}
        alike = [rate for one, rate in rates.items() if one.weekend is slot.weekend]
        return alike if len(alike) >= rules.min_days else list(rates.values())


def judge(label: str, past: Past, slot: Slot, count: int, *, zone: ZoneInfo, rules: BaselineRules) -> Usual:
    """Compare the slot's count so far, the present appearance included, with the past.

    The past is fitted by mean and variance, both widened by what so few days leave open (half an appearance as prior):
    a Poisson where the days are even, a negative binomial where they are not.
    """
    rates = past.rates(slot, zone, rules)
    hours = hours_in(slot, zone) or 1.0
    mean = fmean(rates) if rates else 0.0
    if len(rates) < rules.min_days:
        return Usual(
            label=label, state=State.LEARNING, days=len(rates), mean=mean, count=count,
            tail=None, score=UNDECIDED, unusual=False,
        )  # fmt: skip
    expected = (sum(rates) + _PRIOR) / len(rates)
    spread = max(expected, variance(rates))
    tail = upper_tail(count, expected * hours, (spread + spread / len(rates)) * hours)
    return Usual(
        label=label, state=State.READY, days=len(rates), mean=mean, count=count,
        tail=tail, score=1.0 - tail, unusual=tail < rules.rare,
    )  # fmt: skip


def baseline_leg(found: Sequence[Usual]) -> dict[str, object]:
    """Write the leg ``baseline``: the rarest class decides, corrected for having looked at several (Sidak)."""
    ready = [one for one in found if one.tail is not None]
    leg: dict[str, object] = {
        "state": State.READY.value if ready else State.LEARNING.value,
        "days": min((one.days for one in found), default=0),
    }
    if ready:
        rarest = min(one.tail for one in ready if one.tail is not None)
        leg["tail"] = -math.expm1(len(ready) * math.log1p(-min(rarest, 1 - 1e-12)))
        leg["classes"] = [
            {"label": one.label, "now": one.count, "usual": round(one.mean, 2), "unusual": one.unusual} for one in ready
        ]
    return leg
