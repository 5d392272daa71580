"""What all entities share: identity, device, availability, and silence while nothing changed."""

from collections.abc import Callable, Iterable
from typing import Any, Final, override

from homeassistant.const import EntityCategory
from homeassistant.core import CALLBACK_TYPE, callback
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers.entity import Entity, EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback
from homeassistant.helpers.event import async_call_later
from homeassistant.helpers.update_coordinator import CoordinatorEntity

from .asking import async_ask, async_require_admin, on_behalf_of
from .const import DOMAIN
from .contract import Camera, Component
from .coordinator import HomeSentryCoordinator
from .devices import camera_key
from .parts import part_name

_DIAGNOSTIC_PAUSE_S: Final = 10.0


class HomeSentryEntity(CoordinatorEntity[HomeSentryCoordinator]):
    """Entity of an engine or camera that writes its state only when it differs from what it wrote last."""

    _attr_has_entity_name = True
    _written: tuple[Any, ...] | None = None

    @property
    @override
    def available(self) -> bool:
        """Whether the engine can be reached."""
        return self.coordinator.connected

    @callback
    def refresh(self) -> None:
        """Take what this entity shows from the coordinator's data."""
        raise NotImplementedError

    def shown(self) -> tuple[Any, ...]:
        """Give the values whose change is worth a write."""
        raise NotImplementedError

    @override
    async def async_added_to_hass(self) -> None:
        """Take the first values before Home Assistant writes the first state."""
        await super().async_added_to_hass()
        self.refresh()
        self._written = (self.available, *self.shown())

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self.refresh()
        shown = (self.available, *self.shown())
        if shown != self._written:
            self._written = shown
            self.async_write_ha_state()


class EngineEntity(HomeSentryEntity):
    """Entity of the engine; diagnostics are written at most every ten seconds."""

    _pause: CALLBACK_TYPE | None = None

    def __init__(self, coordinator: HomeSentryCoordinator, description: EntityDescription) -> None:
        """Attach to the engine's device."""
        super().__init__(coordinator)
        self.entity_description = description
        self._attr_unique_id = f"{coordinator.instance_id}_{description.key}"
        self._attr_device_info = dr.DeviceInfo(identifiers={(DOMAIN, coordinator.instance_id)})

    @override
    async def async_added_to_hass(self) -> None:
        """End a pause that is under way when the entity goes."""
        await super().async_added_to_hass()
        self.async_on_remove(self._end_pause)

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        before = self._written
        if self._pause is not None and before is not None and before[0] == self.available:
            return
        super()._handle_coordinator_update()
        if self._written is not before and self.entity_category is EntityCategory.DIAGNOSTIC:
            self._end_pause()
            self._pause = async_call_later(self.hass, _DIAGNOSTIC_PAUSE_S, self._after_pause)

    @callback
    def _after_pause(self, _now: Any) -> None:
        self._pause = None
        self._handle_coordinator_update()

    @callback
    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause()
            self._pause = None


class PartEntity(EngineEntity):
    """Entity of one part of the engine that a person may restart or switch."""

    def __init__(self, coordinator: HomeSentryCoordinator, part_id: str, description: EntityDescription) -> None:
        """Attach to the engine's device, under the name of the part."""
        super().__init__(coordinator, description)
        self.part_id = part_id
        self._attr_translation_placeholders = {"part": part_name(part_id)}

    @property
    def component(self) -> Component | None:
        """Give what the engine says of the part, None while it has none such."""
        status = self.coordinator.data.status
        return next((part for part in (status.components if status else ()) if part.id == self.part_id), None)

    @property
    @override
    def available(self) -> bool:
        """Whether the engine can be reached and has the part."""
        return super().available and self.component is not None

    async def async_command_part(self, command: str) -> None:
        """Give a command about the part; raises for those who are no administrators, and what ``async_ask`` raises."""
        await async_require_admin(self.hass, self._context)
        args = {"component_id": self.part_id, **on_behalf_of(self._context)}
        await async_ask(self.coordinator, command, args)


class CameraEntity(HomeSentryEntity):
    """Entity of one camera."""

    def __init__(self, coordinator: HomeSentryCoordinator, camera_id: str, description: EntityDescription) -> None:
        """Attach to the camera's device."""
        super().__init__(coordinator)
        self.entity_description = description
        self.camera_id = camera_id
        key = camera_key(coordinator.instance_id, camera_id)
        self._attr_unique_id = f"{key}_{description.key}"
        self._attr_device_info = dr.DeviceInfo(identifiers={(DOMAIN, key)})

    @property
    def camera(self) -> Camera | None:
        """Give what the engine knows about the camera, None when it was deleted."""
        return self.coordinator.data.camera(self.camera_id)

    @property
    @override
    def available(self) -> bool:
        """Whether the engine can be reached and knows the camera."""
        return super().available and self.camera is not None


@callback
def async_add_for_cameras(
    coordinator: HomeSentryCoordinator,
    async_add_entities: AddConfigEntryEntitiesCallback,
    make: Callable[[str], Iterable[Entity]],
) -> None:
    """Add entities for each camera that is there, and for each one that comes later."""

    @callback
    def add(camera_ids: Iterable[str]) -> None:
        async_add_entities([entity for camera_id in camera_ids for entity in make(camera_id)])

    coordinator.config_entry.async_on_unload(coordinator.async_listen_cameras(add))
