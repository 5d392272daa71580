"""Set-up by hand, by zeroconf and by the Supervisor; new token, new address, options."""

from collections.abc import Mapping
from typing import Any, Final, override

from homeassistant import config_entries
from homeassistant.config_entries import ConfigEntryState, ConfigFlow, ConfigFlowResult, OptionsFlowWithReload
from homeassistant.const import CONF_HOST, CONF_PORT, CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import callback
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.selector import (
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    TextSelector,
    TextSelectorConfig,
    TextSelectorType,
)
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import probatio as vol

from .client import (
    BadAnswer,
    CertificateChanged,
    ClientError,
    Incompatible,
    InvalidAddress,
    NotAllPowers,
    Refused,
    Untrusted,
    engine_url,
    grouped,
    shown_fingerprint,
)
from .const import (
    CONF_FINGERPRINT,
    CONF_NEXT_FINGERPRINT,
    DEFAULT_HALF_LIFE_MIN,
    DOMAIN,
    OPTION_ALARMS,
    OPTION_CONTACTS,
    OPTION_GUESTS,
    OPTION_HALF_LIFE,
    OPTION_PRESENCE,
    OPTION_SUN,
    OPTION_VISITORS,
    OPTION_WEATHER,
)
from .contract import Info
from .coordinator import HomeSentryConfigEntry
from .trust import engine_of

_TOKEN: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.PASSWORD, autocomplete="off"))
_ADDRESS: Final = TextSelector(TextSelectorConfig(type=TextSelectorType.TEXT, autocomplete="url"))
_USER: Final = vol.Schema(
    {
        vol.Required(CONF_URL): _ADDRESS,
        vol.Required(CONF_TOKEN): _TOKEN,
        vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
    }
)
_RECONFIGURE: Final = vol.Schema(
    {
        vol.Required(CONF_URL): _ADDRESS,
        vol.Optional(CONF_TOKEN): _TOKEN,
        vol.Required(CONF_VERIFY_SSL, default=True): BooleanSelector(),
    }
)
_ONLY_TOKEN: Final = vol.Schema({vol.Required(CONF_TOKEN): _TOKEN})


def _entities(*domains: str) -> EntitySelector:
    return EntitySelector(EntitySelectorConfig(domain=list(domains), multiple=True))


_OPTIONS: Final = vol.Schema(
    {
        vol.Required(OPTION_HALF_LIFE, default=DEFAULT_HALF_LIFE_MIN): NumberSelector(
            NumberSelectorConfig(min=1, max=240, step=1, mode=NumberSelectorMode.BOX, unit_of_measurement="min")
        ),
        vol.Optional(OPTION_ALARMS): _entities("alarm_control_panel"),
        vol.Optional(OPTION_PRESENCE): _entities("person", "device_tracker", "group", "zone", "input_boolean"),
        vol.Optional(OPTION_CONTACTS): _entities("binary_sensor", "cover", "lock"),
        vol.Optional(OPTION_VISITORS): EntitySelector(EntitySelectorConfig(domain="calendar")),
        vol.Optional(OPTION_GUESTS): EntitySelector(
            EntitySelectorConfig(domain=["input_boolean", "binary_sensor", "switch", "schedule", "group"])
        ),
        vol.Optional(OPTION_WEATHER): EntitySelector(EntitySelectorConfig(domain="weather")),
        vol.Required(OPTION_SUN, default=False): BooleanSelector(),
    }
)
_ERRORS: Final[dict[type[Exception], tuple[str, str]]] = {
    InvalidAddress: (CONF_URL, "invalid_url"),
    Refused: (CONF_TOKEN, "invalid_auth"),
    NotAllPowers: (CONF_TOKEN, "admin_key_needed"),
    Incompatible: ("base", "incompatible"),
    BadAnswer: (CONF_URL, "not_an_engine"),
}
_RETRYING: Final = (ConfigEntryState.LOADED, ConfigEntryState.SETUP_ERROR, ConfigEntryState.SETUP_RETRY)


