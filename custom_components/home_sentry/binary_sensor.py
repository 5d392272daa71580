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
from homeassistant.util import dt as dt_util

from .client import Mirror
from .contract import CameraStatus, Mode, ObjectGroup, SceneChange, SceneChangeKind
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
    if camera is None:
        return None
    return {
        "status": camera.status.value,
        "reason": camera.status_reason,
        "previous_status": camera.previous_status.value if camera.previous_status else None,
        "since": camera.status_since,
    }


def _change(mirror: Mirror, camera_id: str) -> SceneChange | None:
    camera = mirror.camera(camera_id)
    return camera.scene_change if camera else None


def _tampered(mirror: Mirror, camera_id: str) -> bool:
    change = _change(mirror, camera_id)
    return change is not None and change.kind is not SceneChangeKind.UNKNOWN


def _what_changed(mirror: Mirror, camera_id: str) -> Attributes:
    change = _change(mirror, camera_id)
    if change is None:
        return None
    likeness = None if change.similarity is None else round(change.similarity, 2)
    return {"kind": change.kind.value, "since": change.at, "change_id": change.id, "similarity": likeness}


def _quiet(mirror: Mirror, camera_id: str) -> bool:
    camera = mirror.camera(camera_id)
    return camera is not None and camera.quiet_since is not None


def _since_when_quiet(mirror: Mirror, camera_id: str) -> Attributes:
    camera = mirror.camera(camera_id)
    if camera is None or camera.quiet_since is None:
        return None
    return {"since": camera.quiet_since, "usual_limit_s": camera.quiet_allowed_s}


def _learns(mirror: Mirror, camera_id: str) -> bool:
    camera = mirror.camera(camera_id)
    return camera is not None and camera.learning_until is not None and dt_util.utcnow() < camera.learning_until


def _until_when(mirror: Mirror, camera_id: str) -> Attributes:
    camera = mirror.camera(camera_id)
    return {"until": camera.learning_until} if camera and camera.learning_until else None


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
    CameraBinaryDescription(
        key="tamper",
        translation_key="tamper",
        device_class=BinarySensorDeviceClass.TAMPER,
        value=_tampered,
        attributes=_what_changed,
    ),
    CameraBinaryDescription(
        key="quiet",
        translation_key="quiet",
        device_class=BinarySensorDeviceClass.PROBLEM,
        value=_quiet,
        attributes=_since_when_quiet,
    ),
    CameraBinaryDescription(
        key="learning",
        translation_key="learning",
        entity_category=EntityCategory.DIAGNOSTIC,
        value=_learns,
        attributes=_until_when,
    ),
)
SABOTAGE: Final = BinarySensorEntityDescription(
    key="sabotage", translation_key="sabotage", device_class=BinarySensorDeviceClass.TAMPER
)
PROBLEM: Final = BinarySensorEntityDescription(
    key="problem", device_class=BinarySensorDeviceClass.PROBLEM, entity_category=EntityCategory.DIAGNOSTIC
)


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the engine's sensor and those of each camera."""
    coordinator = entry.runtime_data
    async_add_entities([EngineProblem(coordinator, PROBLEM), PossibleSabotage(coordinator, SABOTAGE)])
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


class PossibleSabotage(EngineEntity, BinarySensorEntity):
    """On while several cameras are quiet that fell silent within minutes of each other."""

    @callback
    @override
    def refresh(self) -> None:
        """Read which cameras those are."""
        mirror, status = self.coordinator.data, self.coordinator.data.status
        self._attr_is_on = bool(status.silent_together) if status is not None else None
        ids = status.silent_together if status is not None else ()
        known = (mirror.camera(camera_id) for camera_id in ids)
        self._attr_extra_state_attributes = {
            "cameras": [camera.name for camera in known if camera is not None],
            "since": status.silent_since if status is not None else None,
        }

    @override
    def shown(self) -> tuple[Any, ...]:
        """Give state and cameras."""
        return (self._attr_is_on, self._attr_extra_state_attributes)
