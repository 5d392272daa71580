"""Inputs of the household's routes."""

from typing import Any, Final

from home_sentry_engine.contract import Schedule
from home_sentry_engine.contract.errors import InvalidRequest
from home_sentry_engine.domain.household import Role, Trust

from .fields import Field, Kind
from .household_ports import FactDraft, OwnerDraft
from .routing import JsonBody

OWNER_ID: Final = Field(
    name="owner_id", pattern=r"^[a-zA-Z0-9_-]{1,64}$", text="Id of a member or vehicle", required=True
)
FACT_ID: Final = Field(name="fact_id", pattern=r"^[a-zA-Z0-9_.@-]{1,128}$", text="Id of a fact", required=True)
SAMPLE_ID: Final = Field(name="sample_id", kind=Kind.WHOLE, low=1, text="Id of a sample", required=True)

_CLOCK: Final = r"^([01]\d|2[0-3]):[0-5]\d$"
_ALWAYS: Final = list(range(7))
_SCHEDULE: Final = Field(
    name="schedule",
    kind=Kind.OBJECT,
    nullable=True,
    text="When somebody is expected, by the home's clock; always, if absent",
    fields=(
        Field(
            name="days", kind=Kind.LIST, low=1, high=7, default=_ALWAYS, text="0 is Monday",
            items=Field(name="day", kind=Kind.WHOLE, low=0, high=6),
        ),
        Field(name="begins", pattern=_CLOCK, default="00:00"),
        Field(name="ends", pattern=_CLOCK, default="23:59", text="Over midnight where it is before begins"),
    ),
)  # fmt: skip
_OWNER: Final = (
    Field(name="name", required=True, longest=64, pattern=r"^.*\S.*$"),
    Field(name="role", words=tuple(one.value for one in Role), default=Role.RESIDENT.value),
    Field(name="trust", words=tuple(one.value for one in Trust), default=Trust.FULL.value),
    _SCHEDULE,
)
MEMBER: Final = JsonBody(
    fields=(
        *_OWNER,
        Field(name="ha_person", pattern=r"^person\.[a-z0-9_]{1,128}$", nullable=True, text="In Home Assistant"),
    )
)
VEHICLE: Final = JsonBody(fields=(*_OWNER, Field(name="plate", longest=16, nullable=True, text="Number plate")))
ENROLMENT: Final = JsonBody(
    fields=(
        Field(name="detection_id", kind=Kind.WHOLE, low=1, required=True, text="What shows the one"),
        Field(name="negative", kind=Kind.FLAG, default=False, text="This is not the one"),
        Field(name="face", kind=Kind.FLAG, default=False, text="Learn the face; needs the setting faces and consent"),
        Field(name="consent", kind=Kind.FLAG, default=False, text="The person agreed, as the household's text asks"),
    )
)
FACT: Final = JsonBody(
    fields=(
        Field(name="kind", words=("guest_mode", "expected_visitor", "pet", "note"), required=True),
        Field(name="text", longest=64, default=""),
        Field(name="points", kind=Kind.WHOLE, low=-20, high=20, nullable=True, text="Of the score; by kind, if absent"),
        Field(name="begins_at", kind=Kind.TIME, nullable=True),
        Field(name="expires_at", kind=Kind.TIME, required=True, text="From then on it counts nothing"),
    )
)


def owner_of(values: dict[str, Any], owner_id: str | None) -> OwnerDraft:
    """Make a draft from the checked values of ``MEMBER`` or ``VEHICLE``."""
    schedule = values["schedule"]
    return OwnerDraft(
        id=owner_id,
        name=" ".join(values["name"].split()),
        role=Role(values["role"]),
        trust=Trust(values["trust"]),
        schedule=Schedule(days=tuple(sorted(set(schedule["days"]))), begins=schedule["begins"], ends=schedule["ends"])
        if schedule is not None
        else None,
        ha_person=values.get("ha_person"),
        plate=values.get("plate"),
    )


def fact_of(values: dict[str, Any], fact_id: str | None) -> FactDraft:
    """Make a draft from the checked values of ``FACT``; raises ``InvalidRequest`` for an end before the beginning."""
    begins_at, expires_at = values["begins_at"], values["expires_at"]
    if begins_at is not None and begins_at >= expires_at:
        raise InvalidRequest("'expires_at' must be after 'begins_at'", details={"field": "expires_at"})
    return FactDraft(id=fact_id, **values)
