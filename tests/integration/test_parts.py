"""Parts of the engine as switches and buttons; given-up jobs as a repair."""

from typing import Any

from homeassistant.components.repairs import DOMAIN as REPAIRS
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, MockUser
from pytest_homeassistant_custom_component.typing import ClientSessionGenerator

from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import Component, ComponentState, Dropped, Part, Requeued, to_plain
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import entity_id, reach, state

HEALTHY = ComponentState.HEALTHY


def part(part_id: str, **fields: Any) -> Part:
    return Part(component=Component(id=part_id, state=HEALTHY), **{"controllable": True, **fields})


@pytest.fixture(autouse=True)
def _parts(engine: FakeEngine) -> None:
    engine.parts = [part("detector"), part("api", fixed=True), part("timers"), part("database", controllable=False)]
    engine.components += [Component(id=one, state=HEALTHY) for one in ("api", "timers", "database")]


async def there(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> MockConfigEntry:
    """Set up and wait for the parts."""
    entry = await setup()
    coordinator = await reach(hass, entry, engine)
    await until(lambda: coordinator.parts.known)
    await hass.async_block_till_done()
    return entry


def keys(hass: HomeAssistant, platform: str) -> set[str]:
    found = er.async_get(hass).entities.values()
    return {one.unique_id.removeprefix("engine-1_") for one in found if one.domain == platform}


async def press(hass: HomeAssistant, service: str, target: str, context: Context | None = None) -> None:
    domain = target.partition(".")[0]
    await hass.services.async_call(domain, service, {"entity_id": target}, blocking=True, context=context)


async def test_what_may_be_switched_and_restarted(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await there(hass, engine, setup)
    assert keys(hass, "switch") == {"part_detector", "part_timers"}
    assert {key for key in keys(hass, "button") if key.startswith("restart_")} == {
        "restart_detector",
        "restart_api",
        "restart_timers",
    }
    registry = er.async_get(hass)
    for platform, key, named in (
        ("switch", "part_detector", True),
        ("switch", "part_timers", False),
        ("button", "restart_api", False),
    ):
        found = registry.async_get(entity_id(hass, platform, key, camera=None))
        assert found is not None
        assert (found.disabled_by is None) is named
    assert state(hass, "switch", "part_detector", camera=None).name == "Sentry Detector"
    found = registry.async_get(entity_id(hass, "switch", "part_timers", camera=None))
    assert found is not None
    assert found.original_name == "Part Timers"


async def test_a_switch_follows_the_engine_and_turns_the_part(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await there(hass, engine, setup)
    detector = entity_id(hass, "switch", "part_detector", camera=None)
    assert state(hass, "switch", "part_detector", camera=None).state == "on"
    await press(hass, "turn_off", detector)
    assert (engine.wishes[-1].name, engine.wishes[-1].args) == ("disable_component", {"component_id": "detector"})
    engine.set_component(Component(id="detector", state=ComponentState.DISABLED, reason="switched off by a person"))
    await engine.publish_status()
    await until(lambda: state(hass, "switch", "part_detector", camera=None).state == "off")
    await press(hass, "turn_on", detector)
    assert engine.wishes[-1].name == "enable_component"
    engine.components = [one for one in engine.components if one.id != "detector"]
    await engine.publish_status()
    await until(lambda: state(hass, "switch", "part_detector", camera=None).state == "unavailable")
    assert entry.runtime_data.connected


async def test_a_button_restarts_a_part(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await there(hass, engine, setup)
    restart = entity_id(hass, "button", "restart_detector", camera=None)
    await press(hass, "press", restart)
    assert (engine.wishes[-1].name, engine.wishes[-1].args) == ("restart_component", {"component_id": "detector"})
    engine.failing.add("restart_component")
    engine.failure = "conflict"
    with pytest.raises(ServiceValidationError, match="no such thing"):
        await press(hass, "press", restart)


async def test_parts_are_an_administrators(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_admin_user: MockUser
) -> None:
    await there(hass, engine, setup)
    guest = MockUser(groups=[], name="guest").add_to_hass(hass)
    guest.mock_policy({"entities": True})
    targets = (
        ("turn_off", entity_id(hass, "switch", "part_detector", camera=None)),
        ("turn_on", entity_id(hass, "switch", "part_detector", camera=None)),
        ("press", entity_id(hass, "button", "restart_detector", camera=None)),
    )
    before = len(engine.wishes)
    for service, target in targets:
        with pytest.raises(ServiceValidationError, match="Only an administrator"):
            await press(hass, service, target, Context(user_id=guest.id))
    assert len(engine.wishes) == before
    for service, target in targets:
        await press(hass, service, target, Context(user_id=hass_admin_user.id))
    assert [command.args["user"] for command in engine.wishes[before:]] == [hass_admin_user.id] * 3


async def test_a_part_that_comes_later_is_added_once(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    entry = await there(hass, engine, setup)
    engine.parts.append(part("llm"))
    await engine.drop_clients()
    await until(lambda: "part_llm" in keys(hass, "switch"))
    await reach(hass, entry, engine)
    assert keys(hass, "switch") == {"part_detector", "part_timers", "part_llm"}


async def test_an_engine_that_does_not_say_has_no_parts(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, caplog: pytest.LogCaptureFixture
) -> None:
    engine.failing.add("list_components")
    entry = await setup()
    await reach(hass, entry, engine)
    await until(lambda: "does not say what its parts are" in caplog.text)
    assert keys(hass, "switch") == set()
    assert entry.runtime_data.connected


def issue_of(hass: HomeAssistant, entry: MockConfigEntry) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, f"dead_letters_{entry.entry_id}")


async def test_given_up_jobs_are_a_repair_until_there_are_none(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    assert issue_of(hass, entry) is None
    await engine.give_up(2)
    await until(lambda: issue_of(hass, entry))
    await engine.give_up(5)

    def count() -> str:
        issue = issue_of(hass, entry)
        return (issue.translation_placeholders or {}).get("count", "") if issue else ""

    await until(lambda: count() == "5")
    issue = issue_of(hass, entry)
    assert issue is not None
    assert issue.is_fixable
    await engine.give_up(0)
    await until(lambda: issue_of(hass, entry) is None)


@pytest.mark.parametrize(
    ("choice", "remaining", "ends"),
    [("requeue", 0, "create_entry"), ("requeue", 3, "some_remain"), ("clear", 0, "create_entry")],
)
async def test_the_repair_puts_back_or_deletes(
    hass: HomeAssistant,
    engine: FakeEngine,
    setup: Setup,
    hass_client: ClientSessionGenerator,
    choice: str,
    remaining: int,
    ends: str,
) -> None:
    engine.answers = {
        "requeue_dead_letters": to_plain(Requeued(requeued=2, remaining=remaining)),
        "drop_dead_letters": to_plain(Dropped(dropped=2)),
    }
    result = await _fixed(hass, engine, setup, hass_client, choice)
    assert result.get("reason", result["type"]) == ends
    command = {"requeue": "requeue_dead_letters", "clear": "drop_dead_letters"}[choice]
    assert [args["queue"] for args in engine.asked(command)] == ["detect", "assess", "notify"]


async def test_a_repair_that_fails_says_why(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator
) -> None:
    engine.failing.add("requeue_dead_letters")
    result = await _fixed(hass, engine, setup, hass_client, "requeue")
    assert (result["type"], result["reason"]) == ("abort", "failed")
    assert "no such thing" in result["description_placeholders"]["reason"]


async def test_a_repair_of_an_engine_that_is_gone(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_client: ClientSessionGenerator
) -> None:
    result = await _fixed(hass, engine, setup, hass_client, "clear", unload=True)
    assert (result["type"], result["reason"]) == ("abort", "not_connected")


async def _fixed(
    hass: HomeAssistant,
    engine: FakeEngine,
    setup: Setup,
    hass_client: ClientSessionGenerator,
    choice: str,
    *,
    unload: bool = False,
) -> dict[str, Any]:
    """Walk through the repair and give where it ends."""
    assert await async_setup_component(hass, REPAIRS, {})
    entry = await setup()
    client = await hass_client()
    await reach(hass, entry, engine)
    await engine.give_up(2)
    await until(lambda: issue_of(hass, entry))
    answer = await client.post(
        "/api/repairs/issues/fix", json={"handler": DOMAIN, "issue_id": f"dead_letters_{entry.entry_id}"}
    )
    flow = await answer.json()
    assert (flow["type"], flow["menu_options"]) == ("menu", ["requeue", "clear"])
    assert flow["description_placeholders"] == {"name": "Sentry", "count": "2"}
    if unload:
        assert await hass.config_entries.async_unload(entry.entry_id)
    answer = await client.post(f"/api/repairs/issues/fix/{flow['flow_id']}", json={"next_step_id": choice})
    result: dict[str, Any] = await answer.json()
    return result


async def test_a_button_puts_given_up_jobs_back(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    engine.answers["requeue_dead_letters"] = to_plain(Requeued(requeued=1, remaining=0))
    await there(hass, engine, setup)
    button = entity_id(hass, "button", "requeue_dead_letters", camera=None)
    await press(hass, "press", button)
    assert [args["queue"] for args in engine.asked("requeue_dead_letters")] == [
        "detect",
        "assess",
        "notify",
    ]
    engine.failing.add("requeue_dead_letters")
    engine.failure = "internal"
    with pytest.raises(HomeAssistantError, match="did not do it"):
        await press(hass, "press", button)


async def test_every_verb_about_a_part_is_an_action(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await there(hass, engine, setup)

    async def act(name: str, **data: Any) -> Any:
        return await hass.services.async_call(DOMAIN, name, data, blocking=True, return_response=True)

    found = await act("list_parts")
    assert [one["component"]["id"] for one in found["items"]] == ["detector", "api", "timers", "database"]
    assert {one["strategy"] for one in found["items"]} == {"none"}
    for verb in ("start", "stop", "restart", "enable", "disable"):
        engine.answers[f"{verb}_component"] = to_plain(part("timers", stopped=verb == "stop"))
        assert (await act("control_part", component_id="timers", verb=verb))["stopped"] is (verb == "stop")
        assert (engine.wishes[-1].name, engine.wishes[-1].args) == (f"{verb}_component", {"component_id": "timers"})
    engine.failing.add("stop_component")
    engine.failure = "conflict"
    with pytest.raises(ServiceValidationError, match="no such thing"):
        await act("control_part", component_id="timers", verb="stop")


async def test_a_model_file_of_other_content_is_a_repair_until_it_is_whole(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await there(hass, engine, setup)
    broken = Component(
        id="models",
        state=ComponentState.DEGRADED,
        reason="YuNet: face_detection_yunet_2023mar.onnx has sha256 0123…, expected 4567…; it was deleted",
        fix="get the file again with `home-sentry models get`, or switch the model off",
    )
    engine.components.append(broken)
    await engine.publish_status()
    key = (DOMAIN, f"component_models_{entry.entry_id}")
    issues = ir.async_get(hass).issues
    await until(lambda: key in issues)
    told = issues[key].translation_placeholders or {}
    assert "it was deleted" in told["reason"]
    assert "models get" in told["fix"]
    engine.set_component(Component(id="models", state=HEALTHY))
    await engine.publish_status()
    await until(lambda: key not in issues)
