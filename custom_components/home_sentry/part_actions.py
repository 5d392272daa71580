"""Actions about the parts of an engine: how each is and begins anew, and start, stop, restart, enable, disable."""

from typing import Any, Final

from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .acting import ENTRY, Action, reading
from .asking import async_ask, on_behalf_of
from .coordinator import HomeSentryCoordinator

VERBS: Final = ("start", "stop", "restart", "enable", "disable")


async def _control(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
    args = {"component_id": call.data["component_id"], **on_behalf_of(call.context)}
    return await async_ask(coordinator, f"{call.data['verb']}_component", args)


PART_ACTIONS: Final = (
    Action(name="list_parts", schema=vol.Schema(ENTRY), do=reading("list_components"), response=SupportsResponse.ONLY),
    Action(
        name="control_part",
        schema=vol.Schema(
            {
                **ENTRY,
                vol.Required("component_id"): vol.All(cv.slug, vol.Length(max=64)),
                vol.Required("verb"): vol.In(VERBS),
            }
        ),
        do=_control,
        admin=True,
    ),
)
