"""Buttons of a camera (its view is right or taken anew, end learning) and of the engine (restart a part, retry)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, override

from homeassistant.components.button import ButtonEntity, ButtonEntityDescription
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .asking import async_ask
from .contract import Part
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .dead_letters import async_requeue
from .entity import CameraEntity, EngineEntity, PartEntity, async_add_for_cameras
from .parts import NAMED, SHOWN

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
        key="update_scene",
        translation_key="update_scene",
        command="update_scene",
        entity_category=EntityCategory.CONFIG,
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


REQUEUE: Final = ButtonEntityDescription(
    key="requeue_dead_letters",
    translation_key="requeue_dead_letters",
    entity_category=EntityCategory.CONFIG,
)


def _restarting(part_id: str) -> ButtonEntityDescription:
    return ButtonEntityDescription(
        key=f"restart_{part_id}",
        translation_key=f"restart_{part_id}" if part_id in NAMED else "restart_part",
        entity_category=EntityCategory.CONFIG,
        entity_registry_enabled_default=part_id in SHOWN,
    )


RESTARTS: Final = tuple(map(_restarting, (*NAMED, "other")))


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the buttons of the engine, its parts and each camera."""
    coordinator = entry.runtime_data
    async_add_entities([RequeueButton(coordinator, REQUEUE)])

    @callback
    def add_parts(parts: Iterable[Part]) -> None:
        ids = [part.component.id for part in parts]
        async_add_entities(RestartButton(coordinator, part_id, _restarting(part_id)) for part_id in ids)

    entry.async_on_unload(coordinator.parts.async_listen(add_parts))
    async_add_for_cameras(
        coordinator,
        async_add_entities,
        lambda camera_id: (CameraButton(coordinator, camera_id, item) for item in BUTTONS),
    )


class _Stateless:
    """What every button shows of the mirrored state: nothing but whether it can be pressed."""

    @callback
    def refresh(self) -> None:
        """Only availability follows the coordinator."""

    def shown(self) -> tuple[Any, ...]:
        """Show nothing of the mirrored state."""
        return ()


class CameraButton(_Stateless, CameraEntity, ButtonEntity):
    """One command about a camera."""

    entity_description: CameraButtonDescription

    def __init__(
        self, coordinator: HomeSentryCoordinator, camera_id: str, description: CameraButtonDescription
    ) -> None:
        """Give what the description says."""
        super().__init__(coordinator, camera_id, description)

    @override
    async def async_press(self) -> None:
        """Ask the engine; raises ``HomeAssistantError`` with its reason."""
        await async_ask(self.coordinator, self.entity_description.command, {"camera_id": self.camera_id})


class RequeueButton(_Stateless, EngineEntity, ButtonEntity):
    """Puts every given-up job back into its queue."""

    @override
    async def async_press(self) -> None:
        """Put them back; raises ``HomeAssistantError`` with the reason."""
        await async_requeue(self.coordinator, context=self._context)


class RestartButton(_Stateless, PartEntity, ButtonEntity):
    """Begins a part of the engine anew."""

    @override
    async def async_press(self) -> None:
        """Restart; for administrators."""
        await self.async_command_part("restart_component")
