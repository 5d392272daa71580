"""How far the files of models have arrived."""

from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_sentry import entity as entity_module
from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import ModelFetch, ModelProgress, ModelState, encode
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import entity_id, reach, state

FETCHING = ModelState.FETCHING


async def tell(engine: FakeEngine, model_id: str, now: ModelState, *, done: int = 0, total: int | None = None) -> None:
    fetch = ModelFetch(file="model.onnx", origin="source", done_bytes=done, total_bytes=total)
    reason = "the hash is wrong" if now is ModelState.FAILED else None
    progress = ModelProgress(
        model_id=model_id, state=now, reason=reason, fetch=fetch if now is ModelState.FETCHING else None
    )
    await engine.send_raw(encode(progress).decode())


async def test_progress_is_shown_while_files_arrive(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entity_module, "_DIAGNOSTIC_PAUSE_S", 0.01)
    er.async_get(hass).async_get_or_create("sensor", DOMAIN, "engine-1_model_download", config_entry=entry)
    await setup()
    await reach(hass, entry, engine)

    def shown() -> Any:
        return state(hass, "sensor", "model_download", camera=None)

    assert shown().state == "unknown"
    await tell(engine, "yunet", FETCHING, done=10)
    await until(lambda: "yunet" in shown().attributes["models"])
    assert shown().state == "unknown"
    await tell(engine, "yunet", FETCHING, done=50, total=100)
    await until(lambda: shown().state == "50")
    await tell(engine, "osnet", FETCHING, done=0, total=300)
    await until(lambda: shown().state == "12")
    await tell(engine, "yunet", ModelState.READY)
    await until(lambda: shown().state == "0")
    assert shown().attributes["models"] == {"osnet": {"file": "model.onnx", "done_bytes": 0, "total_bytes": 300}}
    await tell(engine, "osnet", ModelState.FAILED)
    await until(lambda: shown().attributes["failed"] == {"osnet": "the hash is wrong"})
    assert (shown().state, shown().attributes["models"]) == ("unknown", {})
    await engine.drop_clients()
    await until(lambda: shown().state != "unavailable" and shown().attributes["failed"] == {})


async def test_it_is_disabled_by_default(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    found = er.async_get(hass).async_get(entity_id(hass, "sensor", "model_download", camera=None))
    assert found is not None
    assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION
