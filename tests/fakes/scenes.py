"""Scenes written as data."""

from datetime import datetime, timedelta
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from home_sentry_engine.contract import BatchReason
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.messages import Absent, Batch, Scene, Sighting

HOME = ZoneInfo("Europe/Berlin")
SCENES = Path(__file__).parents[1] / "engine" / "scenarios" / "scenes.json"
IMAGE = (1920, 1080)


def load_scenes() -> list[dict[str, Any]]:
    """Read the labelled scenario set."""
    return json.loads(SCENES.read_text(encoding="utf-8"))


def scene_of(data: dict[str, Any]) -> Scene:
    """Build a scene from one entry: frames of [label, confidence, [x, y, width, height]] at ``t`` seconds, and legs.

    A leg written as {"absent": reason} becomes ``Absent``.
    """
    start = datetime.fromisoformat(data.get("at", "2026-06-10T14:05:00")).replace(tzinfo=HOME)
    frames = data.get("frames", [])
    sightings = tuple(_sighting(number, frame, start) for number, frame in enumerate(frames))
    batch = Batch(
        batch_id="batch",
        event_id="event",
        camera_id="camera",
        camera_name=data.get("camera", "Front Door"),
        opened_at=start,
        last_at=sightings[-1].at if sightings else start,
        closed=True,
        reason=BatchReason.IDLE,
        evidence_version=max(1, len(sightings)),
        sightings=sightings,
    )
    return Scene(batch=batch, local_time=start, legs={name: _leg(leg) for name, leg in data.get("legs", {}).items()})


def person_scene(**changes: Any) -> Scene:
    """Build a scene of one person by day, with changes such as ``camera``, ``legs``, ``at``, ``frames``."""
    frame = {"t": 0, "objects": [["person", 0.9, [860, 430, 140, 360]]]}
    return scene_of({"frames": [frame], **changes})


def _leg(leg: Any) -> Any:
    return Absent(reason=leg["absent"]) if isinstance(leg, dict) and set(leg) == {"absent"} else leg


def _sighting(number: int, frame: dict[str, Any], start: datetime) -> Sighting:
    detections = tuple(
        Detection(label=label, confidence=confidence, box=Box(x=box[0], y=box[1], width=box[2], height=box[3]))
        for label, confidence, box in frame["objects"]
    )
    return Sighting(
        media_id=f"media{number}",
        camera_id="camera",
        at=start + timedelta(seconds=frame["t"]),
        detections=detections,
        detection_ids=tuple(number * 100 + index + 1 for index in range(len(detections))),
        image_width=IMAGE[0],
        image_height=IMAGE[1],
    )
