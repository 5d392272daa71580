"""Views of a visit made from a few numbers."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from home_sentry_engine.context.association import associate
from home_sentry_engine.contract import BatchReason
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.messages import Batch, Scene, Sighting
from home_sentry_engine.pipeline.subject_views import SceneViews, SubjectView
from tests.fakes.clock import START

SIZE = (640, 480)


def seen(label: str, x: int = 100, *, width: int = 120, height: int = 240, confidence: float = 0.9) -> Detection:
    return Detection(label=label, confidence=confidence, box=Box(x=x, y=100, width=width, height=height))


def shot(at: datetime, found: Sequence[Detection], first_id: int = 1, image: tuple[int, int] = SIZE) -> Sighting:
    return Sighting(
        media_id=f"m{first_id}",
        camera_id="door",
        at=at,
        detections=tuple(found),
        detection_ids=tuple(range(first_id, first_id + len(found))),
        image_width=image[0],
        image_height=image[1],
    )


def scene_of(*shots: Sighting, **legs: object) -> Scene:
    batch = Batch(
        batch_id="b",
        event_id="e",
        camera_id="door",
        camera_name="Door",
        opened_at=START,
        last_at=START,
        closed=True,
        reason=BatchReason.IDLE,
        evidence_version=1,
        sightings=shots,
    )
    return Scene(batch=batch, local_time=datetime(2026, 6, 1, 12, tzinfo=UTC), legs=dict(legs))


def views_of(*shots: Sighting, pixels: np.ndarray | None = None, **legs: object) -> SceneViews:
    """Show every subject in every picture that it is in; all pictures are the same noise unless told."""
    picture = pixels if pixels is not None else np.random.default_rng(1).integers(0, 255, (*SIZE[::-1], 3), np.uint8)
    subjects = {
        one.number: tuple(SubjectView(subject=one, look=look, picture=picture) for look in one.looks)
        for one in associate(shots)
    }
    pictures = {one.media_id: picture for one in shots}
    return SceneViews(scene=scene_of(*shots, **legs), pictures=pictures, subjects=subjects, unreadable={})
