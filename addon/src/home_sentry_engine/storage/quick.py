"""Inserts of hot tables: compiled once, in SQLite given to the driver as text."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .rows import insert_into


class _Compiled(NamedTuple):
    text: str
    columns: tuple[tuple[str, Callable[[Any], Any] | None], ...]


class QuickInsert:
    """An INSERT of fixed columns, which must all be given.

    In SQLite it skips what ``Connection.execute`` does around each statement, which costs several times as much as the
    row; it joins the connection's transaction and raises the errors of SQLAlchemy. PostgreSQL runs it by SQLAlchemy,
    since there the way to the server costs most.
    """

    def __init__(
        self, table: sa.Table, names: Sequence[str], *, number: str | None = None, skip: Sequence[str] | None = None
    ) -> None:
        """Take the columns; ``number`` is the one that the database counts up.

        With ``skip`` a row is left out where another has the same in these columns, or in any unique ones if empty.
        """
        self._table = table
        self._names = tuple(names)
        self._number = number
        self._skip = skip
        self._compiled: _Compiled | None = None
        self._returning: Any = None
        self._plain: Any = None

    def number(self, conn: Connection, row: Mapping[str, Any]) -> int:
        """Insert one row and give the number that it got."""
        if conn.dialect.name == "sqlite":
            return int(self._executed(conn, (row,)).lastrowid)
        if self._returning is None:
            self._returning = self._statement(conn).returning(self._table.c[self._number or 0])
        return int(conn.execute(self._returning, dict(row)).scalar_one())

    def count(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
        """Insert rows and give how many came to be; of several, only SQLite knows."""
        if not rows:
            return 0
        if conn.dialect.name == "sqlite":
            return int(self._executed(conn, rows).rowcount)
        if self._plain is None:
            self._plain = self._statement(conn)
        return int(conn.execute(self._plain, [dict(row) for row in rows]).rowcount)

    def _executed(self, conn: Connection, rows: Sequence[Mapping[str, Any]]) -> Any:
        text, columns = self._compiled or self._compile(conn)
        try:
            bound = [[row[name] if bind is None else bind(row[name]) for name, bind in columns] for row in rows]
        except Exception as err:
            raise _wrapped(conn, text, rows, err) from err
        driver: Any = conn.connection.dbapi_connection
        try:
            return driver.execute(text, bound[0]) if len(bound) == 1 else driver.executemany(text, bound)
        except conn.dialect.loaded_dbapi.Error as err:
            raise _wrapped(conn, text, bound, err) from err

    def _compile(self, conn: Connection) -> _Compiled:
        compiled = self._statement(conn).compile(dialect=conn.dialect, column_keys=self._names)
        order = compiled.positiontup or ()
        binds = {name: self._table.c[name].type.dialect_impl(conn.dialect) for name in order}
        columns = tuple((name, kind.bind_processor(conn.dialect)) for name, kind in binds.items())
        self._compiled = _Compiled(str(compiled), columns)
        return self._compiled

    def _statement(self, conn: Connection) -> Any:
        given = {name: sa.bindparam(name, type_=self._table.c[name].type) for name in self._names}
        insert = insert_into(conn, self._table).values(given)
        return insert if self._skip is None else insert.on_conflict_do_nothing(index_elements=self._skip or None)


def _wrapped(conn: Connection, text: str, rows: Sequence[Any], err: Exception) -> BaseException:
    base = conn.dialect.loaded_dbapi.Error
    return DBAPIError.instance(text, rows, err, base, dialect=conn.dialect, ismulti=True)
