"""Entities stay truthful while the engine tells of a clock that jumped, a lost graphics card or a full disk."""

from datetime import timedelta

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest

from custom_components.home_sentry import entity as entity_module
from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import Component, ComponentState, EventChange, Mode
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import reach, state
from .test_entities import CAMERA_STATES


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)])
async def test_a_clock_of_the_engine_that_jumps_an_hour_keeps_no_risk_up_and_hides_no_visit(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    entry = await setup()
    began = dt_util.utcnow()

    def pass_time(minutes: float) -> str:
        now = began + timedelta(minutes=minutes, seconds=1)
        monkeypatch.setattr(dt_util, "utcnow", lambda: now)
        entry.runtime_data._tick(now)
        return state(hass, "sensor", "risk_score").state

    engine._now = began
    before = await engine.start_event("front_door", score=30)
    await engine.change_event(before.event_id, EventChange.ENDED)
    engine._now = began + jump
    visit = await engine.start_event("front_door", score=88)
    await reach(hass, entry, engine)
    assert [pass_time(0), pass_time(5)] == ["88", "88"]
    assert state(hass, "binary_sensor", "person").state == "on"
    await engine.change_event(visit.event_id, EventChange.ENDED)
    await reach(hass, entry, engine)
    assert state(hass, "binary_sensor", "person").state == "off"
    seen = [int(pass_time(minutes)) for minutes in (5, 15, 25, 125)]
    assert seen == sorted(seen, reverse=True)
    assert seen[1] <= 44
    assert seen[-1] == 0
    if jump > timedelta():
        assert seen == [88, 44, 22, 0]


async def test_without_its_graphics_card_the_detector_says_so_and_everything_else_goes_on(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    gone = "CUDA failed: no device; the processor looks instead"
    engine.mode, engine.causes = Mode.DEGRADED, (f"detector: {gone}",)
    engine.set_component(
        Component(
            id="detector",
            state=ComponentState.DEGRADED,
            reason=gone,
            fix="look at the driver of the card",
            details={"model": "dfine-n", "provider": "CPUExecutionProvider"},
        )
    )
    await engine.publish_status()
    await until(lambda: state(hass, "sensor", "detector", camera=None).state == "degraded")
    shown = state(hass, "sensor", "detector", camera=None).attributes
    assert (shown["model"], shown["provider"], shown["reason"]) == ("dfine-n", "CPUExecutionProvider", gone)
    problem = state(hass, "binary_sensor", "problem", camera=None)
    assert (problem.state, problem.attributes["causes"]) == ("on", [f"detector: {gone}"])
    await engine.start_event("front_door", score=61)
    await reach(hass, entry, engine)
    assert state(hass, "sensor", "risk_score").state == "61"
    assert state(hass, "binary_sensor", "connectivity").state == "on"


async def test_a_full_disk_is_told_with_its_way_out_and_nothing_is_made_up_meanwhile(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entity_module, "_DIAGNOSTIC_PAUSE_S", 0.1)
    engine.components.append(Component(id="disk", state=ComponentState.HEALTHY))
    entry = await setup()
    visit = await engine.start_event("front_door", score=72)
    await reach(hass, entry, engine)
    before = {key: state(hass, platform, key).state for platform, key in CAMERA_STATES}
    full, fix = "the disk is full: files wait", "free some space"
    engine.mode, engine.causes = Mode.MINIMAL, (f"disk: {full}",)
    engine.set_component(Component(id="disk", state=ComponentState.UNHEALTHY, reason=full, fix=fix))
    await engine.publish_status()
    await until(lambda: state(hass, "sensor", "mode", camera=None).state == "minimal")
    await until(lambda: state(hass, "binary_sensor", "problem", camera=None).state == "on")
    problem = state(hass, "binary_sensor", "problem", camera=None)
    assert (problem.state, problem.attributes["causes"]) == ("on", [f"disk: {full}"])
    issues = [one for one in ir.async_get(hass).issues.values() if one.domain == DOMAIN]
    assert [(one.translation_placeholders or {}).get("reason") for one in issues] == [full]
    assert {key: state(hass, platform, key).state for platform, key in CAMERA_STATES} == before
    assert state(hass, "sensor", "risk_score").attributes["event_id"] == visit.event_id
    engine.mode, engine.causes = Mode.NORMAL, ()
    engine.set_component(Component(id="disk", state=ComponentState.HEALTHY))
    await engine.publish_status()
    await until(lambda: state(hass, "sensor", "mode", camera=None).state == "normal")
    await until(lambda: state(hass, "binary_sensor", "problem", camera=None).state == "off")
    assert [one for one in ir.async_get(hass).issues.values() if one.domain == DOMAIN] == []
