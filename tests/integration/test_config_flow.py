"""Every way into the config flow, each with an error and the recovery from it."""

from ipaddress import ip_address
from typing import Any

from homeassistant.config_entries import SOURCE_HASSIO, SOURCE_USER, SOURCE_ZEROCONF, ConfigEntryState
from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers.service_info.hassio import HassioServiceInfo
from homeassistant.helpers.service_info.zeroconf import ZeroconfServiceInfo
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_sentry.const import DOMAIN
from tests.fakes.engine import TOKEN, FakeEngine

from .conftest import Setup


def by_hand(engine: FakeEngine, **changes: Any) -> dict[str, Any]:
    return {CONF_URL: engine.url, CONF_TOKEN: TOKEN, CONF_VERIFY_SSL: True, **changes}


def announced(engine: FakeEngine, **properties: str) -> ZeroconfServiceInfo:
    return ZeroconfServiceInfo(
        ip_address=ip_address("127.0.0.1"),
        ip_addresses=[ip_address("127.0.0.1")],
        port=engine.port,
        hostname="engine.local.",
        type="_home-sentry._tcp.local.",
        name="Sentry._home-sentry._tcp.local.",
        properties={"instance_id": engine.instance_id, "version": "0.1.0", **properties},
    )


def as_app(engine: FakeEngine, **changes: Any) -> HassioServiceInfo:
    config = {"host": "127.0.0.1", "port": engine.port, "token": TOKEN, "addon": "Home Sentry", **changes}
    return HassioServiceInfo(config=config, name="Home Sentry", slug="home_sentry", uuid="1234")


async def start(hass: HomeAssistant, source: str, data: Any = None) -> Any:
    return await hass.config_entries.flow.async_init(DOMAIN, context={"source": source}, data=data)


async def answer(hass: HomeAssistant, flow: Any, data: dict[str, Any]) -> Any:
    result = await hass.config_entries.flow.async_configure(flow["flow_id"], data)
    await hass.async_block_till_done()
    return result


async def test_by_hand(hass: HomeAssistant, engine: FakeEngine) -> None:
    flow = await start(hass, SOURCE_USER)
    assert (flow["type"], flow["step_id"], flow["errors"]) == (FlowResultType.FORM, "user", {})
    result = await answer(
        hass, flow, by_hand(engine, **{CONF_URL: f"127.0.0.1:{engine.port}/", CONF_TOKEN: f" {TOKEN} "})
    )
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["title"] == "Sentry"
    assert result["data"] == by_hand(engine)
    assert result["result"].unique_id == "engine-1"
    assert result["result"].state is ConfigEntryState.LOADED


@pytest.mark.parametrize(
    ("changes", "engine_changes", "errors"),
    [
        ({CONF_TOKEN: "wrong"}, {}, {CONF_TOKEN: "invalid_auth"}),
        ({CONF_URL: "http://127.0.0.1:9"}, {}, {CONF_URL: "cannot_connect"}),
        ({CONF_URL: "ftp://127.0.0.1"}, {}, {CONF_URL: "invalid_url"}),
        ({}, {"schema": 0, "min_schema": 0}, {"base": "incompatible"}),
        ({}, {"status_code": 404}, {CONF_URL: "not_an_engine"}),
        ({}, {"status_code": 500}, {CONF_URL: "cannot_connect"}),
    ],
)
async def test_by_hand_with_an_error_then_recover(
    hass: HomeAssistant,
    engine: FakeEngine,
    changes: dict[str, Any],
    engine_changes: dict[str, Any],
    errors: dict[str, str],
) -> None:
    kept = {key: getattr(engine, key) for key in engine_changes}
    for key, value in engine_changes.items():
        setattr(engine, key, value)
    flow = await start(hass, SOURCE_USER)
    result = await answer(hass, flow, by_hand(engine, **changes))
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, errors)
    for key, value in kept.items():
        setattr(engine, key, value)
    result = await answer(hass, result, by_hand(engine))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_by_hand_twice(hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry) -> None:
    flow = await start(hass, SOURCE_USER)
    result = await answer(hass, flow, by_hand(engine))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")


async def test_two_engines_side_by_side(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await setup()
    async with FakeEngine("engine-2", "Shed") as other:
        await other.put_camera("front_door")
        result = await answer(hass, await start(hass, SOURCE_USER), by_hand(other))
        assert result["type"] is FlowResultType.CREATE_ENTRY
        scores = [
            state.entity_id for state in hass.states.async_all("sensor") if "front_door_risk_score" in state.entity_id
        ]
        assert len(set(scores)) == 2
        await hass.config_entries.async_unload(result["result"].entry_id)


async def test_zeroconf(hass: HomeAssistant, engine: FakeEngine) -> None:
    flow = await start(hass, SOURCE_ZEROCONF, announced(engine))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "zeroconf_confirm")
    assert flow["description_placeholders"]["url"] == engine.url
    flow = await answer(hass, flow, {CONF_TOKEN: "wrong"})
    assert flow["errors"] == {CONF_TOKEN: "invalid_auth"}
    result = await answer(hass, flow, {CONF_TOKEN: TOKEN})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == by_hand(engine)
    assert result["result"].unique_id == "engine-1"


async def test_zeroconf_when_the_address_is_dead_then_alive(hass: HomeAssistant, engine: FakeEngine) -> None:
    flow = await start(hass, SOURCE_ZEROCONF, announced(engine))
    await engine.stop()
    flow = await answer(hass, flow, {CONF_TOKEN: TOKEN})
    assert flow["errors"] == {"base": "cannot_connect"} or flow["errors"] == {CONF_URL: "cannot_connect"}
    await engine.start()
    assert (await answer(hass, flow, {CONF_TOKEN: TOKEN}))["type"] is FlowResultType.CREATE_ENTRY


