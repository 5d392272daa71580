"""What a vision-language model elsewhere was asked for today."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_sentry import entity as entity_module
from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import Component, ComponentState
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import break_off, entity_id, reach, state


def told(spent: int | None) -> Component:
    return Component(
        id="vlm",
        state=ComponentState.HEALTHY,
        details={"model": "gpt-eyes", "tokens_today": spent, "tokens_allowed": 200_000, "cost_today": 0.03},
    )


async def test_the_spend_of_the_day_is_shown_and_not_guessed(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entity_module, "_DIAGNOSTIC_PAUSE_S", 0.01)
    er.async_get(hass).async_get_or_create("sensor", DOMAIN, "engine-1_vision_tokens", config_entry=entry)
    await setup()
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "vision_tokens", camera=None).state == "unknown"
    for spent, shown in ((None, "unknown"), (0, "0"), (15_300, "15300")):
        engine.components = [told(spent)]
        await break_off(hass, entry, engine)
        await until(lambda shown=shown: state(hass, "sensor", "vision_tokens", camera=None).state == shown)
    attributes = state(hass, "sensor", "vision_tokens", camera=None).attributes
    assert (attributes["allowed"], attributes["model"]) == (200_000, "gpt-eyes")
    assert (attributes["cost"], attributes["cost_allowed"]) == (0.03, None)
    assert (attributes["state_class"], attributes["unit_of_measurement"]) == ("total_increasing", "tokens")


async def test_a_model_at_home_spends_nothing_that_is_counted(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup
) -> None:
    er.async_get(hass).async_get_or_create("sensor", DOMAIN, "engine-1_vision_tokens", config_entry=entry)
    engine.components = [Component(id="vlm", state=ComponentState.HEALTHY, details={"model": "qwen3-vl-2b"})]
    await setup()
    await reach(hass, entry, engine)
    shown = state(hass, "sensor", "vision_tokens", camera=None)
    assert shown.state == "unknown"
    assert "allowed" not in shown.attributes


async def test_it_is_disabled_by_default(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    found = er.async_get(hass).async_get(entity_id(hass, "sensor", "vision_tokens", camera=None))
    assert found is not None
    assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION
