"""Usual views of cameras, and lasting changes of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.storage.context_schema import scene_changes, scenes
from home_sentry_engine.storage.rows import insert_into


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualView:
    """What a camera usually shows in one light: an encoded picture, and what was learned, as JSON values."""

    camera_id: str
    light: str
    picture: bytes
    state: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneChange:
    """A lasting change of a view."""

    id: int
    camera_id: str
    kind: str
    at: datetime
    media_id: str | None = None
    over_at: datetime | None = None
    acknowledged_at: datetime | None = None


class Scenes:
    """One usual view per camera and light; changes are kept with their end."""

    def of(self, conn: Connection, camera_id: str) -> tuple[UsualView, ...]:
        """Give a camera's usual views."""
        rows = conn.execute(sa.select(scenes).where(scenes.c.camera_id == camera_id).order_by(scenes.c.light))
        return tuple(UsualView(**row) for row in rows.mappings())

    def save(self, conn: Connection, view: UsualView) -> None:
        """Store a view in the place of the former one."""
        changing = {"picture": view.picture, "state": view.state, "at": view.at}
        statement = insert_into(conn, scenes).values(camera_id=view.camera_id, light=view.light, **changing)
        conn.execute(statement.on_conflict_do_update(index_elements=["camera_id", "light"], set_=changing))

    def reset(self, conn: Connection, camera_id: str | None = None) -> int:
        """Forget the views of a camera, or of all; gives how many there were."""
        gone: Any = conn.execute(
            scenes.delete().where(sa.true() if camera_id is None else scenes.c.camera_id == camera_id)
        )
        return int(gone.rowcount)

    def add_change(
        self, conn: Connection, camera_id: str, kind: str, *, at: datetime, media_id: str | None = None
    ) -> int:
        """Store a change; gives its id."""
        made = conn.execute(
            scene_changes.insert()
            .values(camera_id=camera_id, kind=kind, at=at, media_id=media_id)
            .returning(scene_changes.c.id)
        )
        return int(made.scalar_one())

    def end(self, conn: Connection, camera_id: str, at: datetime) -> int:
        """Note that the view is the usual one again; gives how many changes ended."""
        standing = sa.and_(scene_changes.c.camera_id == camera_id, scene_changes.c.over_at.is_(None))
        ended: Any = conn.execute(scene_changes.update().where(standing).values(over_at=at))
        return int(ended.rowcount)

    def acknowledge(self, conn: Connection, change_id: int, at: datetime) -> SceneChange | None:
        """Note that a person knows of a change; None when there is no such change."""
        own = scene_changes.c.id == change_id
        conn.execute(scene_changes.update().where(own).values(acknowledged_at=at))
        row = conn.execute(sa.select(scene_changes).where(own)).mappings().one_or_none()
        return SceneChange(**row) if row is not None else None

    def recent(self, conn: Connection, camera_id: str, since: datetime) -> tuple[SceneChange, ...]:
        """Give changes that began after ``since`` or still stand unacknowledged, the newest first."""
        standing = sa.and_(scene_changes.c.over_at.is_(None), scene_changes.c.acknowledged_at.is_(None))
        chosen = sa.select(scene_changes).where(
            scene_changes.c.camera_id == camera_id, sa.or_(scene_changes.c.at >= since, standing)
        )
        rows = conn.execute(chosen.order_by(scene_changes.c.at.desc(), scene_changes.c.id.desc()))
        return tuple(SceneChange(**row) for row in rows.mappings())
