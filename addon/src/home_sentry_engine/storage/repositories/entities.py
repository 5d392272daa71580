"""Entities: subjects that came again, with their visits, and what the household's comparison gave."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.domain.household import Appearance, Entity, EntityTrust
from home_sentry_engine.storage.context_schema import appearances, entities, recognitions
from home_sentry_engine.storage.query import Keyset, Page, PageQuery, fetch_page, of_cameras, time_range
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.vectors import Vector, from_half, to_half


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityQuery(PageQuery):
    """Filters of entities, by when they were last seen; ``camera_id`` is where they ever were."""

    kind: str | None = None
    trust: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceQuery(PageQuery):
    """Visits of one entity, by time."""

    entity_id: str


class Entities:
    """Rows of entities; each visit of one counts once."""

    def get(self, conn: Connection, entity_id: str) -> Entity | None:
        """Give one entity."""
        row = conn.execute(sa.select(entities).where(entities.c.id == entity_id)).one_or_none()
        return None if row is None else _entity(row)

    def page(self, conn: Connection, query: EntityQuery) -> Page[Entity]:
        """Give entities, those seen last first; raises ``InvalidCursor``."""
        statement = sa.select(entities).where(*time_range(query, entities.c.last_at))
        for column, wanted in ((entities.c.kind, query.kind), (entities.c.trust, query.trust)):
            if wanted is not None:
                statement = statement.where(column == wanted)
        if seen := of_cameras(query, appearances.c.camera_id):
            there = appearances.c.entity_id == entities.c.id
            statement = statement.where(sa.exists().where(there, *seen))
        keyset = Keyset(at=entities.c.last_at, id=entities.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_entity(row) for row in rows])

    def visits(self, conn: Connection, query: AppearanceQuery) -> Page[Appearance]:
        """Give the visits of an entity, newest first; raises ``InvalidCursor``."""
        statement = sa.select(appearances).where(
            appearances.c.entity_id == query.entity_id, *time_range(query, appearances.c.at)
        )
        statement = statement.where(*of_cameras(query, appearances.c.camera_id))
        keyset = Keyset(at=appearances.c.at, id=appearances.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_appearance(row) for row in rows])

    def make(self, conn: Connection, entity: Entity) -> None:
        """Store a new entity without any visit."""
        conn.execute(
            entities.insert().values(
                id=entity.id,
                kind=entity.kind,
                trust=entity.trust,
                name=entity.name,
                model_id=entity.model_id,
                first_at=entity.first_at,
                last_at=entity.last_at,
                last_camera_id=entity.last_camera_id,
                count=entity.count,
            )
        )

    def appear(self, conn: Connection, visit: Appearance) -> Entity | None:
        """Note a visit, once however often it is told, and give the entity after it; None if it was erased."""
        values = {name: getattr(visit, name) for name in Appearance.__dataclass_fields__}
        statement = insert_into(conn, appearances).values(values)
        conn.execute(statement.on_conflict_do_nothing(index_elements=["entity_id", "event_id"]))
        seen = appearances.c.entity_id == visit.entity_id
        at = appearances.c.at
        visits: int = conn.execute(sa.select(sa.func.count()).select_from(appearances).where(seen)).scalar_one()
        first_at, last_at = conn.execute(sa.select(sa.func.min(at), sa.func.max(at)).where(seen)).one()
        last = sa.select(appearances.c.camera_id).where(seen).order_by(appearances.c.at.desc(), appearances.c.id.desc())
        camera_id = conn.execute(last.limit(1)).scalar_one_or_none()
        if camera_id is None:
            return None
        # what retention removed still counts
        known = self.get(conn, visit.entity_id)
        changed = entities.update().where(entities.c.id == visit.entity_id)
        conn.execute(
            changed.values(
                count=max(visits, known.count if known else 0),
                first_at=min(first_at, known.first_at) if known else first_at,
                last_at=last_at,
                last_camera_id=camera_id,
            )
        )
        return self.get(conn, visit.entity_id)

    def vectors(self, conn: Connection, kind: str, model_id: str, now: datetime) -> list[tuple[str, Vector]]:
        """Give the vectors of entities of one kind by one model that have not expired."""
        living = sa.or_(entities.c.vector_expires_at.is_(None), entities.c.vector_expires_at > now)
        chosen = sa.select(entities.c.id, entities.c.vector).where(
            entities.c.kind == kind, entities.c.model_id == model_id, entities.c.vector.is_not(None), living
        )
        return [(row.id, from_half(row.vector)) for row in conn.execute(chosen.order_by(entities.c.id))]

    def blend(self, conn: Connection, entity_id: str, model_id: str, vector: Vector, *, expires_at: datetime) -> None:
        """Take a look into the mean vector of an entity; another model's vector begins anew."""
        row = conn.execute(sa.select(entities).where(entities.c.id == entity_id)).one_or_none()
        if row is None:
            return
        mean = vector
        if row.vector is not None and row.model_id == model_id:
            before = from_half(row.vector)
            visits: int = row._mapping["count"]  # noqa: SLF001 as above
            mean = before * min(visits, 9) + vector
        keeps = row.trust != EntityTrust.UNKNOWN
        conn.execute(
            entities.update()
            .where(entities.c.id == entity_id)
            .values(model_id=model_id, vector=to_half(mean), vector_expires_at=None if keeps else expires_at)
        )

    def change(
        self, conn: Connection, entity_id: str, *, trust: EntityTrust | None, name: str | None, expires_at: datetime
    ) -> Entity | None:
        """Say what an entity is to the house; whoever is told apart is remembered, others until ``expires_at``."""
        values: dict[str, Any] = {}
        if trust is not None:
            known = trust is not EntityTrust.UNKNOWN
            values |= {"trust": trust, "vector_expires_at": None if known else expires_at}
        if name is not None:
            values["name"] = name or None
        if values:
            conn.execute(entities.update().where(entities.c.id == entity_id).values(**values))
        return self.get(conn, entity_id)

    def erase(self, conn: Connection, entity_id: str | None = None) -> int:
        """Delete one entity with its visits, or all; gives how many."""
        gone = entities.delete()
        return conn.execute(gone if entity_id is None else gone.where(entities.c.id == entity_id)).rowcount

    def expire_vectors(self, conn: Connection, now: datetime) -> int:
        """Forget vectors that have expired; gives how many."""
        old = sa.and_(entities.c.vector_expires_at <= now, entities.c.vector.is_not(None))
        return conn.execute(entities.update().where(old).values(vector=None)).rowcount

    def prune(self, conn: Connection, before: datetime) -> int:
        """Delete visits from before a time, and entities that nobody told apart and that have none left."""
        gone = conn.execute(appearances.delete().where(appearances.c.at < before)).rowcount
        idle = sa.and_(entities.c.last_at < before, entities.c.trust == EntityTrust.UNKNOWN)
        return gone + conn.execute(entities.delete().where(idle)).rowcount


