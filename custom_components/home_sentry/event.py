"""Event entities: what happened at a camera, told once per change."""

from typing import Final, override

from homeassistant.components.event import EventEntity, EventEntityDescription
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .client import AlertNews, DetectionNews, SecurityNews
from .client.ledger import TOLD_CHANGES, TOLD_GROUPS
from .contract import RiskLevel
from .coordinator import HomeSentryConfigEntry
from .entity import CameraEntity, async_add_for_cameras
from .news import alert_attributes, detection_attributes, security_attributes

PARALLEL_UPDATES = 0

SECURITY: Final = EventEntityDescription(
    key="security_event", translation_key="security_event", event_types=[change.value for change in TOLD_CHANGES]
)
DETECTION: Final = EventEntityDescription(
    key="detection", translation_key="detection", event_types=[group.value for group in TOLD_GROUPS]
)
ALERT: Final = EventEntityDescription(
    key="alert",
    translation_key="alert",
    event_types=list(RiskLevel.words()),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the event entities of each camera."""
    coordinator = entry.runtime_data
    async_add_for_cameras(
        coordinator,
        async_add_entities,
        lambda camera_id: (
            SecurityEventEntity(coordinator, camera_id, SECURITY),
            DetectionEventEntity(coordinator, camera_id, DETECTION),
            AlertEventEntity(coordinator, camera_id, ALERT),
        ),
    )


class _NewsEntity(CameraEntity, EventEntity):
    @callback
    @override
    def refresh(self) -> None:
        """Only availability follows the coordinator; events come as news."""

    @override
    def shown(self) -> tuple[()]:
        """Show nothing of the mirrored state."""
        return ()


class SecurityEventEntity(_NewsEntity):
    """A visit started, escalated, was downgraded, ended or was dismissed."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the camera's transitions."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_listen_news(SecurityNews, self.camera_id, self._tell))

    @callback
    def _tell(self, news: SecurityNews) -> None:
        learning = self.coordinator.is_learning(self.camera_id)
        self._trigger_event(news.transition.change.value, security_attributes(news, learning=learning))
        self.async_write_ha_state()


class DetectionEventEntity(_NewsEntity):
    """A person, vehicle, animal or package was seen for the first time in a visit."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the camera's sightings."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_listen_news(DetectionNews, self.camera_id, self._tell))

    @callback
    def _tell(self, news: DetectionNews) -> None:
        self._trigger_event(news.group.value, detection_attributes(news))
        self.async_write_ha_state()


class AlertEventEntity(_NewsEntity):
    """A rule of alerts wants somebody to be told; the type is the severity."""

    @override
    async def async_added_to_hass(self) -> None:
        """Listen to the camera's alerts."""
        await super().async_added_to_hass()
        self.async_on_remove(self.coordinator.async_listen_news(AlertNews, self.camera_id, self._tell))

    @callback
    def _tell(self, news: AlertNews) -> None:
        if news.alert.severity.value not in self.event_types:
            return
        learning = self.coordinator.is_learning(self.camera_id)
        self._trigger_event(news.alert.severity.value, alert_attributes(news, learning=learning))
        self.async_write_ha_state()
