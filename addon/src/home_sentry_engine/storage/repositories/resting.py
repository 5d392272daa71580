"""Things that rest before cameras."""

from base64 import b64decode, b64encode
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.domain.resting import Resting
from home_sentry_engine.storage.context_schema import resting


class RestingRows:
    """Each camera's resting things as a whole."""

    def of(self, conn: Connection, camera_id: str) -> tuple[Resting, ...]:
        """Give what rests before a camera."""
        rows = conn.execute(sa.select(resting).where(resting.c.camera_id == camera_id).order_by(resting.c.id))
        return tuple(
            Resting(
                label=row.label,
                place=(row.x, row.y, row.width, row.height),
                first_at=row.first_at,
                last_at=row.last_at,
                missed=row.missed,
                missed_at=row.missed_at,
                patches=tuple(sorted((light, b64decode(text)) for light, text in (row.patches or {}).items())),
                held_at=row.held_at,
            )
            for row in rows
        )

    def replace(self, conn: Connection, camera_id: str, things: Iterable[Resting]) -> None:
        """Let these be what rests before a camera."""
        conn.execute(resting.delete().where(resting.c.camera_id == camera_id))
        rows = [
            {
                "camera_id": camera_id,
                "label": thing.label,
                **dict(zip(("x", "y", "width", "height"), thing.place, strict=True)),
                "first_at": thing.first_at,
                "last_at": thing.last_at,
                "missed": thing.missed,
                "missed_at": thing.missed_at,
                "patches": {light: b64encode(patch).decode() for light, patch in thing.patches} or None,
                "held_at": thing.held_at,
            }
            for thing in things
        ]
        if rows:
            conn.execute(resting.insert(), rows)
