"""Views, silence and learning weeks of cameras, and the buttons for them."""

from dataclasses import replace
from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest

from custom_components.home_sentry.contract import CameraStatus, SceneChange, SceneChangeKind
from tests.fakes.engine import START, FakeEngine

from .conftest import Setup
from .helpers import entity_id, reach, state

BLOCKED = SceneChange(id=7, camera_id="front_door", kind=SceneChangeKind.VIEW_BLOCKED, at=START)


async def test_a_blocked_view_is_shown_until_it_is_over(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    assert state(hass, "binary_sensor", "tamper").state == "off"
    await engine.put_camera("front_door", scene_change=BLOCKED, status=CameraStatus.DEGRADED)
    await reach(hass, entry, engine)
    shown = state(hass, "binary_sensor", "tamper")
    assert shown.state == "on"
    told = [shown.attributes[name] for name in ("kind", "since", "change_id", "similarity")]
    assert told == ["view_blocked", START, 7, None]
    assert state(hass, "binary_sensor", "connectivity").state == "on"
    await engine.put_camera("front_door", scene_change=None, status=CameraStatus.ONLINE)
    await reach(hass, entry, engine)
    shown = state(hass, "binary_sensor", "tamper")
    assert (shown.state, shown.attributes.get("kind")) == ("off", None)


async def test_something_new_in_the_view_is_no_tampering(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    parked = replace(BLOCKED, kind=SceneChangeKind.UNKNOWN, similarity=0.7349)
    await engine.put_camera("front_door", scene_change=parked)
    await reach(hass, entry, engine)
    shown = state(hass, "binary_sensor", "tamper")
    assert (shown.state, shown.attributes["kind"], shown.attributes["similarity"]) == ("off", "unknown", 0.73)


@pytest.mark.parametrize("key", ["acknowledge_scene", "update_scene", "finish_learning"])
async def test_a_button_asks_the_engine(hass: HomeAssistant, engine: FakeEngine, setup: Setup, key: str) -> None:
    await engine.put_camera("front_door", learning_until=dt_util.utcnow() + timedelta(days=3))
    entry = await setup()
    await reach(hass, entry, engine)
    pressed = {"entity_id": entity_id(hass, "button", key)}
    await hass.services.async_call("button", "press", pressed, blocking=True)
    assert (engine.wishes[-1].name, engine.wishes[-1].args) == (key, {"camera_id": "front_door"})
    engine.failing.add(key)
    with pytest.raises(HomeAssistantError, match="no such thing"):
        await hass.services.async_call("button", "press", pressed, blocking=True)


async def test_learning_the_view_anew_waits_for_the_user(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await setup()
    found = er.async_get(hass).async_get(entity_id(hass, "button", "reset_scene"))
    assert found is not None
    assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION


async def test_silence_is_shown_with_its_own_limit(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    assert state(hass, "binary_sensor", "quiet").state == "off"
    await engine.put_camera(
        "front_door",
        status=CameraStatus.OFFLINE,
        status_reason="at this hour it is never silent for more than 40 min",
        previous_status=CameraStatus.ONLINE,
        status_since=START,
        quiet_since=START,
        quiet_allowed_s=2400.0,
    )
    await reach(hass, entry, engine)
    shown = state(hass, "binary_sensor", "quiet")
    assert (shown.state, shown.attributes["since"], shown.attributes["usual_limit_s"]) == ("on", START, 2400.0)
    health = state(hass, "binary_sensor", "connectivity")
    assert (health.state, health.attributes["previous_status"]) == ("off", "online")
    assert health.attributes["since"] == START


async def test_cameras_that_fall_silent_together(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await engine.put_camera("garage")
    entry = await setup()
    assert state(hass, "binary_sensor", "sabotage", camera=None).state == "off"
    await engine.fall_silent("front_door", "garage", "long_gone")
    await reach(hass, entry, engine)
    shown = state(hass, "binary_sensor", "sabotage", camera=None)
    assert shown.state == "on"
    assert shown.attributes["cameras"] == ["Front Door", "Garage"]
    assert shown.attributes["since"] == START
    await engine.fall_silent()
    await reach(hass, entry, engine)
    assert state(hass, "binary_sensor", "sabotage", camera=None).state == "off"


async def test_a_learning_week_ends_by_itself(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = dt_util.utcnow() + timedelta(hours=1)
    await engine.put_camera("front_door", learning_until=end)
    entry = await setup()
    coordinator = await reach(hass, entry, engine)
    shown = state(hass, "binary_sensor", "learning")
    assert (shown.state, shown.attributes["until"]) == ("on", end)
    await engine.start_event("front_door", score=90)
    await reach(hass, entry, engine)
    assert state(hass, "event", "security_event").attributes["learning"] is True
    monkeypatch.setattr(dt_util, "utcnow", lambda: end + timedelta(seconds=1))
    coordinator._tick(end)
    assert state(hass, "binary_sensor", "learning").state == "off"
    await engine.start_event("front_door", score=90)
    await reach(hass, entry, engine)
    assert state(hass, "event", "security_event").attributes["learning"] is False


async def test_the_anomaly_of_a_scene(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    anomaly = entity_id(hass, "sensor", "scene_anomaly")
    er.async_get(hass).async_update_entity(anomaly, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    assert state(hass, "sensor", "scene_anomaly").state == "unknown"
    await engine.put_camera("front_door", scene_anomaly=0.42)
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "scene_anomaly").state == "42"
