"""Times of the queue's tables: integer microseconds since 1970 UTC."""

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Give the microseconds of an aware time; raises ``ValueError`` for a naive one."""
    if at.tzinfo is None:
        raise ValueError(f"a job's time needs its zone: {at.isoformat()}")
    return (at - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Give the aware UTC time."""
    return _EPOCH + timedelta(microseconds=value)
