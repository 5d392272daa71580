"""When a picture was taken: its EXIF, the name of its file, the file's time, or at last its arrival."""

from datetime import UTC, datetime, timedelta, tzinfo
import re
from typing import Final

from home_sentry_engine.domain.files import CaptureTime, Provenance, TimeSource

_STAMP: Final = re.compile(
    r"(?<!\d)(20\d\d)([-_.]?)(\d\d)\2(\d\d)(?:[-_T. ]|__)?(\d\d)([-_.:h]?)(\d\d)[-_.:m]?(\d\d)(?:\d{3})?(?!\d)"
)
_EARLIEST: Final = datetime(2001, 1, 1, tzinfo=UTC)
_AHEAD: Final = timedelta(days=1)
_OLD: Final = timedelta(days=1)
_CONFIRMS: Final = timedelta(minutes=15)


def capture_time(provenance: Provenance, *, exif: datetime | None = None, zone: tzinfo = UTC) -> CaptureTime:
    """Choose the best source; camera times without an offset are read in ``zone``.

    A time before 2001 or more than a day after the arrival comes from a clock that is not set: the next source counts.
    So it does for a camera's own time more than a day before the arrival which the file's time does not confirm: better
    a file's time than a date that sends a visit of today into the past.
    """
    latest = provenance.seen_at + _AHEAD
    for taken, source in (
        (exif, TimeSource.EXIF),
        (time_in_name(provenance.name or ""), TimeSource.NAME),
        (provenance.modified_at, TimeSource.MODIFIED),
    ):
        at = _utc(taken, zone)
        if at is None or not _EARLIEST <= at <= latest:
            continue
        if source is TimeSource.MODIFIED or _is_plausible(at, provenance):
            return CaptureTime(at=at, source=source)
    return CaptureTime(at=provenance.seen_at, source=TimeSource.ARRIVAL)


def _is_plausible(at: datetime, provenance: Provenance) -> bool:
    modified_at = provenance.modified_at
    confirmed = modified_at is not None and abs(at - modified_at) <= _CONFIRMS
    return confirmed or provenance.seen_at - at <= _OLD


def time_in_name(name: str) -> datetime | None:
    """Find the naive local time in a name: ``Schedule_20261120-081530.jpg``, ``snap_2026-11-20_08-15-30.png``."""
    for match in _STAMP.finditer(name):
        year, _, month, day, hour, _, minute, second = match.groups()
        try:
            return datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))  # noqa: DTZ001 - local
        except ValueError:
            continue
    return None


def _utc(taken: datetime | None, zone: tzinfo) -> datetime | None:
    if taken is None:
        return None
    try:
        return (taken if taken.tzinfo else taken.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        return None
