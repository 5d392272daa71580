"""Rules and alerts over REST and as commands."""

from typing import Any

import pytest

from home_sentry_engine.contract import AlertStatus, PathMove, RiskLevel
from tests.fakes.api import FakeEngine
from tests.fakes.peer import Peer

WHOLE = {
    "name": "Visitor at night",
    "enabled": True,
    "risk_threshold": 60,
    "levels": ["high", "critical"],
    "object_types": ["person"],
    "camera_ids": ["front_door"],
    "zone_ids": ["porch"],
    "min_confidence": 0.5,
    "schedule": {"days": [0, 6], "start": "22:00", "end": "06:00", "timezone": "Europe/Berlin"},
    "moves": ["arrive"],
    "zone_sequence": ["walk", "porch"],
    "severity": "critical",
    "channels": ["hook"],
    "cooldown_s": 60,
    "dedup_key": "{camera_id}:{rule_id}",
}


async def asked(client, method: str, path: str, **given: Any) -> tuple[int, Any]:
    async with client.request(method, f"/api/v1/{path}", **given) as response:
        return response.status, await response.json()


async def test_a_rule_is_written_read_changed_and_deleted(client, engine):
    status, made = await asked(client, "POST", "rules", json=WHOLE)
    assert (status, made["id"]) == (201, "visitor_at_night")
    assert {name: made[name] for name in WHOLE} == WHOLE
    kept = engine.rules.rules["visitor_at_night"]
    assert (kept.levels, kept.moves, kept.severity) == (
        (RiskLevel.HIGH, RiskLevel.CRITICAL),
        (PathMove.ARRIVE,),
        RiskLevel.CRITICAL,
    )
    assert (await asked(client, "GET", "rules/visitor_at_night"))[1] == made
    changes = {"enabled": False, "levels": [], "name": "  At   night "}
    status, changed = await asked(client, "PATCH", "rules/visitor_at_night", json=changes)
    assert (status, changed["enabled"], changed["levels"], changed["name"]) == (200, False, [], "At night")
    assert changed["zone_ids"] == ["porch"]
    status, put = await asked(client, "PUT", "rules/visitor_at_night", json={"name": "Anew"})
    assert (put["enabled"], put["zone_ids"], put["schedule"], put["cooldown_s"]) == (True, [], None, 300)
    assert [one["id"] for one in (await asked(client, "GET", "rules"))[1]["items"]] == [
        "builtin",
        "mine",
        "visitor_at_night",
    ]
    assert await asked(client, "DELETE", "rules/visitor_at_night") == (200, {"rule_id": "visitor_at_night"})
    assert (await asked(client, "DELETE", "rules/visitor_at_night"))[0] == 404
    actions = [(deed.action, deed.target) for deed in engine.audit.deeds]
    assert ("rule.create", None) in actions
    assert {("rule.change", "visitor_at_night"), ("rule.delete", "visitor_at_night")} <= set(actions)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"name": "A", "risk_threshold": 101}, 400),
        ({"name": "A", "levels": ["terrible"]}, 400),
        ({"name": "A", "schedule": {"start": "25:00"}}, 400),
        ({"name": "A", "schedule": {"days": [7]}}, 400),
        ({"name": "A", "cooldown_s": -1}, 400),
        ({"name": "A", "colour": "red"}, 400),
        ({"name": "A", "zone_ids": ["Porch!"]}, 400),
        ({"name": "A", "zone_ids": ["nowhere"]}, 422),
        ({"name": "!"}, 422),
        ({"name": "Mine"}, 409),
    ],
)
async def test_what_is_no_rule_is_refused(client, body, status):
    found, problem = await asked(client, "POST", "rules", json=body)
    assert (found, problem["status"]) == (status, status)


async def test_a_change_of_nothing_is_refused(client):
    for body in ({}, {"name": None}, {"user": "anna"}):
        assert (await asked(client, "PATCH", "rules/mine", json=body))[0] == 400
    assert (await asked(client, "PATCH", "rules/nobody", json={"enabled": True}))[0] == 404
    assert (await asked(client, "DELETE", "rules/builtin"))[0] == 409
    assert (await asked(client, "PUT", "rules/builtin", json={"name": "A"}))[0] == 409


