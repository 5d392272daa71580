"""Notes statements that take long; their text holds no values."""

import logging
import time
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

_LOGGER = logging.getLogger(__name__)
SLOW_S: Final = 0.1
_LONGEST: Final = 500
_BEGAN: Final = "home_sentry_statement_began"


def note_slow(engine: Engine, over_s: float = SLOW_S) -> None:
    """Write a line for each statement of an engine that takes longer."""

    def began(conn: Connection, *_: Any) -> None:
        conn.info[_BEGAN] = time.perf_counter()

    def ended(conn: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        took_s = time.perf_counter() - conn.info.pop(_BEGAN, time.perf_counter())
        if took_s > over_s:
            shown = " ".join(statement.split())[:_LONGEST]
            _LOGGER.info("A query was slow: %s", shown, extra={"duration_ms": took_s * 1000})

    sa.event.listen(engine, "before_cursor_execute", began)
    sa.event.listen(engine, "after_cursor_execute", ended)
