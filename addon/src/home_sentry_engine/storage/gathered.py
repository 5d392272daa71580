"""Rows that the works of one transaction leave to be written together, by one statement at its end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection

type Write = Callable[[Connection, Sequence[Any]], object]

_GATHERED: Final = "home_sentry_gathered"


@dataclass(slots=True)
class Gathered:
    """What was left, in its order; the first ``written`` of them are in the tables.

    Rows of one kind are written together, so they must not need rows of another kind that are left as well.
    """

    left: list[tuple[Write, Any]] = field(default_factory=list)
    written: int = 0

    def mark(self) -> tuple[int, int]:
        """Give the state, for ``undo``."""
        return len(self.left), self.written

    def undo(self, mark: tuple[int, int]) -> None:
        """Go back to a state; what the database undid along with it is written again."""
        count, self.written = mark
        del self.left[count:]

    def write(self, connection: Connection) -> None:
        """Write what is not written yet."""
        rows: dict[Write, list[Any]] = {}
        for write, row in self.left[self.written :]:
            rows.setdefault(write, []).append(row)
        self.written = len(self.left)
        for write, some in rows.items():
            write(connection, some)


def gather(connection: Connection, gathered: Gathered | None) -> None:
    """Let works of a connection leave rows from now on, or with None no more."""
    connection.info[_GATHERED] = gathered


def leave(connection: Connection, write: Write, row: Any) -> None:
    """Write a row at the end of the running write transaction, outside of one at once.

    It is written alone or with others, and not if the work that left it is undone.
    """
    gathered: Gathered | None = connection.info.get(_GATHERED)
    if gathered is None:
        write(connection, [row])
    else:
        gathered.left.append((write, row))


def settle(connection: Connection) -> None:
    """Write what was left so far; for whoever changes or reads rows of that kind in the same transaction."""
    gathered: Gathered | None = connection.info.get(_GATHERED)
    if gathered is not None:
        gathered.write(connection)
