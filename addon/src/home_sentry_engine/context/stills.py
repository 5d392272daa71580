"""The stills of a visit that are worth showing to somebody who looks at few: the surest, spread in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
import math

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.domain.messages import Sighting

_WEIGHT = {ObjectGroup.PERSON: 1.0, ObjectGroup.VEHICLE: 0.6, ObjectGroup.PACKAGE: 0.6, ObjectGroup.ANIMAL: 0.5}
_OTHER = 0.3
_FAR_S = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """A picture, or the frame of a video at ``offset_s``, with its ``score`` above 0."""

    media_id: str
    offset_s: float | None
    at: datetime
    score: float


def best_stills(sightings: Sequence[Sighting], *, most: int = 4) -> tuple[Still, ...]:
    """Give at most so many stills in the order of time.

    A still scores by its objects: confidence times the root of their share of the picture, people before things. Each
    further one is worth less the nearer in time it is to one that was taken, and nothing at the same moment.
    """
    left = [still for sighting in sightings if (still := _still(sighting)) is not None]
    taken: list[Still] = []
    while left and len(taken) < most:
        best = max(left, key=lambda one: (_worth(one, taken), one.score))
        taken.append(best)
        left.remove(best)
    return tuple(sorted(taken, key=lambda one: one.at))


def _still(sighting: Sighting) -> Still | None:
    picture = max(1, sighting.image_width * sighting.image_height)
    score = sum(
        one.confidence * math.sqrt(one.box.area / picture) * _WEIGHT.get(group_of(one.label), _OTHER)
        for one in sighting.detections
    )
    if score <= 0:
        return None
    at = sighting.at + timedelta(seconds=sighting.offset_s or 0.0)
    return Still(media_id=sighting.media_id, offset_s=sighting.offset_s, at=at, score=score)


def _worth(still: Still, taken: Sequence[Still]) -> float:
    nearest = min((abs((still.at - one.at).total_seconds()) for one in taken), default=math.inf)
    return still.score * min(1.0, nearest / _FAR_S)
