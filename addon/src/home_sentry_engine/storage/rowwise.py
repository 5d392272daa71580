"""SQLAlchemy as it comes, one transaction for each work: what the store is measured against, never what it uses."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import sqlalchemy as sa
from sqlalchemy import Connection


class RowByRow:
    """A SQLite file written with one commit per work; every call blocks."""

    def __init__(self, path: Path) -> None:
        """Take a file that is there already, with its journal mode."""
        self._engine = sa.create_engine(
            sa.URL.create("sqlite", database=str(path)), connect_args={"check_same_thread": False}
        )
        sa.event.listen(self._engine, "connect", lambda raw, _record: raw.execute("PRAGMA synchronous=NORMAL"))

    def __enter__(self) -> Self:
        """Connects with the first work."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the file."""
        self._engine.dispose()

    def write(self, work: Callable[[Connection], object]) -> None:
        """Run a work and commit."""
        with self._engine.begin() as connection:
            work(connection)
