"""Sensors: risk, last verdict and counts of each camera; mode, queue and parts of the engine."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, override

from homeassistant.components.sensor import (
    SensorDeviceClass,
    SensorEntity,
    SensorEntityDescription,
    SensorStateClass,
)
from homeassistant.const import EntityCategory, UnitOfRatio, UnitOfTime
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from .const import STATE_LENGTH
from .contract import Component, ComponentState, Mode, RiskLevel
from .coordinator import HomeSentryConfigEntry, HomeSentryCoordinator
from .entity import CameraEntity, EngineEntity, async_add_for_cameras
from .looking_back import daily_summary
from .risk import Risk

PARALLEL_UPDATES = 0

type Value = str | int | float | datetime | None
type Reading = tuple[Value, dict[str, Any]]
_TOP_FACTORS: Final = 3
# what became of every file since the engine's database was made
_ACCOUNT: Final = ("accepted", "stored", "queued", "duplicate", "rejected", "quarantined")
_LEVELS: Final = list(RiskLevel.words())
_MODES: Final = list(Mode.words())
_STATES: Final = list(ComponentState.words())


@dataclass(frozen=True, kw_only=True)
class CameraSensorDescription(SensorEntityDescription):
    """How a camera's sensor gets its value and attributes."""

    read: Callable[[HomeSentryCoordinator, str], Reading]


@dataclass(frozen=True, kw_only=True)
class EngineSensorDescription(SensorEntityDescription):
    """How an engine's sensor gets its value and attributes."""

    read: Callable[[HomeSentryCoordinator], Reading]


def _risk_score(risk: Risk | None) -> Reading:
    if risk is None:
        return None, {}
    factors = sorted(risk.event.factors, key=lambda factor: -abs(factor.points))[:_TOP_FACTORS]
    return risk.score, {
        "event_id": risk.event.event_id,
        "state": risk.event.analysis_state.value,
        "visual_verdict": risk.event.visual_verdict.value if risk.event.visual_verdict is not None else None,
        "factors": [{"id": factor.id, "points": factor.points, "text": factor.text} for factor in factors],
    }


def _risk_level(risk: Risk | None) -> Reading:
    if risk is None or risk.level is RiskLevel.UNKNOWN:
        return None, {}
    return risk.level.value, {"event_id": risk.event.event_id}


def _summary(coordinator: HomeSentryCoordinator, camera_id: str) -> Reading:
    event = coordinator.data.newest(camera_id)
    if event is None:
        return None, {}
    text = event.summary
    short = text if len(text) <= STATE_LENGTH else f"{text[: STATE_LENGTH - 1]}…"
    return short, {"full_text": text, "event_id": event.event_id, "state": event.analysis_state.value}


def _events_today(coordinator: HomeSentryCoordinator, camera_id: str) -> Reading:
    camera = coordinator.data.camera(camera_id)
    return (camera.events_today if camera else None), {}


def _scene_anomaly(coordinator: HomeSentryCoordinator, camera_id: str) -> Reading:
    camera = coordinator.data.camera(camera_id)
    anomaly = camera.scene_anomaly if camera else None
    return (None if anomaly is None else round(100 * anomaly)), {}


def _last_picture(coordinator: HomeSentryCoordinator, camera_id: str) -> Reading:
    camera = coordinator.data.camera(camera_id)
    return (camera.latest_media_at if camera else None), {}


def _mode(coordinator: HomeSentryCoordinator) -> Reading:
    status = coordinator.data.status
    if status is None or status.mode is Mode.UNKNOWN:
        return None, {}
    return status.mode.value, {"causes": list(status.mode_causes)}


def _queue_depth(coordinator: HomeSentryCoordinator) -> Reading:
    status = coordinator.data.status
    if status is None:
        return None, {}
    depths = {queue.queue: queue.pending + queue.processing + queue.delayed for queue in status.queues}
    account = {name: getattr(status.accounting, name, None) for name in _ACCOUNT}
    dead = sum(queue.dead for queue in status.queues)
    return sum(depths.values()), {"queues": depths, **account, "dead_letters": dead}


def _dead_letters(coordinator: HomeSentryCoordinator) -> Reading:
    status = coordinator.data.status
    if status is None:
        return None, {}
    given_up = {queue.queue: queue.dead for queue in status.queues}
    return sum(given_up.values()), {"queues": given_up}


