"""What each setting may be; the messages complete the sentence "setting 'key' …"."""

import json
import os
import re
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import voluptuous as vol

from home_sentry_engine.domain.enrichment import QUESTIONS, USUAL_VISION_TASKS, VISION_TASKS
from home_sentry_engine.domain.labels import SECURITY_CLASSES, canonical_label

_BOX_RULES: Final = (
    *((name, 0.01, 1.0) for name in ("confidence", "confidence_day", "confidence_night")),
    *((name, 0.0, 100.0) for name in ("min_area", "max_area")),
    *((name, 0.01, 100.0) for name in ("min_aspect", "max_aspect")),
)
_TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,7}")
_MOST_SENTENCES: Final = 5
_LONGEST_SENTENCE: Final = 200
ROLES: Final = frozenset({"ingest", "detect", "assess", "api"})


def _number(low: float, high: float) -> vol.All:
    return vol.All(
        vol.Coerce(float, msg="must be a number"), vol.Range(min=low, max=high, msg=f"must be {low:g} to {high:g}")
    )


def _whole(low: int, high: int) -> vol.All:
    return vol.All(_int, vol.Range(min=low, max=high, msg=f"must be {low} to {high}"))


def _int(value: object) -> int:
    try:
        whole = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError) as err:
        raise vol.Invalid("must be a whole number") from err
    if isinstance(value, float) and value != whole:
        raise vol.Invalid("must be a whole number")
    return whole  # type: ignore[no-any-return]


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


def _questions(value: object) -> frozenset[str]:
    names = _names(value)
    if not names <= set(QUESTIONS):
        raise vol.Invalid(f"must be of {', '.join(QUESTIONS)}")
    return names


def _vision_tasks(value: object) -> frozenset[str]:
    names = _names(value)
    if not names <= set(VISION_TASKS):
        raise vol.Invalid(f"must be of {', '.join(VISION_TASKS)}")
    return names


