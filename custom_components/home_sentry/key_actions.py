"""Actions about the keys of an engine: who else may ask it, for what, and for which cameras."""

from typing import Any, Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
from homeassistant.util import dt as dt_util
import probatio as vol

from .acting import ENTRY, Action, changing, reading
from .asking import async_ask, on_behalf_of
from .contract import KeyRole
from .coordinator import HomeSentryCoordinator

ROLES: Final = (KeyRole.VIEWER.value, KeyRole.OPERATOR.value, KeyRole.ADMIN.value)


async def _create(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    args = {"name": call.data["name"], "role": call.data["role"], **on_behalf_of(call.context)}
    if "camera_id" in call.data:
        args["cameras"] = call.data["camera_id"]
    if "expires_at" in call.data:
        args["expires_at"] = dt_util.as_utc(call.data["expires_at"]).isoformat()
    return await async_ask(coordinator, "create_key", args)


KEY_ACTIONS: Final = (
    Action(
        name="list_keys", schema=vol.Schema(ENTRY), do=reading("list_keys"), admin=True, response=SupportsResponse.ONLY
    ),
    Action(
        name="create_key",
        schema=vol.Schema(
            {
                **ENTRY,
                vol.Required("name"): vol.All(cv.string, vol.Length(min=1, max=64)),
                vol.Required("role"): vol.In(ROLES),
                vol.Optional("camera_id"): vol.All(cv.ensure_list, [cv.string], vol.Length(max=64)),
                vol.Optional("expires_at"): cv.datetime,
            }
        ),
        do=_create,
        admin=True,
        # the secret is given this once: nobody is to make a key without reading it
        response=SupportsResponse.ONLY,
    ),
    Action(
        name="revoke_key",
        schema=vol.Schema({**ENTRY, vol.Required("key_id"): vol.All(cv.string, vol.Length(max=64))}),
        do=changing("revoke_key", "key_id"),
        admin=True,
    ),
)