async def test_zeroconf_with_a_false_identity(hass: HomeAssistant, engine: FakeEngine) -> None:
    flow = await start(hass, SOURCE_ZEROCONF, announced(engine, instance_id="somebody-else"))
    result = await answer(hass, flow, {CONF_TOKEN: TOKEN})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "wrong_engine")


async def test_zeroconf_without_identity(hass: HomeAssistant, engine: FakeEngine) -> None:
    result = await start(hass, SOURCE_ZEROCONF, announced(engine, instance_id=""))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "invalid_discovery_info")


async def test_zeroconf_leaves_apps_to_the_supervisor(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry
) -> None:
    result = await start(hass, SOURCE_ZEROCONF, announced(engine, app="1"))
    assert result["reason"] == "already_configured"
    result = await start(hass, SOURCE_ZEROCONF, announced(engine, app="1", instance_id="new"))
    assert result["reason"] == "discovered_as_app"


async def test_zeroconf_follows_a_moved_engine(hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry) -> None:
    hass.config_entries.async_update_entry(entry, data={**entry.data, CONF_URL: "http://127.0.0.1:9"})
    result = await start(hass, SOURCE_ZEROCONF, announced(engine))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "already_configured")
    assert entry.data[CONF_URL] == engine.url


async def test_zeroconf_cannot_lure_a_connected_entry_away(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    lure = announced(engine, tls="1")
    lure.port = 9
    result = await start(hass, SOURCE_ZEROCONF, lure)
    assert result["reason"] == "already_configured"
    assert entry.data[CONF_URL] == engine.url


async def test_supervisor(hass: HomeAssistant, engine: FakeEngine) -> None:
    flow = await start(hass, SOURCE_HASSIO, as_app(engine))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "hassio_confirm")
    assert not hass.config_entries.async_entries(DOMAIN)
    result = await answer(hass, flow, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == by_hand(engine)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"token": "wrong"}, "invalid_auth"), ({"port": 9}, "cannot_connect")],
)
async def test_supervisor_with_an_error(
    hass: HomeAssistant, engine: FakeEngine, changes: dict[str, Any], reason: str
) -> None:
    result = await start(hass, SOURCE_HASSIO, as_app(engine, **changes))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, reason)


async def test_supervisor_without_token(hass: HomeAssistant, engine: FakeEngine) -> None:
    info = as_app(engine)
    del info.config["token"]
    result = await start(hass, SOURCE_HASSIO, info)
    assert result["reason"] == "invalid_discovery_info"


async def test_supervisor_renews_address_and_token(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    hass.config_entries.async_update_entry(
        entry, data={**entry.data, CONF_TOKEN: "old", CONF_URL: "http://127.0.0.1:9"}
    )
    result = await start(hass, SOURCE_HASSIO, as_app(engine))
    await hass.async_block_till_done()
    assert result["reason"] == "already_configured"
    assert entry.data == by_hand(engine)
    assert entry.state is ConfigEntryState.LOADED


async def test_supervisor_says_the_same_again(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await setup()
    result = await start(hass, SOURCE_HASSIO, as_app(engine))
    await hass.async_block_till_done()
    assert result["reason"] == "already_configured"
    assert len(engine.auths) == 1, "nothing was reloaded"


async def test_new_token(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    engine.token = "new"
    flow = await entry.start_reauth_flow(hass)
    assert flow["step_id"] == "reauth_confirm"
    flow = await answer(hass, flow, {CONF_TOKEN: "wrong"})
    assert flow["errors"] == {CONF_TOKEN: "invalid_auth"}
    result = await answer(hass, flow, {CONF_TOKEN: "new"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data[CONF_TOKEN] == "new"
    assert entry.state is ConfigEntryState.LOADED


async def test_new_token_of_another_engine(hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry) -> None:
    flow = await entry.start_reauth_flow(hass)
    engine.instance_id = "other"
    result = await answer(hass, flow, {CONF_TOKEN: TOKEN})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "wrong_engine")


async def test_new_address(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    flow = await entry.start_reconfigure_flow(hass)
    assert flow["step_id"] == "reconfigure"
    flow = await answer(hass, flow, {CONF_URL: "http://127.0.0.1:9", CONF_VERIFY_SSL: False})
    assert flow["errors"] == {CONF_URL: "cannot_connect"}
    await engine.stop()
    engine.port = 0
    await engine.start()
    result = await answer(hass, flow, {CONF_URL: engine.url, CONF_VERIFY_SSL: False})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reconfigure_successful")
    assert entry.data == by_hand(engine, **{CONF_VERIFY_SSL: False})
    assert entry.state is ConfigEntryState.LOADED


async def test_new_address_of_another_engine(hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry) -> None:
    flow = await entry.start_reconfigure_flow(hass)
    engine.instance_id = "other"
    result = await answer(hass, flow, {CONF_URL: engine.url, CONF_VERIFY_SSL: True})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "wrong_engine")


async def test_options(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "init")
    result = await hass.config_entries.options.async_configure(flow["flow_id"], {"half_life_min": 20})
    await hass.async_block_till_done()
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert entry.options == {"half_life_min": 20, "home_sun": False}
    assert entry.state is ConfigEntryState.LOADED
