"""Actions about rules of alerts, and alerts."""

from datetime import time
from typing import Any, Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import DAYS, ENTRY, LEVELS, Action, changing, given, reading
from .asking import async_ask, on_behalf_of
from .contract import AlertStatus, PathMove
from .coordinator import HomeSentryCoordinator

_SPAN: Final = ("days", "start", "end", "time_zone")
_GIVEN: Final = (
    *("name", "enabled", "risk_threshold", "levels", "object_types", "camera_ids", "zone_ids", "min_confidence"),
    *("moves", "zone_sequence", "severity", "channels", "cooldown_s", "dedup_key"),
)


async def _set(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    """Make a rule, write one anew, or, without a name, change what is given of it."""
    args = given(call, *_GIVEN) | on_behalf_of(call.context)
    if any(name in call.data for name in _SPAN):
        args["schedule"] = _schedule(call.data)
    rule_id = call.data.get("rule_id")
    if rule_id is None:
        command = "create_rule"
    else:
        args["rule_id"] = rule_id
        command = "put_rule" if "name" in call.data else "change_rule"
    return await async_ask(coordinator, command, args)


def _schedule(data: dict[str, Any]) -> dict[str, Any]:
    start, end = data.get("start", time.min), data.get("end", time.min)
    return {
        "days": [DAYS.index(day) for day in data.get("days", ())],
        "start": f"{start:%H:%M}",
        "end": f"{end:%H:%M}",
        "timezone": data.get("time_zone"),
    }


async def _list_alerts(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    args = given(call, "status", "severity", "rule_id", "event_id", "limit")
    if "camera_id" in call.data:
        args["camera"] = call.data["camera_id"]
    return await async_ask(coordinator, "list_alerts", args)


def _texts(most: int) -> Any:
    return vol.All(cv.ensure_list, [cv.string], vol.Length(max=most))


def _words(words: tuple[str, ...]) -> Any:
    return vol.All(cv.ensure_list, [vol.In(words)])


_RULE: Final[dict[Any, Any]] = {
    **ENTRY,
    vol.Optional("rule_id"): cv.string,
    vol.Optional("name"): vol.All(cv.string, vol.Length(min=1, max=64)),
    vol.Optional("enabled"): cv.boolean,
    vol.Optional("risk_threshold"): vol.All(vol.Coerce(int), vol.Range(min=0, max=100)),
    vol.Optional("levels"): _words(LEVELS),
    **{
        vol.Optional(name): _texts(32)
        for name in ("object_types", "camera_ids", "zone_ids", "zone_sequence", "channels")
    },
    vol.Optional("min_confidence"): vol.All(vol.Coerce(float), vol.Range(min=0, max=1)),
    vol.Optional("days"): _words(DAYS),
    vol.Optional("start"): cv.time,
    vol.Optional("end"): cv.time,
    vol.Optional("time_zone"): cv.time_zone,
    vol.Optional("moves"): _words(PathMove.words()),
    vol.Optional("severity"): vol.In(LEVELS),
    vol.Optional("cooldown_s"): vol.All(vol.Coerce(int), vol.Range(min=0, max=604800)),
    vol.Optional("dedup_key"): vol.All(cv.string, vol.Length(min=1, max=200)),
}
_ONE_RULE: Final[dict[Any, Any]] = {**ENTRY, vol.Required("rule_id"): cv.string}
_ONE_ALERT: Final[dict[Any, Any]] = {**ENTRY, vol.Required("alert_id"): cv.string}
_LIMIT: Final[dict[Any, Any]] = {vol.Optional("limit", default=50): vol.All(vol.Coerce(int), vol.Range(min=1, max=200))}
_ONLY: Final = SupportsResponse.ONLY
ALERT_ACTIONS: Final = (
    Action(name="list_alert_rules", schema=vol.Schema(ENTRY), do=reading("list_rules"), response=_ONLY),
    Action(
        name="set_alert_rule",
        schema=vol.Schema(vol.All(_RULE, cv.has_at_least_one_key("rule_id", "name"))),
        do=_set,
        admin=True,
    ),
    Action(
        name="delete_alert_rule",
        schema=vol.Schema(_ONE_RULE),
        do=changing("delete_rule", "rule_id"),
        admin=True,
    ),
    Action(
        name="test_rule",
        schema=vol.Schema({**_ONE_RULE, vol.Optional("event_ids"): vol.All(_texts(100), vol.Length(min=1)), **_LIMIT}),
        do=reading("test_rule", "rule_id", "event_ids", "limit"),
        response=_ONLY,
    ),
    Action(
        name="list_alerts",
        schema=vol.Schema(
            {
                **ENTRY,
                vol.Optional("status"): vol.In(AlertStatus.words()),
                vol.Optional("severity"): vol.In(LEVELS),
                **{vol.Optional(name): cv.string for name in ("camera_id", "rule_id", "event_id")},
                **_LIMIT,
            }
        ),
        do=_list_alerts,
        response=_ONLY,
    ),
    Action(
        name="acknowledge_alert",
        schema=vol.Schema(_ONE_ALERT),
        do=changing("acknowledge_alert", "alert_id"),
    ),
    Action(name="dismiss_alert", schema=vol.Schema(_ONE_ALERT), do=changing("dismiss_alert", "alert_id")),
)
