"""Traces of persons and vehicles, the household, and enrolled samples; vectors are kept as float16."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, time
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.domain.household import Member, Sample, Schedule, Trace, Vehicle
from home_sentry_engine.storage.context_schema import household, samples, traces
from home_sentry_engine.storage.rows import insert_into

type Vector = NDArray[np.float32]

_HALF: Final = np.dtype("<f2")


class TraceRows:
    """What was seen, with its vector, until it expires."""

    def add(self, conn: Connection, trace: Trace, vector: Vector) -> Trace:
        """Store a look (its ``id`` is not used) and give it with its id."""
        values = {
            "camera_id": trace.camera_id,
            "model_id": trace.model_id,
            "kind": trace.kind,
            "detection_id": trace.detection_id,
            "at": trace.at,
            "expires_at": trace.expires_at,
        }
        made = conn.execute(traces.insert().values(**values, vector=to_half(vector)).returning(traces.c.id))
        return replace(trace, id=int(made.scalar_one()))

    def living(self, conn: Connection, now: datetime) -> list[tuple[Trace, Vector]]:
        """Give what has not expired, the oldest first."""
        rows = conn.execute(sa.select(traces).where(traces.c.expires_at > now).order_by(traces.c.id))
        return [
            (
                Trace(
                    id=row.id,
                    model_id=row.model_id,
                    kind=row.kind,
                    camera_id=row.camera_id,
                    at=row.at,
                    expires_at=row.expires_at,
                    detection_id=row.detection_id,
                ),
                from_half(row.vector),
            )
            for row in rows
        ]

    def expire(self, conn: Connection, now: datetime) -> tuple[int, ...]:
        """Delete what has expired; gives the ids."""
        gone = conn.execute(traces.delete().where(traces.c.expires_at <= now).returning(traces.c.id))
        return tuple(gone.scalars())


class Household:
    """Members and vehicles with their samples."""

    def members(self, conn: Connection) -> tuple[Member, ...]:
        """Give every person, by name."""
        return tuple(
            Member(id=row.id, name=row.name, role=row.role, trust=row.trust, schedule=_schedule(row.schedule))
            for row in self._rows(conn, "person")
        )

    def vehicles(self, conn: Connection) -> tuple[Vehicle, ...]:
        """Give every vehicle, by name."""
        return tuple(
            Vehicle(
                id=row.id,
                name=row.name,
                plate=row.plate,
                role=row.role,
                trust=row.trust,
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
        }
        statement = insert_into(conn, household).values(id=owner.id, **changing)
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changing))

    def remove(self, conn: Connection, owner_id: str) -> bool:
        """Remove somebody with all samples; gives whether there was such an entry."""
        gone: Any = conn.execute(household.delete().where(household.c.id == owner_id))
        return bool(gone.rowcount)

    def enrol(self, conn: Connection, sample: Sample, *, at: datetime, detection_id: int | None = None) -> None:
        """Add a sample of somebody."""
        conn.execute(
            samples.insert().values(
                owner_id=sample.owner_id,
                model_id=sample.model_id,
                negative=sample.negative,
                detection_id=detection_id,
                at=at,
                vector=to_half(sample.vector),
            )
        )

    def samples(self, conn: Connection) -> tuple[Sample, ...]:
        """Give every sample."""
        rows = conn.execute(sa.select(samples).order_by(samples.c.id))
        return tuple(
            Sample(owner_id=row.owner_id, model_id=row.model_id, vector=from_half(row.vector), negative=row.negative)
            for row in rows
        )

    def _rows(self, conn: Connection, kind: str) -> Iterable[Row[Any]]:
        return conn.execute(sa.select(household).where(household.c.kind == kind).order_by(household.c.name))


def to_half(vector: Vector) -> bytes:
    """Give a vector as little-endian float16, scaled to length 1 so that it fits."""
    plain = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(plain.astype(np.float64)))
    return (plain / length if length > 0 else plain).astype(_HALF).tobytes()


def from_half(data: bytes) -> Vector:
    """Give the vector of little-endian float16."""
    return np.frombuffer(data, dtype=_HALF).astype(np.float32)


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
