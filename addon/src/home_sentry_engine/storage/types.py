"""Column types of the schema."""

from datetime import UTC, datetime, timedelta
import json
import re
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from .errors import NaiveDatetime

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MAYBE_LONG: Final = re.compile(r"\d{19}")


def to_micros(at: datetime) -> int:
    """Give microseconds since 1970 UTC; raises ``NaiveDatetime``."""
    if at.tzinfo is None:
        raise NaiveDatetime(f"a stored time needs its zone: {at.isoformat()}")
    return (at - _EPOCH) // _MICROSECOND


def from_micros(value: int) -> datetime:
    """Give the aware UTC time of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value)


def to_json(value: Any) -> str:
    """Write what a JSON column holds."""
    try:
        text = orjson.dumps(value)
    except TypeError:
        return json.dumps(value)
    # NaN and infinity would become null as well
    return json.dumps(value) if b"null" in text else text.decode()


def from_json(text: str) -> Any:
    """Give what a JSON column holds, also NaN and numbers of more than 64 bits."""
    if _MAYBE_LONG.search(text):
        # orjson would round them
        return json.loads(text)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC time: integer microseconds in SQLite (sorts, compares, indexes), ``timestamptz`` in PostgreSQL."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type for the dialect."""
        native = dialect.name == "postgresql"
        return dialect.type_descriptor(sa.DateTime(timezone=True) if native else sa.BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Convert on the way in; raises ``NaiveDatetime``."""
        if value is None:
            return None
        micros = to_micros(value)
        return value.astimezone(UTC) if dialect.name == "postgresql" else micros

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Convert on the way out."""
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else from_micros(value)