class Recognitions:
    """The leg ``household`` as the last assessment of each visit found it."""

    def note(self, conn: Connection, event_id: str, leg: dict[str, Any], at: datetime) -> None:
        """Keep the newest."""
        values = {"at": at, "leg": leg}
        statement = insert_into(conn, recognitions).values(event_id=event_id, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["event_id"], set_=values))

    def of(self, conn: Connection, event_id: str) -> dict[str, Any] | None:
        """Give what a visit's last assessment found."""
        leg: dict[str, Any] | None = conn.execute(
            sa.select(recognitions.c.leg).where(recognitions.c.event_id == event_id)
        ).scalar_one_or_none()
        return leg

    def forget(self, conn: Connection) -> int:
        """Delete all, because somebody was erased; gives how many."""
        return conn.execute(recognitions.delete()).rowcount

    def prune(self, conn: Connection, before: datetime) -> int:
        """Delete what is older than a time; gives how many."""
        return conn.execute(recognitions.delete().where(recognitions.c.at < before)).rowcount


def _entity(row: Row[Any]) -> Entity:
    return Entity(
        id=row.id,
        kind=row.kind,
        first_at=row.first_at,
        last_at=row.last_at,
        last_camera_id=row.last_camera_id,
        count=row._mapping["count"],  # noqa: SLF001 SQLAlchemy's public name; a row has a method count
        trust=EntityTrust(row.trust),
        name=row.name,
        model_id=row.model_id,
    )


def _appearance(row: Row[Any]) -> Appearance:
    return Appearance(**{name: getattr(row, name) for name in Appearance.__dataclass_fields__})
