"""The access matrix: the least role of each operation, and what a key with camera limits gets of it.

An operation that is not named here is for administrators and closed to keys with camera limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from home_sentry_engine.contract import KeyRole


class Reach(StrEnum):
    """What a key with camera limits gets of an operation."""

    CLOSED = "closed"
    """Nothing (403): the answer cannot be parted by cameras."""
    FREE = "free"
    """Everything: it says nothing of cameras."""
    CUT = "cut"
    """What belongs to its cameras: the operation asks for no more (``within`` among its checked values)."""
    CAMERA = "camera"
    """All of its own cameras; another one does not exist for it (404). Also where naming a camera is optional."""
    EVENT = "event"
    """All of the events at its cameras; another one does not exist for it."""
    MEDIA = "media"
    """All of the files of its cameras; another one does not exist for it."""
    DETECTION = "detection"
    """All of what was detected at its cameras; another one does not exist for it."""
    CHANGE = "change"
    """All of the changes of its cameras' views; another one does not exist for it."""
    ALERT = "alert"
    """All of the alerts of its cameras; another one does not exist for it."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Who may call an operation, and what camera limits leave of it."""

    role: KeyRole = KeyRole.ADMIN
    reach: Reach = Reach.CLOSED


FORGOTTEN: Final = Grant()
"""What holds for an operation that nobody wrote down."""

_VIEWER: Final[Mapping[Reach, tuple[str, ...]]] = {
    Reach.FREE: (
        "get_info",
        "get_openapi",
        "get_whoami",
        "list_models",
        "get_models_status",
        "get_served_models",
        "get_model_latency",
        "get_model",
        "get_gpu",
        "get_baseline_limits",
    ),
    Reach.CUT: (
        "get_status",
        "list_cameras",
        "list_media",
        "list_detections",
        "list_rejections",
        "list_events",
        "search_events",
        "list_trash",
        "list_deliveries",
        "list_alerts",
        "get_event_stats",
        "list_scene_changes",
    ),
    Reach.CAMERA: (
        "get_camera",
        "get_camera_latest",
        "get_camera_timelapse",
        "get_zones",
        "get_baseline",
        "get_masks",
        "get_learning",
        "list_scene_changes_of_camera",
    ),
    Reach.EVENT: (
        "get_event",
        "list_event_detections",
        "get_event_thumbnail",
        "get_event_snapshot",
        "get_event_clip_mp4",
        "get_event_clip_gif",
    ),
    Reach.MEDIA: ("get_media", "get_media_picture", "get_media_thumbnail"),
    Reach.DETECTION: ("get_detection_picture", "get_detection_thumbnail"),
    Reach.ALERT: ("get_alert",),
    Reach.CLOSED: (
        "get_event_recognition",
        "list_rules",
        "get_rule",
        "get_alert_stats",
        "get_home",
        "list_entities",
        "get_entity",
        "list_appearances",
        "list_prompts",
        "get_prompt",
        "get_prompt_history",
        "get_shadow_run",
        "list_evaluations",
        "get_evaluation",
        "get_evaluation_stats",
        "get_leaderboard",
        "get_calibration",
        "get_household",
        "list_plates",
        "list_queues",
        "list_components",
        "get_component",
        "list_component_history",
        "get_gpu_history",
        "get_performance",
        "get_latency_history",
        "metrics",
        "list_summaries",
        "get_summary",
        "list_properties",
    ),
}
_OPERATOR: Final[Mapping[Reach, tuple[str, ...]]] = {
    Reach.FREE: (
        *("detect", "detect_batch", "enrich", "vehicle_classify", "pet_classify", "clothing_classify", "pose_analyze"),
        *("depth_estimate", "object_distance", "action_classify"),
    ),
    Reach.CAMERA: ("upload_frame", "analyze", "acknowledge_scene", "update_scene"),
    Reach.EVENT: ("review_event", "give_feedback"),
    Reach.CHANGE: ("acknowledge_scene_change",),
    Reach.ALERT: ("acknowledge_alert", "dismiss_alert"),
    Reach.CLOSED: ("review_events", "deliver_alert", "create_summary"),
}

_VIEWER_COMMANDS: Final[Mapping[Reach, tuple[str, ...]]] = {
    Reach.FREE: ("ping", "get_info"),
    Reach.CUT: (
        "get_status",
        "list_cameras",
        "list_events",
        "search_events",
        "list_rejections",
        "list_trash",
        "list_deliveries",
        "list_alerts",
    ),
    Reach.CAMERA: ("get_camera", "get_learning", "list_zones", "list_masks"),
    Reach.EVENT: ("get_event", "list_event_detections"),
    Reach.ALERT: ("get_alert",),
    Reach.CLOSED: (
        "list_rules",
        "get_rule",
        "get_alert_stats",
        "list_prompts",
        "get_prompt",
        "get_prompt_history",
        "get_shadow_run",
        "list_evaluations",
        "get_evaluation",
        "get_evaluation_stats",
        "get_leaderboard",
        "get_calibration",
        "get_household",
        "list_components",
        "list_summaries",
        "get_summary",
        "list_properties",
    ),
}
_OPERATOR_COMMANDS: Final[Mapping[Reach, tuple[str, ...]]] = {
    Reach.CAMERA: ("acknowledge_scene", "update_scene"),
    Reach.EVENT: ("review_event", "give_feedback"),
    Reach.ALERT: ("acknowledge_alert", "dismiss_alert"),
    Reach.CLOSED: ("review_events", "deliver_alert"),
}


def _table(viewer: Mapping[Reach, tuple[str, ...]], operator: Mapping[Reach, tuple[str, ...]]) -> Mapping[str, Grant]:
    rows = ((KeyRole.VIEWER, viewer), (KeyRole.OPERATOR, operator))
    return {name: Grant(role, reach) for role, table in rows for reach, names in table.items() for name in names}


ROUTES: Final = _table(_VIEWER, _OPERATOR)
"""Grants of the REST operations by name; an administrator may call the others."""
COMMANDS: Final = _table(_VIEWER_COMMANDS, _OPERATOR_COMMANDS)
"""Grants of the WebSocket commands by name."""
