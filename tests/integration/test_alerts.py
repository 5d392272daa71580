"""Rules of alerts by actions, alerts as events, and a repair for rules that cannot hold."""

import logging
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.helpers import issue_registry as ir
import probatio as vol
import pytest
from pytest_homeassistant_custom_component.common import async_capture_events

from custom_components.home_sentry.const import DOMAIN, EVENT_NEWS
from custom_components.home_sentry.contract import AlertRule, AlertRuleList, RiskLevel, to_plain
from tests.fakes.alarms import close_alert, raise_alert
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import Changes, break_off, entity_id, reach, state

WHOLE = {
    "name": "Visitor at night",
    "risk_threshold": 60,
    "levels": ["high", "critical"],
    "object_types": ["person"],
    "camera_ids": ["front_door"],
    "zone_ids": ["porch"],
    "min_confidence": 0.5,
    "moves": ["arrive"],
    "zone_sequence": ["walk", "porch"],
    "severity": "critical",
    "channels": ["hook"],
    "cooldown_s": 60,
    "dedup_key": "{camera_id}:{rule_id}",
}
SPAN = {"days": ["mon", "sun"], "start": "22:00:00", "end": "06:30:00", "time_zone": "Europe/Berlin"}


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


async def test_a_rule_is_made_written_anew_or_changed(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    made = to_plain(AlertRule(id="visitor_at_night", name="Visitor at night"))
    engine.answers = dict.fromkeys(("create_rule", "put_rule", "change_rule"), made)
    await reach(hass, await setup(), engine)
    assert (await act(hass, "set_alert_rule", **WHOLE, **SPAN))["id"] == "visitor_at_night"
    await act(hass, "set_alert_rule", rule_id="mine", name="Mine", start="08:00:00")
    await act(hass, "set_alert_rule", rule_id="builtin", enabled=False)
    asked = [(command.name, command.args) for command in engine.wishes[-3:]]
    span = {"days": [0, 6], "start": "22:00", "end": "06:30", "timezone": "Europe/Berlin"}
    day: dict[str, Any] = {"days": [], "start": "08:00", "end": "00:00", "timezone": None}
    assert asked == [
        ("create_rule", WHOLE | {"schedule": span}),
        ("put_rule", {"rule_id": "mine", "name": "Mine", "schedule": day}),
        ("change_rule", {"rule_id": "builtin", "enabled": False}),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"enabled": True},
        {"name": ""},
        {"name": "A", "risk_threshold": 101},
        {"name": "A", "days": ["someday"]},
        {"name": "A", "start": "25:00"},
        {"name": "A", "time_zone": "Mars/Olympus"},
        {"name": "A", "cooldown_s": -1},
        {"name": "A", "levels": ["unknown"]},
    ],
)
async def test_what_is_no_rule(hass: HomeAssistant, engine: FakeEngine, setup: Setup, wrong: dict[str, Any]) -> None:
    await reach(hass, await setup(), engine)
    before = len(engine.wishes)
    with pytest.raises(vol.Invalid):
        await act(hass, "set_alert_rule", **wrong)
    assert len(engine.wishes) == before


async def test_rules_and_alerts_are_read_and_closed(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    rules = AlertRuleList(items=(AlertRule(id="mine", name="Mine", broken="there is no zone porch"),))
    engine.answers = {"list_rules": to_plain(rules)}
    await reach(hass, await setup(), engine)
    assert (await act(hass, "list_alert_rules"))["items"][0]["broken"] == "there is no zone porch"
    await act(hass, "test_rule", rule_id="mine", event_ids="e1")
    await act(hass, "test_rule", rule_id="mine", limit=5)
    await act(hass, "delete_alert_rule", rule_id="mine")
    await act(hass, "list_alerts", status="pending", camera_id="front_door", limit=3)
    await act(hass, "acknowledge_alert", alert_id="a1")
    await act(hass, "dismiss_alert", alert_id="a2")
    assert [(command.name, command.args) for command in engine.wishes[-6:]] == [
        ("test_rule", {"rule_id": "mine", "event_ids": ["e1"], "limit": 50}),
        ("test_rule", {"rule_id": "mine", "limit": 5}),
        ("delete_rule", {"rule_id": "mine"}),
        ("list_alerts", {"status": "pending", "limit": 3, "camera": "front_door"}),
        ("acknowledge_alert", {"alert_id": "a1"}),
        ("dismiss_alert", {"alert_id": "a2"}),
    ]


async def test_an_alert_is_an_event_of_its_camera_and_on_the_bus(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    changes = Changes(hass, entity_id(hass, "event", "alert"))
    heard = async_capture_events(hass, EVENT_NEWS)
    visit = await engine.start_event("front_door", score=70)
    alert = await raise_alert(engine, visit, severity=RiskLevel.CRITICAL, rule_only=True)
    await raise_alert(engine, visit, 2, severity=RiskLevel.UNKNOWN)
    await close_alert(engine, alert)
    await reach(hass, entry, engine)
    assert changes.told == ["critical"]
    shown = state(hass, "event", "alert").attributes
    assert {key: shown[key] for key in ("alert_id", "event_id", "rule_id", "rule", "level", "rule_only")} == {
        "alert_id": "alert-1",
        "event_id": visit.event_id,
        "rule_id": "mine",
        "rule": "Visitor at night",
        "level": "high",
        "rule_only": True,
    }
    told = [event.data for event in heard if event.data["type"] == "alert"]
    assert [(data["alert_id"], data["severity"], data["camera_id"]) for data in told] == [
        ("alert-1", "critical", "front_door"),
        ("alert-2", "unknown", "front_door"),
    ]
    await until(lambda: len(engine.asked("deliver_alert")) > 1)
    # each is confirmed on its own
    assert {one["alert_id"] for one in engine.asked("deliver_alert")} == {"alert-1", "alert-2"}
    assert told[0]["version"] == 1
    assert told[0]["device_id"]
    assert told[0]["zone_ids"] == ["porch"]


async def test_an_engine_that_cannot_be_told_of_an_alert_that_arrived(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await setup()
    engine.failing.add("deliver_alert")
    caplog.set_level(logging.DEBUG, logger="custom_components.home_sentry")
    await raise_alert(engine, await engine.start_event("front_door", score=70))
    await reach(hass, entry, engine)
    await until(lambda: "was not told that an alert arrived" in caplog.text)
    assert state(hass, "event", "alert").attributes["event_type"] == "high"


async def test_an_alert_is_told_once(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    heard = async_capture_events(hass, EVENT_NEWS)
    await engine.drop_clients()
    visit = await engine.start_event("front_door", score=70)
    await raise_alert(engine, visit)
    await reach(hass, entry, engine)
    await break_off(hass, entry, engine)
    assert [event.data["alert_id"] for event in heard if event.data["type"] == "alert"] == ["alert-1"]


async def test_a_rule_that_cannot_hold_is_a_repair_that_goes_by_itself(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    key = (DOMAIN, f"broken_rules_{entry.entry_id}")
    issues = ir.async_get(hass).issues
    engine.broken_rules = {"Visitor at night": "there is no zone porch", "Dogs": "there is no camera attic"}
    await engine.publish_status()
    await until(lambda: key in issues)
    assert (issues[key].translation_placeholders or {})["rules"] == (
        "- Dogs: there is no camera attic\n- Visitor at night: there is no zone porch"
    )
    engine.broken_rules = {"Dogs": "there is no camera attic"}
    await engine.publish_status()
    await until(lambda: "Visitor" not in (issues[key].translation_placeholders or {})["rules"])
    engine.broken_rules = {}
    await engine.publish_status()
    await until(lambda: key not in issues)
