"""Lines for Home Assistant's page on system health."""

from typing import Any

from homeassistant.components import system_health
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback

from .const import DOMAIN
from .contract import VERSION
from .coordinator import HomeSentryCoordinator


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
        lines[f"can_reach_engine{suffix}"] = system_health.async_check_can_reach_url(
            hass, f"{entry.data[CONF_URL]}/health"
        )
        if entry.state is ConfigEntryState.LOADED:
            coordinator: HomeSentryCoordinator = entry.runtime_data
            info, status = coordinator.data.info, coordinator.data.status
            lines[f"engine_version{suffix}"] = info.version if info else None
            lines[f"mode{suffix}"] = status.mode.value if status and coordinator.connected else "unavailable"
    return lines
