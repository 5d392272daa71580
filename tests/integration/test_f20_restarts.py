"""F20: Home Assistant restarts, its entry is reloaded two hundred times, the engine goes away, its token is revoked.

The figures are printed; each change of a visit has to be told exactly once through all of it.
"""

import asyncio
from collections import Counter
import gc
import time
from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import CoreState, HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir
from homeassistant.util.async_ import get_scheduled_timer_handles
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_capture_events

from custom_components.home_sentry.const import DOMAIN, EVENT_NEWS
from custom_components.home_sentry.contract import EventChange
from tests.fakes.engine import FakeEngine, until

from .conftest import Setup
from .helpers import phase, reach

SHOWN_WITHIN_S = 30.0


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Any:
    """Choose between the short form and the one of ``--full``."""
    return lambda short, full: full if request.config.getoption("--full") else short


def held(hass: HomeAssistant, engine: FakeEngine) -> Counter[str]:
    """Count what a forgotten unload would leave behind."""
    gc.collect()
    timers = [handle for handle in get_scheduled_timer_handles(hass.loop) if not handle.cancelled()]
    return Counter(
        tasks=len([task for task in asyncio.all_tasks() if not task.done()]),
        listeners=sum(hass.bus.async_listeners().values()),
        timers=len([handle for handle in timers if "home_sentry" in repr(handle)]),
        connections=engine.connections,
    )


def shown(hass: HomeAssistant, entry: MockConfigEntry) -> Counter[bool]:
    """Count the entities by whether they are available."""
    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    states = [hass.states.get(one.entity_id) for one in entities if one.disabled_by is None]
    return Counter(state is not None and state.state != "unavailable" for state in states)


def told(heard: list[Any]) -> Counter[tuple[str, int]]:
    return Counter((event.data["event_id"], event.data["revision"]) for event in heard)


async def test_f20_many_reloads_leave_nothing_behind_and_tell_each_change_once(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, rounds: Any
) -> None:
    reloads = rounds(40, 200)
    heard = async_capture_events(hass, EVENT_NEWS)
    entry = await setup()
    await reach(hass, entry, engine)
    expected: set[tuple[str, int]] = set()
    before: Counter[str] | None = None
    for number in range(reloads):
        visit = await engine.start_event("front_door")
        if number % 3 == 0:
            await engine.change_event(visit.event_id, EventChange.ENDED)
            expected.add((visit.event_id, 2))
        expected.add((visit.event_id, 1))
        assert await hass.config_entries.async_reload(entry.entry_id)
        await reach(hass, entry, engine)
        if number == 4:
            before = held(hass, engine)
    assert before is not None
    # what a connection starts by itself ends by itself
    await until(lambda: held(hass, engine) <= before)
    after = held(hass, engine)
    assert after["connections"] == 1
    assert shown(hass, entry)[False] == 0
    assert set(told(heard)) <= expected
    # a visit that began and ended while nobody was connected is told by its last change
    assert {event_id for event_id, _ in told(heard)} == {event_id for event_id, _ in expected}
    assert max(told(heard).values()) == 1
    print(f"\n  {reloads} reloads: {dict(before)} before, {dict(after)} after, {len(heard)} changes told once each")


async def test_f20_an_engine_that_is_away_is_shown_and_its_news_come_once_when_it_is_back(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, rounds: Any
) -> None:
    entry = await setup()
    heard = async_capture_events(hass, EVENT_NEWS)
    await reach(hass, entry, engine)
    slowest_s, visits = 0.0, []
    for _ in range(rounds(5, 30)):
        began = time.monotonic()
        await engine.stop()
        await until(lambda: shown(hass, entry)[True] == 0)
        slowest_s = max(slowest_s, time.monotonic() - began)
        visits.append(await engine.start_event("front_door"))
        await engine.change_event(visits[-1].event_id, EventChange.ENDED)
        await engine.start()
        await reach(hass, entry, engine)
        assert shown(hass, entry)[False] == 0
    assert slowest_s <= SHOWN_WITHIN_S
    assert told(heard) == Counter({(visit.event_id, revision): 1 for visit in visits for revision in (1, 2)})
    print(
        f"\n  {len(visits)} outages, all entities unavailable after {slowest_s:.2f} s at most, {len(heard)} news once"
    )


async def test_f20_a_revoked_token_is_asked_for_again_and_nothing_is_missed(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup
) -> None:
    entry = await setup()
    heard = async_capture_events(hass, EVENT_NEWS)
    await reach(hass, entry, engine)
    token, engine.token = engine.token, "revoked"
    await engine.drop_clients()
    await until(hass.config_entries.flow.async_progress)
    await until(lambda: shown(hass, entry)[True] == 0)
    assert [flow["context"]["source"] for flow in hass.config_entries.flow.async_progress()] == ["reauth"]
    repairs = ir.async_get(hass).issues
    assert ("homeassistant", f"config_entry_reauth_{DOMAIN}_{entry.entry_id}") in repairs
    visit = await engine.start_event("front_door")
    engine.token = token
    await hass.config_entries.async_reload(entry.entry_id)
    await reach(hass, entry, engine)
    assert phase(entry) is ConfigEntryState.LOADED
    assert told(heard) == Counter({(visit.event_id, 1): 1})


async def test_f20_restarts_of_home_assistant_tell_what_was_missed_once(
    hass: HomeAssistant, engine: FakeEngine, setup: Setup, hass_storage: dict[str, Any], rounds: Any
) -> None:
    entry = await setup()
    heard = async_capture_events(hass, EVENT_NEWS)
    await reach(hass, entry, engine)
    expected: Counter[tuple[str, int]] = Counter()
    for _ in range(rounds(5, 30)):
        await hass.config_entries.async_unload(entry.entry_id)
        assert hass_storage[f"{DOMAIN}.{entry.entry_id}"]["data"]["cursor"] == engine.cursor
        visit = await engine.start_event("front_door")
        expected[visit.event_id, 1] += 1
        hass.set_state(CoreState.starting)
        await hass.config_entries.async_setup(entry.entry_id)
        await reach(hass, entry, engine)
        assert (visit.event_id, 1) not in told(heard)
        hass.set_state(CoreState.running)
        hass.bus.async_fire("homeassistant_started")
        await hass.async_block_till_done()
    assert told(heard) == expected
    print(f"\n  {expected.total()} restarts, {expected.total()} missed visits told once each, after the start")