def _sentences(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            value = json.loads(value) if value.startswith("[") else [value]
        except ValueError as err:
            raise vol.Invalid('must be a sentence or a JSON list such as ["Is the gate open?"]') from err
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise vol.Invalid("must be a list of sentences")
    sentences = tuple(dict.fromkeys(" ".join(one.split()) for one in value))
    if len(sentences) > _MOST_SENTENCES or not all(3 <= len(one) <= _LONGEST_SENTENCE for one in sentences):
        raise vol.Invalid(f"must be at most {_MOST_SENTENCES} sentences with 3 to {_LONGEST_SENTENCE} characters")
    return sentences


def _confidences(value: object) -> dict[str, float]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as err:
            raise vol.Invalid('must be a JSON object such as {"front_door": 0.6}') from err
    checked: dict[str, float] = vol.Schema({str: _number(0.01, 1.0)})(value)
    return checked


def _box_rules(value: object) -> dict[str, dict[str, dict[str, float]]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as err:
            raise vol.Invalid('must be a JSON object such as {"front_door": {"person": {"min_area": 0.5}}}') from err
    rule = vol.Schema({vol.Optional(name): _number(low, high) for name, low, high in _BOX_RULES})
    checked: dict[str, dict[str, dict[str, float]]] = vol.Schema({str: {str: rule}})(value)
    return {
        camera: {label if label == "*" else canonical_label(label): bounds for label, bounds in labels.items()}
        for camera, labels in checked.items()
    }


def _depth_scales(value: object) -> dict[str, dict[str, float]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as err:
            raise vol.Invalid('must be a JSON object such as {"drive": {"nearest_m": 2, "farthest_m": 30}}') from err
    metres = {vol.Required(name): _number(0.1, 1000) for name in ("nearest_m", "farthest_m")}
    checked: dict[str, dict[str, float]] = vol.Schema({str: metres})(value)
    if any(one["nearest_m"] >= one["farthest_m"] for one in checked.values()):
        raise vol.Invalid("must have nearest_m below farthest_m")
    return checked


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError) as err:
        raise vol.Invalid("must be a time zone such as Europe/Berlin") from err


def home_zone() -> str:
    """Name the machine's time zone: ``TZ``, else what /etc/localtime points to, else UTC."""
    named = os.environ.get("TZ", "").removeprefix(":")
    if named in available_timezones():
        return named
    _, found, zone = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
    return zone if found and zone in available_timezones() else "UTC"


def _address(value: object) -> str:
    parts = urlsplit(str(value))
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise vol.Invalid("must be an http:// or https:// address")
    return str(value).rstrip("/")


def _database_address(value: object) -> str:
    if urlsplit(str(value)).scheme not in {"postgresql", "postgresql+asyncpg", "sqlite", "sqlite+aiosqlite"}:
        raise vol.Invalid("must be a postgresql:// or sqlite:// address")
    return str(value)


def _redis_address(value: object) -> str:
    if urlsplit(str(value)).scheme not in {"redis", "rediss", "unix"}:
        raise vol.Invalid("must be a redis:// address")
    return str(value)


def _broker_address(value: object) -> str:
    parts = urlsplit(str(value))
    try:
        known = parts.scheme in {"mqtt", "mqtts"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.path.strip("/") or parts.query or parts.fragment:
        raise vol.Invalid("must be an mqtt:// or mqtts:// address such as mqtt://192.168.1.5:1883")
    if "@" in parts.netloc:
        raise vol.Invalid("must carry no user: they go into mqtt_username and mqtt_password")
    return str(value).rstrip("/")


def _topic(value: object) -> str:
    if not isinstance(value, str) or not _TOPIC.fullmatch(value):
        raise vol.Invalid("must be letters, digits, - and _, in levels with / between them")
    return value


SCHEMA: Final = vol.Schema(
    {
        vol.Optional("name", default="Home Sentry"): vol.All(str, vol.Length(min=1, max=64)),
        vol.Optional("time_zone", default=home_zone): _zone,
        vol.Optional("roles", default=sorted(ROLES)): _roles,
        vol.Optional("demo", default=False): vol.Boolean(),
        vol.Optional("log_level", default="info"): _one_of("debug", "info", "warning", "error"),
        vol.Optional("log_format", default="json"): _one_of("json", "text"),
        vol.Optional("camera_root"): vol.All(str, vol.Length(min=1)),
        vol.Optional("media_root"): vol.All(str, vol.Length(min=1)),
        vol.Optional("auto_create_cameras", default=True): vol.Boolean(),
        vol.Optional("file_watcher_polling", default=False): vol.Boolean(),
        vol.Optional("file_watcher_polling_interval", default=1.0): _number(0.1, 30),
        vol.Optional("min_image_bytes", default=1024): _whole(1, 1024 * 1024),
        vol.Optional("catch_up_hours", default=24): _number(0, 24 * 30),
        vol.Optional("dedupe_ttl_seconds", default=300): _number(60, 3600),
        vol.Optional("video_frame_interval_seconds", default=4): _number(0.5, 60),
        vol.Optional("video_max_frames", default=20): _whole(1, 100),
        vol.Optional("video_frames", default="adaptive"): _one_of("adaptive", "fixed"),
        vol.Optional("detector", default="auto"): vol.All(str, vol.Length(min=1)),
        vol.Optional("detector_url"): _address,
        vol.Optional("detector_token"): str,
        vol.Optional("provider", default="auto"): _one_of("auto", "cuda", "tensorrt", "openvino", "cpu"),
        vol.Optional("detection_confidence", default=0.5): _number(0.01, 1.0),
        vol.Optional("camera_confidence", default=dict): _confidences,
        vol.Optional("box_rules", default=dict): _box_rules,
        vol.Optional("second_look", default=True): vol.Boolean(),
        vol.Optional("quality_check", default=True): vol.Boolean(),
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
        vol.Optional("assessor", default="text"): _one_of("text", "vision"),
        vol.Optional("vlm_model", default="auto"): vol.All(str, vol.Length(min=1)),
        vol.Optional("vlm_projector"): vol.All(str, vol.Length(min=1)),
        vol.Optional("vlm_url"): _address,
        vol.Optional("vlm_api_key"): str,
        vol.Optional("vlm_remote_model"): str,
        vol.Optional("vlm_stills", default=4): _whole(1, 4),
        vol.Optional("vlm_picture_pixels", default=768): _whole(224, 2048),
        vol.Optional("vlm_context_tokens", default=8192): _whole(1024, 1_048_576),
        vol.Optional("vlm_timeout_seconds", default=120): _number(1, 600),
        vol.Optional("vlm_cloud", default=False): vol.Boolean(),
        vol.Optional("vlm_daily_tokens", default=200_000): _whole(1000, 100_000_000),
        vol.Optional("vlm_token_price"): _number(0.001, 10_000),
        vol.Optional("vlm_daily_cost"): _number(0.001, 10_000),
        vol.Optional("vision_tasks_by", default="florence"): _one_of("florence", "vlm"),
        vol.Optional("self_evaluation", default="auto"): _one_of("auto", "on", "off"),
        vol.Optional("language", default="en"): vol.All(str, vol.Length(min=2, max=16)),
        vol.Optional("reid", default=True): vol.Boolean(),
        vol.Optional("reid_ttl_hours", default=24): _number(1, 168),
        vol.Optional("reid_similarity_threshold"): _number(0.3, 1),
        vol.Optional("reid_max_concurrent_requests", default=10): _whole(1, 64),
        vol.Optional("plate_retention_days", default=7): _number(1, 365),
        vol.Optional("faces", default=False): vol.Boolean(),
        vol.Optional("face_retention_days", default=30): _number(1, 365),
        vol.Optional("host", default="127.0.0.1"): vol.All(str, vol.Length(min=1)),
        vol.Optional("port", default=8093): _whole(0, 65535),
        vol.Optional("tls", default="auto"): _one_of("auto", "on", "off"),
        vol.Optional("tls_certificate"): vol.All(str, vol.Length(min=1)),
        vol.Optional("tls_key"): vol.All(str, vol.Length(min=1)),
        vol.Optional("tls_client_ca"): vol.All(str, vol.Length(min=1)),
        vol.Optional("allow_insecure", default=False): vol.Boolean(),
        vol.Optional("app_network", default=False): vol.Boolean(),
        vol.Optional("zeroconf", default=True): vol.Boolean(),
        vol.Optional("models"): vol.All(str, vol.Length(min=1)),
        vol.Optional("model_mirror"): vol.All(str, vol.Length(min=1)),
        vol.Optional("offline", default=False): vol.Boolean(),
        vol.Optional("models_on", default=list): _names,
        vol.Optional("model_memory_mb"): _whole(64, 1_000_000),
        vol.Optional("model_memory_reserve_mb", default=512): _whole(0, 100_000),
        vol.Optional("model_idle_seconds", default=300): _number(10, 86_400),
        vol.Optional("enrichment", default=True): vol.Boolean(),
        vol.Optional("enrichment_off", default=list): _questions,
        vol.Optional("vision_tasks", default=sorted(USUAL_VISION_TASKS)): _vision_tasks,
        vol.Optional("vision_questions", default=list): _sentences,
        vol.Optional("depth_scales", default=dict): _depth_scales,
        vol.Optional("depth_of", default="median"): _one_of("center", "mean", "median", "min"),
        vol.Optional("enrichment_url"): _address,
        vol.Optional("enrichment_token"): str,
        vol.Optional("florence_url"): _address,
        vol.Optional("florence_token"): str,
        vol.Optional("clip_url"): _address,
        vol.Optional("clip_token"): str,
        vol.Optional("enrichment_max_concurrent", default=2): _whole(1, 16),
        vol.Optional("enrichment_timeout_seconds", default=15): _number(0.1, 120),
        vol.Optional("database_url"): _database_address,
        vol.Optional("redis_url"): _redis_address,
        vol.Optional("mqtt_url"): _broker_address,
        vol.Optional("mqtt_username"): vol.All(str, vol.Length(min=1)),
        vol.Optional("mqtt_password"): str,
        vol.Optional("mqtt_prefix", default="home_sentry"): _topic,
        vol.Optional("mqtt_discovery", default=True): vol.Boolean(),
        vol.Optional("allow_private_targets", default=False): vol.Boolean(),
        vol.Optional("mqtt_ca"): vol.All(str, vol.Length(min=1)),
        vol.Optional("queue_limit", default=10_000): _whole(10, 1_000_000),
        vol.Optional("job_lease_seconds", default=60): _number(3, 600),
        vol.Optional("queue_overflow", default="dlq"): _one_of("dlq", "reject", "drop_oldest"),
        vol.Optional("retention_days", default=30): _number(1, 3650),
        vol.Optional("clip_cache_gb", default=10): _number(0.1, 1000),
        vol.Optional("clip_cache_days", default=7): _number(1, 365),
        vol.Optional("clip_before_seconds", default=5): _number(0, 60),
        vol.Optional("clip_after_seconds", default=5): _number(0, 60),
        vol.Optional("memory_limit_mb", default=0): _whole(0, 1_000_000),
        vol.Optional("disk_min_free_mb", default=256): _whole(1, 1_000_000),
        vol.Optional("backups", default=3): _whole(0, 100),
        vol.Optional("learning_days", default=7): _number(0, 60),
        vol.Optional("gpu_poll_seconds", default=5): _number(1, 60),
        vol.Optional("risk_medium", default=30): _whole(1, 100),
        vol.Optional("risk_high", default=60): _whole(1, 100),
        vol.Optional("risk_critical", default=85): _whole(1, 100),
    }
)
