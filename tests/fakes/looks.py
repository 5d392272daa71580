"""Looks and sightings made from a few numbers."""

from collections.abc import Sequence
from datetime import timedelta

from home_sentry_engine.context.tracks import Look, Subject
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.messages import Sighting

from .clock import START

IMAGE = (1000, 500)


def standing(x: float, y: float, *, width: int = 20, height: int = 60, image: tuple[int, int] = IMAGE) -> Box:
    """Make a box whose bottom centre is at these fractions of the picture."""
    return Box(x=round(x * image[0] - width / 2), y=round(y * image[1]) - height, width=width, height=height)


def detection(x: float, y: float, label: str = "person", confidence: float = 0.8) -> Detection:
    """Make a detection that stands there."""
    return Detection(label=label, confidence=confidence, box=standing(x, y))


def look(seconds: float, x: float, y: float, *, moving: bool = False, **of: object) -> Look:
    """Make a look at a time after the start."""
    return Look(
        at=START + timedelta(seconds=seconds),
        detection=detection(x, y, **of),  # type: ignore[arg-type]
        image=IMAGE,
        moving=moving,
    )


def walk(*steps: tuple[float, float, float], moving: bool = False, number: int = 1) -> Subject:
    """Make a subject from (seconds, x, y)."""
    return Subject(number=number, looks=tuple(look(*step, moving=moving) for step in steps))


def sighting(seconds: float, *found: Detection, video: bool = False, camera_id: str = "door") -> Sighting:
    """Make a sighting of these detections, as a still or as a frame of a video."""
    return Sighting(
        media_id="clip" if video else f"still at {seconds:g}",
        camera_id=camera_id,
        at=START if video else START + timedelta(seconds=seconds),
        detections=tuple(found),
        detection_ids=(),
        image_width=IMAGE[0],
        image_height=IMAGE[1],
        offset_s=seconds if video else None,
    )


def sightings(paths: Sequence[Sequence[tuple[float, float]]], *, interval_s: float = 1.0) -> list[Sighting]:
    """Make one still per step in which every path's subject stands where its path says."""
    return [sighting(step * interval_s, *(detection(*path[step]) for path in paths)) for step in range(len(paths[0]))]
