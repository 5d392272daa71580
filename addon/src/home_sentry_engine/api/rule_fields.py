"""Inputs of alert rules and of lists of alerts."""

from typing import Any, Final

from home_sentry_engine.alerting.rules import BUILTIN, LONGEST_COOLDOWN_S, MOST_NAMES
from home_sentry_engine.contract import AlertRule, AlertSchedule, AlertStatus, PathMove, RiskLevel
from home_sentry_engine.contract.errors import InvalidRequest, Unprocessable
from home_sentry_engine.domain.identity import InvalidCameraName, camera_id_of
from home_sentry_engine.storage.repositories.raised import AlertQuery

from .fields import EVENT_ID, Field, Kind
from .routes.replies import PAGE_FIELDS, page_arguments
from .rule_ports import Trial
from .triage_fields import USER

RULE_ID: Final = Field(name="rule_id", pattern=r"^[a-z0-9_-]{1,64}$", text="Id of a rule", required=True)
ALERT_ID: Final = Field(name="alert_id", pattern=r"^[a-z0-9_-]{1,64}$", text="Id of an alert", required=True)

_LEVELS: Final = RiskLevel.words()
_MOVES: Final = PathMove.words()
_CLOCK: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_SCHEDULE: Final = (
    Field(
        name="days",
        kind=Kind.LIST,
        low=0,
        high=7,
        items=Field(name="day", kind=Kind.WHOLE, low=0, high=6),
        default=(),
        text="0 is Monday; none means every day",
    ),
    Field(name="start", pattern=_CLOCK, default="00:00", text="HH:MM"),
    Field(name="end", pattern=_CLOCK, default="00:00", text="HH:MM; before the start it is that of the next day"),
    Field(name="timezone", longest=64, nullable=True, text="Such as Europe/Berlin; the home's, if absent"),
)


def _names(name: str, item: Field, text: str, *, default: tuple[str, ...] | None) -> Field:
    absent = default is None
    return Field(
        name=name, kind=Kind.LIST, low=0, high=MOST_NAMES, items=item, default=default, nullable=absent, text=text
    )


def _conditions(*, default: tuple[str, ...] | None) -> tuple[Field, ...]:
    """Give the fields of a rule; without a default what is absent stays as it is."""
    place = Field(name="id", pattern=r"^[a-z0-9_-]{1,64}$")
    whole = default is not None
    return (
        Field(name="enabled", kind=Kind.FLAG, default=True if whole else None, nullable=not whole),
        Field(name="risk_threshold", kind=Kind.WHOLE, low=0, high=100, nullable=True, text="Least score"),
        _names("levels", Field(name="level", words=_LEVELS), "One of these levels", default=default),
        _names("object_types", Field(name="type", longest=64), "Classes or groups, such as person", default=default),
        _names("camera_ids", place, "At one of these cameras", default=default),
        _names("zone_ids", place, "In one of these zones", default=default),
        Field(name="min_confidence", kind=Kind.NUMBER, low=0.0, high=1.0, nullable=True, text="How sure at least"),
        Field(name="schedule", kind=Kind.OBJECT, fields=_SCHEDULE, nullable=True, text="When it holds"),
        _names("moves", Field(name="move", words=_MOVES), "Into or out of one of the zones", default=default),
        _names("zone_sequence", place, "Through these zones in this order", default=default),
        Field(name="severity", words=_LEVELS, nullable=True, text="Of its alerts; that of the event, if absent"),
        _names("channels", place, "Ids of channels; all that are enabled, if empty", default=default),
        Field(
            name="cooldown_s",
            kind=Kind.WHOLE,
            low=0,
            high=LONGEST_COOLDOWN_S,
            default=BUILTIN.cooldown_s if whole else None,
            nullable=not whole,
            text="Seconds after a delivery in which the same key is silent",
        ),
        Field(
            name="dedup_key",
            longest=200,
            default=BUILTIN.dedup_key if whole else None,
            nullable=not whole,
            text="With {camera_id}, {rule_id}, {object_type}, {zone_id} or {subject}",
        ),
    )


