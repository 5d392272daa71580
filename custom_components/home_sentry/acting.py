"""What an action of Home Sentry is, what its schema is made of, and the plain ones: one command to the engine."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .asking import DEADLINE_S, async_ask, on_behalf_of
from .contract import RiskLevel
from .coordinator import HomeSentryCoordinator

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LEVELS: Final = RiskLevel.words()
ENTRY: Final[dict[Any, Any]] = {vol.Optional(ATTR_CONFIG_ENTRY_ID): cv.string}
EVENT: Final[dict[Any, Any]] = {**ENTRY, vol.Required("event_id"): cv.string}

type Doing = Callable[[HomeSentryCoordinator, ServiceCall], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action; an ``admin`` one changes what cannot be taken back, lies in the trash, or says whom to trust."""

    name: str
    schema: Any
    do: Doing
    admin: bool = False
    response: SupportsResponse = SupportsResponse.OPTIONAL


def reading(command: str, *names: str) -> Doing:
    """Make what asks the engine something, with those of the named arguments that the call has."""

    async def do(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
        return await async_ask(coordinator, command, given(call, *names))

    return do


def changing(command: str, *names: str, deadline_s: float = DEADLINE_S) -> Doing:
    """Make what has the engine change something, with those arguments, in the name of who calls."""

    async def do(coordinator: HomeSentryCoordinator, call: ServiceCall) -> dict[str, Any]:
        args = given(call, *names) | on_behalf_of(call.context)
        return await async_ask(coordinator, command, args, deadline_s=deadline_s)

    return do


def given(call: ServiceCall, *names: str) -> dict[str, Any]:
    """Give those of the named arguments that the call has."""
    return {name: call.data[name] for name in names if name in call.data}
