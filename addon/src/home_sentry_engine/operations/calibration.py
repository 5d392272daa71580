"""How scores compare with what people said of events: every figure with the number that it rests on."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import (
    AlertDay,
    CalibrationWeek,
    FeedbackKind,
    LevelPrecision,
    Measured,
    ReliabilityBin,
    RiskLevel,
)
from home_sentry_engine.storage.repositories.calibrations import Judged

LEVELS: Final = (RiskLevel.LOW, RiskLevel.MEDIUM, RiskLevel.HIGH, RiskLevel.CRITICAL)
ALARMING: Final = frozenset({RiskLevel.HIGH, RiskLevel.CRITICAL})
_STEP: Final = 10


def truth_of(one: Judged) -> bool | None:
    """Tell whether an event was a reason to alarm somebody by the newest word on it; None where nobody said.

    A verdict that was called right says what its level says; a wrong severity does not say which would be right.
    """
    if not one.labels:
        return None
    match one.labels[-1]:
        case FeedbackKind.MISSED:
            return True
        case FeedbackKind.FALSE_POSITIVE:
            return False
        case FeedbackKind.CORRECT:
            return one.level in ALARMING
    return None


def reliability_of(judged: Iterable[Judged]) -> tuple[ReliabilityBin, ...]:
    """Give the share of real incidents by tens of the score."""
    bins: defaultdict[int, list[tuple[int, bool]]] = defaultdict(list)
    for one in judged:
        truth = truth_of(one)
        if truth is not None:
            bins[min(one.score, 99) // _STEP].append((one.score, truth))
    return tuple(_bin(number, bins.get(number, [])) for number in range(10))


def precision_of(judged: Sequence[Judged]) -> tuple[LevelPrecision, ...]:
    """Give how often each level was called right."""
    return tuple(_precision(level, [one for one in judged if one.level is level]) for level in LEVELS)


def weeks_of(judged: Iterable[Judged], zone: ZoneInfo) -> tuple[CalibrationWeek, ...]:
    """Give the weeks with events, the oldest first; drift is told by ``with_drift``."""
    weeks: defaultdict[date, list[Judged]] = defaultdict(list)
    for one in judged:
        weeks[monday_of(one.started_at, zone)].append(one)
    return tuple(_week(day, weeks[day]) for day in sorted(weeks))


def merged(live: Iterable[CalibrationWeek], kept: Iterable[CalibrationWeek]) -> tuple[CalibrationWeek, ...]:
    """Take of each week what counted more events: of weeks long ago many are deleted by now."""
    found: dict[date, CalibrationWeek] = {}
    for week in (*live, *kept):
        if week.week not in found or found[week.week].events < week.events:
            found[week.week] = week
    return with_drift([found[day] for day in sorted(found)])


def with_drift(weeks: Sequence[CalibrationWeek]) -> tuple[CalibrationWeek, ...]:
    """Add how far the shares of the levels moved against the week before; None after a week without events."""
    before = {week.week: week for week in weeks}
    found = []
    for week in weeks:
        last = before.get(week.week - timedelta(days=7))
        found.append(week if last is None else _drifted(week, last))
    return tuple(found)


def alerts_by_day(
    times: Iterable[datetime], zone: ZoneInfo, *, first: date, last: date
) -> tuple[tuple[AlertDay, ...], Measured]:
    """Count reasons to alarm by day at home; the mean is over all days of the time, also those without any."""
    counts = Counter(at.astimezone(zone).date() for at in times)
    days = (last - first).days + 1
    shown = tuple(AlertDay(day=day, alerts=counts[day]) for day in sorted(counts) if first <= day <= last)
    total = sum(one.alerts for one in shown)
    return shown, Measured(count=days, mean=round(total / days, 3) if days > 0 else None)


def monday_of(at: datetime, zone: ZoneInfo) -> date:
    """Give the Monday of a week at home."""
    day = at.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Give the moment at which a day begins at home."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)


def _bin(number: int, found: Sequence[tuple[int, bool]]) -> ReliabilityBin:
    low, high = number * _STEP, number * _STEP + _STEP - 1
    return ReliabilityBin(
        low=low,
        high=100 if number == 9 else high,
        events=len(found),
        mean_score=round(fmean(score for score, _ in found), 1) if found else None,
        incident_share=round(fmean(truth for _, truth in found), 4) if found else None,
    )


def _precision(level: RiskLevel, found: Sequence[Judged]) -> LevelPrecision:
    labelled = [one for one in found if one.labels]
    right = sum(one.labels[-1] is FeedbackKind.CORRECT for one in labelled)
    return LevelPrecision(
        level=level,
        events=len(found),
        labelled=len(labelled),
        right=right,
        precision=round(right / len(labelled), 4) if labelled else None,
    )


def _week(day: date, found: Sequence[Judged]) -> CalibrationWeek:
    last = [one.labels[-1] for one in found if one.labels]
    return CalibrationWeek(
        week=day,
        events=len(found),
        by_level={level.value: sum(one.level is level for one in found) for level in LEVELS},
        labelled=len(last),
        false_alarms=last.count(FeedbackKind.FALSE_POSITIVE),
        missed=last.count(FeedbackKind.MISSED),
        mean_score=round(fmean(one.score for one in found), 1),
    )


def _drifted(week: CalibrationWeek, last: CalibrationWeek) -> CalibrationWeek:
    moved = max(
        abs(week.by_level.get(level.value, 0) / week.events - last.by_level.get(level.value, 0) / last.events)
        for level in LEVELS
    )
    return CalibrationWeek(
        week=week.week,
        events=week.events,
        by_level=week.by_level,
        labelled=week.labelled,
        false_alarms=week.false_alarms,
        missed=week.missed,
        mean_score=week.mean_score,
        drift=round(moved, 4),
    )
