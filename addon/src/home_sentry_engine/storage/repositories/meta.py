"""Small lasting values and counters."""

from datetime import datetime
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from home_sentry_engine.storage.rows import insert_into
from home_sentry_engine.storage.schema import counters, meta


class Meta:
    """Named JSON values, such as the engine's own id."""

    def get(self, conn: Connection, key: str) -> Any:
        """Give the value, None if it was never set."""
        text = conn.execute(sa.select(meta.c.value).where(meta.c.key == key)).scalar_one_or_none()
        return None if text is None else json.loads(text)

    def set(self, conn: Connection, key: str, value: object) -> None:
        """Store a JSON value under the key."""
        text = json.dumps(value)
        statement = insert_into(conn, meta).values(key=key, value=text)
        conn.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": text}))

    def get_or_set(self, conn: Connection, key: str, value: object) -> Any:
        """Give the stored value; the first call stores ``value``."""
        conn.execute(insert_into(conn, meta).values(key=key, value=json.dumps(value)).on_conflict_do_nothing())
        return self.get(conn, key)


class Counters:
    """Whole numbers that only transactions change."""

    def add(self, conn: Connection, name: str, amount: int = 1) -> None:
        """Change a counter; one that does not exist begins at 0."""
        statement = insert_into(conn, counters).values(name=name, value=amount)
        new = counters.c.value + statement.excluded.value
        conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": new}))

    def get(self, conn: Connection, name: str) -> int:
        """Give a counter's value, 0 if it was never changed."""
        value: int | None = conn.execute(
            sa.select(counters.c.value).where(counters.c.name == name)
        ).scalar_one_or_none()
        return value or 0

    def starting_with(self, conn: Connection, prefix: str) -> dict[str, int]:
        """Give the counters whose name begins with the prefix, by the rest of their name."""
        chosen = counters.c.name.startswith(prefix, autoescape=True)
        rows = conn.execute(sa.select(counters.c.name, counters.c.value).where(chosen).order_by(counters.c.name))
        return {row.name.removeprefix(prefix): row.value for row in rows}


def later(a: datetime | None, b: datetime) -> datetime:
    """Give the later of two times, the first of which may be unknown."""
    return b if a is None or b > a else a
