"""Devices of one engine: the engine itself as a service, each camera behind it."""

from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import device_registry as dr

from .client import Mirror
from .const import DOMAIN, MANUFACTURER
from .contract import Camera, Info

_ENGINE_MODEL: Final = "Engine"
_CAMERA_MODEL: Final = "Camera"


def camera_key(instance_id: str, camera_id: str) -> str:
    """Give the identifier of a camera, unique among all engines."""
    return f"{instance_id}_{camera_id}"


class CameraDevices:
    """Keeps the device registry in step with the cameras that the engine reports."""

    def __init__(self, hass: HomeAssistant, entry_id: str, info: Info) -> None:
        """Register the engine's own device, to which the cameras are attached."""
        self._registry = dr.async_get(hass)
        self._entry_id = entry_id
        self._instance_id = info.instance_id
        self._shown: Info | None = None
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self.engine_id = self._show_engine(info)

    @property
    def camera_ids(self) -> tuple[str, ...]:
        """Cameras that have a device."""
        return tuple(self._names)

    def device_id(self, camera_id: str) -> str | None:
        """Give the registry id of a camera's device."""
        return self._ids.get(camera_id)

    @callback
    def follow(self, mirror: Mirror) -> tuple[str, ...]:
        """Add, rename and remove devices as the engine's cameras come and go; gives the ids that are new."""
        if mirror.info is not None and mirror.info is not self._shown:
            self._show_engine(mirror.info)
            self._remove_strangers(mirror)
        present = {camera.id: camera for camera in mirror.cameras}
        for camera_id in self._names.keys() - present.keys():
            del self._names[camera_id]
            self._remove(self._ids.pop(camera_id))
        added = tuple(camera_id for camera_id in present if camera_id not in self._names)
        for camera in present.values():
            if self._names.get(camera.id) != camera.name:
                self._show(camera)
        return added

    def _show_engine(self, info: Info) -> str:
        self._shown = info
        device = self._registry.async_get_or_create(
            config_entry_id=self._entry_id,
            entry_type=dr.DeviceEntryType.SERVICE,
            identifiers={(DOMAIN, self._instance_id)},
            name=info.name,
            manufacturer=MANUFACTURER,
            model=_ENGINE_MODEL,
            sw_version=info.version,
            # the engine has no pages: a link to it would show an error
            configuration_url=None,
        )
        return device.id

    def _show(self, camera: Camera) -> None:
        device = self._registry.async_get_or_create(
            config_entry_id=self._entry_id,
            identifiers={(DOMAIN, camera_key(self._instance_id, camera.id))},
            name=camera.name,
            manufacturer=MANUFACTURER,
            model=_CAMERA_MODEL,
            via_device_id=self.engine_id,
        )
        self._names[camera.id] = camera.name
        self._ids[camera.id] = device.id

    def _remove_strangers(self, mirror: Mirror) -> None:
        """Remove cameras that were deleted on the engine while nobody listened."""
        known = {(DOMAIN, camera_key(self._instance_id, camera.id)) for camera in mirror.cameras}
        for device in dr.async_entries_for_config_entry(self._registry, self._entry_id):
            if device.id != self.engine_id and not device.identifiers & known:
                self._remove(device.id)

    def _remove(self, device_id: str) -> None:
        if self._registry.async_get(device_id) is not None:
            self._registry.async_remove_device(device_id)
