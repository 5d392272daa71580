"""Jobs: units of work that survive a crash."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

DETECT: Final = "detect"
ASSESS: Final = "assess"
NOTIFY: Final = "notify"

PRIORITY_SPARE: Final = -10
PRIORITY_NORMAL: Final = 0
PRIORITY_URGENT: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be queued.

    ``unique`` makes a second job with the same (queue, unique) a no-op while the first is not dead; jobs of one ``key``
    (the camera) run in order, one at a time; a higher ``priority`` runs first; ``not_before`` delays.
    ``payload`` holds JSON values only.
    """

    queue: str
    payload: dict[str, Any]
    key: str | None = None
    unique: str | None = None
    priority: int = PRIORITY_NORMAL
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job in the hands of a worker until ``leased_until``; ``attempt`` counts from 1.

    ``fence`` grows with each claim and proves to the queue that this worker still holds the lease.
    """

    id: str
    queue: str
    payload: dict[str, Any] = field(default_factory=dict)
    key: str | None = None
    priority: int = PRIORITY_NORMAL
    attempt: int = 1
    enqueued_at: datetime
    leased_until: datetime
    fence: int = 0
