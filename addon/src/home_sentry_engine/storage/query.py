"""Pages of rows: what may be asked, and cursors that stay valid while rows come and go."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
import binascii
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
import hashlib
import json
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from home_sentry_engine.contract import MediaState, RiskLevel

from .errors import InvalidCursor
from .types import from_micros, to_micros

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 1000
_MAX_ID: Final = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class Page[T]:
    """Some rows, newest first; ``next_cursor`` is None on the last page, ``total`` is counted only when asked for.

    With ``total_capped`` there are more than ``total``: the counting ended there.
    """

    items: tuple[T, ...]
    next_cursor: str | None = None
    total: int | None = None
    total_capped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """What every list understands: ``since`` <= time < ``until``, ``limit`` 1..1000, ``cursor`` of the page before.

    ``within`` are the cameras beyond which nothing exists, None for all.
    """

    camera_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None
    with_total: bool = False
    within: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a limit outside 1..1000."""
        if not 1 <= self.limit <= MAX_LIMIT:
            raise ValueError(f"limit must be 1 to {MAX_LIMIT}, not {self.limit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery(PageQuery):
    """Filters of events; ``object_type`` is a label that the event's objects must include.

    ``property_id`` names a group of cameras; whoever asks the rows puts its cameras into ``within``.
    """

    level: RiskLevel | None = None
    object_type: str | None = None
    reviewed: bool | None = None
    ongoing: bool | None = None
    flagged: bool | None = None
    favourite: bool | None = None
    property_id: str | None = None
    event_id: str | None = None


class SearchOrder(StrEnum):
    """How found events are ordered; ``RANK`` is by relevance within the newest matches."""

    NEWEST = "newest"
    RANK = "rank"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery(EventQuery):
    """Words to find in the grammar of ``storage.search``, and filters of the events."""

    text: str
    order: SearchOrder = SearchOrder.NEWEST


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaQuery(PageQuery):
    """Filters of media, by time of receipt."""

    state: MediaState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionQuery(PageQuery):
    """Filters of detections, by time of detection."""

    label: str | None = None
    min_confidence: float | None = None
    event_id: str | None = None
    media_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyset:
    """The columns that order a list: newest time first, then the greatest id."""

    at: sa.ColumnElement[datetime]
    id: sa.ColumnElement[Any]


def of_cameras(query: PageQuery, camera_id: sa.ColumnElement[Any]) -> list[sa.ColumnElement[bool]]:
    """Give the conditions of ``camera_id`` and ``within``."""
    conditions: list[sa.ColumnElement[bool]] = []
    if query.camera_id is not None:
        conditions.append(camera_id == query.camera_id)
    if query.within is not None:
        conditions.append(camera_id.in_(query.within))
    return conditions


def time_range(query: PageQuery, at: sa.ColumnElement[datetime]) -> list[sa.ColumnElement[bool]]:
    """Give the conditions of ``since`` and ``until``."""
    conditions: list[sa.ColumnElement[bool]] = []
    if query.since is not None:
        conditions.append(at >= query.since)
    if query.until is not None:
        conditions.append(at < query.until)
    return conditions


def fetch_page[T](
    connection: Connection,
    query: PageQuery,
    statement: sa.Select[Any],
    keyset: Keyset,
    items_of: Callable[[Sequence[Row[Any]]], Sequence[T]],
) -> Page[T]:
    """Run a filtered ``statement`` as one page; raises ``InvalidCursor``."""
    ordered = statement.order_by(keyset.at.desc(), keyset.id.desc()).limit(query.limit + 1)
    if query.cursor is not None:
        at, last = read_cursor(query, keyset.id.type.python_type)
        ordered = ordered.where(sa.or_(keyset.at < at, sa.and_(keyset.at == at, keyset.id < last)))
        ordered = ordered.where(keyset.at <= at)
    marked = ordered.add_columns(keyset.at.label("page_at"), keyset.id.label("page_id"))
    rows = connection.execute(marked).all()
    shown = rows[: query.limit]
    more = len(rows) > query.limit
    total = None
    if query.with_total:
        total = connection.execute(
            sa.select(sa.func.count()).select_from(statement.order_by(None).subquery())
        ).scalar_one()
    return Page(
        items=tuple(items_of(shown)),
        next_cursor=make_cursor(query, shown[-1].page_at, shown[-1].page_id) if more else None,
        total=total,
    )


def make_cursor(query: PageQuery, at: datetime, last: str | int) -> str:
    """Give the opaque cursor of the page after a row; it holds for this query's filters alone."""
    return _sealed(query, to_micros(at), last)


def read_cursor(query: PageQuery, id_type: type[Any]) -> tuple[datetime, Any]:
    """Give the time and id that the query's cursor names; raises ``InvalidCursor``."""
    at, last = _unsealed(query)
    if type(at) is not int or type(last) is not id_type:
        raise InvalidCursor("the cursor belongs to another query")
    if isinstance(last, int) and not 0 <= last < _MAX_ID:
        raise InvalidCursor("the cursor is not valid")
    try:
        return from_micros(at), last
    except OverflowError as err:
        raise InvalidCursor("the cursor is not valid") from err


def make_place_cursor(query: PageQuery, place: int, skip: int = 0) -> str:
    """Give the opaque cursor of what lies at or before a place, without the first ``skip``; for this query alone."""
    return _sealed(query, place, skip)


def read_place_cursor(query: PageQuery) -> tuple[int, int]:
    """Give the place and the number to skip that the query's cursor names; raises ``InvalidCursor``."""
    place, skip = _unsealed(query)
    if type(place) is not int or type(skip) is not int or not -_MAX_ID <= place < _MAX_ID or not 0 <= skip < _MAX_ID:
        raise InvalidCursor("the cursor is not valid")
    return place, skip


def _sealed(query: PageQuery, first: Any, second: Any) -> str:
    text = json.dumps([_fingerprint(query), first, second], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _unsealed(query: PageQuery) -> tuple[Any, Any]:
    cursor = query.cursor or ""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        fingerprint, first, second = json.loads(urlsafe_b64decode(padded))
    except (ValueError, TypeError, binascii.Error) as err:
        raise InvalidCursor("the cursor is not valid") from err
    if fingerprint != _fingerprint(query):
        raise InvalidCursor("the cursor belongs to another query")
    return first, second


def _fingerprint(query: PageQuery) -> str:
    filters = {key: value for key, value in asdict(query).items() if key not in {"limit", "cursor", "with_total"}}
    text = json.dumps([type(query).__name__, filters], default=str, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