def _detector_ms(coordinator: HomeSentryCoordinator) -> Reading:
    status = coordinator.data.status
    return (status.detector_ms if status else None), {}


def _vision_tokens(coordinator: HomeSentryCoordinator) -> Reading:
    """Give what a vision-language model elsewhere was asked for today; unknown where none is paid for."""
    known = next((part.details for part in _parts(coordinator) if part.id == "vlm"), {})
    spent, allowed = known.get("tokens_today"), known.get("tokens_allowed")
    if allowed is None:
        return None, {}
    told = {"model": known.get("model"), "cost": known.get("cost_today"), "cost_allowed": known.get("cost_allowed")}
    return spent if isinstance(spent, int) else None, {"allowed": allowed, **told}


def _parts(coordinator: HomeSentryCoordinator) -> tuple[Component, ...]:
    return coordinator.data.status.components if coordinator.data.status is not None else ()


def _model_download(coordinator: HomeSentryCoordinator) -> Reading:
    """Give how much of what arrives now is there, in percent; unknown while nothing does or no size is told."""
    models = coordinator.data.fetching
    fetches = {one.model_id: one.fetch for one in models if one.fetch is not None}
    sizes = [fetch.total_bytes for fetch in fetches.values()]
    known = [size for size in sizes if size]
    done = sum(fetch.done_bytes for fetch in fetches.values())
    percent = min(100, int(100 * done / sum(known))) if known and len(known) == len(models) else None
    return percent, {
        "models": {
            model_id: {"file": fetch.file, "done_bytes": fetch.done_bytes, "total_bytes": fetch.total_bytes}
            for model_id, fetch in fetches.items()
        },
        "failed": {one.model_id: one.reason for one in coordinator.data.not_fetched},
    }


def _component(part_id: str) -> Callable[[HomeSentryCoordinator], Reading]:
    def read(coordinator: HomeSentryCoordinator) -> Reading:
        part = next((part for part in _parts(coordinator) if part.id == part_id), None)
        if part is None or part.state is ComponentState.UNKNOWN:
            return None, {}
        known = {"model": getattr(coordinator.data.info, part_id, None), "provider": None, **part.details}
        return part.state.value, {
            "model": known["model"],
            "provider": known["provider"],
            "reason": part.reason,
            "fix": part.fix,
        }

    return read


def _of_house(read: Callable[[Risk | None], Reading]) -> Callable[[HomeSentryCoordinator], Reading]:
    return lambda coordinator: read(coordinator.house_risk())


def _of_camera(read: Callable[[Risk | None], Reading]) -> Callable[[HomeSentryCoordinator, str], Reading]:
    return lambda coordinator, camera_id: read(coordinator.camera_risk(camera_id))


