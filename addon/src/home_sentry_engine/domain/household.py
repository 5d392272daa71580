"""Who belongs to the house, and what was remembered of those who were seen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

_ALL_DAYS: Final = frozenset(range(7))


class Role(StrEnum):
    """What somebody is to the house."""

    RESIDENT = "resident"
    FAMILY = "family"
    SERVICE_WORKER = "service_worker"
    FREQUENT_VISITOR = "frequent_visitor"


class Trust(StrEnum):
    """How far somebody is trusted; only full trust of a resident lowers a score to the lowest level."""

    FULL = "full"
    PARTIAL = "partial"
    MONITOR = "monitor"


class EntityTrust(StrEnum):
    """What a person said about somebody who comes again."""

    TRUSTED = "trusted"
    UNTRUSTED = "untrusted"
    UNKNOWN = "unknown"


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
    """A person of the house or a frequent visitor; ``ha_person`` is the entity id of the person in Home Assistant."""

    id: str
    name: str
    role: Role = Role.RESIDENT
    trust: Trust = Trust.FULL
    schedule: Schedule | None = None
    ha_person: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vehicle:
    """A vehicle of the house or of a visitor."""

    id: str
    name: str
    plate: str | None = None
    role: Role = Role.RESIDENT
    trust: Trust = Trust.FULL
    schedule: Schedule | None = None


class SampleSource(StrEnum):
    """What an enrolled vector shows."""

    APPEARANCE = "appearance"
    FACE = "face"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """An enrolled look of a member or vehicle; a negative one says "not this one"; faces expire."""

    owner_id: str
    model_id: str
    vector: NDArray[np.float32]
    negative: bool = False
    source: SampleSource = SampleSource.APPEARANCE
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A sample without its vector, for those who look after them."""

    id: int
    owner_id: str
    model_id: str
    source: SampleSource
    negative: bool
    at: datetime
    detection_id: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One remembered look at a ``kind`` (person, vehicle, animal); ``entity_id`` once the subject came again."""

    id: int
    model_id: str
    kind: str
    camera_id: str
    at: datetime
    expires_at: datetime
    detection_id: int | None = None
    event_id: str | None = None
    entity_id: str | None = None
    attributes: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A subject that probably came again; ``count`` is the number of its visits."""

    id: str
    kind: str
    first_at: datetime
    last_at: datetime
    last_camera_id: str
    count: int = 0
    trust: EntityTrust = EntityTrust.UNKNOWN
    name: str | None = None
    model_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """One visit of an entity; ``similarity`` is None for the first one."""

    entity_id: str
    camera_id: str
    event_id: str
    at: datetime
    detection_id: int | None = None
    media_id: str | None = None
    similarity: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdFact:
    """Something that the owner told, with signed points while it holds."""

    id: str
    kind: str
    text: str
    points: int
    expires_at: datetime
    begins_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateRead:
    """A plate that was read during a visit."""

    camera_id: str
    plate: str
    at: datetime
    expires_at: datetime
    confidence: float
    event_id: str | None = None
    detection_id: int | None = None
    owner_id: str | None = None
    id: int = 0
