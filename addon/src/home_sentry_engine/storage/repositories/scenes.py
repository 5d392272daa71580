"""Usual views of cameras, and lasting changes of them."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping

from home_sentry_engine.contract import SceneChange, SceneChangeKind
from home_sentry_engine.storage.context_schema import scene_changes, scene_memory, scenes
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import cameras

from .meta import Counters

_EPOCH: Final = "scene_epoch:"


@dataclass(frozen=True, slots=True, kw_only=True)
class UsualView:
    """What a camera usually shows in one light: an encoded picture, and what was learned, as JSON values."""

    camera_id: str
    light: str
    picture: bytes
    state: dict[str, Any]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneMemory:
    """How a camera's view usually looks to an image model: a mean vector, the usual distance from it, looks so far."""

    camera_id: str
    light: str
    model_id: str
    learned: int
    vector: bytes
    spread: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewChange:
    """A change of a view that begins; ``similarity`` and ``scaler`` as ``contract.SceneChange`` has them."""

    camera_id: str
    kind: str
    at: datetime
    media_id: str | None = None
    similarity: float | None = None
    scaler: str | None = None


class Scenes:
    """One usual view per camera and light; changes are kept with their end.

    ``epoch`` grows whenever a person changes what is usual, so that every engine reads it anew.
    """

    def __init__(self) -> None:
        """Count in the table of counters."""
        self._counters = Counters()

    def epoch(self, conn: Connection, camera_id: str) -> int:
        """Give how often a person changed what is usual for a camera."""
        return self._counters.get(conn, _EPOCH) + self._counters.get(conn, f"{_EPOCH}{camera_id}")

    def begin_epoch(self, conn: Connection, camera_id: str | None) -> None:
        """Note that a person changed what is usual for a camera, or for all."""
        self._counters.add(conn, f"{_EPOCH}{camera_id or ''}")

    def cameras(self, conn: Connection) -> set[str]:
        """Give the ids of all cameras that can have views."""
        return set(conn.execute(sa.select(cameras.c.id).where(cameras.c.deleted_at.is_(None))).scalars())

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
        counts = []
        for table in (scenes, scene_memory):
            own = sa.true() if camera_id is None else table.c.camera_id == camera_id
            gone: Any = conn.execute(table.delete().where(own))
            counts.append(int(gone.rowcount))
        self.begin_epoch(conn, camera_id)
        return counts[0]

    def prune_changes(self, conn: Connection, before: datetime) -> int:
        """Delete changes of views that were over, or accepted as they are, before a time; gives how many."""
        done = sa.func.coalesce(scene_changes.c.over_at, scene_changes.c.acknowledged_at)
        return conn.execute(scene_changes.delete().where(done < before)).rowcount

    def memories(self, conn: Connection, camera_id: str) -> tuple[SceneMemory, ...]:
        """Give how a camera's views usually look to an image model."""
        rows = conn.execute(sa.select(scene_memory).where(scene_memory.c.camera_id == camera_id))
        return tuple(SceneMemory(**row) for row in rows.mappings())

    def remember(self, conn: Connection, memory: SceneMemory) -> None:
        """Store a memory in the place of the former one."""
        changing = {name: getattr(memory, name) for name in ("model_id", "learned", "vector", "spread", "at")}
        keys = {"camera_id": memory.camera_id, "light": memory.light}
        statement = insert_into(conn, scene_memory).values(**keys, **changing)
        conn.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changing))

    def add_change(self, conn: Connection, change: NewChange) -> int:
        """Store a change; gives its id."""
        made = conn.execute(scene_changes.insert().values(**asdict(change)).returning(scene_changes.c.id))
        return int(made.scalar_one())

    def end(self, conn: Connection, camera_id: str, at: datetime) -> tuple[SceneChange, ...]:
        """Note that the view is the usual one again; gives the changes that ended."""
        standing = sa.and_(scene_changes.c.camera_id == camera_id, scene_changes.c.over_at.is_(None))
        ended = conn.execute(scene_changes.update().where(standing).values(over_at=at).returning(scene_changes))
        return tuple(_change(row) for row in ended.mappings())

    def change(self, conn: Connection, change_id: int) -> SceneChange | None:
        """Give one change."""
        row = conn.execute(sa.select(scene_changes).where(scene_changes.c.id == change_id)).mappings().one_or_none()
        return _change(row) if row is not None else None

    def changes(self, conn: Connection, camera_id: str | None = None, *, most: int = 50) -> tuple[SceneChange, ...]:
        """Give the changes of a camera, or of all, the newest first."""
        own = sa.true() if camera_id is None else scene_changes.c.camera_id == camera_id
        chosen = sa.select(scene_changes).where(own)
        rows = conn.execute(chosen.order_by(scene_changes.c.at.desc(), scene_changes.c.id.desc()).limit(most))
        return tuple(_change(row) for row in rows.mappings())

    def acknowledge(self, conn: Connection, change_id: int, at: datetime) -> SceneChange | None:
        """Note that a person knows of a change; None when there is no such change."""
        own = sa.and_(scene_changes.c.id == change_id, scene_changes.c.acknowledged_at.is_(None))
        conn.execute(scene_changes.update().where(own).values(acknowledged_at=at))
        return self.change(conn, change_id)

    def recent(self, conn: Connection, camera_id: str, since: datetime) -> tuple[SceneChange, ...]:
        """Give changes that nobody acknowledged and that began after ``since`` or still stand, the newest first."""
        chosen = sa.select(scene_changes).where(
            scene_changes.c.camera_id == camera_id,
            scene_changes.c.acknowledged_at.is_(None),
            sa.or_(scene_changes.c.at >= since, scene_changes.c.over_at.is_(None)),
        )
        rows = conn.execute(chosen.order_by(scene_changes.c.at.desc(), scene_changes.c.id.desc()))
        return tuple(_change(row) for row in rows.mappings())


def _change(row: RowMapping) -> SceneChange:
    return SceneChange(**{**row, "kind": SceneChangeKind(row["kind"])})