_NAME: Final = Field(name="name", longest=64, required=True, text="As people call it")
_WHOLE: Final = _conditions(default=())
PUT_FIELDS: Final = (_NAME, *_WHOLE, USER)
CREATE_FIELDS: Final = (
    Field(name="id", pattern=RULE_ID.pattern, nullable=True, text="Made from the name, if absent"),
    *PUT_FIELDS,
)
PATCH_FIELDS: Final = (
    Field(name="name", longest=64, nullable=True, text="As people call it"),
    *_conditions(default=None),
    USER,
)
TEST_FIELDS: Final = (
    Field(name="event_ids", kind=Kind.LIST, items=EVENT_ID, low=0, high=100, default=(), text="Events to test with"),
    *(field for field in PAGE_FIELDS if field.name in {"camera", "since", "until"}),
    Field(name="limit", kind=Kind.WHOLE, low=1, high=200, default=50, text="How many of the newest, without event_ids"),
)
CLOSE_FIELDS: Final = (USER,)
ALERT_FILTERS: Final = (
    *PAGE_FIELDS,
    Field(name="status", words=AlertStatus.words()),
    Field(name="severity", words=_LEVELS),
    Field(name="rule_id", pattern=RULE_ID.pattern, text="Of this rule"),
    Field(name="event_id", pattern=EVENT_ID.pattern, text="Of this event"),
)
STATS_FIELDS: Final = (Field(name="since", kind=Kind.TIME, text="Not before this time; a week ago, if absent"),)


def rule_of(values: dict[str, Any], rule_id: str | None = None) -> AlertRule:
    """Make a rule of checked values; raises ``Unprocessable`` where no id can be made of its name."""
    try:
        chosen = rule_id or values.get("id") or camera_id_of(values["name"])
    except InvalidCameraName as err:
        raise Unprocessable(f"no id can be made of the name: {err}") from err
    return AlertRule(id=chosen, name=" ".join(values["name"].split()), **_typed(values, _WHOLE))


def changes_of(values: dict[str, Any]) -> dict[str, Any]:
    """Give what a person changes about a rule; raises ``InvalidRequest`` for nothing."""
    given = {name: value for name, value in values.items() if value is not None and name != "user"}
    if not given:
        raise InvalidRequest("nothing to change: give at least one field of a rule")
    if "name" in given:
        given["name"] = " ".join(given["name"].split())
    return given | _typed(given, tuple(field for field in _WHOLE if field.name in given))


def trial_of(values: dict[str, Any]) -> Trial:
    """Say which events a rule is tested with."""
    wanted = {name: values[name] for name in ("since", "until", "limit")}
    return Trial(event_ids=tuple(values["event_ids"]), camera_id=values["camera"], **wanted)


def alert_query(values: dict[str, Any]) -> AlertQuery:
    """Make the query of a list of alerts."""
    status, severity = values["status"], values["severity"]
    return AlertQuery(
        **page_arguments(values),
        status=None if status is None else AlertStatus(status),
        severity=None if severity is None else RiskLevel(severity),
        rule_id=values["rule_id"],
        event_id=values["event_id"],
    )


def _typed(values: dict[str, Any], fields: tuple[Field, ...]) -> dict[str, Any]:
    plain = {field.name: values[field.name] for field in fields}
    for name, value in plain.items():
        if isinstance(value, list | tuple):
            plain[name] = tuple(_WORDS[name](one) if name in _WORDS else one for one in value)
    if plain.get("severity") is not None:
        plain["severity"] = RiskLevel(plain["severity"])
    if (schedule := plain.get("schedule")) is not None:
        plain["schedule"] = AlertSchedule(**schedule | {"days": tuple(schedule["days"])})
    return plain


_WORDS: Final[dict[str, type[RiskLevel | PathMove]]] = {"levels": RiskLevel, "moves": PathMove}
