"""An engine with a certificate of its own: confirmed once, pinned, followed, questioned when it changes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
import ssl
from typing import Any

from homeassistant.config_entries import SOURCE_USER, SOURCE_ZEROCONF, ConfigEntryState
from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.setup import async_setup_component
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, get_system_health_info

from custom_components.home_sentry.client import (
    BadAnswer,
    CertificateChanged,
    Engine,
    Unreachable,
    Untrusted,
    shown_fingerprint,
)
from custom_components.home_sentry.const import DOMAIN
from tests.fakes.certificates import self_signed
from tests.fakes.engine import TOKEN, FakeEngine, until

from .helpers import phase
from .test_config_flow import announced, answer, by_hand, start

type Turn = Callable[[str], Awaitable[str]]


@pytest.fixture(autouse=True)
def _handshakes_may_fail(hass: HomeAssistant) -> None:
    """The server shares the loop with Home Assistant; a client that hangs up on its certificate is no fault of it."""
    handle = hass.loop.get_exception_handler()
    assert handle is not None

    def filtered(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), ConnectionResetError | ssl.SSLError):
            handle(loop, context)

    hass.loop.set_exception_handler(filtered)


@pytest.fixture
def turn(engine: FakeEngine, tmp_path: Path) -> Turn:
    """Let the engine show the certificate of a name; gives its fingerprint."""
    made: dict[str, tuple[ssl.SSLContext, str]] = {}

    async def show(name: str) -> str:
        if name not in made:
            made[name] = self_signed(tmp_path, name)
        await engine.stop()
        engine.tls, fingerprint = made[name]
        await engine.start()
        return fingerprint

    return show


def pinned(hass: HomeAssistant, engine: FakeEngine, fingerprint: str, **more: str) -> MockConfigEntry:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Sentry",
        unique_id=engine.instance_id,
        data={**by_hand(engine), "fingerprint": fingerprint, **more},
    )
    entry.add_to_hass(hass)
    return entry


def question(hass: HomeAssistant) -> dict[str, Any]:
    (flow,) = hass.config_entries.flow.async_progress()
    return dict(flow)


@pytest.mark.parametrize("verify", [True, False])
async def test_the_user_confirms_the_fingerprint_before_the_token_is_sent(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn, verify: bool
) -> None:
    fingerprint = await turn("one")
    flow = await start(hass, SOURCE_USER)
    flow = await answer(hass, flow, by_hand(engine, **{CONF_VERIFY_SSL: verify}))
    assert (flow["type"], flow["step_id"]) == (FlowResultType.FORM, "certificate")
    assert flow["description_placeholders"]["fingerprint"].replace(":", "").lower() == fingerprint
    assert engine.requests == []
    result = await answer(hass, flow, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"] == by_hand(engine, **{CONF_VERIFY_SSL: verify, "fingerprint": fingerprint})
    assert result["result"].state is ConfigEntryState.LOADED
    await until(lambda: engine.connections == 1)


async def test_a_renewal_that_is_announced_already_is_kept_with_what_was_confirmed(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn
) -> None:
    fingerprint = await turn("one")
    engine.tls_next_fingerprint = "ab" * 32
    flow = await start(hass, SOURCE_USER)
    flow = await answer(hass, flow, by_hand(engine))
    result = await answer(hass, flow, {})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["fingerprint"] == fingerprint
    assert result["data"]["next_fingerprint"] == "ab" * 32


async def test_a_wrong_token_after_the_confirmation_does_not_ask_again(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn
) -> None:
    fingerprint = await turn("one")
    flow = await start(hass, SOURCE_USER)
    flow = await answer(hass, flow, by_hand(engine, **{CONF_TOKEN: "wrong"}))
    flow = await answer(hass, flow, {})
    assert (flow["step_id"], flow["errors"]) == ("user", {CONF_TOKEN: "invalid_auth"})
    result = await answer(hass, flow, by_hand(engine))
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["fingerprint"] == fingerprint


async def test_the_certificate_changes_while_the_user_types(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn
) -> None:
    await turn("one")
    flow = await start(hass, SOURCE_USER)
    flow = await answer(hass, flow, by_hand(engine))
    second = await turn("two")
    flow = await answer(hass, flow, {CONF_URL: engine.url} if flow["step_id"] == "user" else {})
    assert flow["step_id"] in {"user", "certificate_changed"}
    if flow["step_id"] == "user":
        flow = await answer(hass, flow, by_hand(engine))
    assert flow["step_id"] == "certificate_changed"
    result = await answer(hass, flow, {})
    assert result["data"]["fingerprint"] == second


async def test_found_on_the_network(hass: HomeAssistant, engine: FakeEngine, turn: Turn) -> None:
    fingerprint = await turn("one")
    flow = await start(hass, SOURCE_ZEROCONF, announced(engine, tls="1", fingerprint=fingerprint))
    flow = await answer(hass, flow, {CONF_TOKEN: "wrong"})
    assert flow["step_id"] == "certificate"
    flow = await answer(hass, flow, {})
    assert (flow["step_id"], flow["errors"]) == ("zeroconf_confirm", {CONF_TOKEN: "invalid_auth"})
    result = await answer(hass, flow, {CONF_TOKEN: TOKEN})
    assert result["type"] is FlowResultType.CREATE_ENTRY
    assert result["data"]["fingerprint"] == fingerprint


async def test_another_certificate_at_the_start_asks_the_user(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn
) -> None:
    first, second = await turn("one"), await turn("two")
    entry = pinned(hass, engine, first)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert phase(entry) is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "untrusted"
    assert engine.requests == [], "nothing was told to the stranger"
    flow = question(hass)
    assert flow["step_id"] == "certificate_changed"
    shown = await hass.config_entries.flow.async_configure(flow["flow_id"])
    assert shown["description_placeholders"] is not None
    told = {key: value.replace(":", "").lower() for key, value in shown["description_placeholders"].items()}
    assert (told["before"], told["fingerprint"]) == (first, second)
    result = await answer(hass, flow, {})
    assert (result["type"], result["reason"]) == (FlowResultType.ABORT, "reauth_successful")
    assert entry.data["fingerprint"] == second
    assert entry.state is ConfigEntryState.LOADED


async def test_another_certificate_while_connected_asks_the_user(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn
) -> None:
    entry = pinned(hass, engine, await turn("one"))
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.state is ConfigEntryState.LOADED
    await turn("two")
    await until(hass.config_entries.flow.async_progress)
    assert question(hass)["step_id"] == "certificate_changed"
    assert not entry.runtime_data.connected


async def test_a_certificate_and_a_token_that_changed_together(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn
) -> None:
    entry = pinned(hass, engine, await turn("one"))
    await turn("two")
    engine.token = "new"
    flow = await entry.start_reauth_flow(hass)
    assert flow["step_id"] == "certificate_changed"
    flow = await answer(hass, flow, {})
    assert flow["step_id"] == "reauth_confirm"
    result = await answer(hass, flow, {CONF_TOKEN: "new"})
    assert result["reason"] == "reauth_successful"
    assert entry.state is ConfigEntryState.LOADED


async def test_a_token_alone_asks_for_the_token(hass: HomeAssistant, engine: FakeEngine, turn: Turn) -> None:
    entry = pinned(hass, engine, await turn("one"))
    engine.token = "new"
    flow = await entry.start_reauth_flow(hass)
    assert flow["step_id"] == "reauth_confirm"


async def test_an_announced_certificate_is_followed_unasked(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn
) -> None:
    second, first = await turn("two"), await turn("one")
    engine.tls_next_fingerprint = second
    entry = pinned(hass, engine, first)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    assert entry.data["next_fingerprint"] == second
    engine.tls_next_fingerprint = None
    await turn("two")
    await until(lambda: entry.data["fingerprint"] == second)
    await hass.async_block_till_done()
    await until(lambda: engine.connections == 1)
    assert entry.state is ConfigEntryState.LOADED
    assert "next_fingerprint" not in entry.data
    assert not hass.config_entries.flow.async_progress()


async def test_from_http_to_https_by_reconfigure(hass: HomeAssistant, engine: FakeEngine, turn: Turn) -> None:
    entry = MockConfigEntry(domain=DOMAIN, unique_id=engine.instance_id, data=by_hand(engine))
    entry.add_to_hass(hass)
    fingerprint = await turn("one")
    flow = await entry.start_reconfigure_flow(hass)
    flow = await answer(hass, flow, {CONF_URL: engine.url, CONF_VERIFY_SSL: True, CONF_TOKEN: "wrong"})
    assert flow["step_id"] == "certificate"
    flow = await answer(hass, flow, {})
    assert (flow["step_id"], flow["errors"]) == ("reconfigure", {CONF_TOKEN: "invalid_auth"})
    result = await answer(hass, flow, {CONF_URL: engine.url, CONF_VERIFY_SSL: True})
    assert result["reason"] == "reconfigure_successful"
    assert entry.data == by_hand(engine, fingerprint=fingerprint)


async def test_an_engine_that_is_gone_when_its_certificate_is_looked_at(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    await turn("one")

    async def gone(*_: object) -> str:
        raise Unreachable("gone")

    monkeypatch.setattr("custom_components.home_sentry.config_flow.shown_fingerprint", gone)
    flow = await start(hass, SOURCE_USER)
    flow = await answer(hass, flow, by_hand(engine))
    assert (flow["step_id"], flow["errors"]) == ("user", {CONF_URL: "cannot_connect"})


async def test_system_health_asks_over_the_pinned_connection(
    hass: HomeAssistant, engine: FakeEngine, turn: Turn
) -> None:
    fingerprint = await turn("one")
    entry = pinned(hass, engine, fingerprint)
    assert await async_setup_component(hass, "system_health", {})
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    info = await get_system_health_info(hass, DOMAIN)
    assert await info["can_reach_engine"] == "ok"
    hass.config_entries.async_update_entry(entry, data={**entry.data, "fingerprint": "00" * 32})
    info = await get_system_health_info(hass, DOMAIN)
    assert await info["can_reach_engine"] == {"type": "failed", "error": "untrusted"}


async def test_plain_http_for_others_keeps_an_issue_open(
    hass: HomeAssistant, engine: FakeEngine, entry: MockConfigEntry
) -> None:
    engine.insecure = True
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    issue = ir.async_get(hass).async_get_issue(DOMAIN, f"insecure_{entry.entry_id}")
    assert issue is not None
    assert not issue.is_fixable
    engine.insecure = False
    await engine.drop_clients()
    await until(lambda: not ir.async_get(hass).async_get_issue(DOMAIN, f"insecure_{entry.entry_id}"))


async def test_the_client_alone(hass: HomeAssistant, engine: FakeEngine, turn: Turn) -> None:
    session = async_get_clientsession(hass)
    with pytest.raises(BadAnswer):
        await shown_fingerprint(session, engine.url)
    first, second = await turn("one"), await turn("two")
    assert await shown_fingerprint(session, engine.url) == second
    with pytest.raises(Untrusted, match="certificate"):
        await Engine(session, engine.url, TOKEN).info()
    with pytest.raises(CertificateChanged) as caught:
        await Engine(session, engine.url, TOKEN, fingerprint=first).info()
    assert (caught.value.expected, caught.value.found) == (first, second)
    with pytest.raises(CertificateChanged):
        await Engine(session, engine.url, TOKEN, fingerprint=first).alive()
    assert (await Engine(session, engine.url, TOKEN, fingerprint=second).info()).instance_id == engine.instance_id
    url = engine.url
    await engine.stop()
    with pytest.raises(Unreachable):
        await shown_fingerprint(session, url)
