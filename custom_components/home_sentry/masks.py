"""Actions about the privacy masks of a camera."""

from typing import Any, Final

from homeassistant.core import SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import ENTRY, Action, changing, reading

_CAMERA: Final[dict[Any, Any]] = {**ENTRY, vol.Required("camera_id"): cv.string}
_POINT: Final = vol.All([vol.All(vol.Coerce(float), vol.Range(min=0, max=1))], vol.Length(min=2, max=2))
_MASK: Final[dict[Any, Any]] = {
    vol.Optional("name"): vol.All(cv.string, vol.Length(min=1, max=64)),
    vol.Required("points"): vol.All([_POINT], vol.Length(min=3, max=64)),
    vol.Optional("modes"): vol.All(cv.ensure_list, [cv.string]),
}
MASK_ACTIONS: Final = (
    Action(
        name="list_masks",
        schema=vol.Schema(_CAMERA),
        do=reading("list_masks", "camera_id"),
        response=SupportsResponse.ONLY,
    ),
    Action(
        name="set_masks",
        schema=vol.Schema({**_CAMERA, vol.Required("masks"): vol.All([_MASK], vol.Length(max=32))}),
        do=changing("set_masks", "camera_id", "masks"),
        admin=True,
    ),
)
