"""Properties: groups of cameras; a camera belongs to one at most."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import Property
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.summaries_schema import properties, property_cameras


class Properties:
    """Names of places with their cameras."""

    def all(self, conn: Connection) -> tuple[Property, ...]:
        """Give all, by name."""
        members: dict[str, list[str]] = {}
        for row in conn.execute(sa.select(property_cameras).order_by(property_cameras.c.camera_id)):
            members.setdefault(row.property_id, []).append(row.camera_id)
        rows = conn.execute(sa.select(properties).order_by(properties.c.name, properties.c.id))
        return tuple(Property(id=row.id, name=row.name, camera_ids=tuple(members.get(row.id, ()))) for row in rows)

    def get(self, conn: Connection, property_id: str) -> Property | None:
        """Give one."""
        return next((one for one in self.all(conn) if one.id == property_id), None)

    def put(self, conn: Connection, wanted: Property) -> None:
        """Store one in the place of the former one; its cameras leave the property that they belonged to."""
        naming = {"name": wanted.name}
        statement = insert_into(conn, properties).values(id=wanted.id, **naming)
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=naming))
        conn.execute(property_cameras.delete().where(property_cameras.c.property_id == wanted.id))
        self._join(conn, wanted.id, wanted.camera_ids)

    def remove(self, conn: Connection, property_id: str) -> bool:
        """Delete one; False if there is none."""
        return conn.execute(properties.delete().where(properties.c.id == property_id)).rowcount > 0

    def _join(self, conn: Connection, property_id: str, camera_ids: Sequence[str]) -> None:
        for camera_id in camera_ids:
            values = {"property_id": property_id}
            statement = insert_into(conn, property_cameras).values(camera_id=camera_id, **values)
            conn.execute(statement.on_conflict_do_update(index_elements=["camera_id"], set_=values))
