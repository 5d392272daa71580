"""The API's entities, over the repositories."""

from datetime import timedelta
from typing import Final

from home_sentry_engine.context.identity import WORDING
from home_sentry_engine.contract import Appearance, Entity, Recognition
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.household import Appearance as Visit
from home_sentry_engine.domain.household import Entity as Known
from home_sentry_engine.domain.household import EntityTrust
from home_sentry_engine.pipeline.trace_memory import TraceMemory
from home_sentry_engine.settings import IdentitySettings
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import Page
from home_sentry_engine.storage.repositories.entities import AppearanceQuery, EntityQuery

from .tables import Tables

_FIRST: Final = "first seen"


class StoredEntities:
    """``api.household_ports.Entities``: every call first makes sure that the remembered looks can be read."""

    def __init__(
        self, database: Database, tables: Tables, memory: TraceMemory, clock: Clock, settings: IdentitySettings
    ) -> None:
        """Take the rows, the remembered looks, the clock and how long a look is remembered."""
        self._database = database
        self._tables = tables
        self._memory = memory
        self._clock = clock
        self._settings = settings

    async def page(self, query: EntityQuery) -> Page[Entity]:
        """Give entities, those seen last first; raises ``Unavailable``."""
        await self._ready()
        page = await self._database.read(lambda conn: self._tables.entities.page(conn, query))
        return Page(items=tuple(_entity(one) for one in page.items), next_cursor=page.next_cursor, total=page.total)

    async def one(self, entity_id: str) -> Entity | None:
        """Give one entity; raises ``Unavailable``."""
        await self._ready()
        found = await self._database.read(lambda conn: self._tables.entities.get(conn, entity_id))
        return None if found is None else _entity(found)

    async def appearances(self, query: AppearanceQuery) -> Page[Appearance] | None:
        """Give the visits of an entity, newest first; raises ``Unavailable``."""
        await self._ready()

        def work(conn: Connection) -> Page[Visit] | None:
            known = self._tables.entities.get(conn, query.entity_id)
            return None if known is None else self._tables.entities.visits(conn, query)

        page = await self._database.read(work)
        if page is None:
            return None
        items = tuple(_appearance(one) for one in page.items)
        return Page(items=items, next_cursor=page.next_cursor, total=page.total)

    async def change(self, entity_id: str, *, trust: EntityTrust | None, name: str | None) -> Entity | None:
        """Say what an entity is to the house."""
        expires_at = self._clock.steady() + timedelta(hours=self._settings.ttl_h)
        found = await self._database.write(
            lambda conn: self._tables.entities.change(conn, entity_id, trust=trust, name=name, expires_at=expires_at)
        )
        return None if found is None else _entity(found)

    async def erase(self, entity_id: str | None) -> int:
        """Erase one entity with all looks at it, or every entity and look."""

        def work(conn: Connection) -> int:
            if entity_id is None:
                self._tables.traces.erase_all(conn)
                self._tables.recognitions.forget(conn)
            else:
                self._tables.traces.erase_entity(conn, entity_id)
            return self._tables.entities.erase(conn, entity_id)

        erased = await self._database.write(work)
        await self._memory.forget_all()
        return erased

    async def recognition(self, event_id: str) -> Recognition | None:
        """Give what the comparisons of an event gave."""

        def work(conn: Connection) -> Recognition | None:
            if self._tables.events.get(conn, event_id) is None:
                return None
            found = self._tables.recognitions.of(conn, event_id) or {}
            return Recognition(event_id=event_id, **found)

        return await self._database.read(work)

    async def _ready(self) -> None:
        if self._settings.enabled:
            await self._memory.follow(self._clock.steady())


def _entity(known: Known) -> Entity:
    return Entity(
        id=known.id,
        kind=known.kind,
        trust=known.trust.value,
        name=known.name,
        first_seen_at=known.first_at,
        last_seen_at=known.last_at,
        last_camera_id=known.last_camera_id,
        count=known.count,
        model_id=known.model_id,
    )


def _thumbnail(visit: Visit) -> str:
    """Give the path of the picture that shows the subject itself, where that is known."""
    if visit.detection_id is None:
        return f"/api/v1/events/{visit.event_id}/thumbnail.jpg"
    return f"/api/v1/detections/{visit.detection_id}/thumbnail.jpg"


def _appearance(visit: Visit) -> Appearance:
    return Appearance(
        entity_id=visit.entity_id,
        camera_id=visit.camera_id,
        event_id=visit.event_id,
        at=visit.at,
        finding=_FIRST if visit.similarity is None else WORDING,
        similarity=visit.similarity,
        detection_id=visit.detection_id,
        media_id=visit.media_id,
        thumbnail=_thumbnail(visit),
    )
