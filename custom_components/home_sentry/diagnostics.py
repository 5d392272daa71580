"""What a user may attach to a report: state of engine and cameras without anything private."""

from typing import Any, Final

from homeassistant.components.diagnostics import REDACTED, async_redact_data
from homeassistant.const import CONF_TOKEN, CONF_URL
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr

from .const import (
    DOMAIN,
    OPTION_ALARMS,
    OPTION_CONTACTS,
    OPTION_GUESTS,
    OPTION_PRESENCE,
    OPTION_VISITORS,
    OPTION_WEATHER,
)
from .contract import VERSION, Status, to_plain
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .devices import camera_key

TO_REDACT: Final = {
    CONF_TOKEN,
    CONF_URL,
    OPTION_ALARMS,
    OPTION_CONTACTS,
    OPTION_GUESTS,
    OPTION_PRESENCE,
    OPTION_VISITORS,
    OPTION_WEATHER,
    "analysis_detail",
    "camera_name",
    "ceiling_reason",
    "comment",
    "evidence",
    "floor_reason",
    "name",
    "notes",
    "reasoning",
    "reviewed_by",
    "recommended_action",
    "status_reason",
    "subject",
    "summary",
    "text",
    "unsupported",
    "user",
}
# parts that stand for one channel of notifications: what they say names people and their addresses
_OF_PEOPLE: Final = "notify:"
# how reasons of broken rules begin; what follows names zones, cameras or what somebody wrote
_KINDS: Final = ("there is no camera", "there is no zone", "there is no time zone", "the zone")


async def async_get_config_entry_diagnostics(hass: HomeAssistant, entry: HomeSentryConfigEntry) -> dict[str, Any]:
    """Give entry, connection, engine and all cameras."""
    coordinator = entry.runtime_data
    mirror = coordinator.data
    return async_redact_data(
        {
            "version": VERSION,
            "entry": {"data": dict(entry.data), "options": dict(entry.options)},
            "connection": {"state": coordinator.state, "cursor": mirror.cursor},
            "info": to_plain(mirror.info) if mirror.info else None,
            "status": _status(mirror.status) if mirror.status else None,
            "parts": [to_plain(part) for part in coordinator.parts.known],
            "cameras": [_camera(coordinator, camera.id) for camera in mirror.cameras],
        },
        TO_REDACT,
    )


async def async_get_device_diagnostics(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, device: dr.AnyDeviceEntry
) -> dict[str, Any]:
    """Give one camera, or everything for the engine's own device."""
    coordinator = entry.runtime_data
    for camera in coordinator.data.cameras:
        if (DOMAIN, camera_key(coordinator.instance_id, camera.id)) in device.identifiers:
            return async_redact_data({"version": VERSION, "camera": _camera(coordinator, camera.id)}, TO_REDACT)
    return await async_get_config_entry_diagnostics(hass, entry)


def _status(status: Status) -> dict[str, Any]:
    components = [to_plain(part) for part in status.components]
    for part in components:
        if part["id"].startswith(_OF_PEOPLE) and part["reason"] is not None:
            part["reason"] = REDACTED
    plain: dict[str, Any] = to_plain(status)
    return plain | {
        "components": components,
        "mode_causes": [_cause(cause) for cause in status.mode_causes],
        "broken_rules": [_kind(reason) for reason in status.broken_rules.values()],
    }


def _cause(cause: str) -> str:
    """Leave which part it is; the id of a channel says nothing, and has no space."""
    return f"{cause.split(': ', 1)[0]}: {REDACTED}" if cause.startswith(_OF_PEOPLE) else cause


def _kind(reason: str) -> str:
    """Leave what is wrong with a rule, not with which zone."""
    return " ".join((*(kind for kind in _KINDS if reason.startswith(f"{kind} ")), REDACTED))


def _camera(coordinator: HomeSentryCoordinator, camera_id: str) -> dict[str, Any]:
    camera = coordinator.data.camera(camera_id)
    events = coordinator.data.events(camera_id)
    return {"camera": to_plain(camera) if camera else None, "events": [to_plain(event) for event in events]}
