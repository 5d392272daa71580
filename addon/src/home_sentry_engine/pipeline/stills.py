"""Which pictures of a visit a model that sees is shown: each subject at its clearest, then spread in time."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import cv2
import numpy as np

from home_sentry_engine.context.association import AssociationRules, associate
from home_sentry_engine.context.tracks import Look, Subject
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.messages import Media, Scene
from home_sentry_engine.language.backends.base import Picture
from home_sentry_engine.language.stills import Still, Stills

from .clearest import PicturePlace, ViewRules, choose, clarity, promise
from .closely import WholePictures
from .ports import Store

# pictures nearer to each other in time tell less and less that is new
APART_S: Final = 10.0
_WELL: Final = 0.8
_NEAREST: Final = 0.1
_LOOKED_AT: Final = 2
_LARGEST_BYTES: Final = 400_000
_QUALITIES: Final = (85, 70, 50, 30)
_LEAST_SHARE: Final = 0.25
_WHOLE_FROM: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One picture that may be shown; ``shows`` tells how clearly it shows each subject, by number."""

    key: str
    at: datetime
    shows: Mapping[int, float]

    @property
    def value(self) -> float:
        """How clear its clearest subject is."""
        return max(self.shows.values(), default=0.0)


def best_stills(
    candidates: Iterable[Candidate], subjects: Sequence[int], most: int, *, apart_s: float = APART_S
) -> tuple[Candidate, ...]:
    """Choose at most ``most`` pictures in the order of time.

    Each of ``subjects``, the most important first, is shown at its clearest unless a chosen picture shows it nearly as
    well. What is left goes to clear pictures far in time from those chosen.
    """
    known = {one.key: one for one in sorted(candidates, key=lambda one: (one.value, one.at, one.key))}
    rest = sorted(known.values(), key=lambda one: (one.at, one.key))
    chosen: list[Candidate] = []
    for subject in subjects:
        showing = [one for one in rest if subject in one.shows]
        if not showing or len(chosen) >= most:
            continue
        best = max(showing, key=lambda one: one.shows[subject])
        if not any(one.shows.get(subject, 0.0) >= _WELL * best.shows[subject] for one in chosen):
            chosen.append(best)
    while len(chosen) < most and (left := [one for one in rest if one not in chosen]):
        chosen.append(max(left, key=lambda one: one.value * _spread(one, chosen, apart_s)))
    return tuple(sorted(chosen, key=lambda one: (one.at, one.key)))


