"""Inputs of looking back, the same over REST and as commands."""

from typing import Any, Final

from home_sentry_engine.contract import ExportFilters, ExportKind, Property, RiskLevel, SummaryPeriod
from home_sentry_engine.contract.errors import InvalidRequest
from home_sentry_engine.storage.query import DEFAULT_LIMIT, MAX_LIMIT
from home_sentry_engine.storage.repositories.summaries import SummaryQuery

from .fields import Field, Kind
from .summary_ports import ExportWish

_ID: Final = r"^[a-z0-9_-]{1,64}$"
SUMMARY_ID: Final = Field(name="summary_id", pattern=_ID, text="Id of a summary", required=True)
EXPORT_ID: Final = Field(name="export_id", pattern=_ID, text="Id of an export", required=True)
PROPERTY_ID: Final = Field(name="property_id", pattern=_ID, text="Id of a property", required=True)
PROPERTY: Final = Field(name="property", pattern=_ID, text="Only cameras of this property", nullable=True)
_SINCE: Final = Field(name="since", kind=Kind.TIME, text="Not before this time", nullable=True)
_UNTIL: Final = Field(name="until", kind=Kind.TIME, text="Before this time", nullable=True)
SUMMARY_FILTERS: Final = (
    Field(name="period", words=("hourly", "daily", "custom"), text="Only of hours, of days, or asked for"),
    PROPERTY,
    _SINCE,
    _UNTIL,
    Field(name="limit", kind=Kind.WHOLE, low=1, high=MAX_LIMIT, default=DEFAULT_LIMIT, text="How many"),
    Field(name="cursor", longest=512, text="next_cursor of the page before, with the same filters"),
    Field(name="total", kind=Kind.FLAG, default=False, text="Count all matches as well"),
)
SUMMARY_FIELDS: Final = (
    Field(name="since", kind=Kind.TIME, text="Begin of the time", required=True),
    Field(name="until", kind=Kind.TIME, text="End of the time; now at the latest", required=True),
    PROPERTY,
)
EXPORT_FIELDS: Final = (
    Field(
        name="kind",
        words=("csv", "json", "zip", "evidence"),
        text="Form; zip and evidence hold pictures too",
        required=True,
    ),
    _SINCE,
    _UNTIL,
    Field(name="camera", pattern=r"^[a-z0-9_]{1,64}$", text="Only this camera", nullable=True),
    Field(name="level", words=("low", "medium", "high", "critical"), text="Only of this level", nullable=True),
    Field(name="object", longest=64, text="Only events that show this class, such as person", nullable=True),
    PROPERTY,
    Field(name="event", pattern=_ID, text="Only this event", nullable=True),
    Field(
        name="share",
        kind=Kind.FLAG,
        default=False,
        text="For others: faces are blurred; names, notes and plates are left out",
    ),
)
PROPERTY_FIELDS: Final = (
    Field(name="name", longest=128, required=True, text="What people call it"),
    Field(
        name="camera_ids",
        kind=Kind.LIST,
        items=Field(name="camera_id", pattern=r"^[a-z0-9_]{1,64}$"),
        low=0,
        high=256,
        required=True,
        text="Its cameras; each leaves the property that it belonged to",
    ),
)


def summary_query(values: dict[str, Any]) -> SummaryQuery:
    """Make the query of checked values of ``SUMMARY_FILTERS``."""
    return SummaryQuery(
        period=SummaryPeriod(values["period"]) if values["period"] else None,
        property_id=values["property"],
        since=values["since"],
        until=values["until"],
        limit=values["limit"],
        cursor=values["cursor"],
        with_total=values["total"],
    )


def wish_of(values: dict[str, Any]) -> ExportWish:
    """Make the wish of checked values of ``EXPORT_FIELDS``; raises ``InvalidRequest``."""
    since, until = values["since"], values["until"]
    if since is not None and until is not None and until <= since:
        raise InvalidRequest("'until' has to be after 'since'", details={"field": "until"})
    filters = ExportFilters(
        since=since,
        until=until,
        camera_id=values["camera"],
        level=RiskLevel(values["level"]) if values["level"] else None,
        object_type=values["object"],
        property_id=values["property"],
        event_id=values["event"],
    )
    return ExportWish(kind=ExportKind(values["kind"]), filters=filters, share=values["share"])


def property_of(property_id: str, values: dict[str, Any]) -> Property:
    """Make a property of checked values of ``PROPERTY_FIELDS``; raises ``InvalidRequest`` for an empty name."""
    name = values["name"].strip()
    if not name:
        raise InvalidRequest("'name' must not be empty", details={"field": "name"})
    return Property(id=property_id, name=name, camera_ids=tuple(dict.fromkeys(values["camera_ids"])))
