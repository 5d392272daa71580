"""Settings: one schema for options.json, TOML and ``HOME_SENTRY_*``, then frozen slices for the rooms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
import json
from pathlib import Path
import tomllib
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import voluptuous as vol

from .domain.batch import BatchRules
from .domain.errors import HomeSentryError
from .domain.labels import SECURITY_CLASSES, canonical_label
from .domain.risk import Bands

PREFIX: Final = "HOME_SENTRY_"
_ENVIRONMENT_ONLY: Final = frozenset({"model_mirror", "test_media", "ci"})
ROLES: Final = frozenset({"ingest", "detect", "assess", "api"})


class InvalidSettings(HomeSentryError, ValueError):
    """A setting is unknown or out of range; the message names the key and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """Where files come from and what may enter."""

    camera_root: Path
    auto_create_cameras: bool = True
    polling: bool = False
    polling_interval_s: float = 1.0
    sweep_interval_s: float = 5.0
    debounce_s: float = 0.5
    stable_s: float = 2.0
    stable_poll_s: float = 0.5
    stable_polls: int = 20
    stable_give_up_s: float = 600.0
    min_image_bytes: int = 1024
    min_video_bytes: int = 1024
    max_file_bytes: int = 50 * 1024 * 1024
    max_video_bytes: int = 2 * 1024 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_scans: int = 20
    check_timeout_s: float = 30.0
    catch_up_h: float = 24.0
    dedupe_ttl_s: float = 300.0
    frame_interval_s: float = 4.0
    max_frames: int = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectSettings:
    """Which detector looks and what it reports; ``detector`` is a card id or ``auto``."""

    detector: str = "auto"
    provider: str = "auto"
    confidence: float = 0.5
    camera_confidence: Mapping[str, float] = field(default_factory=dict)
    classes: frozenset[str] = SECURITY_CLASSES
    same_box_iou: float = 0.8
    min_box_px: int = 4
    concurrency: int = 4
    batch_frames: int = 4
    threads: int = 0
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettings:
    """How sightings become visits."""

    rules: BatchRules = field(default_factory=BatchRules)
    check_interval_s: float = 5.0
    fast_path_confidence: float = 0.90
    fast_path_classes: frozenset[str] = frozenset({"person"})
    best_detections: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageSettings:
    """Which language model judges: a GGUF file in a child process, an address, or none."""

    enabled: bool = True
    model: str = "auto"
    url: str | None = None
    api: str = "auto"
    api_key: str | None = None
    remote_model: str | None = None
    context_tokens: int = 4096
    max_tokens: int = 768
    temperature: float = 0.2
    top_p: float = 0.95
    connect_timeout_s: float = 10.0
    timeout_s: float = 120.0
    tries: int = 3
    gpu_layers: int = -1
    threads: int = 0
    min_rule_score: int = 15
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Where the API listens; outside loopback needs ``allow_insecure`` while there is no TLS."""

    host: str = "127.0.0.1"
    port: int = 8093
    allow_insecure: bool = False
    zeroconf: bool = True
    max_upload_bytes: int = 50 * 1024 * 1024
    max_body_bytes: int = 1024 * 1024
    replay_messages: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Where model files come from: own folder, then mirror (folder or URL), then the card's source."""

    folder: Path
    mirror: str | None = None
    offline: bool = False
    download_timeout_s: float = 60.0
    disk_floor_bytes: int = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageSettings:
    """Which database and queue: SQLite in the data folder unless URLs say otherwise."""

    database_url: str | None = None
    redis_url: str | None = None
    queue_limit: int = 10_000
    overflow: str = "dlq"
    lease_s: float = 60.0
    tries: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that a user may set, checked; rooms get their slice."""

    data: Path
    name: str
    time_zone: ZoneInfo
    roles: frozenset[str]
    demo: bool
    log_level: str
    log_format: str
    ingest: IngestSettings
    detect: DetectSettings
    batch: BatchSettings
    language: LanguageSettings
    api: ApiSettings
    models: ModelSettings
    storage: StorageSettings
    bands: Bands


def load_settings(
    *,
    data: Path,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Read a JSON or TOML file, then ``HOME_SENTRY_*``, then overrides (later wins), and check everything.

    Raises ``InvalidSettings`` naming the key and the allowed range, or the file that cannot be read.
    """
    raw: dict[str, Any] = _from_file(file) if file else {}
    raw |= _from_environment(environment or {})
    raw |= {key: value for key, value in (overrides or {}).items() if value is not None}
    mirror = (environment or {}).get(f"{PREFIX}MODEL_MIRROR")
    if mirror:
        raw.setdefault("model_mirror", mirror)
    try:
        checked: dict[str, Any] = _SCHEMA(raw)
    except vol.MultipleInvalid as err:
        raise InvalidSettings("; ".join(_sentence(one, raw) for one in err.errors)) from err
    try:
        return _assemble(checked, data)
    except ValueError as err:
        raise InvalidSettings(str(err)) from err


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
        loaded = json.loads(text) if file.suffix == ".json" else tomllib.loads(text)
    except OSError as err:
        raise InvalidSettings(f"cannot read the settings file {file.name}: {err.strerror}") from err
    except ValueError as err:
        raise InvalidSettings(f"the settings file {file.name} is not valid: {err}") from err
    if not isinstance(loaded, dict):
        raise InvalidSettings(f"the settings file {file.name} must hold one table of settings")
    return loaded


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in environment.items():
        key = name.removeprefix(PREFIX).lower()
        if name.startswith(PREFIX) and key not in _ENVIRONMENT_ONLY:
            values[key] = text
    return values


