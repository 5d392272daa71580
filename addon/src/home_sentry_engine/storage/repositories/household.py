"""The household: members, vehicles and their enrolled samples; vectors are kept as float16."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.domain.household import Enrolled, Member, Role, Sample, SampleSource, Schedule, Trust, Vehicle
from home_sentry_engine.storage.context_schema import household, samples
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.vectors import from_half, to_half


class Household:
    """Members and vehicles with their samples."""

    def members(self, conn: Connection) -> tuple[Member, ...]:
        """Give every person, by name."""
        return tuple(
            Member(
                id=row.id,
                name=row.name,
                role=Role(row.role),
                trust=Trust(row.trust),
                schedule=_schedule(row.schedule),
                ha_person=row.ha_person,
            )
            for row in self._rows(conn, "person")
        )

    def vehicles(self, conn: Connection) -> tuple[Vehicle, ...]:
        """Give every vehicle, by name."""
        return tuple(
            Vehicle(
                id=row.id,
                name=row.name,
                plate=row.plate,
                role=Role(row.role),
                trust=Trust(row.trust),
                schedule=_schedule(row.schedule),
            )
            for row in self._rows(conn, "vehicle")
        )

    def save(self, conn: Connection, owner: Member | Vehicle) -> None:
        """Store somebody in the place of the former entry."""
        changing = {
            "kind": "vehicle" if isinstance(owner, Vehicle) else "person",
            "name": owner.name,
            "role": owner.role,
            "trust": owner.trust,
            "plate": owner.plate if isinstance(owner, Vehicle) else None,
            "schedule": _document(owner.schedule),
            "ha_person": owner.ha_person if isinstance(owner, Member) else None,
        }
        statement = insert_into(conn, household).values(id=owner.id, **changing)
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changing))

    def kind_of(self, conn: Connection, owner_id: str) -> str | None:
        """Tell ``person`` or ``vehicle``; None for an id that nobody has."""
        kind: str | None = conn.execute(
            sa.select(household.c.kind).where(household.c.id == owner_id)
        ).scalar_one_or_none()
        return kind

    def remove(self, conn: Connection, owner_id: str) -> bool:
        """Remove somebody with all samples; gives whether there was such an entry."""
        gone: Any = conn.execute(household.delete().where(household.c.id == owner_id))
        return bool(gone.rowcount)

    def enrol(self, conn: Connection, sample: Sample, *, at: datetime, detection_id: int | None = None) -> int:
        """Add a sample of somebody and give its id."""
        made = conn.execute(
            samples.insert()
            .values(
                owner_id=sample.owner_id,
                model_id=sample.model_id,
                negative=sample.negative,
                detection_id=detection_id,
                at=at,
                vector=to_half(sample.vector),
                source=sample.source,
                expires_at=sample.expires_at,
            )
            .returning(samples.c.id)
        )
        return int(made.scalar_one())

    def samples(self, conn: Connection, now: datetime) -> tuple[Sample, ...]:
        """Give every sample that has not expired."""
        rows = conn.execute(sa.select(samples).where(_living(now)).order_by(samples.c.id))
        return tuple(
            Sample(
                owner_id=row.owner_id,
                model_id=row.model_id,
                vector=from_half(row.vector),
                negative=row.negative,
                source=SampleSource(row.source),
                expires_at=row.expires_at,
            )
            for row in rows
        )

    def enrolled(self, conn: Connection, owner_id: str | None = None) -> tuple[Enrolled, ...]:
        """Tell of the samples, of one owner or of all, without their vectors."""
        chosen = sa.select(samples).order_by(samples.c.id)
        if owner_id is not None:
            chosen = chosen.where(samples.c.owner_id == owner_id)
        return tuple(
            Enrolled(
                id=row.id,
                owner_id=row.owner_id,
                model_id=row.model_id,
                source=SampleSource(row.source),
                negative=row.negative,
                at=row.at,
                detection_id=row.detection_id,
                expires_at=row.expires_at,
            )
            for row in conn.execute(chosen)
        )

    def erase_samples(
        self,
        conn: Connection,
        *,
        owner_id: str | None = None,
        sample_id: int | None = None,
        source: SampleSource | None = None,
    ) -> int:
        """Delete the samples that fit everything that is given; gives how many."""
        chosen = [
            column == wanted
            for column, wanted in (
                (samples.c.owner_id, owner_id),
                (samples.c.id, sample_id),
                (samples.c.source, source),
            )
            if wanted is not None
        ]
        return conn.execute(samples.delete().where(*chosen)).rowcount

    def expire(self, conn: Connection, now: datetime) -> int:
        """Delete samples that have expired; gives how many."""
        return conn.execute(samples.delete().where(samples.c.expires_at <= now)).rowcount

    def _rows(self, conn: Connection, kind: str) -> Iterable[Row[Any]]:
        return conn.execute(sa.select(household).where(household.c.kind == kind).order_by(household.c.name))


def _document(schedule: Schedule | None) -> dict[str, Any] | None:
    if schedule is None:
        return None
    return {
        "days": sorted(schedule.days),
        "begins": schedule.begins.isoformat(),
        "ends": schedule.ends.isoformat(),
    }


def _schedule(document: dict[str, Any] | None) -> Schedule | None:
    if document is None:
        return None
    return Schedule(
        days=frozenset(document["days"]),
        begins=time.fromisoformat(document["begins"]),
        ends=time.fromisoformat(document["ends"]),
    )


def _living(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(samples.c.expires_at.is_(None), samples.c.expires_at > now)
