"""Channels and deliveries over REST and as commands."""

import pytest

from home_sentry_engine.contract import AlertSchedule, ChannelFilters, RiskLevel
from home_sentry_engine.contract.notifications import ChannelKind, DeliveryState
from tests.fakes.peer import Peer

CHANNELS = "/api/v1/notifications/channels"
CANARY = "planted-canary"


async def asked(client, method, path, body=None):
    async with client.request(method, path, json=body) as response:
        return response.status, await response.json()


async def test_a_channel_is_added_changed_tested_and_deleted(client, engine):
    body = {
        "kind": "email",
        "name": "  Mail   of the house ",
        "host": "mail.example.org",
        "sender": "house@example.org",
        "recipients": ["ann@example.org"],
        "username": "house",
        "password": CANARY,
        "filters": {
            "level": "medium",
            "cameras": ["front_door", "front_door"],
            "quiet_hours": [{"days": [5, 6], "start": "22:00", "end": "07:00"}],
            "breaks_quiet": "never",
            "per_hour": 3,
        },
    }
    status, made = await asked(client, "POST", CHANNELS, body)
    assert status == 201
    assert CANARY not in str(made)
    (draft,) = engine.notifications.drafts
    assert (draft.kind, draft.name, draft.enabled) == (ChannelKind.EMAIL, "Mail of the house", None)
    assert draft.given == {key: body[key] for key in ("host", "sender", "recipients", "username", "password")}
    assert CANARY not in repr(draft)
    assert draft.filters == ChannelFilters(
        level=RiskLevel.MEDIUM,
        cameras=("front_door",),
        quiet_hours=(AlertSchedule(days=(5, 6), start="22:00", end="07:00"),),
        breaks_quiet=None,
        per_hour=3,
    )
    one = f"{CHANNELS}/{made['id']}"
    assert await asked(client, "GET", one) == (200, made)
    assert made in (await asked(client, "GET", CHANNELS))[1]["items"]
    status, changed = await asked(client, "PATCH", one, {"enabled": False, "password": ""})
    assert (status, engine.notifications.drafts[-1].given) == (200, {"password": ""})
    assert (engine.notifications.drafts[-1].filters, engine.notifications.drafts[-1].enabled) == (None, False)
    assert (await asked(client, "POST", f"{one}/test"))[1]["test"] is True
    assert await asked(client, "DELETE", one) == (200, {"channel_id": changed["id"]})
    for method, path in (("GET", one), ("PATCH", one), ("DELETE", one), ("POST", f"{one}/test")):
        assert (await asked(client, method, path, {} if method == "PATCH" else None))[0] == 404
    deeds = [(deed.action, deed.outcome) for deed in engine.audit.deeds]
    assert ("channel.create", "done") in deeds
    assert ("channel.test", "not_found") in deeds


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "pigeon", "name": "x"},
        {"kind": "webhook", "name": " "},
        {"kind": "webhook", "name": "x", "filters": {"level": "unknown"}},
        {"kind": "webhook", "name": "x", "filters": {"quiet_hours": [{"start": "24:00", "end": "06:00"}]}},
        {"kind": "webhook", "name": "x", "filters": {"per_hour": -1}},
        {"kind": "email", "name": "x", "port": 0},
        {"kind": "email", "name": "x", "recipients": []},
        {"kind": "webhook", "name": "x", "headers": {}},
    ],
)
async def test_what_has_no_meaning_is_refused_without_repeating_it(client, engine, body):
    status, problem = await asked(client, "POST", CHANNELS, {"password": CANARY} | body)
    assert (status, engine.notifications.drafts) == (400, [])
    assert CANARY not in str(problem)


async def test_deliveries_are_asked_for_by_event_alert_channel_and_state(client, engine):
    filters = "event_id=e1&alert_id=a1&channel_id=c1&state=failed&camera=front_door&total=1"
    path = f"/api/v1/notifications/deliveries?{filters}"
    status, page = await asked(client, "GET", path)
    assert (status, page["all_successful"]) == (200, None)
    (query,) = engine.notifications.queries
    assert (query.event_id, query.alert_id, query.channel_id, query.state) == ("e1", "a1", "c1", DeliveryState.FAILED)
    assert (query.camera_id, query.with_total) == ("front_door", True)
    assert (await asked(client, "GET", "/api/v1/notifications/deliveries?state=unknown"))[0] == 400
    status, stats = await asked(client, "GET", "/api/v1/notifications/stats?since=2026-11-20T00:00:00Z")
    assert (status, [one["channel_id"] for one in stats["channels"]]) == (200, ["c1"])


async def test_the_same_as_commands(connect, engine):
    peer: Peer = await connect()
    await peer.greet()

    async def ask(command, /, **args):
        result = await peer.ask(command, args)
        return result.data if result.ok else result.code

    made = await ask("create_channel", kind="webhook", name="Log", url=f"https://example.org/{CANARY}", user="ann")
    assert CANARY not in str(made)
    assert [one["id"] for one in (await ask("list_channels"))["items"]] == ["c1", made["id"]]
    assert (await ask("change_channel", channel_id="c1", name="Other"))["name"] == "Other"
    assert (await ask("test_channel", channel_id="c1"))["state"] == "delivered"
    assert (await ask("list_deliveries", event_id="e1"))["items"] == []
    assert (await ask("get_notification_stats"))["alerts"] == 0
    assert await ask("delete_channel", channel_id="c1", user="ann") == {"channel_id": "c1"}
    for name in ("delete_channel", "test_channel", "change_channel"):
        assert await ask(name, channel_id="c1") == "not_found"
    assert ("channel.delete", "user ann") in [(deed.action, deed.actor) for deed in engine.audit.deeds]
