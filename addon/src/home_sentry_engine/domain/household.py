"""Who belongs to the house, and what was remembered of those who were seen."""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Final

import numpy as np
from numpy.typing import NDArray

_ALL_DAYS: Final = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When somebody is expected: weekdays (0 is Monday) and home time; over midnight where it ends before it begins."""

    days: frozenset[int] = _ALL_DAYS
    begins: time = time.min
    ends: time = time.max

    def holds(self, local: datetime) -> bool:
        """Tell whether a moment of the home's clock lies inside; after midnight the day before counts."""
        now = local.time().replace(tzinfo=None)
        if self.begins <= self.ends:
            return local.weekday() in self.days and self.begins <= now <= self.ends
        if now >= self.begins:
            return local.weekday() in self.days
        return now <= self.ends and (local.weekday() - 1) % 7 in self.days


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person of the house or a frequent visitor; role and trust in the words of the rules."""

    id: str
    name: str
    role: str = "resident"
    trust: str = "full"
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A vehicle of the house or of a visitor."""

    id: str
    name: str
    plate: str | None = None
    role: str = "resident"
    trust: str = "full"
    schedule: Schedule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An enrolled look of a member or vehicle; a negative one says "not this one"."""

    owner_id: str
    model_id: str
    vector: NDArray[np.float32]
    negative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One remembered look at a person or vehicle; ``kind`` is ``person`` or ``vehicle``."""

    id: int
    model_id: str
    kind: str
    camera_id: str
    at: datetime
    expires_at: datetime
    detection_id: int | None = None
