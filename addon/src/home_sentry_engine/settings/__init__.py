"""Settings: one schema for options.json, TOML and ``HOME_SENTRY_*``, then frozen slices for the rooms."""

from .load import PREFIX, InvalidSettings, load_settings
from .schema import ROLES
from .slices import (
    ApiSettings,
    BatchSettings,
    ClipSettings,
    DetectSettings,
    EnrichmentSettings,
    IdentitySettings,
    IngestSettings,
    LanguageSettings,
    ModelSettings,
    MqttSettings,
    NotifySettings,
    OperationsSettings,
    Settings,
    StorageSettings,
    VisionSettings,
)

__all__ = [
    "PREFIX",
    "ROLES",
    "ApiSettings",
    "BatchSettings",
    "ClipSettings",
    "DetectSettings",
    "EnrichmentSettings",
    "IdentitySettings",
    "IngestSettings",
    "InvalidSettings",
    "LanguageSettings",
    "ModelSettings",
    "MqttSettings",
    "NotifySettings",
    "OperationsSettings",
    "Settings",
    "StorageSettings",
    "VisionSettings",
    "load_settings",
]
