"""Actions about events and given-up jobs, who may use them, and what they say when they fail."""

from datetime import timedelta
from typing import Any

from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.util import dt as dt_util
import probatio as vol
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser

from custom_components.home_sentry.actions import ACTIONS
from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import (
    BulkReviewed,
    DeadJob,
    DeadJobPage,
    Dropped,
    FailedTry,
    Requeued,
    to_plain,
)
from tests.fakes.engine import START, FakeEngine
from tests.fakes.report_of_engine import export

from .conftest import Setup
from .helpers import reach

ADMIN_ONLY = {
    *("set_alert_rule", "delete_alert_rule"),
    *("delete_event", "restore_event", "dlq_clear", "set_zone", "remove_zone", "set_masks"),
    *("control_part", "list_keys", "create_key", "revoke_key"),
    "export",
    *("list_notification_channels", "set_notification_channel"),
    *("delete_notification_channel", "test_notification"),
    *("household_save_member", "household_save_vehicle", "household_enrol"),
    *("household_erase", "household_erase_samples", "household_erase_faces"),
    *("set_prompt", "restore_prompt", "test_prompt", "shadow_prompt", "export_prompts", "import_prompts"),
}
READING = {
    *("get_prompt", "export_prompts", "get_evaluation"),
    *("list_alert_rules", "test_rule", "list_alerts"),
    *("get_event", "search_events", "list_trash", "dlq_list", "list_parts"),
    "list_keys",
    *("list_notification_channels", "list_notification_deliveries"),
    *("household_list", "household_samples", "list_detections", "list_zones", "list_masks"),
}
LINKING = {"get_clip", "get_timelapse", "summarize"}
LEAST: dict[str, dict[str, Any]] = {
    "get_event": {"event_id": "e1"},
    "get_clip": {"event_id": "e1"},
    "get_timelapse": {"camera_id": "front_door"},
    "summarize": {},
    "export": {"kind": "csv"},
    "search_events": {"query": "dog"},
    "reanalyze": {"event_id": "e1"},
    "review": {"event_id": "e1"},
    "flag": {"event_id": "e1"},
    "favourite": {"event_id": "e1"},
    "snooze": {"event_id": "e1", "duration": {"hours": 2}},
    "set_notes": {"event_id": "e1", "notes": "hers"},
    "feedback": {"event_id": "e1", "kind": "correct"},
    "delete_event": {"event_id": "e1"},
    "restore_event": {"event_id": "e1"},
    "list_trash": {},
    "dlq_list": {},
    "dlq_requeue": {},
    "dlq_clear": {},
    "list_parts": {},
    "control_part": {"component_id": "detector", "verb": "stop"},
    "list_keys": {},
    "create_key": {"name": "Tablet", "role": "viewer"},
    "revoke_key": {"key_id": "k1"},
    "household_list": {},
    "household_samples": {"owner_id": "o1"},
    "list_detections": {"event_id": "e1"},
    "household_save_member": {"name": "Ann"},
    "household_save_vehicle": {"name": "Car"},
    "household_enrol": {"owner_id": "o1", "detection_id": 3},
    "household_not_this": {"owner_id": "o1", "detection_id": 3},
    "household_erase": {"owner_id": "o1"},
    "household_erase_samples": {"owner_id": "o1"},
    "household_erase_faces": {},
    "list_zones": {"camera_id": "front_door"},
    "set_zone": {"camera_id": "front_door", "name": "Porch", "rectangle": [0, 0.5, 1, 0.5]},
    "remove_zone": {"camera_id": "front_door", "zone_id": "porch"},
    "list_alert_rules": {},
    "set_alert_rule": {"name": "Visitor at night"},
    "delete_alert_rule": {"rule_id": "mine"},
    "test_rule": {"rule_id": "mine"},
    "list_alerts": {},
    "acknowledge_alert": {"alert_id": "a1"},
    "dismiss_alert": {"alert_id": "a1"},
    "list_masks": {"camera_id": "front_door"},
    "set_masks": {"camera_id": "front_door", "masks": []},
    "list_notification_channels": {},
    "set_notification_channel": {"kind": "webhook", "name": "Phone"},
    "delete_notification_channel": {"channel_id": "c1"},
    "test_notification": {"channel_id": "c1"},
    "list_notification_deliveries": {},
    "get_prompt": {},
    "set_prompt": {"model": "nemotron", "content": {}},
    "restore_prompt": {"model": "nemotron"},
    "test_prompt": {"model": "nemotron", "event_id": "e1"},
    "shadow_prompt": {"content": {}},
    "export_prompts": {},
    "import_prompts": {"document": {}},
    "get_evaluation": {},
}


