"""What Home Assistant tells the engine about the home."""

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.home_sentry import home as home_module
from custom_components.home_sentry.const import (
    OPTION_ALARMS,
    OPTION_CONTACTS,
    OPTION_GUESTS,
    OPTION_HALF_LIFE,
    OPTION_PRESENCE,
    OPTION_SUN,
    OPTION_VISITORS,
    OPTION_WEATHER,
)
from custom_components.home_sentry.contract import HomeFact, from_plain
from custom_components.home_sentry.home import chosen_entities
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import reach

OPTIONS = {
    OPTION_ALARMS: ["alarm_control_panel.home"],
    OPTION_PRESENCE: ["person.anna"],
    OPTION_CONTACTS: ["binary_sensor.front_door"],
    OPTION_WEATHER: "weather.home",
    OPTION_SUN: True,
}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "HOME_PAUSE_S", 0.01)


def reports(engine: FakeEngine) -> list[dict[str, Any]]:
    return engine.asked("report_home")


def facts(report: dict[str, Any]) -> dict[str, HomeFact]:
    return {plain["entity_id"]: from_plain(HomeFact, plain) for plain in report["facts"]}


async def settle(hass: HomeAssistant, engine: FakeEngine, count: int) -> list[dict[str, Any]]:
    await until(lambda: len(reports(engine)) >= count)
    await hass.async_block_till_done()
    return reports(engine)


async def test_without_a_choice_only_the_time_zone_is_told(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    (report,) = await settle(hass, engine, 1)
    assert report == {"facts": [], "time_zone": hass.config.time_zone}


async def test_chosen_entities_are_told_on_every_change(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup
) -> None:
    hass.config_entries.async_update_entry(entry, options=OPTIONS)
    hass.states.async_set("alarm_control_panel.home", "armed_away", {"friendly_name": "Alarm"})
    hass.states.async_set("person.anna", "not_home")
    hass.states.async_set("binary_sensor.front_door", "off", {"device_class": "door"})
    hass.states.async_set("weather.home", "rainy", {"temperature": 7, "temperature_unit": "°C", "humidity": "wet"})
    await setup()
    (first,) = await settle(hass, engine, 1)
    told = facts(first)
    alarm = told["alarm_control_panel.home"]
    assert (alarm.kind.value, alarm.name, alarm.state) == ("alarm", "Alarm", "armed_away")
    assert alarm.changed_at is not None
    assert told["binary_sensor.front_door"].details == {"device_class": "door"}
    assert told["weather.home"].details == {"temperature": 7.0, "temperature_unit": "°C"}
    assert (told["sun.sun"].kind.value, told["sun.sun"].state) == ("sun", None)
    hass.states.async_set("binary_sensor.front_door", "on", {"device_class": "door"})
    hass.states.async_set("alarm_control_panel.home", "unavailable")
    told = facts((await settle(hass, engine, 2))[-1])
    assert told["binary_sensor.front_door"].state == "on"
    assert told["alarm_control_panel.home"].state is None


async def test_it_is_told_again_now_and_then_and_after_a_break(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    await settle(hass, engine, 1)
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=10, seconds=1))
    await settle(hass, engine, 2)
    await engine.drop_clients()
    await until(lambda: engine.connections == 1)
    await settle(hass, engine, 3)
    await reach(hass, entry, engine)


async def test_an_engine_that_does_not_listen_hurts_nobody(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    engine.failing.add("report_home")
    await setup()
    await settle(hass, engine, 1)
    await until(lambda: "did not hear how the home is" in caplog.text)
    assert "ERROR" not in caplog.text


async def test_the_choice_is_made_in_the_options(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    flow = await hass.config_entries.options.async_init(entry.entry_id)
    engine.capabilities = ("household_facts",)
    more = {OPTION_VISITORS: "calendar.visitors", OPTION_GUESTS: "input_boolean.guests"}
    chosen = {OPTION_HALF_LIFE: 10, **OPTIONS, **more}
    done = await hass.config_entries.options.async_configure(flow["flow_id"], chosen)
    assert done["type"] is FlowResultType.CREATE_ENTRY
    await hass.async_block_till_done()
    assert entry.options == chosen
    await until(lambda: reports(engine) and set(facts(reports(engine)[-1])) == set(chosen_entities(chosen)))
