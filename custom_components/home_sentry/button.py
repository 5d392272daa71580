"""Buttons of a camera: its view is right as it is, learn the view anew, end the learning time."""

from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import ClientError
from .const import DOMAIN
from .contract import WireError
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .entity import CameraEntity, async_add_for_cameras

PARALLEL_UPDATES = 1


@dataclass(frozen=True, kw_only=True)
class CameraButtonDescription(ButtonEntityDescription):
    """Which command a button gives."""

    command: str


BUTTONS: Final = (
    CameraButtonDescription(
        key="acknowledge_scene",
        translation_key="acknowledge_scene",
        command="acknowledge_scene",
    ),
    CameraButtonDescription(
        key="reset_scene",
        translation_key="reset_scene",
        command="reset_scene",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=False,
    ),
    CameraButtonDescription(
        key="finish_learning",
        translation_key="finish_learning",
        command="finish_learning",
        entity_category=EntityCategory.CONFIG,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons of each camera."""
    coordinator = entry.runtime_data
    async_add_for_cameras(
        coordinator,
        async_add_entities,
        lambda camera_id: (CameraButton(coordinator, camera_id, item) for item in BUTTONS),
    )


class CameraButton(CameraEntity, ButtonEntity):
    """One command about a camera."""

    entity_description: CameraButtonDescription

    def __init__(
        self, coordinator: HomeSentryCoordinator, camera_id: str, description: CameraButtonDescription
    ) -> None:
        """Give what the description says."""
        super().__init__(coordinator, camera_id, description)

    @callback
    @override
    def refresh(self) -> None:
        """Only availability follows the coordinator."""

    @override
    def shown(self) -> tuple[Any, ...]:
        """Show nothing of the mirrored state."""
        return ()

    @override
    async def async_press(self) -> None:
        """Ask the engine; raises ``HomeAssistantError`` with its reason."""
        try:
            await self.coordinator.async_command(self.entity_description.command, {"camera_id": self.camera_id})
        except (ClientError, WireError) as err:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="command_failed",
                translation_placeholders={"reason": str(err)},
            ) from err
