"""Home Sentry: AI home security that runs at home. This side brings the engine's state into Home Assistant."""

from typing import Final

from homeassistant.const import CONF_URL, Platform
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ConfigEntryAuthFailed, ConfigEntryNotReady
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.typing import ConfigType

from .actions import async_setup_actions
from .client import (
    CertificateChanged,
    ClientError,
    ConnectionState,
    Engine,
    Incompatible,
    Refused,
    Untrusted,
    WrongEngine,
)
from .clips import async_setup_clips
from .const import DOMAIN
from .contract import Info
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator, store_of
from .devices import camera_key
from .issues import Issues
from .looking_back import async_setup_looking_back
from .trust import engine_of, follow, is_announced, remember_next

PLATFORMS: Final = (
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.CAMERA,
    Platform.EVENT,
    Platform.IMAGE,
    Platform.SENSOR,
    Platform.SWITCH,
)
CONFIG_SCHEMA: Final = cv.config_entry_only_config_schema(DOMAIN)


async def async_setup(hass: HomeAssistant, config: ConfigType) -> bool:
    """Register the actions, so that automations with them are valid whatever the engine does."""
    async_setup_actions(hass)
    async_setup_clips(hass)
    async_setup_looking_back(hass)
    return True


async def async_setup_entry(hass: HomeAssistant, entry: HomeSentryConfigEntry) -> bool:
    """Connect to the engine, then add its devices and entities."""
    try:
        engine, info = await _answering(hass, entry)
        if entry.unique_id is not None and info.instance_id != entry.unique_id:
            raise WrongEngine(expected=entry.unique_id, found=info.instance_id)
    except (Refused, Untrusted) as err:
        key = "refused" if isinstance(err, Refused) else "untrusted"
        raise ConfigEntryAuthFailed(translation_domain=DOMAIN, translation_key=key) from err
    except ClientError as err:
        raise _not_ready(hass, entry, err) from err
    remember_next(hass, entry, info)
    coordinator = HomeSentryCoordinator(hass, entry, engine, info)
    await coordinator.async_config_entry_first_refresh()
    entry.runtime_data = coordinator
    await hass.config_entries.async_forward_entry_setups(entry, PLATFORMS)
    coordinator.async_start_telling()
    return True


async def async_unload_entry(hass: HomeAssistant, entry: HomeSentryConfigEntry) -> bool:
    """End the connection, remember what was told, and take the entities away."""
    await entry.runtime_data.async_leave()
    return await hass.config_entries.async_unload_platforms(entry, PLATFORMS)


async def async_remove_entry(hass: HomeAssistant, entry: HomeSentryConfigEntry) -> None:
    """Leave nothing behind."""
    Issues(hass, entry).clear()
    await store_of(hass, entry.entry_id).async_remove()


async def async_remove_config_entry_device(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, device: dr.AnyDeviceEntry
) -> bool:
    """Allow the removal of cameras that the engine does not know (any more)."""
    coordinator = entry.runtime_data
    known = {(DOMAIN, camera_key(coordinator.instance_id, camera.id)) for camera in coordinator.data.cameras}
    known.add((DOMAIN, coordinator.instance_id))
    return not device.identifiers & known


async def _answering(hass: HomeAssistant, entry: HomeSentryConfigEntry) -> tuple[Engine, Info]:
    """Ask the engine who it is, following it to the certificate that it had announced."""
    engine = engine_of(hass, entry.data)
    try:
        return engine, await engine.info()
    except CertificateChanged as err:
        if not is_announced(entry, err):
            raise
    follow(hass, entry)
    engine = engine_of(hass, entry.data)
    return engine, await engine.info()


def _not_ready(hass: HomeAssistant, entry: HomeSentryConfigEntry, err: ClientError) -> ConfigEntryNotReady:
    """Let Home Assistant try again by itself; where the user can help, an issue says how."""
    state = ConnectionState.INCOMPATIBLE if isinstance(err, Incompatible) else ConnectionState.LOST
    Issues(hass, entry).connection(state, err)
    key = {Incompatible: "incompatible", WrongEngine: "wrong_engine"}.get(type(err), "unreachable")
    return ConfigEntryNotReady(
        translation_domain=DOMAIN,
        translation_key=key,
        translation_placeholders={"url": entry.data[CONF_URL], "reason": str(err)},
    )
