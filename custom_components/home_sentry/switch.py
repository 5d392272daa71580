"""Switches of the engine: each of its parts can be turned off and on."""

from collections.abc import Iterable
from typing import Any, Final, override

from homeassistant.components.switch import SwitchEntity, SwitchEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .contract import ComponentState, Part
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .entity import PartEntity
from .parts import NAMED, SHOWN

PARALLEL_UPDATES = 1


def _described(part_id: str) -> SwitchEntityDescription:
    return SwitchEntityDescription(
        key=f"part_{part_id}",
        translation_key=f"part_{part_id}" if part_id in NAMED else "part",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=part_id in SHOWN,
    )


SWITCHES: Final = tuple(map(_described, (*NAMED, "other")))


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add a switch for each part that may be off."""
    coordinator = entry.runtime_data

    @callback
    def add(parts: Iterable[Part]) -> None:
        ids = [part.component.id for part in parts if not part.fixed]
        async_add_entities(PartSwitch(coordinator, part_id, _described(part_id)) for part_id in ids)

    entry.async_on_unload(coordinator.parts.async_listen(add))


class PartSwitch(PartEntity, SwitchEntity):
    """One part of the engine."""

    def __init__(self, coordinator: HomeSentryCoordinator, part_id: str, description: SwitchEntityDescription) -> None:
        """Follow what the engine says of the part."""
        super().__init__(coordinator, part_id, description)

    @callback
    @override
    def refresh(self) -> None:
        """Read whether the part was switched off."""
        component = self.component
        self._attr_is_on = None if component is None else component.state is not ComponentState.DISABLED

    @override
    def shown(self) -> tuple[Any, ...]:
        """Give the state."""
        return (self._attr_is_on,)

    @override
    async def async_turn_on(self, **kwargs: Any) -> None:
        """Let the part work, its failures forgotten; for administrators."""
        await self.async_command_part("enable_component")

    @override
    async def async_turn_off(self, **kwargs: Any) -> None:
        """End the part until somebody turns it on; for administrators."""
        await self.async_command_part("disable_component")
