"""From checked values to slices."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from home_sentry_engine.domain.batch import BatchRules
from home_sentry_engine.domain.risk import Bands

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

_MIB: Final = 1024 * 1024
_GB: Final = 1_000_000_000
_DAY_S: Final = 86_400.0


def assemble(raw: Mapping[str, Any], data: Path) -> Settings:
    """Cut checked settings into slices; raises ``ValueError`` where several do not fit together."""
    return Settings(
        data=data,
        media_root=Path(raw.get("media_root") or data),
        name=raw["name"],
        time_zone=raw["time_zone"],
        roles=raw["roles"],
        demo=raw["demo"],
        log_level=raw["log_level"],
        log_format=raw["log_format"],
        ingest=_ingest(raw, data),
        detect=_detect(raw),
        batch=BatchSettings(
            rules=BatchRules(window_s=raw["batch_window_seconds"], idle_s=raw["batch_idle_timeout_seconds"]),
            check_interval_s=raw["batch_check_interval_seconds"],
            fast_path_confidence=raw["fast_path_confidence"],
            fast_path_classes=raw["fast_path_classes"],
        ),
        language=_language(raw),
        vision=_vision(raw),
        api=_api(raw),
        models=_models(raw, data),
        enrichment=_enrichment(raw),
        storage=_storage(raw),
        mqtt=_mqtt(raw),
        operations=_operations(raw),
        notify=NotifySettings(private_targets=raw["allow_private_targets"]),
        clips=ClipSettings(
            cache_bytes=round(raw["clip_cache_gb"] * _GB),
            cache_s=raw["clip_cache_days"] * _DAY_S,
            before_s=raw["clip_before_seconds"],
            after_s=raw["clip_after_seconds"],
        ),
        identity=_identity(raw),
        bands=Bands(medium=raw["risk_medium"], high=raw["risk_high"], critical=raw["risk_critical"]),
    )


def _detect(raw: Mapping[str, Any]) -> DetectSettings:
    return DetectSettings(
        detector=raw["detector"],
        url=raw.get("detector_url"),
        token=raw.get("detector_token"),
        provider=raw["provider"],
        confidence=raw["detection_confidence"],
        camera_confidence=raw["camera_confidence"],
        box_rules=raw["box_rules"],
        second_look=raw["second_look"],
        quality_check=raw["quality_check"],
        classes=raw["detection_classes"],
        concurrency=raw["ai_max_concurrent_inferences"],
        threads=raw["detector_threads"],
    )


def _models(raw: Mapping[str, Any], data: Path) -> ModelSettings:
    memory_mb = raw.get("model_memory_mb")
    return ModelSettings(
        folder=Path(raw.get("models") or data / "models"),
        mirror=raw.get("model_mirror"),
        offline=raw["offline"],
        on=raw["models_on"],
        memory_bytes=memory_mb * _MIB if memory_mb else None,
        reserve_bytes=raw["model_memory_reserve_mb"] * _MIB,
        idle_s=raw["model_idle_seconds"],
    )


def _enrichment(raw: Mapping[str, Any]) -> EnrichmentSettings:
    if "vqa" in raw["vision_tasks"] and not raw["vision_questions"]:
        raise ValueError("setting 'vision_tasks': vqa needs 'vision_questions' beside it")
    return EnrichmentSettings(
        enabled=raw["enrichment"],
        off=raw["enrichment_off"],
        vision_tasks=raw["vision_tasks"],
        vision_questions=raw["vision_questions"],
        depth_scales=raw["depth_scales"],
        depth_of=raw["depth_of"],
        url=raw.get("enrichment_url"),
        token=raw.get("enrichment_token"),
        florence_url=raw.get("florence_url"),
        florence_token=raw.get("florence_token"),
        clip_url=raw.get("clip_url"),
        clip_token=raw.get("clip_token"),
        at_once=raw["enrichment_max_concurrent"],
        timeout_s=raw["enrichment_timeout_seconds"],
    )


def _operations(raw: Mapping[str, Any]) -> OperationsSettings:
    return OperationsSettings(
        retention_days=raw["retention_days"],
        memory_limit_mb=raw["memory_limit_mb"],
        disk_floor_bytes=raw["disk_min_free_mb"] * _MIB,
        backups=raw["backups"],
        learning_days=raw["learning_days"],
        gpu_poll_s=raw["gpu_poll_seconds"],
    )


def _identity(raw: Mapping[str, Any]) -> IdentitySettings:
    return IdentitySettings(
        enabled=raw["reid"],
        ttl_h=raw["reid_ttl_hours"],
        similarity_threshold=raw.get("reid_similarity_threshold"),
        at_once=raw["reid_max_concurrent_requests"],
        plate_retention_days=raw["plate_retention_days"],
        faces=raw["faces"],
        face_retention_days=raw["face_retention_days"],
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
        self_evaluation=raw["self_evaluation"],
        language=raw["language"],
    )


def _vision(raw: Mapping[str, Any]) -> VisionSettings:
    own = raw["vlm_model"].endswith(".gguf") and raw.get("vlm_url") is None
    if own != ("vlm_projector" in raw):
        raise ValueError("setting 'vlm_projector': belongs to a 'vlm_model' that is the path of a GGUF file")
    if "vlm_daily_cost" in raw and "vlm_token_price" not in raw:
        raise ValueError("setting 'vlm_daily_cost': needs 'vlm_token_price' beside it")
    return VisionSettings(
        judges=raw["assessor"] == "vision",
        describes=raw["vision_tasks_by"] == "vlm",
        model=raw["vlm_model"],
        projector=_path(raw.get("vlm_projector")),
        url=raw.get("vlm_url"),
        api_key=raw.get("vlm_api_key"),
        remote_model=raw.get("vlm_remote_model"),
        stills=raw["vlm_stills"],
        picture_px=raw["vlm_picture_pixels"],
        context_tokens=raw["vlm_context_tokens"],
        timeout_s=raw["vlm_timeout_seconds"],
        cloud=raw["vlm_cloud"],
        daily_tokens=raw["vlm_daily_tokens"],
        token_price=raw.get("vlm_token_price"),
        daily_cost=raw.get("vlm_daily_cost"),
    )


def _api(raw: Mapping[str, Any]) -> ApiSettings:
    certificate, key, authority = (_path(raw.get(name)) for name in ("tls_certificate", "tls_key", "tls_client_ca"))
    if (certificate is None) != (key is None):
        raise ValueError("setting 'tls_certificate': needs 'tls_key' beside it, and the other way round")
    settings = ApiSettings(
        host=raw["host"],
        port=raw["port"],
        tls=raw["tls"],
        tls_certificate=certificate,
        tls_key=key,
        tls_client_ca=authority,
        allow_insecure=raw["allow_insecure"],
        app_network=raw["app_network"],
        zeroconf=raw["zeroconf"],
    )
    if settings.tls == "off" and (certificate is not None or authority is not None):
        raise ValueError("setting 'tls': must not be off beside 'tls_certificate' or 'tls_client_ca'")
    if settings.tls == "auto" and authority is not None:
        return replace(settings, tls="on")
    return settings


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _ingest(raw: Mapping[str, Any], data: Path) -> IngestSettings:
    return IngestSettings(
        camera_root=Path(raw.get("camera_root") or data / "cameras"),
        auto_create_cameras=raw["auto_create_cameras"],
        polling=raw["file_watcher_polling"],
        polling_interval_s=raw["file_watcher_polling_interval"],
        min_image_bytes=raw["min_image_bytes"],
        catch_up_h=raw["catch_up_hours"],
        dedupe_ttl_s=raw["dedupe_ttl_seconds"],
        frame_interval_s=raw["video_frame_interval_seconds"],
        max_frames=raw["video_max_frames"],
        adaptive_frames=raw["video_frames"] == "adaptive",
    )


def _storage(raw: Mapping[str, Any]) -> StorageSettings:
    settings = StorageSettings(
        database_url=raw.get("database_url"),
        redis_url=raw.get("redis_url"),
        queue_limit=raw["queue_limit"],
        overflow=raw["queue_overflow"],
        lease_s=raw["job_lease_seconds"],
    )
    if settings.redis_url is not None and settings.is_local:
        raise ValueError("setting 'redis_url': needs 'database_url' with a postgresql:// address beside it")
    return settings


def _mqtt(raw: Mapping[str, Any]) -> MqttSettings:
    settings = MqttSettings(
        url=raw.get("mqtt_url"),
        username=raw.get("mqtt_username"),
        password=raw.get("mqtt_password"),
        prefix=raw["mqtt_prefix"],
        discovery=raw["mqtt_discovery"],
        ca=_path(raw.get("mqtt_ca")),
    )
    if settings.ca is not None and not settings.secure:
        raise ValueError("setting 'mqtt_ca': needs 'mqtt_url' with an mqtts:// address beside it")
    if settings.password is not None and settings.username is None:
        raise ValueError("setting 'mqtt_password': needs 'mqtt_username' beside it")
    return settings
