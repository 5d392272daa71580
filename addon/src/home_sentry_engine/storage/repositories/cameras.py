"""Cameras: found by folder, addressed by id."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Camera, CameraStatus
from home_sentry_engine.storage.errors import CameraNameTaken, UnknownRow
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import cameras, events

from .meta import later

_PATCHABLE: Final = frozenset({"name", "confidence"})


class Cameras:
    """Cameras that are not removed; a removed one keeps its history and returns with ``ensure``."""

    def __init__(self, day_start: Callable[[], datetime] | None = None) -> None:
        """Take what gives the start of today at home, from which ``events_today`` counts; without it that is 0."""
        self._day_start = day_start

    def ensure(
        self, conn: Connection, *, camera_id: str, name: str, folder: str | None, now: datetime
    ) -> tuple[Camera, bool]:
        """Give the camera and whether it was made now; raises ``CameraNameTaken`` if another folder has this id."""
        row = conn.execute(sa.select(cameras).where(cameras.c.id == camera_id)).one_or_none()
        if row is None:
            values = {
                "id": camera_id,
                "name": name,
                "folder": folder,
                "status": CameraStatus.UNKNOWN,
                "created_at": now,
            }
            made = conn.execute(insert_into(conn, cameras).values(values).on_conflict_do_nothing())
            if made.rowcount == 0:
                raise CameraNameTaken(f"the folder {folder!r} belongs to another camera than {camera_id!r}")
            return self._existing(conn, camera_id), True
        if folder is not None and row.folder is not None and row.folder != folder:
            raise CameraNameTaken(f"the folders {row.folder!r} and {folder!r} both make the camera {camera_id!r}")
        returned = row.deleted_at is not None
        changes: dict[str, Any] = {}
        if folder is not None and row.folder is None:
            changes["folder"] = folder
        if returned:
            changes |= {"deleted_at": None, "name": name, "status": CameraStatus.UNKNOWN, "status_reason": None}
        if changes:
            conn.execute(cameras.update().where(cameras.c.id == camera_id).values(changes))
        return self._existing(conn, camera_id), returned

    def get(self, conn: Connection, camera_id: str) -> Camera | None:
        """Give one camera."""
        row = conn.execute(self._select().where(cameras.c.id == camera_id)).one_or_none()
        return None if row is None else _camera(row)

    def all(self, conn: Connection) -> tuple[Camera, ...]:
        """Give every camera, by id."""
        return tuple(_camera(row) for row in conn.execute(self._select().order_by(cameras.c.id)))

    def folders(self, conn: Connection) -> dict[str, str]:
        """Give the id of each camera that has a folder, by folder, removed ones included."""
        rows = conn.execute(sa.select(cameras.c.folder, cameras.c.id).where(cameras.c.folder.is_not(None)))
        return {row.folder: row.id for row in rows}

    def seen(self, conn: Connection, camera_id: str, *, media_id: str | None, at: datetime) -> Camera:
        """Note a sign of life, and the newest picture if there is one; raises ``UnknownRow``."""
        camera = self._existing(conn, camera_id)
        values: dict[str, Any] = {
            "last_seen_at": later(camera.last_seen_at, at),
            "status": CameraStatus.ONLINE,
            "status_reason": None,
        }
        if media_id is not None and (camera.latest_media_at is None or at >= camera.latest_media_at):
            values |= {"latest_media_id": media_id, "latest_media_at": at}
        conn.execute(cameras.update().where(cameras.c.id == camera_id).values(values))
        return self._existing(conn, camera_id)

    def set_status(
        self, conn: Connection, camera_id: str, status: CameraStatus, reason: str | None = None
    ) -> Camera | None:
        """Change the health; gives None when nothing changed."""
        same = sa.and_(cameras.c.status == status, cameras.c.status_reason.is_not_distinct_from(reason))
        changed = conn.execute(
            cameras.update().where(cameras.c.id == camera_id, ~same).values(status=status, status_reason=reason)
        )
        return self.get(conn, camera_id) if changed.rowcount else None

    def rename(self, conn: Connection, camera_id: str, name: str) -> Camera:
        """Give the camera another display name; raises ``UnknownRow``."""
        return self.patch(conn, camera_id, name=name)

    def patch(self, conn: Connection, camera_id: str, **fields: str | float | None) -> Camera:
        """Change ``name`` or ``confidence``; raises ``UnknownRow``, or ``ValueError`` for another field."""
        if not fields or not fields.keys() <= _PATCHABLE:
            raise ValueError(f"a camera's {sorted(fields.keys() - _PATCHABLE)} cannot be changed")
        conn.execute(cameras.update().where(cameras.c.id == camera_id).values(fields))
        return self._existing(conn, camera_id)

    def confidence(self, conn: Connection, camera_id: str) -> float | None:
        """Give the camera's own detection threshold 0..1, None if it follows the engine's."""
        value: float | None = conn.execute(
            sa.select(cameras.c.confidence).where(cameras.c.id == camera_id)
        ).scalar_one_or_none()
        return value

    def remove(self, conn: Connection, camera_id: str, now: datetime) -> bool:
        """Hide the camera; its media and events stay. Gives whether it was there."""
        live = sa.and_(cameras.c.id == camera_id, cameras.c.deleted_at.is_(None))
        return conn.execute(cameras.update().where(live).values(deleted_at=now)).rowcount > 0

    def _existing(self, conn: Connection, camera_id: str) -> Camera:
        camera = self.get(conn, camera_id)
        if camera is None:
            raise UnknownRow(f"there is no camera {camera_id!r}")
        return camera

    def _select(self) -> sa.Select[Any]:
        today: sa.ColumnElement[int] = sa.literal(0)
        if self._day_start is not None:
            counted = sa.select(sa.func.count()).where(
                events.c.camera_id == cameras.c.id,
                events.c.started_at >= self._day_start(),
                events.c.deleted_at.is_(None),
            )
            today = counted.correlate(cameras).scalar_subquery()
        return sa.select(cameras, today.label("events_today")).where(cameras.c.deleted_at.is_(None))


def _camera(row: Row[Any]) -> Camera:
    return Camera(
        id=row.id,
        name=row.name,
        status=CameraStatus(row.status),
        status_reason=row.status_reason,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        latest_media_id=row.latest_media_id,
        latest_media_at=row.latest_media_at,
        events_today=row.events_today,
    )
