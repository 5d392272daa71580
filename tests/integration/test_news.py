"""Event entities and the bus: each change is told once, after reconnects and restarts too."""

import asyncio
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.home_sentry import coordinator as coordinator_module
from custom_components.home_sentry.const import DOMAIN, EVENT_NEWS
from custom_components.home_sentry.contract import AnalysisState, EventChange, Identity, ObjectGroup, VisualVerdict
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import Changes, entity_id, reach, state


async def test_a_visit(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    changes = Changes(hass, entity_id(hass, "event", "security_event"))
    detections = Changes(hass, entity_id(hass, "event", "detection"))
    visit = await engine.start_event("front_door", score=40)
    await engine.see(visit, ObjectGroup.PERSON, ObjectGroup.VEHICLE, ObjectGroup.OTHER)
    await engine.see(visit, ObjectGroup.PERSON)
    await engine.change_event(visit.event_id, EventChange.ESCALATED, risk_score=70, analysis_state=AnalysisState.LLM)
    await reach(hass, entry, engine)
    attributes = state(hass, "event", "security_event").attributes
    shown = {key: attributes[key] for key in ("event_type", "event_id", "score", "level", "state", "summary")}
    assert shown == {
        "event_type": "escalated",
        "event_id": visit.event_id,
        "score": 70,
        "level": "high",
        "state": "llm",
        "summary": "A person at front_door",
    }
    await engine.change_event(visit.event_id, EventChange.REVISED, summary="The courier")
    await engine.change_event(visit.event_id, EventChange.DOWNGRADED, risk_score=20)
    await engine.change_event(visit.event_id, EventChange.ENDED)
    await reach(hass, entry, engine)
    assert changes.told == ["started", "escalated", "downgraded", "ended"]
    assert detections.told == ["person", "vehicle"]
    found = state(hass, "event", "detection").attributes
    assert (found["event_id"], found["label"], found["confidence"], found["count"]) == (
        visit.event_id,
        "vehicle",
        0.6,
        1,
    )


async def test_news_that_nobody_heard_go_with_their_camera(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    registry = er.async_get(hass)
    registry.async_update_entity(entity_id(hass, "event", "security_event"), disabled_by=er.RegistryEntryDisabler.USER)
    await hass.async_block_till_done()
    await engine.start_event("front_door", score=40)
    await reach(hass, entry, engine)
    assert {camera_id for _, camera_id in entry.runtime_data._pending} == {"front_door"}
    await engine.remove_camera("front_door")
    await reach(hass, entry, engine)
    assert not entry.runtime_data._pending


async def test_who_it_probably_was(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    visit = await engine.start_event("front_door", score=40)
    resident = Identity(kind="person", finding="match", name="Ann", trust="full", similarity=0.9, by="face")
    again = Identity(
        kind="person",
        finding="probable same subject",
        similarity=0.83,
        entity_id="e1",
        camera_id="gate",
        seen_at=visit.started_at,
    )
    await engine.change_event(visit.event_id, EventChange.DOWNGRADED, risk_score=20, identities=(resident, again))
    await reach(hass, entry, engine)
    assert state(hass, "event", "security_event").attributes["identities"] == [
        {"kind": "person", "finding": "match", "name": "Ann", "trust": "full", "similarity": 0.9},
        {
            "kind": "person",
            "finding": "probable same subject",
            "similarity": 0.83,
            "camera_id": "gate",
            "seen_at": visit.started_at.isoformat(),
        },
    ]


async def test_the_bus_event(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    heard = async_capture_events(hass, EVENT_NEWS)
    visit = await engine.start_event("front_door", score=40)
    await reach(hass, entry, engine)
    device = dr.async_get(hass).async_get_device_by_identifier((DOMAIN, "engine-1_front_door"), entry.entry_id)
    assert device is not None
    assert [event.data for event in heard] == [
        {
            "version": 1,
            "type": "started",
            "device_id": device.id,
            "camera_id": "front_door",
            "camera_name": "Front Door",
            "revision": 1,
            "event_id": visit.event_id,
            "score": 40,
            "level": "medium",
            "state": "provisional",
            "visual_verdict": None,
            "summary": "A person at front_door",
            "at": visit.transitions[0].at.isoformat(),
            "learning": False,
            "snoozed": False,
            "identities": [],
            "object_types": ["person"],
        }
    ]


async def test_what_a_vision_model_said_of_the_pictures_is_told(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    heard = async_capture_events(hass, EVENT_NEWS)
    visit = await engine.start_event("front_door", score=40)
    seen: dict[str, Any] = {"analysis_state": AnalysisState.VLM, "visual_verdict": VisualVerdict.REJECTED}
    await engine.change_event(visit.event_id, EventChange.DOWNGRADED, risk_score=20, **seen)
    await reach(hass, entry, engine)
    assert [(event.data["state"], event.data["visual_verdict"]) for event in heard] == [
        ("provisional", None),
        ("vlm", "rejected"),
    ]
    assert state(hass, "event", "security_event").attributes["visual_verdict"] == "rejected"
    assert state(hass, "sensor", "risk_score").attributes["visual_verdict"] == "rejected"


async def test_a_snoozed_event_says_so_until_it_is_critical(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    heard = async_capture_events(hass, EVENT_NEWS)
    visit = await engine.start_event("front_door", score=40)
    until = visit.started_at + timedelta(hours=1)
    await engine.change_event(visit.event_id, EventChange.ESCALATED, risk_score=70, snoozed_until=until)
    await engine.change_event(visit.event_id, EventChange.ESCALATED, risk_score=90)
    await engine.change_event(visit.event_id, EventChange.ENDED)
    await engine.change_event(visit.event_id, EventChange.DISMISSED, snoozed_until=visit.started_at)
    await reach(hass, entry, engine)
    assert [(event.data["type"], event.data["level"], event.data["snoozed"]) for event in heard] == [
        ("started", "medium", False),
        ("escalated", "high", True),
        ("escalated", "critical", False),
        ("ended", "critical", True),
        ("dismissed", "critical", False),
    ]


async def test_a_snapshot_alone_tells_nothing(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    heard = async_capture_events(hass, EVENT_NEWS)
    await engine.start_event("front_door")
    entry = await setup()
    await reach(hass, entry, engine)
    assert state(hass, "event", "security_event").state == "unknown"
    assert not heard
    assert state(hass, "binary_sensor", "person").state == "on"


async def test_missed_changes_come_after_the_reconnect(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    changes = Changes(hass, entity_id(hass, "event", "security_event"))
    visit = await engine.start_event("front_door")
    await reach(hass, entry, engine)
    await engine.stop()
    await until(lambda: not entry.runtime_data.connected)
    await engine.change_event(visit.event_id, EventChange.ESCALATED, risk_score=90)
    await engine.change_event(visit.event_id, EventChange.ENDED)
    await engine.start()
    await reach(hass, entry, engine)
    for _ in range(3):
        before = len(engine.auths)
        await engine.say_goodbye("slow")
        await until(lambda before=before: len(engine.auths) > before)
        await reach(hass, entry, engine)
    assert changes.told == ["started", "escalated", "ended"]


async def test_missed_changes_come_after_a_restart(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_storage: dict[str, Any]
) -> None:
    entry = await setup()
    visit = await engine.start_event("front_door")
    await engine.see(visit, ObjectGroup.PERSON)
    await reach(hass, entry, engine)
    await hass.config_entries.async_unload(entry.entry_id)
    assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"] == {
        "cursor": engine.cursor,
        "events": {visit.event_id: [1, ["person"]]},
    }
    heard = async_capture_events(hass, EVENT_NEWS)
    changes = Changes(hass, entity_id(hass, "event", "security_event"))
    detections = Changes(hass, entity_id(hass, "event", "detection"))
    await engine.change_event(visit.event_id, EventChange.ENDED)
    await engine.see(visit, ObjectGroup.PERSON, ObjectGroup.ANIMAL)
    await engine.put_camera("garden")
    hass.set_state(CoreState.starting)
    await hass.config_entries.async_setup(entry.entry_id)
    await reach(hass, entry, engine)
    assert not heard, "automations cannot hear before Home Assistant has started"
    hass.set_state(CoreState.running)
    hass.bus.async_fire("homeassistant_started")
    await hass.async_block_till_done()
    assert [event.data["type"] for event in heard] == ["ended"]
    assert changes.told[-1] == "ended"
    assert detections.told[-1] == "animal"
    await hass.config_entries.async_reload(entry.entry_id)
    await reach(hass, entry, engine)
    assert len(heard) == 1


async def test_what_was_not_let_out_is_not_noted_as_told(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_storage: dict[str, Any]
) -> None:
    """A restart during the start of Home Assistant loses nothing."""
    entry = await setup()
    await hass.config_entries.async_unload(entry.entry_id)
    hass.set_state(CoreState.starting)
    await engine.start_event("front_door")
    await hass.config_entries.async_setup(entry.entry_id)
    await reach(hass, entry, engine)
    await hass.config_entries.async_unload(entry.entry_id)
    assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["cursor"] == 1
    hass.set_state(CoreState.running)
    heard = async_capture_events(hass, EVENT_NEWS)
    await hass.config_entries.async_setup(entry.entry_id)
    await reach(hass, entry, engine)
    assert [event.data["type"] for event in heard] == ["started"]


async def test_what_comes_while_the_entry_is_unloaded_is_told_once(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup()
    coordinator = await reach(hass, entry, engine)
    heard = async_capture_events(hass, EVENT_NEWS)
    save = coordinator._store.async_save

    async def slowly(data: dict[str, Any]) -> None:
        await save(data)
        await engine.start_event("front_door")
        await until(lambda: not engine.connections or coordinator.data.cursor == engine.cursor)

    monkeypatch.setattr(coordinator._store, "async_save", slowly)
    await hass.config_entries.async_reload(entry.entry_id)
    await reach(hass, entry, engine)
    assert [event.data["type"] for event in heard] == ["started"]


async def test_a_new_camera_tells_its_first_event(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await engine.put_camera("garden")
    visit = await engine.start_event("garden")
    await engine.see(visit, ObjectGroup.ANIMAL, camera_id="garden")
    await reach(hass, entry, engine)
    assert state(hass, "event", "security_event", camera="garden").attributes["event_type"] == "started"
    assert state(hass, "event", "detection", camera="garden").attributes["event_type"] == "animal"


async def test_an_engine_that_forgot_the_past(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await engine.stop()
    await until(lambda: not entry.runtime_data.connected)
    await engine.start_event("front_door")
    engine.oldest_replayed = engine.cursor
    heard = async_capture_events(hass, EVENT_NEWS)
    await engine.start()
    await reach(hass, entry, engine)
    assert not heard
    assert state(hass, "binary_sensor", "person").state == "on"
    await engine.start_event("front_door")
    await reach(hass, entry, engine)
    assert [event.data["type"] for event in heard] == ["started"]


async def test_what_was_told_is_written_soon(
    hass: HomeAssistant,
    engine: FakeEngine,
    setup: Setup,
    hass_storage: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(coordinator_module, "SAVE_DELAY_S", 0.05)
    monkeypatch.setattr(coordinator_module, "SAVE_QUIET_DELAY_S", 600)
    entry = await setup()
    key = f"{DOMAIN}.{entry.entry_id}"

    def written() -> Any:
        return hass_storage[key]["data"]["cursor"] if key in hass_storage else None

    await until(lambda: written() == engine.cursor)
    told = await engine.start_event("front_door")
    await until(lambda: written() == engine.cursor)
    await engine.see(told, ObjectGroup.OTHER)
    await asyncio.sleep(0.2)
    assert written() == engine.cursor - 1, "what tells nothing new can wait"
    monkeypatch.setattr(coordinator_module, "SAVE_QUIET_DELAY_S", 0.05)
    await engine.see(told, ObjectGroup.OTHER)
    await until(lambda: written() == engine.cursor)


async def test_a_removed_entry_leaves_nothing(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_storage: dict[str, Any]
) -> None:
    entry: MockConfigEntry = await setup()
    await hass.config_entries.async_remove(entry.entry_id)
    assert entry.state is ConfigEntryState.NOT_LOADED
    assert f"{DOMAIN}.{entry.entry_id}" not in hass_storage
    assert not dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
    await until(lambda: engine.connections == 0)
