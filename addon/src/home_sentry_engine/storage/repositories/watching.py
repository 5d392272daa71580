"""When cameras and engines watched: every change of a camera's health, and the spells of each engine."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.contract import CameraStatus
from home_sentry_engine.storage.schema import media, rejections
from home_sentry_engine.storage.summaries_schema import camera_states, spells
from home_sentry_engine.storage.types import UtcDateTime

_MOMENT: Final = timedelta(minutes=5)


class Ability(StrEnum):
    """What an engine could do during a spell: be there at all, take files, look at them."""

    RUN = "run"
    TAKE = "take"
    LOOK = "look"


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraState:
    """A camera's health from ``at`` on."""

    camera_id: str
    status: CameraStatus
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """A time in which an engine had an ability without a pause."""

    ability: Ability
    began_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What became of a camera's files: ``looked`` at, or ``missed``: refused, failed or still waiting."""

    looked: int = 0
    missed: int = 0


class CameraStates:
    """The health of cameras over time."""

    def note(self, conn: Connection, state: CameraState) -> None:
        """Append a change.

        A camera whose view is impaired seems well with each picture until that is looked at: such a moment is undone.
        """
        table = camera_states
        newest = sa.select(table).where(table.c.camera_id == state.camera_id).order_by(table.c.id.desc()).limit(2)
        last, before = (*conn.execute(newest), None, None)[:2]
        seemed_well = last is not None and last.status == CameraStatus.ONLINE and state.at - last.at < _MOMENT
        if seemed_well and before is not None and (before.status, before.reason) == (state.status, state.reason):
            conn.execute(table.delete().where(table.c.id == last.id))
            return
        values = {"camera_id": state.camera_id, "status": state.status, "reason": state.reason, "at": state.at}
        conn.execute(camera_states.insert().values(values))

    def between(self, conn: Connection, since: datetime, until: datetime) -> tuple[CameraState, ...]:
        """Give the changes before ``until``, oldest first, from the one on that held for each camera at ``since``."""
        table, before = camera_states, camera_states.alias("before")
        held = (
            sa.select(sa.func.max(before.c.at))
            .where(before.c.camera_id == table.c.camera_id, before.c.at <= since)
            .scalar_subquery()
        )
        wanted = sa.and_(table.c.at < until, table.c.at >= sa.func.coalesce(held, sa.literal(since, UtcDateTime)))
        rows = conn.execute(sa.select(table).where(wanted).order_by(table.c.at, table.c.id))
        return tuple(
            CameraState(camera_id=row.camera_id, status=CameraStatus(row.status), reason=row.reason, at=row.at)
            for row in rows
        )

    def prune(self, conn: Connection, before: datetime) -> int:
        """Delete changes from before a time that a later one of that time replaced; gives how many."""
        table, later = camera_states, camera_states.alias("later")
        replaced = sa.exists().where(
            later.c.camera_id == table.c.camera_id, later.c.at < before, later.c.at > table.c.at
        )
        return conn.execute(table.delete().where(table.c.at < before, replaced)).rowcount


class Spells:
    """When engines could do what."""

    def extend(self, conn: Connection, node: str, ability: Ability, now: datetime, *, since: datetime | None) -> None:
        """Let the spell that an engine is in last until now; one begins now if it has had none since a time."""
        table = spells
        own = sa.and_(table.c.node == node, table.c.ability == ability, table.c.began_at <= now)
        newest = conn.execute(
            sa.select(table.c.id, table.c.until_at).where(own).order_by(table.c.id.desc()).limit(1)
        ).one_or_none()
        if newest is None or since is None or newest.until_at < since:
            conn.execute(table.insert().values(node=node, ability=ability, began_at=now, until_at=now))
        elif newest.until_at < now:
            conn.execute(table.update().where(table.c.id == newest.id).values(until_at=now))

    def between(self, conn: Connection, since: datetime, until: datetime) -> tuple[Spell, ...]:
        """Give the spells that touch a time."""
        touching = sa.and_(spells.c.began_at < until, spells.c.until_at > since)
        rows = conn.execute(sa.select(spells).where(touching).order_by(spells.c.began_at))
        return tuple(Spell(ability=Ability(row.ability), began_at=row.began_at, until_at=row.until_at) for row in rows)

    def first(self, conn: Connection) -> datetime | None:
        """Tell when an engine ran for the first time that is known."""
        found: datetime | None = conn.execute(sa.select(sa.func.min(spells.c.began_at))).scalar_one()
        return found

    def prune(self, conn: Connection, before: datetime) -> int:
        """Delete spells that ended before a time; gives how many."""
        return conn.execute(spells.delete().where(spells.c.until_at < before)).rowcount


class Deliveries:
    """What cameras delivered, and what became of it."""

    def between(
        self, conn: Connection, since: datetime, until: datetime, camera_ids: Collection[str]
    ) -> dict[str, Files]:
        """Count the files that cameras took in a time; cameras without any are left out."""
        found: dict[str, Files] = {}
        # a file is received after it was taken, but for clocks that are wrong
        taken = sa.and_(
            media.c.camera_id.in_(camera_ids),
            media.c.received_at >= since,
            media.c.captured_at >= since,
            media.c.captured_at < until,
        )
        counted = sa.select(media.c.camera_id, media.c.state, sa.func.count().label("files")).where(taken)
        for row in conn.execute(counted.group_by(media.c.camera_id, media.c.state)):
            known = found.get(row.camera_id, Files())
            looked = row.files if row.state == "detected" else 0
            found[row.camera_id] = Files(looked=known.looked + looked, missed=known.missed + row.files - looked)
        refused = sa.and_(rejections.c.at >= since, rejections.c.at < until, rejections.c.camera_id.in_(camera_ids))
        lost = sa.select(rejections.c.camera_id, sa.func.count().label("files")).where(refused)
        for row in conn.execute(lost.group_by(rejections.c.camera_id)):
            known = found.get(row.camera_id, Files())
            found[row.camera_id] = Files(looked=known.looked, missed=known.missed + row.files)
        return found
