"""Privacy masks of cameras."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import Mask
from home_sentry_engine.storage.context_schema import masks


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMasks:
    """A camera's masks and when they were drawn."""

    masks: tuple[Mask, ...]
    changed_at: datetime


class MaskRows:
    """Each camera's masks as a whole."""

    def all(self, conn: Connection) -> dict[str, CameraMasks]:
        """Give the masks of all cameras that have any."""
        found: dict[str, CameraMasks] = {}
        rows = conn.execute(sa.select(masks).order_by(masks.c.camera_id, masks.c.position))
        for row in rows:
            before = found[row.camera_id].masks if row.camera_id in found else ()
            mask = Mask(name=row.name, points=tuple((x, y) for x, y in row.points))
            found[row.camera_id] = CameraMasks(masks=(*before, mask), changed_at=row.changed_at)
        return found

    def replace(self, conn: Connection, camera_id: str, wanted: Sequence[Mask], at: datetime) -> None:
        """Let these be the camera's masks."""
        conn.execute(masks.delete().where(masks.c.camera_id == camera_id))
        rows = [
            {
                "camera_id": camera_id,
                "position": position,
                "name": mask.name,
                "points": [list(point) for point in mask.points],
                "changed_at": at,
            }
            for position, mask in enumerate(wanted)
        ]
        if rows:
            conn.execute(masks.insert(), rows)
