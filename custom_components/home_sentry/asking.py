"""Commands to the engine on behalf of a person: who may give them, and what Home Assistant shows when they fail."""

from typing import Any, Final

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError

from .client import ClientError
from .const import DOMAIN
from .contract import WireError
from .contract.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unprocessable
from .coordinator import HomeSentryCoordinator

DEADLINE_S: Final = 10.0
_THEIR_MISTAKE: Final = (Conflict, Forbidden, InvalidRequest, NotFound, Unprocessable)


async def async_ask(
    coordinator: HomeSentryCoordinator, name: str, args: dict[str, Any], *, deadline_s: float = DEADLINE_S
) -> dict[str, Any]:
    """Give a command; raises ``ServiceValidationError`` for what was asked, else ``HomeAssistantError``."""
    try:
        answer: dict[str, Any] = await coordinator.async_command(name, args, deadline_s=deadline_s)
    except _THEIR_MISTAKE as err:
        raise command_refused(err) from err
    except (ClientError, WireError) as err:
        raise command_failed(err) from err
    return answer


def command_refused(err: WireError) -> HomeAssistantError:
    """Say why the engine refused; where that was not the asking person's mistake, that it failed."""
    if not isinstance(err, _THEIR_MISTAKE):
        return command_failed(err)
    return ServiceValidationError(
        translation_domain=DOMAIN, translation_key="command_refused", translation_placeholders={"reason": str(err)}
    )


def command_failed(err: ClientError | WireError) -> HomeAssistantError:
    """Say why the engine could not do what was asked."""
    return HomeAssistantError(
        translation_domain=DOMAIN, translation_key="command_failed", translation_placeholders={"reason": str(err)}
    )


async def async_require_admin(hass: HomeAssistant, context: Context | None) -> None:
    """Raise ``ServiceValidationError`` where a person asks who is no administrator; automations may."""
    if context is None or context.user_id is None:
        return
    user = await hass.auth.async_get_user(context.user_id)
    if user is None or not user.is_admin:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="admin_only")


def on_behalf_of(context: Context | None) -> dict[str, Any]:
    """Give the argument that names the person to the engine's audit; empty for an automation."""
    return {"user": context.user_id} if context is not None and context.user_id is not None else {}
