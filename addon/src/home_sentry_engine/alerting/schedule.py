"""When a rule holds: weekdays and a span of the clock on the wall, over midnight and through changes of the clock."""

from datetime import datetime, time
import re
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from home_sentry_engine.contract import AlertSchedule
from home_sentry_engine.domain.errors import HomeSentryError

_CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")


class InvalidSchedule(HomeSentryError, ValueError):
    """The schedule cannot hold; the text says what is wrong with it."""


def checked_schedule(schedule: AlertSchedule) -> AlertSchedule:
    """Give the schedule as it is; raises ``InvalidSchedule``."""
    _clock(schedule.start)
    _clock(schedule.end)
    if len(set(schedule.days)) != len(schedule.days) or not set(schedule.days) <= set(range(7)):
        raise InvalidSchedule("the schedule's days must be different ones of 0 (Monday) to 6 (Sunday)")
    _zone(schedule.timezone)
    return schedule


def holds(schedule: AlertSchedule, at: datetime, home: ZoneInfo) -> bool:
    """Tell whether a moment lies inside; raises ``InvalidSchedule``.

    After midnight the day on which the span began counts. The span includes its start and not its end.
    """
    local = at.astimezone(_zone(schedule.timezone) or home)
    now = local.time().replace(tzinfo=None)
    start, end = _clock(schedule.start), _clock(schedule.end)
    today, yesterday = local.weekday(), (local.weekday() - 1) % 7
    days = schedule.days or tuple(range(7))
    if start < end:
        return today in days and start <= now < end
    return (today in days and now >= start) or (yesterday in days and now < end)


def _clock(text: str) -> time:
    found = _CLOCK.fullmatch(text)
    if found is None:
        raise InvalidSchedule(f"the schedule's time {text[:16]!r} is not HH:MM")
    return time(int(found[1]), int(found[2]))


def _zone(name: str | None) -> ZoneInfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as err:
        raise InvalidSchedule(f"there is no time zone {name[:64]!r}") from err
