"""Devices: the engine as a service, cameras behind it that come and go without a reload."""

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.typing import WebSocketGenerator

from custom_components.home_sentry.const import DOMAIN
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import reach, state


def device(hass: HomeAssistant, entry_id: str, key: str) -> dr.DeviceEntry | None:
    return dr.async_get(hass).async_get_device_by_identifier((DOMAIN, key), entry_id)


async def test_the_tree(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await setup()
    hub = device(hass, entry.entry_id, "engine-1")
    camera = device(hass, entry.entry_id, "engine-1_front_door")
    assert hub is not None
    assert camera is not None
    assert hub.entry_type is dr.DeviceEntryType.SERVICE
    assert (hub.name, hub.sw_version, hub.configuration_url) == ("Sentry", "0.1.0", None)
    assert (camera.name, camera.via_device_id) == ("Front Door", hub.id)
    assert "via_device" not in caplog.text
    registry = er.async_get(hass)
    for found in er.async_entries_for_config_entry(registry, entry.entry_id):
        assert found.device_id in {hub.id, camera.id}
        assert found.unique_id.startswith("engine-1_")
        assert found.translation_key or found.original_device_class


async def test_a_camera_comes_without_a_reload(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await engine.put_camera("garden")
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "events_today", camera="garden").state == "0"
    assert device(hass, entry.entry_id, "engine-1_garden") is not None
    assert len(engine.auths) == 1


async def test_a_camera_is_renamed(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await engine.put_camera("front_door", name="Porch")
    await reach(hass, entry, engine)
    camera = device(hass, entry.entry_id, "engine-1_front_door")
    assert camera is not None
    assert camera.name == "Porch"


async def test_a_camera_goes_and_comes_again(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await engine.remove_camera("front_door")
    await reach(hass, entry, engine)
    assert device(hass, entry.entry_id, "engine-1_front_door") is None
    assert not hass.states.async_entity_ids("camera")
    await engine.put_camera("front_door")
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "events_today").state == "0"


async def test_a_camera_that_went_while_nobody_listened(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await engine.put_camera("garden")
    await reach(hass, entry, engine)
    await engine.stop()
    await until(lambda: not entry.runtime_data.connected)
    await engine.remove_camera("front_door")
    await engine.start()
    await reach(hass, entry, engine)
    assert device(hass, entry.entry_id, "engine-1_front_door") is None
    assert await hass.config_entries.async_unload(entry.entry_id)
    await engine.remove_camera("garden")
    await hass.config_entries.async_setup(entry.entry_id)
    await reach(hass, entry, engine)
    assert device(hass, entry.entry_id, "engine-1_garden") is None
    assert device(hass, entry.entry_id, "engine-1") is not None


async def test_only_vanished_cameras_can_be_removed_by_hand(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_ws_client: WebSocketGenerator
) -> None:
    assert await async_setup_component(hass, "config", {})
    entry = await setup()
    stranger = dr.async_get(hass).async_get_or_create(
        config_entry_id=entry.entry_id, identifiers={(DOMAIN, "engine-1_gone")}, name="Gone"
    )
    hub = device(hass, entry.entry_id, "engine-1")
    camera = device(hass, entry.entry_id, "engine-1_front_door")
    assert hub is not None
    assert camera is not None
    client = await hass_ws_client(hass)
    for found, removed in ((hub, False), (camera, False), (stranger, True)):
        answer = await client.remove_device(found.id)
        assert answer["success"] is removed
        assert (dr.async_get(hass).async_get(found.id) is None) is removed


async def test_the_engine_was_updated(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await engine.stop()
    await until(lambda: not entry.runtime_data.connected)
    engine.version = "0.2.0"
    await engine.start()
    await reach(hass, entry, engine)
    hub = device(hass, entry.entry_id, "engine-1")
    assert hub is not None
    assert hub.sw_version == "0.2.0"


async def test_unload_closes_the_connection(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    assert engine.connections == 1
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    await until(lambda: engine.connections == 0)
