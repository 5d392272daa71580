"""Detections as an engine tells them."""

from datetime import datetime

from custom_components.home_sentry.contract import Box, Detection, ObjectGroup


def sighting(number: int, group: ObjectGroup, at: datetime, camera_id: str, event_id: str | None) -> Detection:
    """Give one object; the more of a picture's objects are told, the surer they are."""
    return Detection(
        id=number,
        media_id=f"media-{number // 100}",
        camera_id=camera_id,
        event_id=event_id,
        label=group.value,
        group=group,
        confidence=0.5 + number % 100 / 10,
        box=Box(x=1, y=2, width=3, height=4),
        image_width=640,
        image_height=480,
        detected_at=at,
        model_id="dfine-s",
    )