class HomeSentryConfigFlow(ConfigFlow, domain=DOMAIN):
    """Every way in asks the engine itself before an entry is made."""

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Start without an address."""
        self._found: dict[str, Any] = {}
        self._name = ""
        self._wanted: Mapping[str, Any] = {}
        self._trusted: str | None = None
        self._offered: str | None = None
        self._placeholders: dict[str, str] = {}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: HomeSentryConfigEntry) -> HomeSentryOptionsFlow:
        """Give the options flow."""
        return HomeSentryOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for address and token."""
        errors: dict[str, str] = {}
        if user_input is not None:
            result, errors = await self._tried(user_input)
            if result is not None:
                return result
        return self._form("user", _USER, user_input, errors)

    @override
    async def async_step_zeroconf(self, discovery_info: ZeroconfServiceInfo) -> ConfigFlowResult:
        """Take up an engine that announces itself on the network."""
        properties = discovery_info.properties
        instance_id = properties.get("instance_id")
        if not instance_id or discovery_info.port is None:
            return self.async_abort(reason="invalid_discovery_info")
        await self.async_set_unique_id(instance_id)
        if _is_true(properties.get("app")):
            self._abort_if_unique_id_configured()
            return self.async_abort(reason="discovered_as_app")
        scheme = "https" if _is_true(properties.get("tls")) else "http"
        url = _url(scheme, discovery_info.host, discovery_info.port)
        self._abort_if_unique_id_configured(updates=self._moved(url))
        self._name = properties.get("name") or discovery_info.name.split(".")[0]
        self._found = {CONF_URL: url, CONF_VERIFY_SSL: True}
        self._placeholders = {"name": self._name, "url": url}
        self.context["title_placeholders"] = {"name": self._name}
        return await self.async_step_zeroconf_confirm()

    async def async_step_zeroconf_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for the token of the engine that was found."""
        errors: dict[str, str] = {}
        if user_input is not None:
            result, errors = await self._tried({**self._found, **user_input})
            if result is not None:
                return result
        return self._form("zeroconf_confirm", _ONLY_TOKEN, None, errors)

    @override
    async def async_step_hassio(self, discovery_info: HassioServiceInfo) -> ConfigFlowResult:
        """Take up the engine that runs as an app; the Supervisor brings the token."""
        config = discovery_info.config
        if not {"host", "port", "token"} <= config.keys():
            return self.async_abort(reason="invalid_discovery_info")
        found = {
            CONF_URL: _url("http", config[CONF_HOST], config[CONF_PORT]),
            CONF_TOKEN: config[CONF_TOKEN],
            CONF_VERIFY_SSL: True,
        }
        info, errors = await self._asked(found)
        if info is None:
            return self.async_abort(reason=next(iter(errors.values())), description_placeholders=self._placeholders)
        entry = await self.async_set_unique_id(info.instance_id)
        if entry is not None:
            changed = self.hass.config_entries.async_update_entry(entry, data={**entry.data, **self._found})
            if entry.state in _RETRYING and (changed or entry.state is not ConfigEntryState.LOADED):
                self.hass.config_entries.async_schedule_reload(entry.entry_id)
            return self.async_abort(reason="already_configured")
        self._name = info.name
        self._placeholders = {"app": str(config.get("addon", discovery_info.name)), "url": self._found[CONF_URL]}
        return await self.async_step_hassio_confirm()

    async def async_step_hassio_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Never make an entry unasked."""
        if user_input is not None:
            return self.async_create_entry(title=self._name, data=self._found)
        return self._form("hassio_confirm", vol.Schema({}), None, {})

    async def async_step_reauth(self, entry_data: Mapping[str, Any]) -> ConfigFlowResult:
        """Start when the engine refused the token, or shows a certificate that nobody vouches for."""
        if entry_data[CONF_URL].startswith("https:"):
            info, _errors = await self._asked(entry_data)
            if info is None and self._offered is not None:
                return await self._certificate_form()
        return await self.async_step_reauth_confirm()

    async def async_step_reauth_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a new token."""
        entry = self._get_reauth_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            result, errors = await self._tried({**entry.data, **user_input})
            if result is not None:
                return result
        self._placeholders |= {"name": entry.title, "url": entry.data[CONF_URL]}
        return self._form("reauth_confirm", _ONLY_TOKEN, None, errors)

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask for a new address; an empty token keeps the old one."""
        entry = self._get_reconfigure_entry()
        errors: dict[str, str] = {}
        if user_input is not None:
            kept = {key: entry.data[key] for key in (CONF_TOKEN, CONF_FINGERPRINT) if key in entry.data}
            result, errors = await self._tried({**kept, **user_input})
            if result is not None:
                return result
        shown = user_input or {key: entry.data[key] for key in (CONF_URL, CONF_VERIFY_SSL)}
        return self._form("reconfigure", _RECONFIGURE, shown, errors)

    async def async_step_certificate(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Take the certificate that was shown as the engine's, now that the user has compared it."""
        if user_input is None or self._offered is None:
            return await self._certificate_form()
        self._trusted, self._offered = self._offered, None
        result, errors = await self._tried(self._wanted)
        if result is not None:
            return result
        match self.source:
            case config_entries.SOURCE_REAUTH:
                return self._form("reauth_confirm", _ONLY_TOKEN, None, errors)
            case config_entries.SOURCE_RECONFIGURE:
                return self._form("reconfigure", _RECONFIGURE, self._wanted, errors)
            case config_entries.SOURCE_ZEROCONF:
                return self._form("zeroconf_confirm", _ONLY_TOKEN, None, errors)
        return self._form("user", _USER, self._wanted, errors)

    async def async_step_certificate_changed(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Do the same where another certificate was trusted so far."""
        return await self.async_step_certificate(user_input)

    async def _tried(self, data: Mapping[str, Any]) -> tuple[ConfigFlowResult | None, dict[str, str]]:
        """Give what follows from the engine's answer: an entry, a question about its certificate, or errors."""
        info, errors = await self._asked(data)
        if info is not None:
            return await self._concluded(info), {}
        if self._offered is not None:
            return await self._certificate_form(), {}
        return None, errors

    async def _concluded(self, info: Info) -> ConfigFlowResult:
        match self.source:
            case config_entries.SOURCE_REAUTH | config_entries.SOURCE_RECONFIGURE:
                reauth = self.source == config_entries.SOURCE_REAUTH
                entry = self._get_reauth_entry() if reauth else self._get_reconfigure_entry()
                await self.async_set_unique_id(info.instance_id)
                self._abort_if_unique_id_mismatch(reason="wrong_engine")
                return self.async_update_reload_and_abort(entry, data=self._found)
            case config_entries.SOURCE_ZEROCONF if info.instance_id != self.unique_id:
                return self.async_abort(reason="wrong_engine")
            case config_entries.SOURCE_ZEROCONF:
                pass
            case _:
                await self.async_set_unique_id(info.instance_id, raise_on_progress=False)
                self._abort_if_unique_id_configured()
        return self.async_create_entry(title=info.name, data=self._found)

    async def _asked(self, data: Mapping[str, Any]) -> tuple[Info | None, dict[str, str]]:
        """Ask the engine who it is: its info, or what to tell the user.

        With neither, ``_offered`` is the fingerprint of a certificate that the user has to confirm first.
        """
        self._offered = None
        self._wanted = data
        try:
            url = engine_url(data[CONF_URL])
            fingerprint = self._trusted or data.get(CONF_FINGERPRINT)
            secured = url.startswith("https:")
            wanted = {CONF_URL: url, CONF_TOKEN: data[CONF_TOKEN].strip(), CONF_VERIFY_SSL: data[CONF_VERIFY_SSL]}
            if secured and fingerprint is not None:
                wanted[CONF_FINGERPRINT] = fingerprint
            engine = engine_of(self.hass, wanted)
            if secured and fingerprint is None and not data[CONF_VERIFY_SSL]:
                raise Untrusted("no authority is to be asked")
            info = await engine.info()
            await engine.require_all_powers()
        except Untrusted as err:
            return None, await self._offer(url, err)
        except (ClientError, InvalidAddress) as err:
            return None, self._errors(err, data)
        if info.tls_next_fingerprint is not None and CONF_FINGERPRINT in wanted:
            wanted[CONF_NEXT_FINGERPRINT] = info.tls_next_fingerprint
        self._found = wanted
        return info, {}

    async def _offer(self, url: str, err: Untrusted) -> dict[str, str]:
        """Have a look at the certificate before anything secret is sent."""
        before = err.expected if isinstance(err, CertificateChanged) else None
        try:
            found = await shown_fingerprint(async_get_clientsession(self.hass), url)
        except ClientError as failure:
            return self._errors(failure, self._wanted)
        self._offered = found
        self._placeholders |= {"url": url, "fingerprint": grouped(found), "before": grouped(before) if before else ""}
        return {}

    def _errors(self, err: Exception, data: Mapping[str, Any]) -> dict[str, str]:
        self._placeholders |= {"reason": str(err)}
        field, key = _ERRORS.get(type(err), (CONF_URL, "cannot_connect"))
        return {field if field in data else "base": key}

    async def _certificate_form(self) -> ConfigFlowResult:
        step = "certificate_changed" if self._placeholders.get("before") else "certificate"
        return self._form(step, vol.Schema({}), None, {})

    def _moved(self, url: str) -> dict[str, Any] | None:
        """Follow an engine to its new address, but never away from one where it answers."""
        entry = self.hass.config_entries.async_entry_for_domain_unique_id(DOMAIN, self.unique_id or "")
        if entry is None or (entry.state is ConfigEntryState.LOADED and entry.runtime_data.connected):
            return None
        return {CONF_URL: url}

    def _form(
        self, step_id: str, schema: vol.Schema, shown: Mapping[str, Any] | None, errors: dict[str, str]
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id=step_id,
            data_schema=self.add_suggested_values_to_schema(schema, shown),
            errors=errors,
            description_placeholders={"reason": "", **self._placeholders},
        )


class HomeSentryOptionsFlow(OptionsFlowWithReload):
    """What the user may tune on the side of Home Assistant."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Ask how fast the risk of a camera falls after an event, and what may be told about the home."""
        if user_input is not None:
            return self.async_create_entry(data={**user_input, OPTION_HALF_LIFE: int(user_input[OPTION_HALF_LIFE])})
        return self.async_show_form(
            step_id="init", data_schema=self.add_suggested_values_to_schema(_OPTIONS, self.config_entry.options)
        )


def _is_true(text: str | None) -> bool:
    return (text or "").lower() in {"1", "true", "yes"}


def _url(scheme: str, host: str, port: int | str) -> str:
    return engine_url(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")
