"""Zones of cameras."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Zone, ZoneAnchor, ZoneType
from home_sentry_engine.storage.context_schema import zones


class Zones:
    """Each camera's zones as a whole."""

    def of(self, conn: Connection, camera_id: str) -> tuple[Zone, ...]:
        """Give a camera's zones, the highest priority first."""
        chosen = sa.select(zones).where(zones.c.camera_id == camera_id)
        rows = conn.execute(chosen.order_by(zones.c.priority.desc(), zones.c.name))
        return tuple(_zone(row) for row in rows)

    def replace(self, conn: Connection, camera_id: str, wanted: Iterable[Zone]) -> None:
        """Let these be the camera's zones; their ids must differ."""
        conn.execute(zones.delete().where(zones.c.camera_id == camera_id))
        rows = [_row(camera_id, zone) for zone in wanted]
        if rows:
            conn.execute(zones.insert(), rows)


def _row(camera_id: str, zone: Zone) -> dict[str, Any]:
    values = {name: getattr(zone, name) for name in Zone.__dataclass_fields__}
    return values | {
        "camera_id": camera_id,
        "points": [list(point) for point in zone.points],
        "line": [list(point) for point in zone.line],
        "required_for": list(zone.required_for),
    }


def _zone(row: Row[Any]) -> Zone:
    return Zone(
        id=row.id,
        name=row.name,
        type=ZoneType(row.type),
        points=tuple((x, y) for x, y in row.points),
        enabled=row.enabled,
        priority=row.priority,
        colour=row.colour,
        anchor=ZoneAnchor(row.anchor),
        private=row.private,
        inside=row.inside,
        loitering_s=row.loitering_s,
        inertia=row.inertia,
        required_for=tuple(row.required_for),
        line=tuple((x, y) for x, y in row.line),
    )