def _sentence(err: vol.Invalid, raw: Mapping[str, Any]) -> str:
    key = ".".join(str(part) for part in err.path) or "settings"
    if str(err.error_message).startswith("extra keys"):
        return f"setting '{key}' is not known"
    value = raw.get(str(err.path[0])) if err.path else None
    shown = "" if "token" in key or "key" in key or "url" in key else f" (got {value!r})"
    return f"setting '{key}': {err.error_message}{shown}"


def _number(low: float, high: float) -> vol.All:
    return vol.All(vol.Coerce(float), vol.Range(min=low, max=high, msg=f"must be {low:g} to {high:g}"))


def _whole(low: int, high: int) -> vol.All:
    return vol.All(vol.Coerce(int), vol.Range(min=low, max=high, msg=f"must be {low} to {high}"))


def _one_of(*words: str) -> vol.In:
    return vol.In(words, msg=f"must be one of {', '.join(words)}")


def _names(value: object) -> frozenset[str]:
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    if not isinstance(value, list | tuple | set | frozenset) or not all(isinstance(part, str) for part in value):
        raise vol.Invalid("must be a list of names")
    return frozenset(part.strip() for part in value)


def _classes(value: object) -> frozenset[str]:
    return frozenset(canonical_label(name) for name in _names(value))


def _roles(value: object) -> frozenset[str]:
    roles = _names(value)
    if not roles or not roles <= ROLES:
        raise vol.Invalid(f"must be one or more of {', '.join(sorted(ROLES))}")
    return roles


def _confidences(value: object) -> dict[str, float]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as err:
            raise vol.Invalid('must be a JSON object such as {"front_door": 0.6}') from err
    checked: dict[str, float] = vol.Schema({str: _number(0.01, 1.0)})(value)
    return checked


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise vol.Invalid("must be a time zone such as Europe/Berlin") from err


