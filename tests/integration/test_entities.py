"""What the entities show, when they are unavailable or unknown, and how seldom they write."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events, async_fire_time_changed

from custom_components.home_sentry import entity as entity_module
from custom_components.home_sentry.contract import (
    Accounting,
    AnalysisState,
    CameraStatus,
    Component,
    ComponentState,
    EventChange,
    Mode,
    ObjectGroup,
    RiskLevel,
)
from tests.fakes.engine import START, FakeEngine, until

from .conftest import Setup
from .helpers import Changes, entity_id, reach, state

CAMERA_STATES = (
    ("sensor", "risk_score"),
    ("sensor", "risk_level"),
    ("sensor", "last_summary"),
    ("sensor", "events_today"),
    ("binary_sensor", "person"),
    ("binary_sensor", "vehicle"),
    ("binary_sensor", "animal"),
    ("binary_sensor", "connectivity"),
    ("event", "security_event"),
    ("event", "detection"),
    ("image", "last_event"),
    ("camera", "latest"),
)
ENGINE_STATES = (
    ("sensor", "mode"),
    ("sensor", "queue_depth"),
    ("sensor", "detector"),
    ("sensor", "llm"),
    ("sensor", "house_risk_score"),
    ("sensor", "house_risk_level"),
    ("binary_sensor", "problem"),
)


async def test_before_the_first_event(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await setup()
    shown = {key: state(hass, platform, key).state for platform, key in CAMERA_STATES}
    assert shown == {
        "risk_score": "unknown",
        "risk_level": "unknown",
        "last_summary": "unknown",
        "events_today": "0",
        "person": "off",
        "vehicle": "off",
        "animal": "off",
        "connectivity": "on",
        "security_event": "unknown",
        "detection": "unknown",
        "last_event": "unknown",
        "latest": "idle",
    }


async def test_a_visit(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    visit = await engine.start_event("front_door", score=72, groups=(ObjectGroup.PERSON, ObjectGroup.VEHICLE))
    await engine.put_camera("front_door", events_today=1)
    await reach(hass, entry, engine)
    score = state(hass, "sensor", "risk_score")
    assert score.state == "72"
    assert score.attributes["event_id"] == visit.event_id
    assert score.attributes["state"] == "provisional"
    assert [factor["id"] for factor in score.attributes["factors"]] == ["b", "c", "a"]
    assert state(hass, "sensor", "risk_level").state == "high"
    assert state(hass, "sensor", "last_summary").state == "A person at front_door"
    assert state(hass, "sensor", "events_today").state == "1"
    assert [state(hass, "binary_sensor", key).state for key in ("person", "vehicle", "animal")] == ["on", "on", "off"]
    assert state(hass, "sensor", "house_risk_score", camera=None).state == "72"
    long = "Somebody walks around. " * 20
    await engine.change_event(visit.event_id, EventChange.REVISED, summary=long, analysis_state=AnalysisState.LLM)
    await engine.change_event(visit.event_id, EventChange.ENDED)
    await reach(hass, entry, engine)
    summary = state(hass, "sensor", "last_summary")
    assert len(summary.state) == 255
    assert summary.state.endswith("…")
    assert summary.attributes["full_text"] == long
    assert state(hass, "binary_sensor", "person").state == "off"


async def test_bulky_attributes_are_not_recorded(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await setup()
    for key, attribute in (("last_summary", "full_text"), ("risk_score", "factors")):
        info = state(hass, "sensor", key).state_info
        assert info is not None
        assert attribute in info["unrecorded_attributes"]


async def test_risk_falls_after_the_visit(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup()
    engine._now = dt_util.utcnow()
    visit = await engine.start_event("front_door", score=88)
    ended = await engine.change_event(visit.event_id, EventChange.ENDED)
    await reach(hass, entry, engine)
    assert ended.ended_at is not None
    seen = []
    for minutes in (0, 10, 20, 30, 120):
        now = ended.ended_at + timedelta(minutes=minutes, seconds=1)
        monkeypatch.setattr(dt_util, "utcnow", lambda now=now: now)
        entry.runtime_data._tick(now)
        seen.append((state(hass, "sensor", "risk_score").state, state(hass, "sensor", "risk_level").state))
    assert seen == [("88", "critical"), ("44", "medium"), ("22", "low"), ("11", "low"), ("0", "low")]
    assert state(hass, "sensor", "house_risk_score", camera=None).state == "0"


async def test_a_dismissed_event_is_no_risk(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    visit = await engine.start_event("front_door", score=88)
    await engine.change_event(visit.event_id, EventChange.DISMISSED)
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "risk_score").state == "0"
    assert state(hass, "sensor", "risk_level").state == "low"


async def test_an_event_in_the_trash_is_not_shown(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    visit = await engine.start_event("front_door", score=90)
    await engine.change_event(visit.event_id, EventChange.ENDED)
    await engine.change_event(visit.event_id, EventChange.DISMISSED, deleted_at=START)
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "last_summary").state == "unknown"
    assert state(hass, "sensor", "risk_score").state == "unknown"
    assert state(hass, "event", "security_event").attributes["event_type"] == "dismissed"
    await engine.change_event(visit.event_id, EventChange.REVISED, deleted_at=None)
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "last_summary").state == visit.summary


async def test_the_house_shows_its_worst_camera(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await engine.put_camera("garden")
    await engine.start_event("garden", score=35)
    await engine.start_event("front_door", score=90)
    await setup()
    assert state(hass, "sensor", "house_risk_score", camera=None).state == "90"
    assert state(hass, "sensor", "house_risk_level", camera=None).state == "critical"
    assert state(hass, "sensor", "risk_score", camera="garden").state == "35"


async def test_the_engine_about_itself(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    shown = {key: state(hass, platform, key, camera=None).state for platform, key in ENGINE_STATES}
    assert shown == {
        "mode": "normal",
        "queue_depth": "3",
        "detector": "healthy",
        "llm": "disabled",
        "house_risk_score": "unknown",
        "house_risk_level": "unknown",
        "problem": "off",
    }
    llm = state(hass, "sensor", "llm", camera=None).attributes
    assert (llm["model"], llm["reason"]) == ("nemotron-4b", "switched off")
    detector = state(hass, "sensor", "detector", camera=None).attributes
    assert (detector["model"], detector["provider"]) == ("dfine-s", "CPUExecutionProvider")
    engine.mode, engine.causes = Mode.DEGRADED, ("the detector is slow",)
    engine.set_component(Component(id="detector", state=ComponentState.DEGRADED, reason="slow"))
    await engine.publish_status()
    await until(lambda: state(hass, "sensor", "mode", camera=None).state == "degraded")
    problem = state(hass, "binary_sensor", "problem", camera=None)
    assert (problem.state, problem.attributes["causes"]) == ("on", ["the detector is slow"])
    assert state(hass, "sensor", "detector", camera=None).state == "degraded"
    assert entry.state is ConfigEntryState.LOADED


async def test_missing_values_are_unknown(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    engine.mode = Mode.UNKNOWN
    engine.components = [Component(id="llm", state=ComponentState.UNKNOWN)]
    await engine.put_camera("front_door", status=CameraStatus.UNKNOWN)
    visit = await engine.start_event("front_door")
    engine.events[visit.event_id] = replace(visit, risk_level=RiskLevel.UNKNOWN)
    await setup()
    for platform, key in (("sensor", "mode"), ("sensor", "detector"), ("sensor", "llm"), ("binary_sensor", "problem")):
        assert state(hass, platform, key, camera=None).state == "unknown"
    assert state(hass, "binary_sensor", "connectivity").state == "unknown"
    assert state(hass, "sensor", "risk_level").state == "unknown"
    assert state(hass, "sensor", "risk_score").state == "40"


async def test_rare_entities_wait_for_the_user(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    registry = er.async_get(hass)
    entry = await setup()
    await engine.put_camera("front_door", latest_media_id="m1", latest_media_at=dt_util.utcnow())
    await engine.give_up(1)
    rare = [
        entity_id(hass, "sensor", "dead_letters", camera=None),
        entity_id(hass, "sensor", "detector_time", camera=None),
        entity_id(hass, "sensor", "last_picture"),
    ]
    for name in rare:
        found = registry.async_get(name)
        assert found is not None
        assert found.disabled_by is er.RegistryEntryDisabler.INTEGRATION
        registry.async_update_entity(name, disabled_by=None)
    await hass.config_entries.async_reload(entry.entry_id)
    await reach(hass, entry, engine)
    dead = state(hass, "sensor", "dead_letters", camera=None)
    assert (dead.state, sum(dead.attributes["queues"].values())) == ("1", 1)
    assert state(hass, "sensor", "detector_time", camera=None).state == "41.5"
    assert dt_util.parse_datetime(state(hass, "sensor", "last_picture").state) is not None


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        (CameraStatus.ONLINE, "on"),
        (CameraStatus.BLIND, "on"),
        (CameraStatus.DEGRADED, "on"),
        (CameraStatus.OFFLINE, "off"),
        (CameraStatus.ERROR, "off"),
    ],
)
async def test_connectivity(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, status: CameraStatus, shown: str
) -> None:
    await engine.put_camera("front_door", status=status, status_reason="because")
    await setup()
    connectivity = state(hass, "binary_sensor", "connectivity")
    assert connectivity.state == shown
    assert (connectivity.attributes["status"], connectivity.attributes["reason"]) == (status.value, "because")


async def test_unavailable_while_the_engine_is_away(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await setup()
    await engine.start_event("front_door")
    await reach(hass, entry, engine)
    caplog.clear()
    await engine.stop()
    await until(lambda: state(hass, "sensor", "risk_score").state == "unavailable")
    assert len(engine.auths) == 1
    for platform, key in CAMERA_STATES:
        assert state(hass, platform, key).state == "unavailable", key
    for platform, key in ENGINE_STATES:
        assert state(hass, platform, key, camera=None).state == "unavailable", key
    await engine.start()
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "risk_score").state == "40"
    lines = [
        (record.levelname, record.getMessage())
        for record in caplog.records
        if record.name.startswith("custom_components.home_sentry") and record.levelname != "DEBUG"
    ]
    assert [level for level, _ in lines] == ["INFO", "INFO"]
    assert "not available" in lines[0][1]
    assert "is back" in lines[1][1]


async def test_silence_is_broken_by_asking_for_the_status(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    engine.mode = Mode.MINIMAL
    await entry.runtime_data.async_refresh()
    assert state(hass, "sensor", "mode", camera=None).state == "minimal"
    engine.status_code = 503
    await entry.runtime_data.async_refresh()
    assert state(hass, "sensor", "mode", camera=None).state == "unavailable"
    engine.status_code = None
    await entry.runtime_data.async_refresh()
    assert state(hass, "sensor", "mode", camera=None).state == "minimal"


async def test_states_are_written_on_change_only(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    written = async_capture_events(hass, "state_changed")
    reported: list[Any] = []

    @callback
    def take(event: Any) -> None:
        reported.append(event)

    hass.bus.async_listen("state_reported", take, event_filter=callback(lambda _data: True))
    for number in range(20):
        await engine.put_camera("front_door", latest_media_id=f"m{number}")
    await reach(hass, entry, engine)
    await engine.publish_status()
    await engine.put_camera("front_door", events_today=1)
    await reach(hass, entry, engine)
    assert [event.data["entity_id"] for event in written] == [entity_id(hass, "sensor", "events_today")]
    assert not reported


async def test_the_engine_writes_seldom(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entity_module, "_DIAGNOSTIC_PAUSE_S", 3600)
    coordinator = await reach(hass, await setup(), engine)
    depth = Changes(hass, entity_id(hass, "sensor", "queue_depth", camera=None))
    for pending in range(10, 30):
        engine.queues = [replace(engine.queues[0], pending=pending)]
        await engine.publish_status()
    await until(lambda: coordinator.data.status and coordinator.data.status.queues[0].pending == 29)
    assert [item.state for item in depth.states] == ["11"]
    async_fire_time_changed(hass, dt_util.utcnow() + timedelta(hours=1, seconds=1))
    await until(lambda: len(depth.states) > 1)
    await hass.async_block_till_done()
    assert [item.state for item in depth.states] == ["11", "30"]


async def test_the_account_of_all_files_is_told_beside_the_queue(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    nothing = state(hass, "sensor", "queue_depth", camera=None).attributes
    assert (nothing["accepted"], nothing["quarantined"], nothing["dead_letters"]) == (None, None, 0)
    told = {"accepted": 12, "stored": 8, "queued": 3, "duplicate": 2, "rejected": 4, "quarantined": 1}
    engine.accounting = Accounting(seen=18, **told)
    await engine.give_up(5)
    await hass.config_entries.async_reload(entry.entry_id)
    await reach(hass, entry, engine)
    shown = state(hass, "sensor", "queue_depth", camera=None)
    expected = {**told, "dead_letters": 5}
    assert {name: shown.attributes[name] for name in expected} == expected
    assert shown.state == "3"
    registered = er.async_get(hass).async_get(shown.entity_id)
    assert registered is not None
    assert registered.entity_category is EntityCategory.DIAGNOSTIC
    assert shown.state_info is not None
    assert expected.keys() <= shown.state_info["unrecorded_attributes"]


async def test_recorder_rows_of_a_busy_day(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    """Forty visits and a picture every ten seconds stay far below a thousand rows of one camera."""
    entry = await setup()
    written = async_capture_events(hass, "state_changed")
    for _ in range(40):
        visit = await engine.start_event("front_door", score=72)
        for number in range(10):
            await engine.put_camera("front_door", latest_media_id=f"m{number}")
            await engine.see(visit, ObjectGroup.PERSON)
        await engine.change_event(visit.event_id, EventChange.REVISED, analysis_state=AnalysisState.LLM, risk_score=75)
        await engine.change_event(visit.event_id, EventChange.ENDED)
    await reach(hass, entry, engine)
    of_camera = [event for event in written if "front_door" in event.data["entity_id"]]
    assert len(of_camera) < 600
