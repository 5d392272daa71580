"""The shape of what Home Assistant reports about the home."""

from collections.abc import Mapping
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from home_sentry_engine.contract import HomeFact, HomeFactKind, HomeReport
from home_sentry_engine.contract.errors import Unprocessable

from .fields import Field, Kind

_MOST_FACTS: Final = 64
_DETAILS: Final = (
    Field(name="temperature", kind=Kind.NUMBER, nullable=True),
    Field(name="temperature_unit", longest=8, nullable=True),
    Field(name="humidity", kind=Kind.NUMBER, nullable=True),
    Field(name="wind_speed", kind=Kind.NUMBER, nullable=True),
    Field(name="wind_speed_unit", longest=16, nullable=True),
    Field(name="elevation", kind=Kind.NUMBER, nullable=True),
    Field(name="device_class", longest=32, nullable=True),
)
_FACT: Final = Field(
    name="fact",
    kind=Kind.OBJECT,
    fields=(
        Field(name="kind", words=tuple(one.value for one in HomeFactKind), required=True),
        Field(name="entity_id", pattern=r"^[a-z0-9_]{1,64}\.[a-z0-9_]{1,255}$", longest=320, required=True),
        Field(name="name", longest=128, required=True),
        Field(name="state", longest=255, nullable=True, text="null while the entity is not available"),
        Field(name="changed_at", kind=Kind.TIME, nullable=True),
        Field(name="details", kind=Kind.OBJECT, fields=_DETAILS, default=None),
    ),
)
REPORT_FIELDS: Final = (
    Field(name="facts", kind=Kind.LIST, low=0, high=_MOST_FACTS, items=_FACT, required=True),
    Field(name="time_zone", longest=64, nullable=True, text="The home's time zone, such as Europe/Berlin"),
)


def report_of(values: Mapping[str, Any]) -> HomeReport:
    """Make a report of checked values; raises ``Unprocessable`` for a time zone that does not exist."""
    zone = values["time_zone"]
    if zone is not None:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as err:
            raise Unprocessable("there is no such time zone") from err
    facts = tuple(_fact(one) for one in values["facts"])
    if len({fact.entity_id for fact in facts}) != len(facts):
        raise Unprocessable("an entity is reported twice")
    return HomeReport(facts=facts, time_zone=zone)


def _fact(values: Mapping[str, Any]) -> HomeFact:
    details = {name: value for name, value in (values["details"] or {}).items() if value is not None}
    return HomeFact(**{**values, "kind": HomeFactKind(values["kind"]), "details": details})
