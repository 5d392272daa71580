"""Diagnostics, repairs and system health."""

from dataclasses import replace
import json
from typing import Any

from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info
from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
    get_diagnostics_for_device,
)
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import Component, ComponentState, Factor, Part
from tests.fakes.engine import TOKEN, FakeEngine, until

from .conftest import Setup
from .helpers import phase, reach

SECRETS = (TOKEN, "B-XY 123", "Mrs Example", "rtsp://u:p@cam", "Anna", "hook.example", "orchids")
LLM = Component(id="llm", state=ComponentState.HEALTHY)


async def planted(engine: FakeEngine) -> None:
    visit = await engine.start_event("front_door")
    engine.events[visit.event_id] = replace(
        visit,
        summary="Mrs Example arrives in B-XY 123",
        reasoning="the plate B-XY 123 is hers",
        notes="Mrs Example",
        factors=(Factor(id="known_vehicle", points=-20, text="B-XY 123", evidence=("Mrs Example",)),),
        floor_reason="Mrs Example",
        analysis_detail="rtsp://u:p@cam",
    )
    await engine.put_camera("front_door", status_reason="rtsp://u:p@cam")
    trouble = "alerts do not reach Anna's phone (https://hook.example/a: no answer): connection refused"
    engine.components.append(
        Component(
            id="notify:019aa2",
            state=ComponentState.UNHEALTHY,
            reason=trouble,
            fix="send a test",
            details={"kind": "webhook", "name": "Anna's phone"},
        )
    )
    engine.components.append(Component(id="notify:019aa3", state=ComponentState.HEALTHY, details={"kind": "email"}))
    engine.causes = (f"notify:019aa2: {trouble}", "llm: model file missing")
    engine.broken_rules = {
        "when Anna is away": "there is no zone orchids of front_door",
        "Anna's path": "the zone orchids is switched off",
    }


def issues(hass: HomeAssistant) -> list[str]:
    return sorted(key for domain, key in ir.async_get(hass).issues if domain == DOMAIN)


async def test_diagnostics_tell_no_secrets(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator
) -> None:
    await planted(engine)
    assert await async_setup_component(hass, "diagnostics", {})
    engine.parts = [Part(component=LLM, controllable=True)]
    entry = await setup()
    await until(lambda: entry.runtime_data.parts.known)
    whole = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    registry = dr.async_get(hass)
    camera = registry.async_get_device_by_identifier((DOMAIN, "engine-1_front_door"), entry.entry_id)
    hub = registry.async_get_device_by_identifier((DOMAIN, "engine-1"), entry.entry_id)
    assert camera is not None
    assert hub is not None
    of_camera = await get_diagnostics_for_device(hass, hass_client, entry, camera)
    of_hub = await get_diagnostics_for_device(hass, hass_client, entry, hub)
    for found in (whole, of_camera, of_hub):
        text = json.dumps(found)
        assert not [secret for secret in (*SECRETS, engine.url) if secret in text]
    assert whole["connection"] == {"state": "connected", "cursor": engine.cursor}
    assert whole["cameras"][0]["events"][0]["risk_score"] == 40
    assert whole["status"]["components"][1]["reason"] == "switched off"
    told = {part["id"]: part for part in whole["status"]["components"]}
    assert told["notify:019aa2"]["state"] == "unhealthy"
    assert told["notify:019aa2"]["details"]["kind"] == "webhook"
    assert told["notify:019aa3"]["reason"] is None
    assert whole["status"]["mode_causes"] == ["notify:019aa2: **REDACTED**", "llm: model file missing"]
    assert whole["status"]["broken_rules"] == ["there is no zone **REDACTED**", "the zone **REDACTED**"]
    assert whole["parts"][0]["component"]["id"] == "llm"
    assert of_camera["camera"]["camera"]["id"] == "front_door"
    assert of_hub == whole


@pytest.mark.parametrize(("schema", "issue"), [(0, "engine_too_old"), (99, "integration_too_old")])
async def test_an_engine_that_does_not_fit(
    hass: HomeAssistant,
    engine: FakeEngine,
    setup: Setup,
    hass_client: ClientSessionGenerator,
    schema: int,
    issue: str,
) -> None:
    assert await async_setup_component(hass, REPAIRS, {})
    engine.schema = engine.min_schema = schema
    entry = await setup()
    client = await hass_client()
    assert phase(entry) is ConfigEntryState.SETUP_RETRY
    assert issues(hass) == [f"{issue}_{entry.entry_id}"]
    answer = await client.post("/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": issues(hass)[0]})
    flow = await answer.json()
    assert flow["step_id"] == "confirm"
    assert flow["description_placeholders"]["version"] == "0.1.0"
    engine.schema = engine.min_schema = 1
    result = await (await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={})).json()
    assert result["type"] == "create_entry"
    await hass.async_block_till_done()
    assert phase(entry) is ConfigEntryState.LOADED
    assert issues(hass) == []


async def test_an_engine_that_is_updated_under_way(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    engine.schema = engine.min_schema = 99
    await engine.drop_clients()
    await until(lambda: issues(hass) == [f"integration_too_old_{entry.entry_id}"])
    engine.schema = engine.min_schema = 1
    await until(lambda: issues(hass) == [])
    await reach(hass, entry, engine)


async def test_another_engine_at_the_address(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    engine.instance_id = "other"
    entry = await setup()
    assert phase(entry) is ConfigEntryState.SETUP_RETRY
    assert issues(hass) == [f"wrong_engine_{entry.entry_id}"]
    assert not engine.auths
    await hass.config_entries.async_remove(entry.entry_id)
    assert issues(hass) == []


async def test_a_part_that_says_how_to_cure_it(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    assert issues(hass) == []
    engine.set_component(
        Component(id="detector", state=ComponentState.FAILED, reason="no model file", fix="run models get")
    )
    engine.set_component(Component(id="llm", state=ComponentState.FAILED, reason="nobody can help"))
    await engine.publish_status()
    await until(lambda: issues(hass) == [f"component_detector_{entry.entry_id}"])
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issues(hass)[0])
    assert issue is not None
    assert issue.translation_placeholders == {
        "name": "Sentry",
        "component": "detector",
        "reason": "no model file",
        "fix": "run models get",
    }
    assert not issue.is_fixable
    engine.set_component(Component(id="detector", state=ComponentState.HEALTHY))
    await engine.publish_status()
    await until(lambda: issues(hass) == [])


async def health(hass: HomeAssistant) -> dict[str, Any]:
    info = await get_system_health_info(hass, DOMAIN)
    return {key: await value if hasattr(value, "__await__") else value for key, value in info.items()}


async def test_system_health(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    assert await async_setup_component(hass, "system_health", {})
    entry = await setup()
    MockConfigEntry(
        domain=DOMAIN, unique_id="engine-2", data={"url": "http://127.0.0.1:9", "token": "t", "verify_ssl": True}
    ).add_to_hass(hass)
    assert await health(hass) == {
        "version": "0.1.0",
        "can_reach_engine": "ok",
        "engine_version": "0.1.0",
        "mode": "normal",
        "can_reach_engine 2": {"type": "failed", "error": "unreachable"},
    }
    await engine.stop()
    await until(lambda: not entry.runtime_data.connected)
    lines = await health(hass)
    assert (lines["mode"], lines["can_reach_engine"]) == ("unavailable", {"type": "failed", "error": "unreachable"})
