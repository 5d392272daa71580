"""Which hours and days at home are to be summarised: whole ones by the home's clock, as it is set on that day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import SummaryPeriod

from .watched import Span

DELAY: Final = timedelta(minutes=2)
"""How long after its end a time is summarised, so that most of what was delivered has been looked at."""
HOURS_BACK: Final = 24
DAYS_BACK: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A time to summarise; the id follows from it, so that no two engines do so twice."""

    period: SummaryPeriod
    span: Span

    @property
    def id(self) -> str:
        """Give the id of the summary."""
        return f"{self.period.value}-{self.span.since.astimezone(UTC):%Y%m%dT%H%MZ}".lower()


def due_at(now: datetime, zone: ZoneInfo, first_at: datetime) -> tuple[Due, ...]:
    """Give the hours of the last day and the last days that are over, oldest first.

    What ended before ``first_at``, when the first engine ran, is left out.
    """
    ready = now - DELAY
    found = [*_hours(ready, zone), *_days(ready, zone)]
    return tuple(sorted((one for one in found if one.span.until > first_at), key=lambda one: one.span.until))


def _hours(ready: datetime, zone: ZoneInfo) -> Iterator[Due]:
    local = ready.astimezone(zone)
    # hours of the clock last an hour also on the days when it is changed
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    end = (ready - into).astimezone(UTC)
    for number in range(HOURS_BACK):
        until = end - timedelta(hours=number)
        yield Due(period=SummaryPeriod.HOURLY, span=Span(until - timedelta(hours=1), until))


def _days(ready: datetime, zone: ZoneInfo) -> Iterator[Due]:
    today = ready.astimezone(zone).date()
    for number in range(DAYS_BACK):
        last = today - timedelta(days=number + 1)
        begin, end = (
            datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
            for day in (last, last + timedelta(days=1))
        )
        yield Due(period=SummaryPeriod.DAILY, span=Span(begin, end))
