"""Privacy masks of cameras, and what still has to wear them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import Mask
from home_sentry_engine.storage.context_schema import masks, remasking, unmasked
from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import events, media


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMasks:
    """A camera's masks and when they were drawn."""

    masks: tuple[Mask, ...]
    changed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Remasking:
    """Files of a camera that were stored before its masks of ``at``: dealt with up to the id ``reached``."""

    camera_id: str
    at: datetime
    reached: str
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmasked:
    """An upload that was booked and has yet to be replaced by its masked form."""

    path: Path
    camera_id: str
    source_key: str | None
    at: datetime


class MaskRows:
    """Each camera's masks as a whole."""

    def all(self, conn: Connection) -> dict[str, CameraMasks]:
        """Give the masks of all cameras that have any."""
        return _grouped(conn, sa.select(masks))

    def of(self, conn: Connection, camera_id: str) -> CameraMasks | None:
        """Give a camera's masks, None where it has none."""
        return _grouped(conn, sa.select(masks).where(masks.c.camera_id == camera_id)).get(camera_id)

    def replace(self, conn: Connection, camera_id: str, wanted: Sequence[Mask], at: datetime) -> None:
        """Let these be the camera's masks; what is stored already has to be masked anew."""
        conn.execute(masks.delete().where(masks.c.camera_id == camera_id))
        conn.execute(remasking.delete().where(remasking.c.camera_id == camera_id))
        rows = [
            {
                "camera_id": camera_id,
                "position": position,
                "name": mask.name,
                "points": [list(point) for point in mask.points],
                "modes": list(mask.modes),
                "changed_at": at,
            }
            for position, mask in enumerate(wanted)
        ]
        if rows:
            conn.execute(masks.insert(), rows)
            conn.execute(remasking.insert().values(camera_id=camera_id, at=at, reached="", done=0))

    def remaskings(self, conn: Connection) -> tuple[Remasking, ...]:
        """Give the cameras whose stored files are being masked anew, the longest waiting first."""
        rows = conn.execute(sa.select(remasking).order_by(remasking.c.at, remasking.c.camera_id))
        return tuple(Remasking(**row) for row in rows.mappings())

    def left(self, conn: Connection, camera_id: str) -> int:
        """Count the files of a camera that wait until they are masked anew."""
        begun = conn.execute(sa.select(remasking).where(remasking.c.camera_id == camera_id)).one_or_none()
        if begun is None:
            return 0
        waiting = sa.select(sa.func.count()).where(media.c.camera_id == camera_id, media.c.id > begun.reached)
        return int(conn.execute(waiting.select_from(media)).scalar_one())

    def stored(self, conn: Connection, job: Remasking, most: int) -> tuple[str, ...]:
        """Give the ids of the files that come next."""
        chosen = sa.select(media.c.id).where(media.c.camera_id == job.camera_id, media.c.id > job.reached)
        return tuple(conn.execute(chosen.order_by(media.c.id).limit(most)).scalars())

    def visits(self, conn: Connection, camera_id: str) -> tuple[str, ...]:
        """Give the ids of a camera's visits, whose thumbnails may show what is masked now."""
        return tuple(conn.execute(sa.select(events.c.id).where(events.c.camera_id == camera_id)).scalars())

    def remasked(self, conn: Connection, job: Remasking, ids: Sequence[str]) -> None:
        """Note that these files are dealt with; without any the camera is done. Newer masks are not touched."""
        own = sa.and_(remasking.c.camera_id == job.camera_id, remasking.c.at == job.at)
        if not ids:
            conn.execute(remasking.delete().where(own))
            return
        values = {"reached": ids[-1], "done": remasking.c.done + len(ids)}
        conn.execute(remasking.update().where(own).values(**values))

    def again(self, conn: Connection, job: Remasking) -> None:
        """Let all files of a camera be looked at once more."""
        own = sa.and_(remasking.c.camera_id == job.camera_id, remasking.c.at == job.at)
        conn.execute(remasking.update().where(own).values(reached="", done=0))

    def expose(self, conn: Connection, camera_id: str, path: Path, source_key: str | None, at: datetime) -> None:
        """Note that an upload is booked and has yet to be replaced."""
        changing = {"camera_id": camera_id, "source_key": source_key, "at": at}
        statement = insert_into(conn, unmasked).values(path=str(path), **changing)
        conn.execute(statement.on_conflict_do_update(index_elements=["path"], set_=changing))

    def exposed(
        self, conn: Connection, before: datetime, most: int, *, without: Sequence[str] = ()
    ) -> tuple[Unmasked, ...]:
        """Give uploads that were noted before a time and have yet to be replaced, the oldest first."""
        wanted = sa.and_(unmasked.c.at < before, unmasked.c.camera_id.not_in(without))
        chosen = sa.select(unmasked).where(wanted).order_by(unmasked.c.at, unmasked.c.path).limit(most)
        rows = conn.execute(chosen).mappings()
        return tuple(Unmasked(**{**row, "path": Path(row["path"])}) for row in rows)

    def exposed_cameras(self, conn: Connection) -> frozenset[str]:
        """Give the cameras that have uploads which have yet to be replaced."""
        return frozenset(conn.execute(sa.select(unmasked.c.camera_id).distinct()).scalars())

    def postpone(self, conn: Connection, path: Path, at: datetime) -> None:
        """Let the others of its camera come before an upload that could not be replaced."""
        conn.execute(unmasked.update().where(unmasked.c.path == str(path)).values(at=at))

    def covered(self, conn: Connection, path: Path) -> None:
        """Note that an upload was replaced, or is gone."""
        conn.execute(unmasked.delete().where(unmasked.c.path == str(path)))


def _grouped(conn: Connection, chosen: sa.Select[tuple[object, ...]]) -> dict[str, CameraMasks]:
    found: dict[str, CameraMasks] = {}
    for row in conn.execute(chosen.order_by(masks.c.camera_id, masks.c.position)):
        before = found[row.camera_id].masks if row.camera_id in found else ()
        mask = Mask(name=row.name, points=tuple((x, y) for x, y in row.points), modes=tuple(row.modes))
        found[row.camera_id] = CameraMasks(masks=(*before, mask), changed_at=row.changed_at)
    return found