@pytest.fixture(autouse=True)
def _answers(engine: FakeEngine) -> None:
    def reviewed(args: dict[str, Any]) -> Any:
        known = [one for one in args["event_ids"] if one != "e9"]
        missing = tuple(one for one in args["event_ids"] if one == "e9")
        return to_plain(BulkReviewed(changed=len(known), missing=missing))

    def letters(args: dict[str, Any]) -> Any:
        job = DeadJob(
            id=7,
            queue=args["queue"],
            camera_id="front_door",
            attempts=3,
            error="no answer",
            error_type="timeout",
            enqueued_at=START,
            first_failed_at=START,
            last_failed_at=START,
            body='{"media_id": "m1"}',
            tries=(FailedTry(failed_at=START, after_s=1.5, error="no answer"),),
        )
        return to_plain(DeadJobPage(items=(job,)))

    engine.answers = {
        "review_events": reviewed,
        "list_dead_letters": letters,
        "requeue_dead_letters": to_plain(Requeued(requeued=2, remaining=1)),
        "drop_dead_letters": to_plain(Dropped(dropped=2)),
        "create_export": to_plain(export()),
    }


async def act(hass: HomeAssistant, name: str, *, context: Context | None = None, **data: Any) -> Any:
    """Call an action and give what it answers."""
    return await hass.services.async_call(
        DOMAIN, name, {**LEAST[name], **data}, blocking=True, context=context, return_response=True
    )


def asked(engine: FakeEngine) -> list[tuple[str, dict[str, Any]]]:
    return [(command.name, command.args) for command in engine.wishes]


