"""Cameras: found by folder, addressed by id."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import Camera, CameraStatus, SceneChange, SceneChangeKind
from home_sentry_engine.storage.context_schema import scene_changes
from home_sentry_engine.storage.errors import CameraNameTaken, UnknownRow
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import cameras, events

from .meta import later
from .watching import CameraState, CameraStates

# the change that stands, tampering before the harmless ones
_CHANGE: Final = scene_changes.alias("change")
_CHANGE_FIELDS: Final = tuple(SceneChange.__dataclass_fields__)
_STANDING: Final = (
    sa.select(scene_changes.c.id)
    .where(
        scene_changes.c.camera_id == cameras.c.id,
        scene_changes.c.over_at.is_(None),
        scene_changes.c.acknowledged_at.is_(None),
    )
    .order_by(sa.case((scene_changes.c.kind == SceneChangeKind.UNKNOWN.value, 1), else_=0), scene_changes.c.id.desc())
    .limit(1)
    .correlate(cameras)
    .scalar_subquery()
)
_SIGHTS: Final = {
    SceneChangeKind.VIEW_BLOCKED: "the view is blocked",
    SceneChangeKind.ANGLE_CHANGED: "the camera looks elsewhere",
    SceneChangeKind.VIEW_TAMPERED: "the view is smeared or out of focus",
}
_PATCHABLE: Final = frozenset({"name", "confidence"})


class Cameras:
    """Cameras that are not removed; a removed one keeps its history and returns with ``ensure``."""

    def __init__(self, day_start: Callable[[], datetime] | None = None, *, learning: timedelta | None = None) -> None:
        """Take what gives the start of today at home, from which ``events_today`` counts; without it that is 0.

        A new camera learns for the time ``learning``, not at all without it.
        """
        self._day_start = day_start
        self._learning = learning or None
        self._states = CameraStates()

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
                "learning_until": now + self._learning if self._learning is not None else None,
            }
            made = conn.execute(insert_into(conn, cameras).values(values).on_conflict_do_nothing())
            if made.rowcount == 0:
                raise CameraNameTaken(f"the folder {folder!r} belongs to another camera than {camera_id!r}")
            self._note(conn, camera_id, CameraStatus.UNKNOWN, None, now)
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
        if returned:
            self._note(conn, camera_id, CameraStatus.UNKNOWN, None, now)
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
        """Note a sign of life, and the newest picture if there is one; raises ``UnknownRow``.

        The camera is online, or degraded while its view is blocked, moved or smeared.
        """
        camera = self._existing(conn, camera_id)
        status, reason = _sight(camera.scene_change)
        values: dict[str, Any] = {
            "last_seen_at": later(camera.last_seen_at, at),
            "quiet_since": None,
            "quiet_allowed_s": None,
            **_changed(camera, status, reason, at),
        }
        if media_id is not None and (camera.latest_media_at is None or at >= camera.latest_media_at):
            values |= {"latest_media_id": media_id, "latest_media_at": at}
        conn.execute(cameras.update().where(cameras.c.id == camera_id).values(values))
        if (camera.status, camera.status_reason) != (status, reason):
            self._note(conn, camera_id, status, reason, at)
        return self._existing(conn, camera_id)

    def set_status(
        self,
        conn: Connection,
        camera_id: str,
        status: CameraStatus,
        reason: str | None = None,
        *,
        at: datetime | None = None,
    ) -> Camera | None:
        """Change the health, keeping what it was before; gives None when nothing changed.

        Without a time the change is not in the history.
        """
        camera = self.get(conn, camera_id)
        if camera is None or (camera.status, camera.status_reason) == (status, reason):
            return None
        values = _changed(camera, status, reason, at)
        conn.execute(cameras.update().where(cameras.c.id == camera_id).values(values))
        if at is not None:
            self._note(conn, camera_id, status, reason, at)
        return self._existing(conn, camera_id)

    def settle(self, conn: Connection, camera_id: str, at: datetime) -> Camera:
        """Give the camera its status anew after its view was acknowledged; raises ``UnknownRow``."""
        camera = self._existing(conn, camera_id)
        if camera.status is CameraStatus.DEGRADED:
            self.set_status(conn, camera_id, *_sight(camera.scene_change), at=at)
        return self._existing(conn, camera_id)

    def quiet(self, conn: Connection, camera_id: str, *, since: datetime | None, allowed_s: float | None) -> Camera:
        """Note that a camera is silent for longer than usual, or not any more; raises ``UnknownRow``."""
        return self._set(conn, camera_id, quiet_since=since, quiet_allowed_s=allowed_s)

    def learn_until(self, conn: Connection, camera_id: str, until: datetime | None) -> Camera:
        """Move the end of the learning time; raises ``UnknownRow``."""
        return self._set(conn, camera_id, learning_until=until)

    def anomaly(self, conn: Connection, camera_id: str, score: float | None) -> None:
        """Note how strange the newest picture is, 0..1; raises ``UnknownRow``."""
        self._set(conn, camera_id, scene_anomaly=score)

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

    def _note(self, conn: Connection, camera_id: str, status: CameraStatus, reason: str | None, at: datetime) -> None:
        self._states.note(conn, CameraState(camera_id=camera_id, status=status, reason=reason, at=at))

    def _set(self, conn: Connection, camera_id: str, **values: object) -> Camera:
        conn.execute(cameras.update().where(cameras.c.id == camera_id).values(values))
        return self._existing(conn, camera_id)

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
        change = [_CHANGE.c[name].label(f"change_{name}") for name in _CHANGE_FIELDS]
        joined = cameras.outerjoin(_CHANGE, _CHANGE.c.id == _STANDING)
        chosen = sa.select(cameras, today.label("events_today"), *change).select_from(joined)
        return chosen.where(cameras.c.deleted_at.is_(None))


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
        previous_status=CameraStatus(row.previous_status) if row.previous_status is not None else None,
        status_since=row.status_since,
        scene_change=_change(row),
        scene_anomaly=row.scene_anomaly,
        quiet_since=row.quiet_since,
        quiet_allowed_s=row.quiet_allowed_s,
        learning_until=row.learning_until,
    )


def _change(row: Row[Any]) -> SceneChange | None:
    if row.change_id is None:
        return None
    values = {name: row._mapping[f"change_{name}"] for name in _CHANGE_FIELDS}  # noqa: SLF001  # a public part of Row
    return SceneChange(**values | {"kind": SceneChangeKind(row.change_kind)})


def _sight(change: SceneChange | None) -> tuple[CameraStatus, str | None]:
    if change is None or change.kind is SceneChangeKind.UNKNOWN:
        return CameraStatus.ONLINE, None
    return CameraStatus.DEGRADED, _SIGHTS[change.kind]


def _changed(camera: Camera, status: CameraStatus, reason: str | None, at: datetime | None) -> dict[str, Any]:
    values: dict[str, Any] = {"status": status, "status_reason": reason}
    if status is not camera.status:
        values |= {"previous_status": camera.status, "status_since": at}
    return values
