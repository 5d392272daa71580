"""Channels of the engine by actions, and a repair that names a target that nothing reaches."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
import probatio as vol
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import (
    AlertSchedule,
    Channel,
    ChannelFilters,
    ChannelList,
    Component,
    ComponentState,
    to_plain,
)
from custom_components.home_sentry.contract.notifications import ChannelKind
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import reach

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PHONE = Channel(
    id="c1",
    kind=ChannelKind.WEBHOOK,
    name="Phone",
    filters=ChannelFilters(
        cameras=("front_door",),
        quiet_hours=(AlertSchedule(days=(0,), start="22:00", end="06:00"),),
        breaks_quiet=None,
    ),
    created_at=NOW,
    updated_at=NOW,
)
FILTERS = {
    "level": "high",
    "cameras": ["front_door"],
    "quiet_hours": [{"days": [0], "start": "22:00", "end": "06:00"}],
    "breaks_quiet": "never",
    "per_hour": 6,
}


async def act(hass: HomeAssistant, action: str, /, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


async def asked(hass: HomeAssistant, engine: FakeEngine, action: str, /, **data: Any) -> tuple[str, dict[str, Any]]:
    await act(hass, action, **data)
    return engine.wishes[-1].name, engine.wishes[-1].args


@pytest.fixture
def answers(engine: FakeEngine) -> None:
    one: dict[str, Any] = to_plain(PHONE)
    engine.answers = dict.fromkeys(("create_channel", "change_channel"), one)
    engine.answers |= {
        "list_channels": to_plain(ChannelList(items=(PHONE,))),
        "delete_channel": {"channel_id": "c1"},
        "test_channel": {"id": "d1", "state": "delivered"},
        "list_deliveries": {"items": []},
    }


@pytest.mark.usefixtures("answers")
async def test_a_channel_is_added_with_all_that_it_needs(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await reach(hass, await setup(), engine)
    mail: dict[str, Any] = {
        "kind": "email",
        "name": "Mail",
        "host": "mail.example.org",
        "port": 465,
        "security": "tls",
        "username": "house",
        "password": "secret words",
        "sender": "house@example.org",
        "recipients": ["ann@example.org"],
        "enabled": True,
    }
    quiet = {"quiet_days": ["sat", "sun"], "quiet_start": "22:00:00", "quiet_end": "07:00:00"}
    filters = {"level": "medium", "camera_id": ["garden"], "breaks_quiet": "critical", "per_hour": 3}
    command = await asked(hass, engine, "set_notification_channel", **mail, **quiet, **filters)
    expected = {
        "level": "medium",
        "cameras": ["garden"],
        "breaks_quiet": "critical",
        "per_hour": 3,
        "quiet_hours": [{"days": [5, 6], "start": "22:00", "end": "07:00"}],
    }
    assert command == ("create_channel", mail | {"filters": expected})
    plain = {"kind": "webhook", "name": "Log", "url": "https://example.org/x"}
    assert await asked(hass, engine, "set_notification_channel", **plain) == ("create_channel", plain)


@pytest.mark.usefixtures("answers")
async def test_a_change_keeps_what_is_not_given(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await reach(hass, await setup(), engine)
    change = "set_notification_channel"
    one = {"channel_id": "c1"}
    assert await asked(hass, engine, change, **one, enabled=False) == ("change_channel", one | {"enabled": False})
    louder = one | {"filters": FILTERS | {"per_hour": 0}}
    assert await asked(hass, engine, change, **one, kind="webhook", per_hour=0) == ("change_channel", louder)
    awake = one | {"filters": FILTERS | {"quiet_hours": []}}
    assert await asked(hass, engine, change, **one, no_quiet_hours=True) == ("change_channel", awake)
    other = {"channel_id": "other"}
    assert await asked(hass, engine, change, **other, level="low") == (
        "change_channel",
        other | {"filters": {"level": "low"}},
    )


@pytest.mark.usefixtures("answers")
async def test_channels_are_listed_tested_and_deleted(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await reach(hass, await setup(), engine)
    assert (await act(hass, "list_notification_channels"))["items"][0]["id"] == "c1"
    one = {"channel_id": "c1"}
    assert await asked(hass, engine, "test_notification", **one) == ("test_channel", one)
    assert await asked(hass, engine, "list_notification_deliveries", event_id="e1", state="failed") == (
        "list_deliveries",
        {"event_id": "e1", "state": "failed", "limit": 50},
    )
    assert await asked(hass, engine, "delete_notification_channel", **one) == ("delete_channel", one)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "webhook"},
        {"name": "x"},
        {"channel_id": "c1", "quiet_start": "22:00:00"},
        {"kind": "pigeon", "name": "x"},
        {"channel_id": "c1", "recipients": []},
        {"channel_id": "c1", "per_hour": -1},
    ],
)
async def test_what_is_no_channel(hass: HomeAssistant, engine: FakeEngine, setup: Setup, wrong: dict[str, Any]) -> None:
    await reach(hass, await setup(), engine)
    before = len(engine.wishes)
    with pytest.raises(vol.Invalid):
        await act(hass, "set_notification_channel", **wrong)
    assert len(engine.wishes) == before


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("action", ["list_notification_channels", "delete_notification_channel", "test_notification"])
async def test_only_administrators_deal_with_channels(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, action: str
) -> None:
    await reach(hass, await setup(), engine)
    user = MockUser(is_owner=False).add_to_hass(hass)
    data = {} if action.startswith("list") else {"channel_id": "c1"}
    with pytest.raises(ServiceValidationError) as refused:
        await hass.services.async_call(
            DOMAIN, action, data, blocking=True, return_response=True, context=Context(user_id=user.id)
        )
    assert refused.value.translation_key == "admin_only"


async def test_a_repair_names_the_target_until_something_gets_through(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    ill = Component(
        id="notify:c1",
        state=ComponentState.UNHEALTHY,
        reason="alerts do not reach Phone (https://hooks.example.org/…): no connection: refused",
        fix="Send a test.",
        details={"name": "Phone"},
    )
    issues, issue = ir.async_get(hass), f"component_notify:c1_{entry.entry_id}"
    engine.components.append(ill)
    await engine.publish_status()
    await until(lambda: issues.async_get_issue(DOMAIN, issue) is not None)
    found = issues.async_get_issue(DOMAIN, issue)
    assert found is not None
    assert found.translation_key == "undeliverable"
    assert found.translation_placeholders is not None
    assert found.translation_placeholders["channel"] == "Phone"
    assert "hooks.example.org" in found.translation_placeholders["reason"]
    engine.set_component(replace(ill, state=ComponentState.HEALTHY, reason=None, fix=None))
    await engine.publish_status()
    await until(lambda: issues.async_get_issue(DOMAIN, issue) is None)