async def test_every_action_asks_the_engine(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    assert LEAST.keys() == {action.name for action in ACTIONS}
    assert await act(hass, "get_event") == {"event_id": "e1"}
    assert await act(hass, "review", event_id=["e1", "e9"]) == {"changed": 1, "missing": ["e9"]}
    await act(hass, "search_events", query='"red car" NOT dog', camera_id="garage", level="high", reviewed=False)
    await act(hass, "reanalyze")
    await act(hass, "flag", flagged=False)
    await act(hass, "favourite", event_id="e1")
    await act(hass, "set_notes", notes="")
    await act(hass, "feedback", kind="this_is", subject="Ann", comment="with a hat")
    await act(hass, "delete_event")
    await act(hass, "restore_event")
    await act(hass, "list_trash", limit=5)
    assert asked(engine) == [
        ("get_event", {"event_id": "e1"}),
        ("review_events", {"event_ids": ["e1", "e9"], "reviewed": True}),
        (
            "search_events",
            {"q": '"red car" NOT dog', "camera": "garage", "level": "high", "reviewed": False, "limit": 50},
        ),
        ("reassess_event", {"event_id": "e1"}),
        ("review_events", {"event_ids": ["e1"], "flagged": False}),
        ("review_events", {"event_ids": ["e1"], "favourite": True}),
        ("review_event", {"event_id": "e1", "notes": ""}),
        ("give_feedback", {"event_id": "e1", "kind": "this_is", "subject": "Ann", "comment": "with a hat"}),
        ("delete_event", {"event_id": "e1"}),
        ("restore_event", {"event_id": "e1"}),
        ("list_trash", {"limit": 5}),
    ]


async def test_a_search_is_narrowed_by_time_and_object_and_goes_on(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    await act(
        hass,
        "search_events",
        object="person",
        since="2026-11-20T08:00:00+01:00",
        until="2026-11-21T08:00:00+00:00",
        order="rank",
        cursor="abc",
        limit=7,
    )
    assert asked(engine) == [
        (
            "search_events",
            {
                "q": "dog",
                "object": "person",
                "since": "2026-11-20T07:00:00+00:00",
                "until": "2026-11-21T08:00:00+00:00",
                "order": "rank",
                "cursor": "abc",
                "limit": 7,
            },
        )
    ]
    for name, refused in (("order", "oldest"), ("object", ""), ("since", "soon")):
        with pytest.raises(vol.Invalid):
            await act(hass, "search_events", context=None, **{name: refused})


async def test_a_snooze_ends_after_a_while_or_at_a_time(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    monkeypatch.setattr(dt_util, "utcnow", lambda: START)
    await act(hass, "snooze")
    await hass.services.async_call(DOMAIN, "snooze", {"event_id": "e1", "until": "2026-11-21 08:00:00"}, blocking=True)
    ends = [dt_util.parse_datetime(args["snoozed_until"]) for _, args in asked(engine)]
    local = dt_util.parse_datetime("2026-11-21 08:00:00")
    assert local is not None
    assert ends == [START + timedelta(hours=2), dt_util.as_utc(local)]
    for wrong in ({}, {"until": "2026-11-21 08:00:00", "duration": 5}, {"until": "soon"}):
        with pytest.raises(vol.Invalid):
            await hass.services.async_call(DOMAIN, "snooze", {"event_id": "e1", **wrong}, blocking=True)


async def test_given_up_jobs_of_one_queue_or_all(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    found = await act(hass, "dlq_list")
    assert [(job["id"], job["queue"]) for job in found["items"]] == [(7, "detect"), (7, "assess"), (7, "notify")]
    assert found["items"][0]["body"] == '{"media_id": "m1"}'
    assert [(one["after_s"], one["error"]) for one in found["items"][0]["tries"]] == [(1.5, "no answer")]
    assert len((await act(hass, "dlq_list", limit=1))["items"]) == 1
    assert await act(hass, "dlq_requeue") == {"requeued": 6, "remaining": 3}
    assert await act(hass, "dlq_requeue", queue="detect", letter_id=7) == {"requeued": 2, "remaining": 1}
    assert await act(hass, "dlq_clear", queue="assess") == {"dropped": 2}
    assert asked(engine)[-2:] == [
        ("requeue_dead_letters", {"queue": "detect", "letter_id": 7}),
        ("drop_dead_letters", {"queue": "assess", "letter_id": None}),
    ]
    for wrong in ({"letter_id": 7}, {"queue": "other"}, {"queue": "detect", "letter_id": 0}):
        with pytest.raises(vol.Invalid):
            await act(hass, "dlq_requeue", **wrong)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
async def test_who_may_and_who_is_named(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_read_only_user: MockUser, action: Any
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    person = Context(user_id=hass_read_only_user.id)
    if action.name in ADMIN_ONLY:
        with pytest.raises(ServiceValidationError, match="Only an administrator"):
            await act(hass, action.name, context=person)
        with pytest.raises(ServiceValidationError, match="Only an administrator"):
            await act(hass, action.name, context=Context(user_id="long gone"))
        assert asked(engine) == []
    else:
        await act(hass, action.name, context=person)
        named = [args.get("user") for _, args in asked(engine)]
        # the parts are asked for at each connection too
        silent = LINKING | {"list_parts"}
        expected = set() if action.name in silent else {None if action.name in READING else hass_read_only_user.id}
        assert set(named) == expected
    assert action.admin == (action.name in ADMIN_ONLY)


async def test_an_administrator_may(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_admin_user: MockUser
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    for name in sorted(ADMIN_ONLY - READING):
        await act(hass, name, context=Context(user_id=hass_admin_user.id))
    assert {args["user"] for _, args in asked(engine)} == {hass_admin_user.id}


async def test_what_cannot_be_done_is_said(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    with pytest.raises(ServiceValidationError, match="no event e9"):
        await act(hass, "review", event_id="e9")
    engine.failing.add("delete_event")
    with pytest.raises(ServiceValidationError, match="cannot do that: no such thing"):
        await act(hass, "delete_event")
    engine.failure = "unavailable"
    with pytest.raises(HomeAssistantError, match="did not do it: no such thing") as failed:
        await act(hass, "delete_event")
    assert not isinstance(failed.value, ServiceValidationError)
    for name, wrong in (("feedback", {"kind": "nonsense"}), ("review", {"event_id": []}), ("review", {"x": 1})):
        with pytest.raises(vol.Invalid):
            await act(hass, name, **wrong)


async def test_without_an_engine(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    assert await act(hass, "get_event", config_entry_id=entry.entry_id) == {"event_id": "e1"}
    with pytest.raises(ServiceValidationError):
        await act(hass, "get_event", config_entry_id="unknown")
    MockConfigEntry(domain=DOMAIN, unique_id="engine-2", data={}).add_to_hass(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert hass.services.has_service(DOMAIN, "get_event")
    with pytest.raises(ServiceValidationError):
        await act(hass, "get_event", config_entry_id=entry.entry_id)
