"""Keys of the engine: made, listed and revoked by administrators; the engine's own token must be one of everything."""

from typing import Any

from homeassistant.config_entries import SOURCE_HASSIO, SOURCE_REAUTH, SOURCE_USER, SOURCE_ZEROCONF, ConfigEntryState
from homeassistant.const import CONF_TOKEN
from homeassistant.core import Context, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.exceptions import ServiceValidationError
import probatio as vol
import pytest
from pytest_homeassistant_custom_component.common import MockUser

from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.contract import KeyRole, Whoami
from tests.fakes.engine import TOKEN, FakeEngine, until

from .conftest import Setup
from .helpers import reach
from .test_config_flow import announced, answer, as_app, by_hand, start

VIEWER = Whoami(id="k1", name="tablet", role=KeyRole.VIEWER)
MADE = {"key": {"id": "k1", "name": "Tablet"}, "token": "shown once"}


async def ask(hass: HomeAssistant, action: str, context: Context | None = None, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, context=context, return_response=True)


async def test_a_key_is_made_and_its_secret_given_once(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_admin_user: MockUser
) -> None:
    await reach(hass, await setup(), engine)
    engine.answers["create_key"] = MADE
    admin = Context(user_id=hass_admin_user.id)
    wish = {"name": "Tablet", "role": "operator", "camera_id": "front_door", "expires_at": "2027-01-02 03:04:05"}
    assert await ask(hass, "create_key", admin, **wish) == MADE
    args = engine.wishes[-1].args
    assert args.pop("expires_at").endswith("+00:00")
    assert args == {"name": "Tablet", "role": "operator", "cameras": ["front_door"], "user": hass_admin_user.id}
    assert await ask(hass, "create_key", admin, name="Car", role="viewer") == MADE
    assert engine.wishes[-1].args == {"name": "Car", "role": "viewer", "user": hass_admin_user.id}
    engine.answers["list_keys"] = {"items": [MADE["key"]]}
    assert await ask(hass, "list_keys", admin) == {"items": [MADE["key"]]}
    await ask(hass, "revoke_key", admin, key_id="k1")
    assert (engine.wishes[-1].name, engine.wishes[-1].args["key_id"]) == ("revoke_key", "k1")


@pytest.mark.parametrize(
    ("name", "data"),
    [("list_keys", {}), ("create_key", {"name": "x", "role": "viewer"}), ("revoke_key", {"key_id": "k1"})],
)
async def test_only_administrators_deal_with_keys(
    hass: HomeAssistant,
    engine: FakeEngine,
    setup: Setup,
    hass_read_only_user: MockUser,
    name: str,
    data: dict[str, Any],
) -> None:
    await reach(hass, await setup(), engine)
    with pytest.raises(ServiceValidationError) as refused:
        await ask(hass, name, Context(user_id=hass_read_only_user.id), **data)
    assert refused.value.translation_key == "admin_only"
    assert name not in {command.name for command in engine.wishes}


async def test_a_role_that_does_not_exist_is_refused(hass: HomeAssistant, engine: FakeEngine, setup: Setup) -> None:
    await reach(hass, await setup(), engine)
    with pytest.raises(vol.Invalid):
        await ask(hass, "create_key", name="x", role="owner")


@pytest.mark.parametrize(
    "caller", [VIEWER, Whoami(id="k1", name="x", role=KeyRole.OPERATOR), Whoami(id="k", name="x", role=KeyRole.UNKNOWN)]
)
async def test_a_key_that_may_not_do_everything_is_refused_and_a_right_one_taken(
    hass: HomeAssistant, engine: FakeEngine, caller: Whoami
) -> None:
    everything, engine.caller = engine.caller, caller
    flow = await start(hass, SOURCE_USER)
    result = await answer(hass, flow, by_hand(engine))
    assert (result["type"], result["errors"]) == (FlowResultType.FORM, {CONF_TOKEN: "admin_key_needed"})
    engine.caller = everything
    result = await answer(hass, flow, by_hand(engine))
    assert result["type"] is FlowResultType.CREATE_ENTRY


async def test_so_it_is_on_every_way_in(hass: HomeAssistant, engine: FakeEngine) -> None:
    engine.caller = VIEWER
    flow = await start(hass, SOURCE_ZEROCONF, announced(engine))
    result = await answer(hass, flow, {CONF_TOKEN: TOKEN})
    assert result["errors"] == {CONF_TOKEN: "admin_key_needed"}
    result = await start(hass, SOURCE_HASSIO, as_app(engine))
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "admin_key_needed")


async def test_a_key_of_its_own_that_was_revoked_asks_for_another_one(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    await reach(hass, entry, engine)
    engine.token = "another"
    await engine.refuse_clients("the key was revoked")
    await until(lambda: bool(hass.config_entries.flow.async_progress_by_handler(DOMAIN)))
    (flow,) = hass.config_entries.flow.async_progress_by_handler(DOMAIN)
    assert flow["context"]["source"] == SOURCE_REAUTH
    engine.caller = VIEWER
    result = await answer(hass, flow, {CONF_TOKEN: "another"})
    assert result["errors"] == {CONF_TOKEN: "admin_key_needed"}
    engine.caller = Whoami(id="k2", name="home", role=KeyRole.ADMIN)
    result = await answer(hass, flow, {CONF_TOKEN: "another"})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    await reach(hass, entry, engine)
    assert entry.state is ConfigEntryState.LOADED