def _address(value: object) -> str:
    parts = urlsplit(str(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise vol.Invalid("must be an http:// or https:// address")
    return str(value).rstrip("/")


def _database_address(value: object) -> str:
    if urlsplit(str(value)).scheme not in {"postgresql", "postgresql+asyncpg", "sqlite", "sqlite+aiosqlite"}:
        raise vol.Invalid("must be a postgresql:// or sqlite:// address")
    return str(value)


_SCHEMA: Final = vol.Schema(
    {
        vol.Optional("name", default="Home Sentry"): vol.All(str, vol.Length(min=1, max=64)),
        vol.Optional("time_zone", default="UTC"): _zone,
        vol.Optional("roles", default=sorted(ROLES)): _roles,
        vol.Optional("demo", default=False): vol.Boolean(),
        vol.Optional("log_level", default="info"): _one_of("debug", "info", "warning", "error"),
        vol.Optional("log_format", default="json"): _one_of("json", "text"),
        vol.Optional("camera_root"): vol.All(str, vol.Length(min=1)),
        vol.Optional("auto_create_cameras", default=True): vol.Boolean(),
        vol.Optional("file_watcher_polling", default=False): vol.Boolean(),
        vol.Optional("file_watcher_polling_interval", default=1.0): _number(0.1, 30),
        vol.Optional("min_image_bytes", default=1024): _whole(1, 1024 * 1024),
        vol.Optional("catch_up_hours", default=24): _number(0, 24 * 30),
        vol.Optional("dedupe_ttl_seconds", default=300): _number(60, 3600),
        vol.Optional("video_frame_interval_seconds", default=4): _number(0.5, 60),
        vol.Optional("video_max_frames", default=20): _whole(1, 100),
        vol.Optional("detector", default="auto"): vol.All(str, vol.Length(min=1)),
        vol.Optional("provider", default="auto"): _one_of("auto", "cuda", "tensorrt", "openvino", "cpu"),
        vol.Optional("detection_confidence", default=0.5): _number(0.01, 1.0),
        vol.Optional("camera_confidence", default=dict): _confidences,
        vol.Optional("detection_classes", default=sorted(SECURITY_CLASSES)): _classes,
        vol.Optional("ai_max_concurrent_inferences", default=4): _whole(1, 32),
        vol.Optional("detector_threads", default=0): _whole(0, 64),
        vol.Optional("batch_window_seconds", default=90): _number(1, 3600),
        vol.Optional("batch_idle_timeout_seconds", default=30): _number(0.5, 1800),
        vol.Optional("batch_check_interval_seconds", default=5): _number(0.1, 60),
        vol.Optional("fast_path_confidence", default=0.90): _number(0.01, 1.0),
        vol.Optional("fast_path_classes", default=["person"]): _classes,
        vol.Optional("llm", default=True): vol.Boolean(),
        vol.Optional("llm_model", default="auto"): vol.All(str, vol.Length(min=1)),
        vol.Optional("llm_url"): _address,
        vol.Optional("llm_api", default="auto"): _one_of("auto", "llama.cpp", "openai"),
        vol.Optional("llm_api_key"): str,
        vol.Optional("llm_remote_model"): str,
        vol.Optional("llm_context_tokens", default=4096): _whole(256, 1_048_576),
        vol.Optional("llm_max_tokens", default=768): _whole(100, 8192),
        vol.Optional("llm_timeout_seconds", default=120): _number(1, 600),
        vol.Optional("llm_gpu_layers", default=-1): _whole(-1, 1000),
        vol.Optional("llm_min_rule_score", default=15): _whole(0, 100),
        vol.Optional("language", default="en"): vol.All(str, vol.Length(min=2, max=16)),
        vol.Optional("host", default="127.0.0.1"): vol.All(str, vol.Length(min=1)),
        vol.Optional("port", default=8093): _whole(0, 65535),
        vol.Optional("allow_insecure", default=False): vol.Boolean(),
        vol.Optional("zeroconf", default=True): vol.Boolean(),
        vol.Optional("models"): vol.All(str, vol.Length(min=1)),
        vol.Optional("model_mirror"): vol.All(str, vol.Length(min=1)),
        vol.Optional("offline", default=False): vol.Boolean(),
        vol.Optional("database_url"): _database_address,
        vol.Optional("redis_url"): vol.All(str, vol.Length(min=1)),
        vol.Optional("queue_limit", default=10_000): _whole(10, 1_000_000),
        vol.Optional("queue_overflow", default="dlq"): _one_of("dlq", "reject", "drop_oldest"),
        vol.Optional("risk_medium", default=30): _whole(1, 100),
        vol.Optional("risk_high", default=60): _whole(1, 100),
        vol.Optional("risk_critical", default=85): _whole(1, 100),
    }
)


def _assemble(raw: Mapping[str, Any], data: Path) -> Settings:
    return Settings(
        data=data,
        name=raw["name"],
        time_zone=raw["time_zone"],
        roles=raw["roles"],
        demo=raw["demo"],
        log_level=raw["log_level"],
        log_format=raw["log_format"],
        ingest=IngestSettings(
            camera_root=Path(raw.get("camera_root") or data / "cameras"),
            auto_create_cameras=raw["auto_create_cameras"],
            polling=raw["file_watcher_polling"],
            polling_interval_s=raw["file_watcher_polling_interval"],
            min_image_bytes=raw["min_image_bytes"],
            catch_up_h=raw["catch_up_hours"],
            dedupe_ttl_s=raw["dedupe_ttl_seconds"],
            frame_interval_s=raw["video_frame_interval_seconds"],
            max_frames=raw["video_max_frames"],
        ),
        detect=DetectSettings(
            detector=raw["detector"],
            provider=raw["provider"],
            confidence=raw["detection_confidence"],
            camera_confidence=raw["camera_confidence"],
            classes=raw["detection_classes"],
            concurrency=raw["ai_max_concurrent_inferences"],
            threads=raw["detector_threads"],
        ),
        batch=BatchSettings(
            rules=BatchRules(window_s=raw["batch_window_seconds"], idle_s=raw["batch_idle_timeout_seconds"]),
            check_interval_s=raw["batch_check_interval_seconds"],
            fast_path_confidence=raw["fast_path_confidence"],
            fast_path_classes=raw["fast_path_classes"],
        ),
        language=_language(raw),
        api=ApiSettings(
            host=raw["host"], port=raw["port"], allow_insecure=raw["allow_insecure"], zeroconf=raw["zeroconf"]
        ),
        models=ModelSettings(
            folder=Path(raw.get("models") or data / "models"),
            mirror=raw.get("model_mirror"),
            offline=raw["offline"],
        ),
        storage=StorageSettings(
            database_url=raw.get("database_url"),
            redis_url=raw.get("redis_url"),
            queue_limit=raw["queue_limit"],
            overflow=raw["queue_overflow"],
        ),
        bands=Bands(medium=raw["risk_medium"], high=raw["risk_high"], critical=raw["risk_critical"]),
    )


def _language(raw: Mapping[str, Any]) -> LanguageSettings:
    return LanguageSettings(
        enabled=raw["llm"],
        model=raw["llm_model"],
        url=raw.get("llm_url"),
        api=raw["llm_api"],
        api_key=raw.get("llm_api_key"),
        remote_model=raw.get("llm_remote_model"),
        context_tokens=raw["llm_context_tokens"],
        max_tokens=raw["llm_max_tokens"],
        timeout_s=raw["llm_timeout_seconds"],
        gpu_layers=raw["llm_gpu_layers"],
        min_rule_score=raw["llm_min_rule_score"],
        language=raw["language"],
    )
