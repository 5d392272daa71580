"""What the household was told and what was read: facts with an expiry, plates with their own retention."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.domain.household import HouseholdFact, PlateRead
from home_sentry_engine.storage.context_schema import household_facts, plate_reads
from home_sentry_engine.storage.query import Keyset, Page, PageQuery, fetch_page, of_cameras, time_range
from home_sentry_engine.storage.rows import insert_into


class FactRows:
    """What the owner told."""

    def all(self, conn: Connection, now: datetime) -> tuple[HouseholdFact, ...]:
        """Give what has not expired, what begins later too."""
        chosen = sa.select(household_facts).where(household_facts.c.expires_at > now)
        return tuple(_fact(row) for row in conn.execute(chosen.order_by(household_facts.c.expires_at)))

    def save(self, conn: Connection, fact: HouseholdFact) -> None:
        """Store a fact in the place of the former one."""
        values = {name: getattr(fact, name) for name in HouseholdFact.__dataclass_fields__ if name != "id"}
        statement = insert_into(conn, household_facts).values(id=fact.id, **values)
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))

    def remove(self, conn: Connection, fact_id: str) -> bool:
        """Take a fact back; gives whether there was one."""
        return conn.execute(household_facts.delete().where(household_facts.c.id == fact_id)).rowcount > 0

    def expire(self, conn: Connection, now: datetime) -> int:
        """Delete what has expired; gives how many."""
        return conn.execute(household_facts.delete().where(household_facts.c.expires_at <= now)).rowcount


class PlateReads:
    """Plates that were read."""

    def add(self, conn: Connection, read: PlateRead) -> None:
        """Keep a plate, once for each visit."""
        values = {name: getattr(read, name) for name in PlateRead.__dataclass_fields__ if name != "id"}
        statement = insert_into(conn, plate_reads).values(values)
        newer = {name: values[name] for name in ("confidence", "owner_id", "detection_id")}
        conn.execute(statement.on_conflict_do_update(index_elements=["event_id", "plate"], set_=newer))

    def page(self, conn: Connection, query: PageQuery) -> Page[PlateRead]:
        """Give plates, newest first; raises ``InvalidCursor``."""
        statement = sa.select(plate_reads).where(*time_range(query, plate_reads.c.at))
        statement = statement.where(*of_cameras(query, plate_reads.c.camera_id))
        keyset = Keyset(at=plate_reads.c.at, id=plate_reads.c.id)
        return fetch_page(conn, query, statement, keyset, lambda rows: [_read(row) for row in rows])

    def erase(self, conn: Connection) -> int:
        """Delete every plate; gives how many."""
        return conn.execute(plate_reads.delete()).rowcount

    def expire(self, conn: Connection, now: datetime) -> int:
        """Delete what has expired; gives how many."""
        return conn.execute(plate_reads.delete().where(plate_reads.c.expires_at <= now)).rowcount


def _fact(row: Row[Any]) -> HouseholdFact:
    return HouseholdFact(**{name: getattr(row, name) for name in HouseholdFact.__dataclass_fields__})


def _read(row: Row[Any]) -> PlateRead:
    return PlateRead(**{name: getattr(row, name) for name in PlateRead.__dataclass_fields__})
