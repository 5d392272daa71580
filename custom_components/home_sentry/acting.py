"""What an action of Home Sentry is, and what its schema is made of."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from homeassistant.const import ATTR_CONFIG_ENTRY_ID
from homeassistant.core import ServiceCall, SupportsResponse
from homeassistant.helpers import config_validation as cv
import probatio as vol

from .coordinator import HomeSentryCoordinator

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
