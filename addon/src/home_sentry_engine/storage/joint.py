"""Inserts of rows that belong to other rows, many of them by one statement."""

from collections.abc import Sequence
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection

from .quick import run_text
from .types import UtcDateTime, to_micros

_MOST: Final = 1000


class JointInsert:
    """An INSERT of rows given as JSON; those whose owner is gone, or that are there already, are left out.

    One statement costs less than one for each row, and SQLite writes its search index once for it.
    """

    def __init__(self, table: sa.Table, names: Sequence[str], owner: str) -> None:
        """Take the columns in the order of the values, and the condition on ``events`` with columns in braces."""
        self._table = table
        self._names = tuple(names)
        self._owner = owner
        self._times = [at for at, name in enumerate(names) if isinstance(table.c[name].type, UtcDateTime)]
        self._sqlite = self._text({name: f"value ->> {at}" for at, name in enumerate(names)}, "json_each(?)")
        self._postgres: sa.TextClause | None = None

    def write(self, conn: Connection, rows: Sequence[Sequence[Any]]) -> int:
        """Insert rows and give how many came to be."""
        return sum(self._write(conn, rows[start : start + _MOST]) for start in range(0, len(rows), _MOST))

    def _write(self, conn: Connection, rows: Sequence[Sequence[Any]]) -> int:
        if conn.dialect.name == "sqlite":
            given = [self._bound(row) for row in rows] if self._times else rows
            return int(run_text(conn, self._sqlite, [(orjson.dumps(given).decode(),)]).rowcount)
        if self._postgres is None:
            kinds = {name: self._table.c[name].type.compile(conn.dialect) for name in self._names}
            values = {name: f"CAST(value ->> {at} AS {kinds[name]})" for at, name in enumerate(self._names)}
            self._postgres = sa.text(self._text(values, "jsonb_array_elements(CAST(:rows AS JSONB)) AS part (value)"))
        return int(conn.execute(self._postgres, {"rows": orjson.dumps(rows).decode()}).rowcount)

    def _bound(self, row: Sequence[Any]) -> list[Any]:
        bound = list(row)
        for at in self._times:
            bound[at] = to_micros(bound[at])
        return bound

    def _text(self, values: dict[str, str], source: str) -> str:
        return (
            f"INSERT INTO {self._table.name} ({', '.join(self._names)}) "  # noqa: S608 names of the schema alone
            f"SELECT {', '.join(values.values())} FROM {source} "
            f"WHERE EXISTS (SELECT 1 FROM events WHERE {self._owner.format_map(values)}) ON CONFLICT DO NOTHING"
        )