def part_to_show(boxes: Iterable[Box], image: tuple[int, int]) -> Box:
    """Give the part of a picture around these boxes, with as much again on each side; all of it for large ones."""
    width, height = image
    whole = Box(x=0, y=0, width=width, height=height)
    boxes = tuple(boxes)
    if not boxes:
        return whole
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.right for box in boxes), max(box.bottom for box in boxes)
    share = max((right - left) / width, (bottom - top) / height, _LEAST_SHARE / 3) * 3
    if share > _WHOLE_FROM:
        return whole
    part_width, part_height = round(width * share), round(height * share)
    x = min(max(0, (left + right - part_width) // 2), width - part_width)
    y = min(max(0, (top + bottom - part_height) // 2), height - part_height)
    return Box(x=x, y=y, width=part_width, height=part_height)


def picture_of(pixels: Any, part: Box, longest_px: int) -> Picture:
    """Cut, scale and encode a part of an RGB picture, uint8 (rows, columns, 3); nothing but pixels goes in."""
    shown = pixels[part.y : part.bottom, part.x : part.right]
    zoom = min(1.0, longest_px / max(shown.shape[:2]))
    width, height = (max(1, round(side * zoom)) for side in (shown.shape[1], shown.shape[0]))
    scaled = shown if zoom == 1.0 else cv2.resize(shown, (width, height), interpolation=cv2.INTER_AREA)
    bgr = np.ascontiguousarray(scaled[:, :, ::-1])
    for quality in _QUALITIES:
        done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not done:
            raise StageError("the picture could not be encoded", code="bad_picture")
        if len(data) <= _LARGEST_BYTES:
            break
    return Picture(jpeg=np.asarray(data).tobytes(), width=width, height=height)


class VisitStills:
    """Gives ``language.stills.Stills`` of a visit from the engine's own pictures, under the masks of their cameras."""

    def __init__(
        self,
        store: Store,
        pictures: WholePictures,
        executor: Executor | None = None,
        *,
        longest_px: int,
        association: AssociationRules | None = None,
    ) -> None:
        """Take the rows, the decoder, who scales and encodes, the longer side of what is shown, and who is who."""
        self._store = store
        self._pictures = pictures
        self._executor = executor
        self._longest_px = longest_px
        self._association = association or AssociationRules()

    async def __call__(self, scene: Scene, most: int) -> Stills:
        """Show at most ``most``; a picture that cannot be read is left out with its reason."""
        subjects = associate(scene.batch.sightings, rules=self._association)
        important = choose(scene, subjects, ViewRules(), counted=self._association.counted).subjects
        order = [subject.number for subject in important]
        places = _places(scene, important)
        promising = best_stills((place.promised for place in places.values()), order, _LOOKED_AT * most)
        ids = sorted({places[one.key].media_id for one in promising})
        files = await self._store.read(lambda tx: {media_id: tx.media.get(media_id) for media_id in ids})
        made: dict[str, tuple[Candidate, Still]] = {}
        troubles: list[str] = []
        for place in (places[one.key] for one in promising):
            try:
                made[place.promised.key] = await self._made(files[place.media_id], place)
            except StageError as err:
                troubles.append(err.reason)
        best = best_stills((candidate for candidate, _ in made.values()), order, most)
        return Stills(
            stills=tuple(made[one.key][1] for one in best), trouble="; ".join(dict.fromkeys(troubles)) or None
        )

    async def _made(self, media: Media | None, place: _Place) -> tuple[Candidate, Still]:
        if media is None:
            raise StageError("the file is no longer on record", code="media_gone")
        pixels = await self._pictures.whole(media, place.offset_s)
        work = partial(_shown, pixels, place, self._longest_px)
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    media_id: str
    offset_s: float | None
    promised: Candidate
    looks: Mapping[int, Look]


def _places(scene: Scene, subjects: Iterable[Subject]) -> dict[str, _Place]:
    """Give every frame of a visit with the subjects in it, by its key."""
    shown: dict[tuple[str, float | None], dict[int, Look]] = {}
    for subject in subjects:
        for look in subject.looks:
            shown.setdefault((look.media_id, look.offset_s), {})[subject.number] = look
    places = {}
    for sighting in scene.batch.sightings:
        where = (sighting.media_id, sighting.offset_s)
        looks = shown.get(where, {})
        key = PicturePlace(media_id=sighting.media_id, offset_s=sighting.offset_s).key
        promised = Candidate(key=key, at=sighting.at, shows={n: promise(look) for n, look in looks.items()})
        places[key] = _Place(media_id=where[0], offset_s=where[1], promised=promised, looks=looks)
    return places


def _spread(one: Candidate, chosen: Iterable[Candidate], apart_s: float) -> float:
    gaps = (abs((one.at - other.at).total_seconds()) for other in chosen)
    return max(_NEAREST, min(1.0, min(gaps, default=apart_s) / apart_s))


def _shown(pixels: Any, place: _Place, longest_px: int) -> tuple[Candidate, Still]:
    image = (pixels.shape[1], pixels.shape[0])
    looks = {number: look for number, look in place.looks.items() if look.image == image}
    shows = {number: clarity(look, pixels) for number, look in looks.items()}
    part = part_to_show((look.detection.box for look in looks.values()), image)
    still = Still(media_id=place.media_id, at=place.promised.at, picture=picture_of(pixels, part, longest_px))
    return replace(place.promised, shows=shows), still
