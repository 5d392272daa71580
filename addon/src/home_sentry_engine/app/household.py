"""The API's household, over the repositories and the models that compare."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import time
from typing import Final

from home_sentry_engine.api.household_ports import Enrolment, FactDraft, OwnerDraft
from home_sentry_engine.contract import (
    EnrolledSample,
    Household,
    HouseholdMember,
    HouseholdVehicle,
    OwnerFact,
    PlateSeen,
    Schedule,
)
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.household import Enrolled, HouseholdFact, Member, PlateRead, SampleSource, Vehicle
from home_sentry_engine.domain.household import Schedule as Expected
from home_sentry_engine.domain.identity import IdSource
from home_sentry_engine.settings import IdentitySettings
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import Page, PageQuery

from .enrolment import Enroller, Sight
from .parts import Surroundings
from .tables import Tables

_CONSENT: Final = (
    "A face is biometric data. Enrol somebody only after telling them this, and only if they agree: stored are numbers "
    "that describe the face, with the number of its picture's detection and the time, no copy of the picture; in the "
    "database of this engine and its backups, nowhere else; for {days:g} days, then they are deleted (a backup keeps "
    "them until a newer one replaces it). They serve only to know the person again on cameras of this home. Consent "
    "may be withdrawn at any time: erasing the sample, the member or all faces deletes them at once. For children "
    "the parents decide. Strangers are never enrolled."
)
GUEST_MODE: Final = "guest_mode"
# points and words of a fact whose writer gave none
_KINDS: Final = {
    GUEST_MODE: (-8, "guests are in the house"),
    "expected_visitor": (-8, "a visitor is expected"),
    "pet": (-4, "a pet is out"),
    "note": (0, "the owner's note"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """Time, new ids, the settings, what learns somebody from a detection, and what keeps names out of the log."""

    clock: Clock
    ids: IdSource
    settings: IdentitySettings
    enroller: Enroller
    hide: Callable[[Iterable[str]], None] = lambda _names: None


class StoredHousehold:
    """``api.household_ports.HouseholdDesk``."""

    def __init__(self, database: Database, tables: Tables, means: Means) -> None:
        """Take the rows and the means."""
        self._database = database
        self._tables = tables
        self._means = means

    async def hide_names(self) -> None:
        """Keep the names and plates of everybody out of the log."""

        def work(conn: Connection) -> list[str]:
            rows = self._tables.household
            vehicles = rows.vehicles(conn)
            names = [one.name for one in rows.members(conn)] + [one.name for one in vehicles]
            return [*names, *(one.plate for one in vehicles if one.plate)]

        self._means.hide(await self._database.read(work))

    async def view(self) -> Household:
        """Give everything but samples."""
        now = self._means.clock.steady()

        def work(conn: Connection) -> Household:
            rows = self._tables.household
            samples = rows.enrolled(conn)
            facts = self._tables.facts.all(conn, now)
            return Household(
                members=tuple(_member(one, samples) for one in rows.members(conn)),
                vehicles=tuple(_vehicle(one, samples) for one in rows.vehicles(conn)),
                facts=tuple(_fact(one) for one in facts),
                guest_mode=any(one.kind == GUEST_MODE and (one.begins_at or now) <= now for one in facts),
                faces_allowed=self._means.settings.faces,
                consent=_CONSENT.format(days=self._means.settings.face_retention_days),
            )

        return await self._database.read(work)

    async def save_member(self, draft: OwnerDraft) -> HouseholdMember | None:
        """Make or change a member."""
        member = Member(
            id=draft.id or self._means.ids(),
            name=draft.name,
            role=draft.role,
            trust=draft.trust,
            schedule=_expected(draft.schedule),
            ha_person=draft.ha_person,
        )
        samples = await self._save(member, draft, "person")
        return None if samples is None else _member(member, samples)

    async def save_vehicle(self, draft: OwnerDraft) -> HouseholdVehicle | None:
        """Make or change a vehicle."""
        vehicle = Vehicle(
            id=draft.id or self._means.ids(),
            name=draft.name,
            plate=draft.plate or None,
            role=draft.role,
            trust=draft.trust,
            schedule=_expected(draft.schedule),
        )
        samples = await self._save(vehicle, draft, "vehicle")
        return None if samples is None else _vehicle(vehicle, samples)

    async def remove(self, owner_id: str) -> bool:
        """Erase somebody with all samples."""

        def work(conn: Connection) -> bool:
            self._tables.recognitions.forget(conn)
            return self._tables.household.remove(conn, owner_id)

        return await self._database.write(work)

    async def samples(self, owner_id: str) -> tuple[EnrolledSample, ...] | None:
        """Give the samples of an owner."""

        def work(conn: Connection) -> tuple[Enrolled, ...] | None:
            rows = self._tables.household
            return None if rows.kind_of(conn, owner_id) is None else rows.enrolled(conn, owner_id)

        found = await self._database.read(work)
        return None if found is None else tuple(_sample(one) for one in found)

    async def enrol(self, enrolment: Enrolment) -> EnrolledSample:
        """Learn somebody from a detection."""
        return _sample(await self._means.enroller.enrol(enrolment))

    async def erase_samples(self, owner_id: str, sample_id: int | None) -> int | None:
        """Erase one sample of an owner, or all."""

        def work(conn: Connection) -> int | None:
            rows = self._tables.household
            if rows.kind_of(conn, owner_id) is None:
                return None
            erased = rows.erase_samples(conn, owner_id=owner_id, sample_id=sample_id)
            self._tables.recognitions.forget(conn)
            return None if sample_id is not None and not erased else erased

        return await self._database.write(work)

    async def erase_faces(self) -> int:
        """Erase every face."""

        def work(conn: Connection) -> int:
            self._tables.recognitions.forget(conn)
            return self._tables.household.erase_samples(conn, source=SampleSource.FACE)

        return await self._database.write(work)

    async def save_fact(self, draft: FactDraft) -> OwnerFact:
        """Make or change a fact."""
        points, text = _KINDS[draft.kind]
        fact = HouseholdFact(
            id=draft.id or self._means.ids(),
            kind=draft.kind,
            text=draft.text.strip() or text,
            points=points if draft.points is None else draft.points,
            expires_at=draft.expires_at,
            begins_at=draft.begins_at,
        )
        await self._database.write(lambda conn: self._tables.facts.save(conn, fact))
        return _fact(fact)

    async def remove_fact(self, fact_id: str) -> bool:
        """Take a fact back."""
        return await self._database.write(lambda conn: self._tables.facts.remove(conn, fact_id))

    async def plates(self, query: PageQuery) -> Page[PlateSeen]:
        """Give plates that were read, newest first."""
        page = await self._database.read(lambda conn: self._tables.plates.page(conn, query))
        return Page(items=tuple(_plate(one) for one in page.items), next_cursor=page.next_cursor, total=page.total)

    async def erase_plates(self) -> int:
        """Erase every plate that was read."""
        return await self._database.write(self._tables.plates.erase)

    async def _save(self, owner: Member | Vehicle, draft: OwnerDraft, kind: str) -> tuple[Enrolled, ...] | None:
        def work(conn: Connection) -> tuple[Enrolled, ...] | None:
            rows = self._tables.household
            if draft.id is not None and rows.kind_of(conn, draft.id) != kind:
                return None
            rows.save(conn, owner)
            return rows.enrolled(conn, owner.id)

        self._means.hide([owner.name, *([owner.plate] if isinstance(owner, Vehicle) and owner.plate else [])])
        return await self._database.write(work)


def make_household(
    database: Database, tables: Tables, around: Surroundings, settings: IdentitySettings, sight: Sight
) -> StoredHousehold:
    """Wire the household of an engine."""
    enroller = Enroller(database, tables, sight, around.clock, settings)
    means = Means(clock=around.clock, ids=around.ids, settings=settings, enroller=enroller, hide=around.hide)
    return StoredHousehold(database, tables, means)


def _expected(schedule: Schedule | None) -> Expected | None:
    if schedule is None:
        return None
    begins, ends = time.fromisoformat(schedule.begins), time.fromisoformat(schedule.ends)
    # the last minute counts whole
    return Expected(days=frozenset(schedule.days), begins=begins, ends=ends.replace(second=59, microsecond=999_999))


def _told(schedule: Expected | None) -> Schedule | None:
    if schedule is None:
        return None
    return Schedule(days=tuple(sorted(schedule.days)), begins=f"{schedule.begins:%H:%M}", ends=f"{schedule.ends:%H:%M}")


def _counts(owner_id: str, samples: tuple[Enrolled, ...]) -> Counter[str]:
    own = [one for one in samples if one.owner_id == owner_id]
    return Counter("negative" if one.negative else one.source.value for one in own)


def _member(member: Member, samples: tuple[Enrolled, ...]) -> HouseholdMember:
    counts = _counts(member.id, samples)
    return HouseholdMember(
        id=member.id,
        name=member.name,
        role=member.role.value,
        trust=member.trust.value,
        schedule=_told(member.schedule),
        ha_person=member.ha_person,
        appearances=counts["appearance"],
        faces=counts["face"],
        negatives=counts["negative"],
    )


def _vehicle(vehicle: Vehicle, samples: tuple[Enrolled, ...]) -> HouseholdVehicle:
    counts = _counts(vehicle.id, samples)
    return HouseholdVehicle(
        id=vehicle.id,
        name=vehicle.name,
        plate=vehicle.plate,
        role=vehicle.role.value,
        trust=vehicle.trust.value,
        schedule=_told(vehicle.schedule),
        appearances=counts["appearance"],
        negatives=counts["negative"],
    )


def _sample(one: Enrolled) -> EnrolledSample:
    return EnrolledSample(
        id=one.id,
        owner_id=one.owner_id,
        source=one.source.value,
        model_id=one.model_id,
        negative=one.negative,
        at=one.at,
        detection_id=one.detection_id,
        expires_at=one.expires_at,
    )


def _fact(fact: HouseholdFact) -> OwnerFact:
    return OwnerFact(**{name: getattr(fact, name) for name in HouseholdFact.__dataclass_fields__})


def _plate(read: PlateRead) -> PlateSeen:
    return PlateSeen(
        camera_id=read.camera_id,
        plate=read.plate,
        at=read.at,
        expires_at=read.expires_at,
        confidence=read.confidence,
        event_id=read.event_id,
        owner_id=read.owner_id,
    )
