"""Inserts of hot tables: compiled once, in SQLite given to the driver as text."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from .rows import insert_into
from .types import UtcDateTime, to_json, to_micros

type _Bind = Callable[[Any], Any]

_BOOLEANS: Final[dict[Any, int | None]] = {False: 0, True: 1, None: None}


class _Compiled(NamedTuple):
    """The statement, what takes its values out of a row in their order, and what becomes of some of them."""

    text: str
    values: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    binds: tuple[tuple[int, _Bind], ...]

    def bound(self, row: Mapping[str, Any]) -> list[Any]:
        bound = list(self.values(row))
        for at, bind in self.binds:
            bound[at] = bind(bound[at])
        return bound


def run_text(conn: Connection, text: str, rows: Sequence[Sequence[Any]]) -> Any:
    """Give the driver a statement with its values, once for each row; raises the errors of SQLAlchemy."""
    driver: Any = conn.connection.dbapi_connection
    try:
        return driver.execute(text, rows[0]) if len(rows) == 1 else driver.executemany(text, rows)
    except conn.dialect.loaded_dbapi.Error as err:
        raise _wrapped(conn, text, rows, err) from err


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
        compiled = self._compiled or self._compile(conn)
        text = compiled.text
        try:
            bound = [compiled.bound(row) for row in rows]
        except Exception as err:
            raise _wrapped(conn, text, rows, err) from err
        return run_text(conn, text, bound)

    def _compile(self, conn: Connection) -> _Compiled:
        compiled = self._statement(conn).compile(dialect=conn.dialect, column_keys=self._names)
        order = compiled.positiontup or ()
        binds = [(at, bind) for at, name in enumerate(order) if (bind := self._bind(conn, name)) is not None]
        values = itemgetter(*order) if len(order) > 1 else _only(*order)
        self._compiled = _Compiled(str(compiled), values, tuple(binds))
        return self._compiled

    def _bind(self, conn: Connection, name: str) -> _Bind | None:
        """Give what SQLAlchemy does to a value of the column, by the shorter way for the types that are common."""
        kind = self._table.c[name].type
        if isinstance(kind, UtcDateTime):
            return _micros
        if isinstance(kind, sa.JSON):
            return to_json
        if isinstance(kind, sa.Boolean):
            return _BOOLEANS.__getitem__
        bind: _Bind | None = kind.dialect_impl(conn.dialect).bind_processor(conn.dialect)
        return bind

    def _statement(self, conn: Connection) -> Any:
        given = {name: sa.bindparam(name, type_=self._table.c[name].type) for name in self._names}
        insert = insert_into(conn, self._table).values(given)
        return insert if self._skip is None else insert.on_conflict_do_nothing(index_elements=self._skip or None)


def _only(name: str) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    return lambda row: (row[name],)


def _micros(value: Any) -> int | None:
    return None if value is None else to_micros(value)


def _wrapped(conn: Connection, text: str, rows: Sequence[Any], err: Exception) -> BaseException:
    base = conn.dialect.loaded_dbapi.Error
    return DBAPIError.instance(text, rows, err, base, dialect=conn.dialect, ismulti=True)
