"""What clients can do with this engine: words that they look for before they ask."""

from collections.abc import Mapping
from typing import Final

OPERATIONS: Final[Mapping[str, str]] = {
    "upload": "upload_frame",
    "analyze": "analyze",
    "review": "review_event",
    "events": "list_events",
    "detections": "list_detections",
    "cameras": "create_camera",
    "media": "get_media",
    "rejections": "list_rejections",
    "search": "search_events",
    "statistics": "get_event_stats",
    "feedback": "give_feedback",
    "trash": "list_trash",
    "reassess": "reassess_event",
    "rules": "put_rule",
    "alerts": "list_alerts",
    "channels": "list_channels",
    "clips": "get_event_clip_mp4",
    "timelapse": "get_camera_timelapse",
    "summaries": "create_summary",
    "exports": "create_export",
    "properties": "set_property",
    "zones": "put_zones",
    "masks": "put_masks",
    "scenes": "list_scene_changes",
    "learning": "finish_learning",
    "household": "get_household",
    "entities": "list_entities",
    "detect": "detect",
    "enrich": "enrich",
    "models": "list_models",
    "prompts": "put_prompt",
    "shadow_runs": "start_shadow_run",
    "evaluation": "list_evaluations",
    "queues": "list_queues",
    "components": "list_components",
    "audit": "list_audit",
    "backup": "back_up",
    "performance": "get_performance",
    "keys": "create_key",
    "status": "get_status",
}
"""Each word that stands for a family of operations, with one of them."""

CAPABILITIES: Final = (
    *("websocket_resume", "household_facts", "linked_persons", "visual_verdict", "event_hops"),
    *OPERATIONS,
)
"""All of them; the first ones are no operations, but what is understood or told within others."""
