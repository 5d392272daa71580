"""Camera entity: the newest picture that the engine has of a camera."""

from typing import Any, Final, override

from homeassistant.components.camera import Camera, CameraEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import ClientError, Picture
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .entity import CameraEntity, async_add_for_cameras
from .pictures import unavailable

PARALLEL_UPDATES = 0

LATEST: Final = CameraEntityDescription(key="latest", translation_key="latest")


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the camera entity of each camera."""
    coordinator = entry.runtime_data
    async_add_for_cameras(coordinator, async_add_entities, lambda camera_id: (LatestPicture(coordinator, camera_id),))


class LatestPicture(CameraEntity, Camera):
    """Still picture, not a stream; the bytes are fetched once per picture."""

    _attr_frame_interval = 2.0

    def __init__(self, coordinator: HomeSentryCoordinator, camera_id: str) -> None:
        """Start without a picture."""
        CameraEntity.__init__(self, coordinator, camera_id, LATEST)
        Camera.__init__(self)
        self._picture: tuple[str, Picture] | None = None

    @callback
    @override
    def refresh(self) -> None:
        """Only availability follows the coordinator; the picture is asked for when somebody looks."""

    @override
    def shown(self) -> tuple[Any, ...]:
        """Show nothing that is worth a write: a camera may deliver a picture each second."""
        return ()

    @override
    async def async_camera_image(self, width: int | None = None, height: int | None = None) -> bytes | None:
        """Give the newest picture, from memory unless there is a newer one."""
        camera = self.camera
        if camera is None or camera.latest_media_id is None:
            return None
        if self._picture is None or self._picture[0] != camera.latest_media_id:
            try:
                picture = await self.coordinator.engine.latest_picture(self.camera_id)
            except ClientError as err:
                raise unavailable(err) from err
            self._picture = (camera.latest_media_id, picture)
        return self._picture[1].content
