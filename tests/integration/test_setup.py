"""Set-up that fails tries again by itself, or asks for a new token."""

from datetime import timedelta
from typing import Any

from aiohttp import web
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.home_sentry import coordinator as coordinator_module
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import phase, state


async def test_set_up_again_by_itself(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await engine.stop()
    entry = await setup()
    assert phase(entry) is ConfigEntryState.SETUP_RETRY
    assert "does not answer" in str(entry.reason)
    await engine.start()
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(minutes=1))
    await until(lambda: phase(entry) is ConfigEntryState.LOADED)


async def test_a_refused_token_asks_for_a_new_one(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    engine.token = "new"
    entry = await setup()
    assert phase(entry) is ConfigEntryState.SETUP_ERROR
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == ["reauth"]


async def test_a_token_that_is_refused_to_the_socket(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    engine.refuses_sockets = True
    entry = await setup()
    assert phase(entry) is ConfigEntryState.SETUP_ERROR
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == ["reauth"]


async def test_a_socket_that_breaks_before_the_first_state(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_serve", _hang_up)
    entry = await setup()
    assert phase(entry) is ConfigEntryState.SETUP_RETRY
    assert "closed" in str(entry.reason)


async def test_a_socket_that_stays_silent(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator_module, "FIRST_STATE_S", 0.1)
    engine.greets = False
    entry = await setup()
    assert phase(entry) is ConfigEntryState.SETUP_RETRY
    assert "in time" in str(entry.reason)


async def _hang_up(socket: web.WebSocketResponse, _since: int | None) -> None:
    await socket.close()


async def test_a_token_that_is_refused_later(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    engine.token = "new"
    await engine.drop_clients()
    await until(hass.config_entries.flow.async_progress)
    assert state(hass, "sensor", "mode", camera=None).state == "unavailable"
    flows: list[Any] = hass.config_entries.flow.async_progress()
    assert flows[0]["context"]["source"] == "reauth"
    assert phase(entry) is ConfigEntryState.LOADED


async def test_a_token_that_is_refused_to_the_fallback(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    engine.token = "new"
    await entry.runtime_data.async_refresh()
    await until(hass.config_entries.flow.async_progress)
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == ["reauth"]
