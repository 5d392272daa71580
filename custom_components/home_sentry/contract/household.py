"""Who comes again and who belongs to the house. Names and plates here are for the owner alone: never log them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A person, vehicle or animal that probably came several times; ``count`` is the number of its visits.

    ``trust`` is ``trusted``, ``untrusted`` or ``unknown``.
    """

    id: str
    kind: str
    trust: str
    name: str | None = None
    first_seen_at: datetime
    last_seen_at: datetime
    last_camera_id: str
    count: int
    model_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityPage:
    """Part of the entities, those seen last first."""

    items: tuple[Entity, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Appearance:
    """One visit of an entity: ``probable same subject`` with its similarity, None for the first; paths of the API."""

    entity_id: str
    camera_id: str
    event_id: str
    at: datetime
    finding: str
    similarity: float | None = None
    detection_id: int | None = None
    media_id: str | None = None
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearancePage:
    """Part of the visits of an entity, newest first."""

    items: tuple[Appearance, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognition:
    """What the comparisons of an event's subjects gave; ``unavailable`` says why a part was not compared."""

    event_id: str
    identity: dict[str, Any] = field(default_factory=dict)
    household: dict[str, Any] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When somebody is expected, by the home's clock: weekdays (0 is Monday), ``HH:MM`` to ``HH:MM``."""

    days: tuple[int, ...]
    begins: str
    ends: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdMember:
    """A person who belongs to the house or comes often; ``ha_person`` is ``person.…`` in Home Assistant.

    ``appearances``, ``faces`` and ``negatives`` count the enrolled samples.
    """

    id: str
    name: str
    role: str
    trust: str
    schedule: Schedule | None = None
    ha_person: str | None = None
    appearances: int = 0
    faces: int = 0
    negatives: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseholdVehicle:
    """A vehicle of the house or of a visitor."""

    id: str
    name: str
    plate: str | None = None
    role: str
    trust: str
    schedule: Schedule | None = None
    appearances: int = 0
    negatives: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerFact:
    """Something that the owner told, such as guest mode or an expected visitor; points hold until ``expires_at``."""

    id: str
    kind: str
    text: str
    points: int
    expires_at: datetime
    begins_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """Everybody who belongs to the house; ``faces_allowed`` is the owner's opt-in, ``consent`` what it asks for."""

    members: tuple[HouseholdMember, ...]
    vehicles: tuple[HouseholdVehicle, ...]
    facts: tuple[OwnerFact, ...]
    guest_mode: bool
    faces_allowed: bool
    consent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolledSample:
    """An enrolled look or face; ``negative`` says "not this one"."""

    id: int
    owner_id: str
    source: str
    model_id: str
    negative: bool
    at: datetime
    detection_id: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleList:
    """All samples of one owner."""

    items: tuple[EnrolledSample, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlateSeen:
    """A number plate that was read; ``owner_id`` is the vehicle of the household that it is or probably is."""

    camera_id: str
    plate: str
    at: datetime
    expires_at: datetime
    confidence: float
    event_id: str | None = None
    owner_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatePage:
    """Part of the plates that were read, newest first."""

    items: tuple[PlateSeen, ...]
    next_cursor: str | None = None
    total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How much was erased for good."""

    erased: int
