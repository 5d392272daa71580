"""What several tests ask of Home Assistant."""

from typing import Any

from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import Event, HomeAssistant, State, callback
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.home_sentry.const import DOMAIN
from custom_components.home_sentry.coordinator import HomeSentryCoordinator
from tests.fakes.engine import FakeEngine, until


def entity_id(hass: HomeAssistant, platform: str, key: str, *, camera: str | None = "front_door") -> str:
    """Find an entity by the key of its unique id."""
    unique_id = f"engine-1_{camera}_{key}" if camera else f"engine-1_{key}"
    found = er.async_get(hass).async_get_entity_id(platform, DOMAIN, unique_id)
    assert found is not None, f"no {platform} {unique_id}"
    return found


def state(hass: HomeAssistant, platform: str, key: str, *, camera: str | None = "front_door") -> State:
    """Give the state of an entity."""
    found = hass.states.get(entity_id(hass, platform, key, camera=camera))
    assert found is not None
    return found


async def reach(hass: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine) -> HomeSentryCoordinator:
    """Wait until Home Assistant shows everything that the engine said and told all its news."""
    coordinator: HomeSentryCoordinator = entry.runtime_data

    def there() -> bool:
        # a snapshot brings the state at once; the news that were missed come after it
        return coordinator.connected and coordinator.data.cursor == coordinator._ledger.cursor == engine.cursor

    await until(there)
    await hass.async_block_till_done()
    return coordinator


async def break_off(hass: HomeAssistant, entry: MockConfigEntry, engine: FakeEngine) -> None:
    """End the connection and wait until Home Assistant is back, however quickly that goes."""
    before = len(engine.auths)
    await engine.drop_clients()
    await until(lambda: len(engine.auths) > before)
    await reach(hass, entry, engine)


def phase(entry: MockConfigEntry) -> ConfigEntryState:
    """Give the entry's state; a call, because mypy believes that an attribute stays as it was compared."""
    return entry.state


class Changes:
    """Collects the changes of one entity's state."""

    def __init__(self, hass: HomeAssistant, followed: str) -> None:
        self.states: list[State] = []

        @callback
        def take(event: Event[Any]) -> None:
            if event.data["entity_id"] == followed and event.data["new_state"] is not None:
                self.states.append(event.data["new_state"])

        hass.bus.async_listen("state_changed", take)

    @property
    def told(self) -> list[str]:
        """Event types in the order in which they were told; availability is no event."""
        seen: list[str] = []
        last = None
        for item in self.states:
            if item.state not in {"unavailable", "unknown", last}:
                seen.append(item.attributes["event_type"])
                last = item.state
        return seen
