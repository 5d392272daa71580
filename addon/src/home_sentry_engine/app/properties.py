"""Properties over the database, and what they mean for a query."""

from dataclasses import replace

from home_sentry_engine.contract import Property
from home_sentry_engine.contract.errors import NotFound, Unprocessable
from home_sentry_engine.storage.database import Connection, Database
from home_sentry_engine.storage.query import EventQuery

from .tables import Tables


class StoredProperties:
    """``api.summary_ports.Properties`` over the repositories."""

    def __init__(self, database: Database, tables: Tables) -> None:
        """Take the rows."""
        self._database = database
        self._tables = tables

    async def all(self) -> tuple[Property, ...]:
        """Give all, by name."""
        return await self._database.read(self._tables.properties.all)

    async def put(self, wanted: Property) -> Property:
        """Store one in the place of the former one; raises ``Unprocessable`` for a camera that there is not."""

        def work(conn: Connection) -> Property:
            known = {camera.id for camera in self._tables.cameras.all(conn)}
            strange = [camera_id for camera_id in wanted.camera_ids if camera_id not in known]
            if strange:
                raise Unprocessable("there is no such camera", details={"camera_ids": strange})
            self._tables.properties.put(conn, wanted)
            return wanted

        return await self._database.write(work)

    async def remove(self, property_id: str) -> bool:
        """Delete one, its cameras stay; False if there is none."""
        return await self._database.write(lambda conn: self._tables.properties.remove(conn, property_id))


def at_property[Q: EventQuery](conn: Connection, tables: Tables, query: Q) -> Q:
    """Give a query that names its property within the cameras of that; raises ``NotFound``."""
    if query.property_id is None:
        return query
    found = tables.properties.get(conn, query.property_id)
    if found is None:
        raise NotFound("there is no such property")
    allowed = found.camera_ids if query.within is None else set(query.within)
    return replace(query, within=tuple(one for one in found.camera_ids if one in allowed))
