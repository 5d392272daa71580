"""Hot statements: built by SQLAlchemy once per dialect, then given to the driver's cursor as text."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.sql.expression import ClauseElement


class Prepared:
    """A statement with named parameters of plain types (integers and text), which need no conversion.

    It skips what ``Connection.execute`` does around each statement, which costs several times as much as a look-up by
    index. It joins the connection's transaction; errors are the driver's own.
    """

    def __init__(self, build: Callable[[str], ClauseElement]) -> None:
        """Take what gives the statement for a dialect's name."""
        self._build = build
        self._compiled: dict[str, tuple[str, tuple[str, ...], dict[str, Any]]] = {}

    def new_id(self, conn: Connection, values: dict[str, Any]) -> int | None:
        """Run an INSERT that gives the new row's id, in SQLite without RETURNING; None if no row came to be."""
        cursor = self._executed(conn, values)
        try:
            if conn.dialect.name == "sqlite":
                return int(cursor.lastrowid) if cursor.rowcount > 0 else None
            found = cursor.fetchall()
            return int(found[0][0]) if found else None
        finally:
            cursor.close()

    def rows(self, conn: Connection, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Run it and give its rows; ``values`` has every parameter."""
        cursor = self._executed(conn, values)
        try:
            return list(cursor.fetchall())
        finally:
            cursor.close()

    def count(self, conn: Connection, values: dict[str, Any]) -> int:
        """Run it and give how many rows it changed."""
        cursor = self._executed(conn, values)
        try:
            return int(cursor.rowcount)
        finally:
            cursor.close()

    def _executed(self, conn: Connection, values: dict[str, Any]) -> Any:
        text, order, fixed = self._compiled.get(conn.dialect.name) or self._compile(conn)
        given = fixed | values if fixed else values
        bound = tuple([given[name] for name in order])
        connection: Any = conn.connection.dbapi_connection
        if conn.dialect.name == "sqlite":
            return connection.execute(text, bound)
        cursor = connection.cursor()
        cursor.execute(text, bound)
        return cursor

    def _compile(self, conn: Connection) -> tuple[str, tuple[str, ...], dict[str, Any]]:
        compiled = self._build(conn.dialect.name).compile(dialect=conn.dialect)
        order = tuple(getattr(compiled, "positiontup", None) or ())
        fixed = {name: value for name, value in compiled.params.items() if value is not None}
        made = (str(compiled), order, fixed)
        self._compiled[conn.dialect.name] = made
        return made
