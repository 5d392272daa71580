"""``pipeline.identity_ports.IdentityRows`` over the repositories, inside one transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol

from home_sentry_engine.domain.household import Appearance, Entity, HouseholdFact, PlateRead, Trace
from home_sentry_engine.pipeline.identity_ports import HouseholdNow, Vector
from home_sentry_engine.storage.database import Connection
from home_sentry_engine.storage.repositories.entities import Entities, Recognitions
from home_sentry_engine.storage.repositories.household import Household
from home_sentry_engine.storage.repositories.notes import FactRows, PlateReads
from home_sentry_engine.storage.repositories.traces import TraceRows


class IdentityTables(Protocol):
    """The repositories that this needs."""

    @property
    def traces(self) -> TraceRows:
        """Looks."""
        ...

    @property
    def entities(self) -> Entities:
        """Entities."""
        ...

    @property
    def recognitions(self) -> Recognitions:
        """Outcomes of visits."""
        ...

    @property
    def household(self) -> Household:
        """Members and vehicles."""
        ...

    @property
    def facts(self) -> FactRows:
        """Facts."""
        ...

    @property
    def plates(self) -> PlateReads:
        """Plates."""
        ...


class BoundIdentity:
    """One transaction's view."""

    def __init__(self, conn: Connection, tables: IdentityTables, now: datetime) -> None:
        """Take the connection, the repositories and the time of the transaction."""
        self._conn, self._tables, self._now = conn, tables, now

    def living(self, now: datetime, *, after: int) -> Sequence[tuple[Trace, Vector]]:
        """Give looks with higher ids that have not expired."""
        return self._tables.traces.living(self._conn, now, after=after)

    def remember(self, trace: Trace, vector: Vector) -> Trace:
        """Store a look and give it with its id."""
        return self._tables.traces.add(self._conn, trace, vector)

    def traces(self, ids: Sequence[int]) -> dict[int, Trace]:
        """Give those of these looks that are still there."""
        return self._tables.traces.of_ids(self._conn, ids)

    def looks_at(self, detections: Iterable[int]) -> dict[int, list[tuple[Trace, Vector]]]:
        """Give the looks at detections."""
        return self._tables.traces.of_detections(self._conn, detections)

    def assign(self, trace_ids: Iterable[int], entity_id: str) -> None:
        """Say whose looks these are."""
        self._tables.traces.assign(self._conn, trace_ids, entity_id)

    def entity(self, entity_id: str) -> Entity | None:
        """Give one entity."""
        return self._tables.entities.get(self._conn, entity_id)

    def entity_vectors(self, kind: str, model_id: str, now: datetime) -> list[tuple[str, Vector]]:
        """Give what entities look like."""
        return self._tables.entities.vectors(self._conn, kind, model_id, now)

    def make_entity(self, entity: Entity) -> None:
        """Store a new entity."""
        self._tables.entities.make(self._conn, entity)

    def appear(self, visit: Appearance) -> Entity | None:
        """Count a visit of an entity once."""
        return self._tables.entities.appear(self._conn, visit)

    def blend(self, entity_id: str, model_id: str, vector: Vector, *, expires_at: datetime) -> None:
        """Take a look into what an entity looks like."""
        self._tables.entities.blend(self._conn, entity_id, model_id, vector, expires_at=expires_at)

    def household(self, now: datetime) -> HouseholdNow:
        """Give the household."""
        rows = self._tables.household
        return HouseholdNow(
            members=rows.members(self._conn),
            vehicles=rows.vehicles(self._conn),
            samples=rows.samples(self._conn, now),
            facts=self.facts(now),
        )

    def facts(self, now: datetime) -> tuple[HouseholdFact, ...]:
        """Give facts that have not expired."""
        return self._tables.facts.all(self._conn, now)

    def recognised(self, event_id: str) -> dict[str, Any] | None:
        """Give the leg ``household`` of a visit's last assessment."""
        return self._tables.recognitions.of(self._conn, event_id)

    def note_recognised(self, event_id: str, leg: dict[str, Any]) -> None:
        """Keep the leg ``household`` of an assessment."""
        self._tables.recognitions.note(self._conn, event_id, leg, self._now)

    def note_plate(self, read: PlateRead) -> None:
        """Keep a plate that was read."""
        self._tables.plates.add(self._conn, read)
