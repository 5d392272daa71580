"""Which certificate an entry trusts: the one that the user confirmed, and the one that its engine announced."""

from collections.abc import Mapping
from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession

from .client import CertificateChanged, Engine
from .const import CONF_FINGERPRINT, CONF_NEXT_FINGERPRINT
from .contract import Info


@callback
def engine_of(hass: HomeAssistant, data: Mapping[str, Any]) -> Engine:
    """Give the engine of an entry's data, with its certificate pinned where the user confirmed one."""
    session = async_get_clientsession(hass, verify_ssl=data[CONF_VERIFY_SSL])
    return Engine(session, data[CONF_URL], data[CONF_TOKEN], fingerprint=data.get(CONF_FINGERPRINT))


@callback
def remember_next(hass: HomeAssistant, entry: ConfigEntry[Any], info: Info) -> None:
    """Keep which certificate the engine will show next; it says so over the pinned connection, so that it counts."""
    if CONF_FINGERPRINT not in entry.data or info.tls_next_fingerprint == entry.data.get(CONF_NEXT_FINGERPRINT):
        return
    data = {key: value for key, value in entry.data.items() if key != CONF_NEXT_FINGERPRINT}
    if info.tls_next_fingerprint is not None:
        data[CONF_NEXT_FINGERPRINT] = info.tls_next_fingerprint
    hass.config_entries.async_update_entry(entry, data=data)


@callback
def is_announced(entry: ConfigEntry[Any], err: Exception | None) -> bool:
    """Tell whether the engine shows the certificate that it had announced."""
    return isinstance(err, CertificateChanged) and err.found == entry.data.get(CONF_NEXT_FINGERPRINT)


@callback
def follow(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Pin the announced certificate from now on."""
    data = dict(entry.data)
    data[CONF_FINGERPRINT] = data.pop(CONF_NEXT_FINGERPRINT)
    hass.config_entries.async_update_entry(entry, data=data)
