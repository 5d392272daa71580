"""Image of a camera's last event with its boxes drawn."""

from typing import Any, Final, override

from homeassistant.components.image import ImageEntity, ImageEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import ClientError, Picture
from .contract import Event
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .entity import CameraEntity, async_add_for_cameras
from .pictures import unavailable

PARALLEL_UPDATES = 0

LAST_EVENT: Final = ImageEntityDescription(key="last_event", translation_key="last_event")


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the image of each camera."""
    coordinator = entry.runtime_data
    async_add_for_cameras(
        coordinator,
        async_add_entities,
        lambda camera_id: (LastEventImage(hass, coordinator, camera_id),),
    )


class LastEventImage(CameraEntity, ImageEntity):
    """Picture that decided the last event; fetched when somebody looks, once per picture."""

    def __init__(self, hass: HomeAssistant, coordinator: HomeSentryCoordinator, camera_id: str) -> None:
        """Start without a picture."""
        CameraEntity.__init__(self, coordinator, camera_id, LAST_EVENT)
        ImageEntity.__init__(self, hass)
        self._attr_content_type = "image/jpeg"
        self._event: Event | None = None
        self._picture: tuple[tuple[Any, ...], Picture] | None = None

    @callback
    @override
    def refresh(self) -> None:
        """Follow the event that started last; its picture changes with its evidence, not with its verdict."""
        event = self.coordinator.data.newest(self.camera_id)
        if event is None or _look_of(event) == _look_of(self._event):
            return
        self._event = event
        self._attr_image_last_updated = event.transitions[-1].at if event.transitions else event.started_at

    @override
    def shown(self) -> tuple[Any, ...]:
        """Give what the picture depends on."""
        return _look_of(self._event)

    @override
    async def async_image(self) -> bytes | None:
        """Give the bytes, from memory unless the picture is a new one."""
        event = self._event
        if event is None:
            return None
        look = _look_of(event)
        if self._picture is None or self._picture[0] != look:
            try:
                picture = await self.coordinator.engine.event_snapshot(event.event_id)
            except ClientError as err:
                raise unavailable(err) from err
            self._picture = (look, picture)
        return self._picture[1].content


def _look_of(event: Event | None) -> tuple[Any, ...]:
    return () if event is None else (event.event_id, event.media_id, event.detection_count)
