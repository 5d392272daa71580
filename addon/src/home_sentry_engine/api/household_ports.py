"""What the API asks of the engine about who comes again and who belongs to the house; ``app`` implements it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from home_sentry_engine.contract import (
    Appearance,
    EnrolledSample,
    Entity,
    Household,
    HouseholdMember,
    HouseholdVehicle,
    OwnerFact,
    PlateSeen,
    Recognition,
    Schedule,
)
from home_sentry_engine.domain.household import EntityTrust, Role, Trust
from home_sentry_engine.storage.query import Page, PageQuery
from home_sentry_engine.storage.repositories.entities import AppearanceQuery, EntityQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerDraft:
    """A member or vehicle as a person wrote it; ``id`` None makes a new one."""

    id: str | None
    name: str
    role: Role
    trust: Trust
    schedule: Schedule | None = None
    ha_person: str | None = None
    plate: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactDraft:
    """A fact as a person or a calendar wrote it; ``points`` None takes those of its kind."""

    id: str | None
    kind: str
    text: str
    expires_at: datetime
    points: int | None = None
    begins_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """Learn somebody from a detection; ``consent`` is asked for faces, ``negative`` says "not this one"."""

    owner_id: str
    detection_id: int
    negative: bool = False
    face: bool = False
    consent: bool = False


class Entities(Protocol):
    """Subjects that came again; raises ``ServiceUnavailable`` while the remembered looks cannot be read."""

    async def page(self, query: EntityQuery) -> Page[Entity]:
        """Give entities, those seen last first."""
        ...

    async def one(self, entity_id: str) -> Entity | None:
        """Give one entity."""
        ...

    async def appearances(self, query: AppearanceQuery) -> Page[Appearance] | None:
        """Give the visits of an entity, newest first; None when there is no such entity."""
        ...

    async def change(self, entity_id: str, *, trust: EntityTrust | None, name: str | None) -> Entity | None:
        """Say what an entity is to the house; an empty name removes it."""
        ...

    async def erase(self, entity_id: str | None) -> int:
        """Erase one entity with all looks at it, or every look and entity; gives how many entities."""
        ...

    async def recognition(self, event_id: str) -> Recognition | None:
        """Give what the comparisons of an event gave; None when there is no such event."""
        ...


class HouseholdDesk(Protocol):
    """Members, vehicles, their samples, facts and plates."""

    async def view(self) -> Household:
        """Give everything but samples."""
        ...

    async def save_member(self, draft: OwnerDraft) -> HouseholdMember | None:
        """Make or change a member; None for an id that no member has."""
        ...

    async def save_vehicle(self, draft: OwnerDraft) -> HouseholdVehicle | None:
        """Make or change a vehicle; None for an id that no vehicle has."""
        ...

    async def remove(self, owner_id: str) -> bool:
        """Erase somebody with all samples."""
        ...

    async def samples(self, owner_id: str) -> tuple[EnrolledSample, ...] | None:
        """Give the samples of an owner."""
        ...

    async def enrol(self, enrolment: Enrolment) -> EnrolledSample:
        """Learn somebody from a detection; raises a ``WireError`` that says what is missing, or a ``StageError``."""
        ...

    async def erase_samples(self, owner_id: str, sample_id: int | None) -> int | None:
        """Erase one sample of an owner, or all; None when there is no such owner or sample."""
        ...

    async def erase_faces(self) -> int:
        """Erase every face."""
        ...

    async def save_fact(self, draft: FactDraft) -> OwnerFact | None:
        """Make or change a fact; None for an id that no fact has."""
        ...

    async def remove_fact(self, fact_id: str) -> bool:
        """Take a fact back."""
        ...

    async def plates(self, query: PageQuery) -> Page[PlateSeen]:
        """Give plates that were read, newest first."""
        ...

    async def erase_plates(self) -> int:
        """Erase every plate that was read."""
        ...
