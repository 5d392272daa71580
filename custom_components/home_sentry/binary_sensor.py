"""Binary sensors: who is at a camera right now, whether cameras deliver, whether the engine has a problem."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.binary_sensor import (  # type: ignore[attr-defined]  # re-exported without saying so
    BinarySensorDeviceClass,
    BinarySensorEntity,
    BinarySensorEntityDescription,
)
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import Mirror
from .contract import CameraStatus, Mode, ObjectGroup
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .entity import CameraEntity, EngineEntity, async_add_for_cameras

PARALLEL_UPDATES = 0

_DELIVERING: Final = {CameraStatus.ONLINE, CameraStatus.DEGRADED, CameraStatus.BLIND}

type Attributes = dict[str, Any] | None


@dataclass(frozen=True, kw_only=True)
class CameraBinaryDescription(BinarySensorEntityDescription):
    """How a camera's sensor reads the mirror."""

    value: Callable[[Mirror, str], bool | None]
    attributes: Callable[[Mirror, str], Attributes] = lambda _mirror, _camera_id: None


def _takes_part(group: ObjectGroup) -> Callable[[Mirror, str], bool]:
    return lambda mirror, camera_id: group in mirror.ongoing_groups(camera_id)


def _delivers(mirror: Mirror, camera_id: str) -> bool | None:
    camera = mirror.camera(camera_id)
    if camera is None or camera.status is CameraStatus.UNKNOWN:
        return None
    return camera.status in _DELIVERING


def _health(mirror: Mirror, camera_id: str) -> Attributes:
    camera = mirror.camera(camera_id)
    return {"status": camera.status.value, "reason": camera.status_reason} if camera else None


CAMERA_SENSORS: Final = (
    *(
        CameraBinaryDescription(
            key=group.value,
            translation_key=group.value,
            device_class=BinarySensorDeviceClass.OCCUPANCY,
            value=_takes_part(group),
        )
        for group in (ObjectGroup.PERSON, ObjectGroup.VEHICLE, ObjectGroup.ANIMAL)
    ),
    CameraBinaryDescription(
        key="connectivity",
        device_class=BinarySensorDeviceClass.CONNECTIVITY,
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_delivers,
        attributes=_health,
    ),
)
PROBLEM: Final = BinarySensorEntityDescription(
    key="problem", device_class=BinarySensorDeviceClass.PROBLEM, entity_category=EntityCategory.DIAGNOSTIC
)


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the engine's sensor and those of each camera."""
    coordinator = entry.runtime_data
    async_add_entities([EngineProblem(coordinator, PROBLEM)])
    async_add_for_cameras(
        coordinator,
        async_add_entities,
        lambda camera_id: (CameraBinarySensor(coordinator, camera_id, item) for item in CAMERA_SENSORS),
    )


class CameraBinarySensor(CameraEntity, BinarySensorEntity):
    """One yes or no about a camera."""

    entity_description: CameraBinaryDescription

    def __init__(
        self, coordinator: HomeSentryCoordinator, camera_id: str, description: CameraBinaryDescription
    ) -> None:
        """Read what the description says."""
        super().__init__(coordinator, camera_id, description)

    @callback
    @override
    def refresh(self) -> None:
        """Read the mirror."""
        self._attr_is_on = self.entity_description.value(self.coordinator.data, self.camera_id)
        attributes = self.entity_description.attributes(self.coordinator.data, self.camera_id)
        self._attr_extra_state_attributes = attributes or {}

    @override
    def shown(self) -> tuple[Any, ...]:
        """Give state and attributes."""
        return (self._attr_is_on, self._attr_extra_state_attributes)


class EngineProblem(EngineEntity, BinarySensorEntity):
    """On while the engine works in any other mode than normal; the attributes say why."""

    @callback
    @override
    def refresh(self) -> None:
        """Read mode and causes."""
        status = self.coordinator.data.status
        known = status is not None and status.mode is not Mode.UNKNOWN
        self._attr_is_on = status.mode is not Mode.NORMAL if status is not None and known else None
        self._attr_extra_state_attributes = {"causes": list(status.mode_causes) if status is not None else []}

    @override
    def shown(self) -> tuple[Any, ...]:
        """Give state and causes."""
        return (self._attr_is_on, self._attr_extra_state_attributes)