async def test_a_rule_is_tested_against_events(client, engine):
    status, tried = await asked(client, "POST", "rules/mine/test", json={"event_ids": ["e1"]})
    assert (status, tried["tested"], tried["matched"]) == (200, 1, 1)
    assert (await asked(client, "POST", "rules/mine/test", json={}))[1]["tested"] == len(engine.events)
    assert (await asked(client, "POST", "rules/nobody/test", json={}))[0] == 404
    assert (await asked(client, "POST", "rules/mine/test", json={"event_ids": ["nobody"]}))[0] == 404


async def test_alerts_are_listed_counted_and_closed(client, engine):
    status, page = await asked(client, "GET", "alerts?limit=1&total=true&status=pending&severity=high")
    assert (status, [one["id"] for one in page["items"]], page["total"]) == (200, ["al1"], 2)
    assert (await asked(client, "GET", "alerts?status=gone"))[0] == 400
    assert (await asked(client, "GET", "alerts/stats"))[1]["alerts"] == 2
    assert (await asked(client, "GET", "alerts/al1"))[1]["rule_id"] == "mine"
    assert (await asked(client, "GET", "alerts/nobody"))[0] == 404
    assert (await asked(client, "POST", "alerts/al1/deliver"))[1]["status"] == "delivered"
    assert (await asked(client, "POST", "alerts/nobody/deliver"))[0] == 404
    status, closed = await asked(client, "POST", "alerts/al1/acknowledge", json={"user": "anna"})
    assert (status, closed["status"], closed["closed_by"]) == (200, "acknowledged", "anna")
    assert (await asked(client, "POST", "alerts/al2/dismiss"))[1]["status"] == "dismissed"
    assert (await asked(client, "POST", "alerts/nobody/dismiss"))[0] == 404
    assert engine.alerts.closed == [
        ("al1", AlertStatus.ACKNOWLEDGED, "anna"),
        ("al2", AlertStatus.DISMISSED, None),
    ]


async def test_the_same_over_the_socket(connect, engine: FakeEngine):
    peer: Peer = await connect()
    await peer.greet()

    async def ask(name: str, /, **args: Any) -> Any:
        result = await peer.ask(name, args)
        return result.data if result.ok else result.code

    assert (await ask("create_rule", **WHOLE))["id"] == "visitor_at_night"
    assert (await ask("put_rule", rule_id="yard", name="Yard", user="anna"))["id"] == "yard"
    assert (await ask("change_rule", rule_id="yard", enabled=False))["enabled"] is False
    assert (await ask("get_rule", rule_id="yard"))["name"] == "Yard"
    assert len((await ask("list_rules"))["items"]) == 4
    assert (await ask("test_rule", rule_id="yard"))["matched"] == len(engine.events)
    assert await ask("delete_rule", rule_id="yard") == {"rule_id": "yard"}
    assert await ask("delete_rule", rule_id="yard") == "not_found"
    assert await ask("change_rule", rule_id="mine") == "invalid_request"
    assert len((await ask("list_alerts"))["items"]) == 2
    assert (await ask("get_alert", alert_id="al1"))["id"] == "al1"
    assert (await ask("get_alert_stats"))["alerts"] == 2
    assert (await ask("deliver_alert", alert_id="al1"))["status"] == "delivered"
    assert (await ask("acknowledge_alert", alert_id="al1", user="anna"))["closed_by"] == "anna"
    assert (await ask("dismiss_alert", alert_id="al2"))["status"] == "dismissed"
    assert await ask("dismiss_alert", alert_id="nobody") == "not_found"
    deeds = [(deed.action, deed.target, deed.actor) for deed in engine.audit.deeds]
    assert ("rule.put", "yard", "user anna") in deeds
    assert ("alert.acknowledge", "al1", "user anna") in deeds
