"""Components: switches and counters that survive a restart of the engine."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.storage.operations_schema import components
from home_sentry_engine.storage.rows import insert_into


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentRecord:
    """What is remembered of one component; ``state`` and ``reason`` are those of its last change."""

    id: str
    enabled: bool = True
    state: str = "unknown"
    reason: str | None = None
    failures: int = 0
    restarts: int = 0
    last_failure_at: datetime | None = None
    last_restart_at: datetime | None = None


class Components:
    """One row for each component that was ever seen."""

    def all(self, conn: Connection) -> dict[str, ComponentRecord]:
        """Give every record by id."""
        rows = conn.execute(sa.select(components).order_by(components.c.id))
        return {row["id"]: ComponentRecord(**row) for row in rows.mappings()}

    def save(self, conn: Connection, record: ComponentRecord) -> None:
        """Store a record in the place of the former one."""
        values = {name: getattr(record, name) for name in ComponentRecord.__dataclass_fields__}
        changing = {name: value for name, value in values.items() if name != "id"}
        statement = insert_into(conn, components).values(values)
        conn.execute(statement.on_conflict_do_update(index_elements=["id"], set_=changing))
