"""Actions about the zones of a camera."""

from typing import Any, Final

from homeassistant.core import SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import ENTRY, Action, changing, reading
from .contract import ZoneType

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


_CAMERA: Final[dict[Any, Any]] = {**ENTRY, vol.Required("camera_id"): cv.string}
_FRACTION: Final = vol.All(vol.Coerce(float), vol.Range(min=0, max=1))
_POINT: Final = vol.All([_FRACTION], vol.Length(min=2, max=2))
_ZONE: Final[dict[Any, Any]] = {
    **_CAMERA,
    vol.Optional("zone_id"): cv.string,
    vol.Required("name"): vol.All(cv.string, vol.Length(min=1, max=64)),
    vol.Optional("type"): vol.In(ZoneType.words()),
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
ZONE_ACTIONS: Final = (
    Action(
        name="list_zones",
        schema=vol.Schema(_CAMERA),
        do=reading("list_zones", "camera_id"),
        response=SupportsResponse.ONLY,
    ),
    Action(
        name="set_zone",
        schema=vol.All(_ZONE, cv.has_at_least_one_key("points", "rectangle")),
        do=changing("set_zone", *_GIVEN),
        admin=True,
    ),
    Action(
        name="remove_zone",
        schema=vol.Schema({**_CAMERA, vol.Required("zone_id"): cv.string}),
        do=changing("remove_zone", "camera_id", "zone_id"),
        admin=True,
    ),
)
