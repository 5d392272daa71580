"""Actions about the zones of a camera."""

from typing import Any, Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import ENTRY, Action
from .asking import async_ask, on_behalf_of
from .contract import ZoneType
from .coordinator import HomeSentryCoordinator

_GIVEN: Final = (
    "camera_id",
    "zone_id",
    "name",
    "type",
    "points",
    "rectangle",
    "enabled",
    "priority",
    "colour",
    "inside",
    "loitering_s",
    "required_for",
    "line",
)


async def _list(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    answer: dict[str, Any] = await async_ask(coordinator, "list_zones", {"camera_id": call.data["camera_id"]})
    return answer


async def _set(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    args = {name: call.data[name] for name in _GIVEN if name in call.data}
    answer: dict[str, Any] = await async_ask(coordinator, "set_zone", args | on_behalf_of(call.context))
    return answer


async def _remove(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    args = {name: call.data[name] for name in ("camera_id", "zone_id")}
    answer: dict[str, Any] = await async_ask(coordinator, "remove_zone", args | on_behalf_of(call.context))
    return answer


_CAMERA: Final[dict[Any, Any]] = {**ENTRY, vol.Required("camera_id"): cv.string}
_FRACTION: Final = vol.All(vol.Coerce(float), vol.Range(min=0, max=1))
_POINT: Final = vol.All([_FRACTION], vol.Length(min=2, max=2))
_TYPES: Final = [one.value for one in ZoneType if one is not ZoneType.UNKNOWN]
_ZONE: Final[dict[Any, Any]] = {
    **_CAMERA,
    vol.Optional("zone_id"): cv.string,
    vol.Required("name"): vol.All(cv.string, vol.Length(min=1, max=64)),
    vol.Optional("type"): vol.In(_TYPES),
    vol.Exclusive("points", "shape"): vol.All([_POINT], vol.Length(min=3, max=64)),
    vol.Exclusive("rectangle", "shape"): vol.All([_FRACTION], vol.Length(min=4, max=4)),
    vol.Optional("enabled"): cv.boolean,
    vol.Optional("priority"): vol.All(vol.Coerce(int), vol.Range(min=0, max=100)),
    vol.Optional("colour"): cv.matches_regex(r"^#[0-9A-Fa-f]{6}$"),
    vol.Optional("inside"): cv.boolean,
    vol.Optional("loitering_s"): vol.All(vol.Coerce(float), vol.Range(min=1, max=86400)),
    vol.Optional("required_for"): vol.All(cv.ensure_list, [cv.string]),
    vol.Optional("line"): vol.All([_POINT], vol.Length(min=2, max=2)),
}
_LIST: Final = SupportsResponse.ONLY
ZONE_ACTIONS: Final = (
    Action(name="list_zones", schema=vol.Schema(_CAMERA), do=_list, response=_LIST),
    Action(
        name="set_zone",
        schema=vol.All(_ZONE, cv.has_at_least_one_key("points", "rectangle")),
        do=_set,
        admin=True,
    ),
    Action(
        name="remove_zone", schema=vol.Schema({**_CAMERA, vol.Required("zone_id"): cv.string}), do=_remove, admin=True
    ),
)
