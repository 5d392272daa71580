"""Lines for Home Assistant's page on system health."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, callback

from .client import ClientError, Engine, Untrusted
from .const import DOMAIN
from .contract import VERSION
from .coordinator import HomeSentryCoordinator
from .trust import engine_of


@callback
def async_register(hass: HomeAssistant, register: system_health.SystemHealthRegistration) -> None:
    """Register the lines."""
    register.async_register_info(_lines)


async def _lines(hass: HomeAssistant) -> dict[str, Any]:
    """Give version, and for each engine whether it answers, its version and mode."""
    lines: dict[str, Any] = {"version": VERSION}
    entries = hass.config_entries.async_entries(DOMAIN, include_ignore=False, include_disabled=False)
    for number, entry in enumerate(entries, start=1):
        suffix = "" if number == 1 else f" {number}"
        lines[f"can_reach_engine{suffix}"] = _answers(engine_of(hass, entry.data))
        if entry.state is ConfigEntryState.LOADED:
            coordinator: HomeSentryCoordinator = entry.runtime_data
            info, status = coordinator.data.info, coordinator.data.status
            lines[f"engine_version{suffix}"] = info.version if info else None
            lines[f"mode{suffix}"] = status.mode.value if status and coordinator.connected else "unavailable"
    return lines


async def _answers(engine: Engine) -> str | dict[str, str]:
    try:
        await engine.alive()
    except ClientError as err:
        return {"type": "failed", "error": "untrusted" if isinstance(err, Untrusted) else "unreachable"}
    return "ok"
