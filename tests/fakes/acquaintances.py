"""Who comes again and who belongs to the house, for the API."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
import itertools

from home_sentry_engine.api.household_ports import Enrolment, FactDraft, OwnerDraft
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
)
from home_sentry_engine.contract.errors import Forbidden, NotFound
from home_sentry_engine.domain.household import EntityTrust
from home_sentry_engine.storage.query import Page, PageQuery
from home_sentry_engine.storage.repositories.entities import AppearanceQuery, EntityQuery
from tests.fakes.clock import START

type Pause = Callable[[], Awaitable[None]]


def entity(entity_id: str = "who1", **changes) -> Entity:
    plain = Entity(
        id=entity_id,
        kind="person",
        trust="unknown",
        first_seen_at=START,
        last_seen_at=START + timedelta(hours=1),
        last_camera_id="front_door",
        count=2,
        model_id="osnet-x0-25",
    )
    return replace(plain, **changes)


class FakeEntities:
    """``api.household_ports.Entities`` in memory."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self.known: dict[str, Entity] = {}
        self.asked: list[EntityQuery] = []
        self.seed()

    def seed(self) -> None:
        """Put a person and a vehicle there."""
        self.known = {one.id: one for one in (entity(), entity("who2", kind="vehicle"))}

    async def page(self, query: EntityQuery) -> Page[Entity]:
        await self._pause()
        self.asked.append(query)
        fitting = [one for one in self.known.values() if query.kind in {None, one.kind}]
        return Page(items=tuple(fitting[: query.limit]))

    async def one(self, entity_id: str) -> Entity | None:
        await self._pause()
        return self.known.get(entity_id)

    async def appearances(self, query: AppearanceQuery) -> Page[Appearance] | None:
        await self._pause()
        if query.entity_id not in self.known:
            return None
        visit = Appearance(
            entity_id=query.entity_id, camera_id="front_door", event_id="e1", at=START, finding="first seen"
        )
        return Page(items=(visit,))

    async def change(self, entity_id: str, *, trust: EntityTrust | None, name: str | None) -> Entity | None:
        await self._pause()
        known = self.known.get(entity_id)
        if known is None:
            return None
        said = known.trust if trust is None else trust.value
        self.known[entity_id] = replace(known, trust=said, name=known.name if name is None else name or None)
        return self.known[entity_id]

    async def erase(self, entity_id: str | None) -> int:
        await self._pause()
        gone = [one for one in self.known if entity_id in {None, one}]
        for one in gone:
            del self.known[one]
        return len(gone)

    async def recognition(self, event_id: str) -> Recognition | None:
        await self._pause()
        if event_id != "e1":
            return None
        return Recognition(event_id=event_id, unavailable={"identity": "the file of OSNet is not here"})


class FakeHousehold:
    """``api.household_ports.HouseholdDesk`` in memory; faces are not allowed."""

    def __init__(self, pause: Pause) -> None:
        self._pause = pause
        self._ids = itertools.count(1)
        self.members: dict[str, HouseholdMember] = {}
        self.vehicles: dict[str, HouseholdVehicle] = {}
        self.facts: dict[str, OwnerFact] = {}
        self.enrolled: list[EnrolledSample] = []

    def seed(self) -> None:
        """Put a member, a vehicle, a sample and a fact there, all with the id ``o1`` or 1."""
        self.members["o1"] = HouseholdMember(id="o1", name="Ann", role="resident", trust="full")
        self.vehicles["o1"] = HouseholdVehicle(id="o1", name="Car", role="resident", trust="full")
        self.facts["o1"] = OwnerFact(id="o1", kind="note", text="x", points=0, expires_at=START)
        self.enrolled = [
            EnrolledSample(id=1, owner_id="o1", source="appearance", model_id="m", negative=False, at=START)
        ]

    async def view(self) -> Household:
        await self._pause()
        return Household(
            members=tuple(self.members.values()),
            vehicles=tuple(self.vehicles.values()),
            facts=tuple(self.facts.values()),
            guest_mode=False,
            faces_allowed=False,
            consent="ask first",
        )

    async def save_member(self, draft: OwnerDraft) -> HouseholdMember | None:
        await self._pause()
        if draft.id is not None and draft.id not in self.members:
            return None
        member = HouseholdMember(
            id=draft.id or f"m{next(self._ids)}",
            name=draft.name,
            role=draft.role.value,
            trust=draft.trust.value,
            schedule=draft.schedule,
            ha_person=draft.ha_person,
        )
        self.members[member.id] = member
        return member

    async def save_vehicle(self, draft: OwnerDraft) -> HouseholdVehicle | None:
        await self._pause()
        if draft.id is not None and draft.id not in self.vehicles:
            return None
        vehicle = HouseholdVehicle(
            id=draft.id or f"v{next(self._ids)}",
            name=draft.name,
            plate=draft.plate,
            role=draft.role.value,
            trust=draft.trust.value,
            schedule=draft.schedule,
        )
        self.vehicles[vehicle.id] = vehicle
        return vehicle

    async def remove(self, owner_id: str) -> bool:
        await self._pause()
        return (self.members.pop(owner_id, None) or self.vehicles.pop(owner_id, None)) is not None

    async def samples(self, owner_id: str) -> tuple[EnrolledSample, ...] | None:
        await self._pause()
        if owner_id not in self.members | self.vehicles:
            return None
        return tuple(one for one in self.enrolled if one.owner_id == owner_id)

    async def enrol(self, enrolment: Enrolment) -> EnrolledSample:
        await self._pause()
        if enrolment.face:
            raise Forbidden("faces are not allowed here")
        if enrolment.owner_id not in self.members | self.vehicles:
            raise NotFound("there is no such member or vehicle")
        made = EnrolledSample(
            id=next(self._ids),
            owner_id=enrolment.owner_id,
            source="appearance",
            model_id="osnet-x0-25",
            negative=enrolment.negative,
            at=START,
            detection_id=enrolment.detection_id,
        )
        self.enrolled.append(made)
        return made

    async def erase_samples(self, owner_id: str, sample_id: int | None) -> int | None:
        await self._pause()
        gone = [one for one in self.enrolled if one.owner_id == owner_id and sample_id in {None, one.id}]
        self.enrolled = [one for one in self.enrolled if one not in gone]
        return len(gone) if gone or (sample_id is None and owner_id in self.members) else None

    async def erase_faces(self) -> int:
        await self._pause()
        return 0

    async def save_fact(self, draft: FactDraft) -> OwnerFact:
        await self._pause()
        fact = OwnerFact(
            id=draft.id or f"f{next(self._ids)}",
            kind=draft.kind,
            text=draft.text,
            points=draft.points or 0,
            expires_at=draft.expires_at,
            begins_at=draft.begins_at,
        )
        self.facts[fact.id] = fact
        return fact

    async def remove_fact(self, fact_id: str) -> bool:
        await self._pause()
        return self.facts.pop(fact_id, None) is not None

    async def plates(self, query: PageQuery) -> Page[PlateSeen]:
        await self._pause()
        read = PlateSeen(
            camera_id="front_door", plate="BHS1234", at=START, expires_at=START + timedelta(days=7), confidence=0.9
        )
        return Page(items=(read,)[: query.limit])

    async def erase_plates(self) -> int:
        await self._pause()
        return 1
