"""What the engine tells an MQTT broker, read by Home Assistant's own MQTT integration."""

import json
import logging
from pathlib import Path
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import async_fire_mqtt_message

POSTS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parents[1] / "contract/golden/mqtt/posts.json").read_text(encoding="utf-8")
)


async def tell(hass: HomeAssistant, *topics: str, of: str) -> None:
    """Pass posts on as a broker does, those of the named roots, all of them by default."""
    # who listens already hears of a retained post as of any other one
    kept = of == "opening"
    for post in POSTS[of]:
        if not topics or post["topic"].split("/")[0] in topics:
            payload = "" if post["payload"] is None else json.dumps(post["payload"])
            async_fire_mqtt_message(hass, post["topic"], payload, qos=1, retain=kept and post["retained"])
    await hass.async_block_till_done()


def shown(hass: HomeAssistant) -> dict[str, str]:
    """Give the states of all entities by what their unique id ends with."""
    registry = er.async_get(hass)
    states = {}
    for state in hass.states.async_all():
        entry = registry.async_get(state.entity_id)
        assert entry is not None
        states[entry.unique_id.removeprefix("home_sentry_abc_")] = state.state
    return states


@pytest.fixture
def expected_lingering_timers() -> bool:
    """The stand-in of the MQTT client is never disconnected."""
    return True


@pytest.fixture
async def _told(hass: HomeAssistant, mqtt_mock: Any) -> None:
    await tell(hass, "homeassistant", of="opening")


@pytest.mark.usefixtures("_told")
async def test_topics_become_devices_and_entities(hass: HomeAssistant, caplog: pytest.LogCaptureFixture) -> None:
    assert set(shown(hass).values()) == {"unavailable"}
    async_fire_mqtt_message(hass, "home_sentry/availability", "online", qos=1)
    await tell(hass, "home_sentry", of="opening")
    before = shown(hass)
    assert before == {
        "mode": "normal",
        "silent": "off",
        "front_door_status": "online",
        "front_door_tampered": "off",
        "front_door_risk_score": "unknown",
        "front_door_risk_level": "unknown",
        "front_door_summary": "unknown",
        "front_door_person": "unknown",
        "front_door_vehicle": "unknown",
        "front_door_animal": "unknown",
        "front_door_event": "unknown",
    }
    await tell(hass, of="started")
    began = shown(hass)
    assert (began["front_door_risk_score"], began["front_door_risk_level"]) == ("70", "low")
    assert (began["front_door_person"], began["front_door_vehicle"]) == ("on", "off")
    assert began["front_door_summary"] == "A person at the door"
    assert began["front_door_event"] not in {"unknown", "unavailable"}
    (event,) = (state for state in hass.states.async_all("event"))
    assert (event.attributes["event_type"], event.attributes["risk_score"]) == ("started", 70)
    await tell(hass, of="ended")
    assert shown(hass)["front_door_person"] == "off"
    async_fire_mqtt_message(hass, "home_sentry/availability", "offline", qos=1)
    await hass.async_block_till_done()
    assert set(shown(hass).values()) == {"unavailable"}
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING and ".mqtt" in one.name]


@pytest.mark.usefixtures("_told")
async def test_the_camera_hangs_on_the_engine_and_goes_when_it_is_deleted(hass: HomeAssistant) -> None:
    devices = dr.async_get(hass).devices
    engine, camera = sorted(devices, key=lambda device: device.via_device_id is not None)
    assert (engine.name, camera.name, camera.via_device_id) == ("Home", "Front Door", engine.id)
    assert camera.identifiers == {("mqtt", "home_sentry_abc_front_door")}
    await tell(hass, of="removed")
    assert [device.id for device in devices] == [engine.id]
    assert not [name for name in shown(hass) if name.startswith("front_door")]
