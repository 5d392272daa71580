"""Fixtures of the integration's tests: a fake engine and an entry that is set up against it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

from homeassistant.const import CONF_TOKEN, CONF_URL, CONF_VERIFY_SSL
from homeassistant.core import HomeAssistant
from homeassistant.util import executor
from homeassistant.util.async_ import get_scheduled_timer_handles
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

import custom_components.home_sentry  # noqa: F401  # before `hass`: the plug-in's own folder shadows it otherwise
from custom_components.home_sentry import coordinator as coordinator_module
from custom_components.home_sentry.client import Deadlines, Live, Pacing
from custom_components.home_sentry.client import rest as rest_module
from custom_components.home_sentry.const import DOMAIN
from tests.fakes.engine import TOKEN, FakeEngine

FAST = Pacing(first_s=0.02, longest_s=0.05, patient_s=0.05, stable_s=0.0)
# a busy machine may stand still for a while, which is no lost connection; a test that waits in vain shortens its own
PATIENT = Deadlines(request_s=60.0, picture_s=60.0, clip_s=210.0, summary_s=95.0, greeting_s=60.0, heartbeat_s=120.0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Warnings of Home Assistant's own code are not ours to fix."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("default"))


type Setup = Callable[[], Coroutine[Any, Any, MockConfigEntry]]


@pytest.fixture(scope="session", autouse=True)
def _patient_with_threads() -> Iterator[None]:
    """Let threads end by themselves: on a busy machine Home Assistant breaks some off, and others then wait forever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor, "EXECUTOR_SHUTDOWN_TIMEOUT", 600)
        yield


@pytest.fixture(autouse=True)
def _custom_integrations(enable_custom_integrations: None) -> None:
    """Let Home Assistant load custom integrations."""


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconnect without the waits that are right for a house, and give nobody up who is only slow."""

    def fast(*args: Any, **kwargs: Any) -> Live:
        return Live(*args, **{**kwargs, "pacing": FAST})

    monkeypatch.setattr(coordinator_module, "Live", fast)
    monkeypatch.setattr(coordinator_module, "FIRST_STATE_S", 60.0)
    monkeypatch.setattr(rest_module, "Deadlines", lambda: PATIENT)


@pytest.fixture(autouse=True)
def _no_heartbeats_left(verify_cleanup: None) -> Iterator[None]:
    """Take away timers that aiohttp leaves when data comes in on a WebSocket that is closing."""
    yield
    for handle in get_scheduled_timer_handles(asyncio.get_event_loop()):
        if "ClientWebSocketResponse._" in repr(handle):
            handle.cancel()


@pytest.fixture
async def engine(socket_enabled: None) -> AsyncIterator[FakeEngine]:
    async with FakeEngine() as engine:
        await engine.put_camera("front_door")
        yield engine


@pytest.fixture
def entry(hass: HomeAssistant, engine: FakeEngine) -> MockConfigEntry:
    entry = MockConfigEntry(
        domain=DOMAIN,
        title="Sentry",
        unique_id=engine.instance_id,
        data={CONF_URL: engine.url, CONF_TOKEN: TOKEN, CONF_VERIFY_SSL: True},
    )
    entry.add_to_hass(hass)
    return entry


@pytest.fixture
def setup(hass: HomeAssistant, entry: MockConfigEntry) -> Setup:
    async def run() -> MockConfigEntry:
        await hass.config_entries.async_setup(entry.entry_id)
        await hass.async_block_till_done()
        return entry

    return run
