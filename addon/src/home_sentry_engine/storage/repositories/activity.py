"""Activity: appearances per camera, class, hour and day of the home's clock."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.storage.context_schema import activity, watched
from home_sentry_engine.storage.rows import insert_into


class Activity:
    """Counts; a day without a row had none, from the day of ``since`` on."""

    def watch(self, conn: Connection, camera_id: str, day: date) -> None:
        """Note that the camera is watched; the first call makes the day after ``day`` the first whole one."""
        first = (day + timedelta(days=1)).isoformat()
        conn.execute(insert_into(conn, watched).values(camera_id=camera_id, since=first).on_conflict_do_nothing())

    def since(self, conn: Connection, camera_id: str) -> date | None:
        """Give the first whole day that counts."""
        found = conn.execute(sa.select(watched.c.since).where(watched.c.camera_id == camera_id)).scalar_one_or_none()
        return date.fromisoformat(found) if found is not None else None

    def add(self, conn: Connection, camera_id: str, labels: Iterable[str], *, day: date, hour: int) -> None:
        """Count one appearance of each class."""
        for label in labels:
            statement = insert_into(conn, activity).values(
                camera_id=camera_id, label=label, day=day.isoformat(), hour=hour, count=1
            )
            more = activity.c.count + 1
            keys = ["camera_id", "label", "hour", "day"]
            conn.execute(statement.on_conflict_do_update(index_elements=keys, set_={"count": more}))

    def counts(
        self, conn: Connection, camera_id: str, labels: Iterable[str], *, hour: int, first: date
    ) -> dict[str, dict[date, int]]:
        """Give the counts of an hour by class and day, from a day on."""
        wanted = list(labels)
        found: dict[str, dict[date, int]] = {label: {} for label in wanted}
        chosen = sa.select(activity.c.label, activity.c.day, activity.c.count).where(
            activity.c.camera_id == camera_id,
            activity.c.label.in_(wanted),
            activity.c.hour == hour,
            activity.c.day >= first.isoformat(),
        )
        for row in conn.execute(chosen).mappings():
            found[row["label"]][date.fromisoformat(row["day"])] = row["count"]
        return found

    def all(self, conn: Connection, camera_id: str, *, first: date) -> dict[tuple[str, int], dict[date, int]]:
        """Give every count of a camera by (class, hour) and day, from a day on."""
        found: dict[tuple[str, int], dict[date, int]] = {}
        chosen = sa.select(activity).where(activity.c.camera_id == camera_id, activity.c.day >= first.isoformat())
        for row in conn.execute(chosen).mappings():
            found.setdefault((row["label"], row["hour"]), {})[date.fromisoformat(row["day"])] = row["count"]
        return found

    def reset(self, conn: Connection, camera_id: str, day: date) -> None:
        """Forget everything of a camera and begin anew with the day after ``day``."""
        for table in (activity, watched):
            conn.execute(table.delete().where(table.c.camera_id == camera_id))
        self.watch(conn, camera_id, day)

    def trim(self, conn: Connection, before: date) -> int:
        """Forget days before this one; gives how many rows went."""
        gone: Any = conn.execute(activity.delete().where(activity.c.day < before.isoformat()))
        return int(gone.rowcount)