CAMERA_SENSORS: Final = (
    CameraSensorDescription(
        key="risk_score",
        translation_key="risk_score",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        read=_of_camera(_risk_score),
    ),
    CameraSensorDescription(
        key="risk_level",
        translation_key="risk_level",
        device_class=SensorDeviceClass.ENUM,
        options=_LEVELS,
        read=_of_camera(_risk_level),
    ),
    CameraSensorDescription(key="last_summary", translation_key="last_summary", read=_summary),
    CameraSensorDescription(
        key="events_today",
        translation_key="events_today",
        state_class=SensorStateClass.TOTAL_INCREASING,
        suggested_display_precision=0,
        read=_events_today,
    ),
    CameraSensorDescription(
        key="last_picture",
        translation_key="last_picture",
        device_class=SensorDeviceClass.TIMESTAMP,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        read=_last_picture,
    ),
    CameraSensorDescription(
        key="scene_anomaly",
        translation_key="scene_anomaly",
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=0,
        read=_scene_anomaly,
    ),
)
ENGINE_SENSORS: Final = (
    EngineSensorDescription(
        key="house_risk_score",
        translation_key="house_risk_score",
        state_class=SensorStateClass.MEASUREMENT,
        suggested_display_precision=0,
        read=_of_house(_risk_score),
    ),
    EngineSensorDescription(
        key="house_risk_level",
        translation_key="house_risk_level",
        device_class=SensorDeviceClass.ENUM,
        options=_LEVELS,
        read=_of_house(_risk_level),
    ),
    EngineSensorDescription(key="daily_summary", translation_key="daily_summary", read=daily_summary),
    EngineSensorDescription(
        key="mode",
        translation_key="mode",
        device_class=SensorDeviceClass.ENUM,
        options=_MODES,
        entity_category=EntityCategory.DIAGNOSTIC,
        read=_mode,
    ),
    EngineSensorDescription(
        key="queue_depth",
        translation_key="queue_depth",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        suggested_display_precision=0,
        read=_queue_depth,
    ),
    EngineSensorDescription(
        key="dead_letters",
        translation_key="dead_letters",
        state_class=SensorStateClass.MEASUREMENT,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=0,
        read=_dead_letters,
    ),
    EngineSensorDescription(
        key="detector",
        translation_key="detector",
        device_class=SensorDeviceClass.ENUM,
        options=_STATES,
        entity_category=EntityCategory.DIAGNOSTIC,
        read=_component("detector"),
    ),
    EngineSensorDescription(
        key="llm",
        translation_key="llm",
        device_class=SensorDeviceClass.ENUM,
        options=_STATES,
        entity_category=EntityCategory.DIAGNOSTIC,
        read=_component("llm"),
    ),
    EngineSensorDescription(
        key="detector_time",
        translation_key="detector_time",
        device_class=SensorDeviceClass.DURATION,
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfTime.MILLISECONDS,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=0,
        read=_detector_ms,
    ),
    EngineSensorDescription(
        key="vision_tokens",
        translation_key="vision_tokens",
        state_class=SensorStateClass.TOTAL_INCREASING,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=0,
        read=_vision_tokens,
    ),
    EngineSensorDescription(
        key="model_download",
        translation_key="model_download",
        state_class=SensorStateClass.MEASUREMENT,
        native_unit_of_measurement=UnitOfRatio.PERCENTAGE,
        entity_category=EntityCategory.DIAGNOSTIC,
        entity_registry_enabled_default=False,
        suggested_display_precision=0,
        read=_model_download,
    ),
)


async def async_setup_entry(
    hass: HomeAssistant, entry: HomeSentryConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the engine's sensors and those of each camera."""
    coordinator = entry.runtime_data
    async_add_entities(EngineSensor(coordinator, item) for item in ENGINE_SENSORS)
    async_add_for_cameras(
        coordinator,
        async_add_entities,
        lambda camera_id: (CameraSensor(coordinator, camera_id, item) for item in CAMERA_SENSORS),
    )


class CameraSensor(CameraEntity, SensorEntity):
    """One value of a camera."""

    _unrecorded_attributes = frozenset({"full_text", "factors"})
    entity_description: CameraSensorDescription

    def __init__(
        self, coordinator: HomeSentryCoordinator, camera_id: str, description: CameraSensorDescription
    ) -> None:
        """Read what the description says."""
        super().__init__(coordinator, camera_id, description)

    @callback
    @override
    def refresh(self) -> None:
        """Read the value and its attributes."""
        value, attributes = self.entity_description.read(self.coordinator, self.camera_id)
        self._attr_native_value, self._attr_extra_state_attributes = value, attributes

    @override
    def shown(self) -> tuple[Any, ...]:
        """Give value and attributes."""
        return (self._attr_native_value, self._attr_extra_state_attributes)


class EngineSensor(EngineEntity, SensorEntity):
    """One value of the engine."""

    _unrecorded_attributes = frozenset(
        {"blind", "factors", "failed", "full_text", "models", "queues", "unanalysed", "dead_letters", *_ACCOUNT}
    )
    entity_description: EngineSensorDescription

    def __init__(self, coordinator: HomeSentryCoordinator, description: EngineSensorDescription) -> None:
        """Read what the description says."""
        super().__init__(coordinator, description)

    @callback
    @override
    def refresh(self) -> None:
        """Read the value and its attributes."""
        value, attributes = self.entity_description.read(self.coordinator)
        self._attr_native_value, self._attr_extra_state_attributes = value, attributes

    @override
    def shown(self) -> tuple[Any, ...]:
        """Give value and attributes."""
        return (self._attr_native_value, self._attr_extra_state_attributes)
