"""One subject of a visit: the looks at it over time, and what they agree on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

from home_sentry_engine.contract import ObjectGroup
from home_sentry_engine.domain.detection import Detection
from home_sentry_engine.domain.labels import group_of
from home_sentry_engine.domain.messages import Sighting

PADDED_FRAMES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One object in one frame; ``image`` is the picture's (width, height), ``moving`` tells a frame of a video.

    ``looked`` is how many frames of its file were looked at, None if unknown; ``offset_s`` its time in a video.
    """

    at: datetime
    detection: Detection
    image: tuple[int, int]
    moving: bool
    media_id: str = ""
    detection_id: int | None = None
    looked: int | None = None
    offset_s: float | None = None

    @property
    def point(self) -> tuple[float, float]:
        """Where the object stands, as fractions of the picture."""
        return self.detection.box.bottom_centre(self.image)

    @property
    def aspect(self) -> float:
        """Width of the picture in its heights."""
        return self.image[0] / self.image[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Looks, at least one, that show the same person, animal or thing, in the order of time.

    ``unsure`` are the places of looks that may as well show another one than the look before them.
    """

    number: int
    looks: tuple[Look, ...]
    unsure: frozenset[int] = frozenset()

    @property
    def first(self) -> Look:
        """Earliest look."""
        return self.looks[0]

    @property
    def last(self) -> Look:
        """Latest look."""
        return self.looks[-1]

    @property
    def parts(self) -> tuple[Subject, ...]:
        """Stretches of looks, in the order of time, each of which surely shows the same one."""
        starts = [0, *sorted(self.unsure), len(self.looks)]
        return tuple(Subject(number=self.number, looks=self.looks[start:end]) for start, end in pairwise(starts))

    @property
    def moving(self) -> bool:
        """Tell whether any look is a frame of a video."""
        return any(look.moving for look in self.looks)

    @property
    def label(self) -> str:
        """What most of the confidence says."""
        return consensus(self.looks)[0]

    @property
    def confidence(self) -> float:
        """How sure the looks are of the label together, 0..1."""
        return consensus(self.looks)[1]

    @property
    def group(self) -> ObjectGroup:
        """Coarse kind of the label."""
        return group_of(self.label)


def consensus(looks: Iterable[Look]) -> tuple[str, float]:
    """Give the label with the largest sum of scores and the median of its scores, padded with zeros.

    The padding is to three frames in a video, so that one flash counts nothing; a still, and a video of which fewer
    frames were looked at, has no other frame to ask.
    """
    found = tuple(looks)
    scores: dict[str, list[float]] = {}
    for look in found:
        scores.setdefault(look.detection.label, []).append(look.detection.confidence)
    label = max(scores, key=lambda name: (sum(scores[name]), name))
    fewest = max((min(PADDED_FRAMES, look.looked or PADDED_FRAMES) for look in found if look.moving), default=1)
    own = scores[label]
    return label, median([*own, *[0.0] * (fewest - len(own))])


def frames_of(sightings: Iterable[Sighting]) -> Iterator[tuple[Look, ...]]:
    """Give the looks of each frame, frames in the order of their time."""
    for sighting in sorted(sightings, key=_time_of):
        yield tuple(
            Look(
                at=_time_of(sighting),
                detection=detection,
                image=(max(1, sighting.image_width), max(1, sighting.image_height)),
                moving=sighting.offset_s is not None,
                media_id=sighting.media_id,
                detection_id=sighting.detection_ids[index] if index < len(sighting.detection_ids) else None,
                looked=sighting.looked,
                offset_s=sighting.offset_s,
            )
            for index, detection in enumerate(sighting.detections)
        )


def _time_of(sighting: Sighting) -> datetime:
    return sighting.at + timedelta(seconds=sighting.offset_s or 0.0)
