"""The close look: pictures of a visit decoded once, and all legs that need them at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Protocol

from home_sentry_engine.context.association import AssociationRules, associate
from home_sentry_engine.context.gather import all_looked
from home_sentry_engine.context.tracks import Look, Subject
from home_sentry_engine.domain.enrichment import EnrichmentResult
from home_sentry_engine.domain.errors import StageError
from home_sentry_engine.domain.messages import Absent, Media, Scene

from .clearest import Choice, PicturePlace, ViewRules, choose, chosen_again, clarity, persons_in
from .enrich.legs import legs_of
from .likeness import Likeness
from .ports import Store
from .subject_views import CloseLeg, SceneViews, SubjectView


class WholePictures(Protocol):
    """Pictures at their full size, decoded off the event loop."""

    async def whole(self, media: Media, offset_s: float | None) -> Any:
        """Give RGB pixels, uint8 (rows, columns, 3), of a still or of a video's frame; raises a ``StageError``."""
        ...


type Views = Callable[[Scene], Awaitable[SceneViews]]
type Enrich = Callable[[SceneViews], Coroutine[Any, Any, EnrichmentResult]]


class VisitPictures:
    """Makes the views of a visit: subjects by association, their clearest looks, a bounded number of pictures."""

    def __init__(
        self,
        store: Store,
        pictures: WholePictures,
        executor: Executor | None = None,
        *,
        rules: ViewRules | None = None,
        association: AssociationRules | None = None,
        likeness: Likeness | None = None,
    ) -> None:
        """Take the rows, the decoder, the executor that measures sharpness, the limits, and what compares persons."""
        self._store = store
        self._pictures = pictures
        self._executor = executor
        self._rules = rules or ViewRules()
        self._association = association or AssociationRules()
        self._likeness = likeness

    async def __call__(self, scene: Scene) -> SceneViews:
        """Decode what is worth a look; never raises for a picture, whose reason is in ``unreadable`` then."""
        subjects = associate(scene.batch.sightings, rules=self._association)
        counted = self._association.counted
        choice = choose(scene, subjects, self._rules, counted=counted)
        pictures, unreadable = await self._decoded(choice.places)
        compared = await self._compared(scene, subjects, pictures)
        if compared is not None:
            choice = chosen_again(choice, compared, self._rules, counted=counted)
        loop = asyncio.get_running_loop()
        views = await loop.run_in_executor(self._executor, lambda: _views(choice, pictures))
        return SceneViews(scene=scene, pictures=pictures, subjects=views, unreadable=unreadable, compared=compared)

    async def _compared(
        self, scene: Scene, subjects: Iterable[Subject], pictures: Mapping[str, Any]
    ) -> tuple[Subject, ...] | None:
        """Tell persons apart by what the decoded pictures show of them; None where nothing could be compared."""
        if self._likeness is None:
            return None
        shown = [(look, pictures[key]) for look, key in persons_in(subjects) if key in pictures]
        alike = await self._likeness.among((look, one) for look, one in shown if _fits(look, one))
        if alike is None:
            return None
        return associate(scene.batch.sightings, rules=self._association, appearance=alike)

    async def _decoded(self, places: Iterable[PicturePlace]) -> tuple[dict[str, Any], dict[str, str]]:
        wanted = tuple(places)
        ids = sorted({place.media_id for place in wanted})
        files = await self._store.read(lambda tx: {media_id: tx.media.get(media_id) for media_id in ids})
        pictures: dict[str, Any] = {}
        unreadable: dict[str, str] = {}
        left = self._rules.held_bytes
        for place in wanted:
            media = files[place.media_id]
            try:
                pixels = await self._one(media, place, left)
            except StageError as err:
                unreadable[place.key] = err.reason
            else:
                pictures[place.key] = pixels
                left -= pixels.nbytes
        return pictures, unreadable

    async def _one(self, media: Media | None, place: PicturePlace, left_bytes: int) -> Any:
        if media is None:
            raise StageError("the file is no longer on record", code="media_gone")
        expected = 3 * (media.width or 0) * (media.height or 0)
        if expected > left_bytes:
            megabytes = expected / 1e6
            raise StageError(f"{megabytes:.0f} MB more than a close look may hold at once", code="too_large")
        return await self._pictures.whole(media, place.offset_s)


class CloseGather:
    """Adds what pixels tell to a scene; never raises for what a leg does, nor takes longer than the longest deadline.

    Pictures are decoded before the deadlines begin, and only where there is a leg.
    """

    def __init__(self, legs: Iterable[CloseLeg], views: Views, *, enrich: Enrich | None = None) -> None:
        """Take the legs, what makes the views, and what asks the models; raises ``ValueError`` for two of one name."""
        self._legs = tuple(legs)
        self.views = views
        self.enrich = enrich
        if len({leg.name for leg in self._legs}) != len(self._legs):
            raise ValueError("two legs have the same name")

    async def __call__(self, scene: Scene) -> Scene:
        """Give the scene with what every leg found; what it has already is kept where nothing was found now."""
        if not self._legs and self.enrich is None:
            return scene
        views = await self.views(scene)
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(all_looked(self._legs, views, event_id=scene.batch.event_id), name="close legs")
            asking = group.create_task(self.enrich(views), name="enrichment") if self.enrich else None
        result = asking.result() if asking is not None else None
        found = {**(legs_of(result) if result is not None else {}), **looking.result()}
        kept = {name: value for name, value in found.items() if name not in scene.legs or not isinstance(value, Absent)}
        return replace(scene, legs={**scene.legs, **kept}, enrichment=result)


def _views(choice: Choice, pictures: Mapping[str, Any]) -> dict[int, tuple[SubjectView, ...]]:
    found: dict[int, tuple[SubjectView, ...]] = {}
    for subject in choice.subjects:
        seen = [(look, pictures[place.key]) for look, place in choice.looks[subject.number] if place.key in pictures]
        fitting = [(look, pixels) for look, pixels in seen if _fits(look, pixels)]
        ranked = sorted(fitting, key=lambda pair: clarity(*pair), reverse=True)
        found[subject.number] = tuple(SubjectView(subject=subject, look=look, picture=one) for look, one in ranked)
    return found


def _fits(look: Look, pixels: Any) -> bool:
    return (pixels.shape[1], pixels.shape[0]) == look.image
