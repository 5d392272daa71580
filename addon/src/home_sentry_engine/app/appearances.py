"""What subjects and faces look like, by the models of the catalogue."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.domain.embedded import Embedded
from home_sentry_engine.domain.errors import Permanent, Transient, Unavailable
from home_sentry_engine.pipeline.enrich.desk import Models
from home_sentry_engine.resilience.backoff import Backoff
from home_sentry_engine.vision.models import Adapter, NotSwitchedOn
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.crops import cut_box
from home_sentry_engine.vision.tasks.embeddings import Embedder, Embedding
from home_sentry_engine.vision.tasks.face_embeddings import FaceEmbedder
from home_sentry_engine.vision.tasks.faces import FaceFinder
from home_sentry_engine.vision.tasks.pictures import Frame, RgbFrame
from home_sentry_engine.vision.tasks.zero_shot import ImageText

PERSON_MODELS: Final = ("osnet-x0-25", "reid-retail-0288", "reid-retail-0287", "reid-retail-0248")
PICTURE_MODELS: Final = ("siglip2-base", "siglip2-base-int8", "clip-vit-l-14")
FACE_FINDERS: Final = ("yunet",)
FACE_MODELS: Final = ("sface",)
_FACE_MARGIN: Final = 0.1


class _Eye(Protocol):
    same_above: float

    def embed(self, frame: Frame, *, cancel: Cancel | None = None) -> Embedding:
        """Look at one cut-out."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceRules:
    """``at_once`` subjects, ``limit_s`` for one with all its ``tries``; ``threshold`` replaces that of CLIP models."""

    at_once: int = 10
    limit_s: float = 30.0
    tries: int = 3
    backoff: Backoff = field(default_factory=lambda: Backoff(base_s=0.5, factor=2.0, cap_s=8.0, jitter=0.0))
    threshold: float | None = None


class ModelAppearances:
    """``pipeline.identity_ports.Appearances``: persons by a model for persons, all else by one for pictures.

    The first model that is switched on is used; one whose file is missing is reported, never replaced by another,
    whose vectors could not be compared with those of before.
    """

    def __init__(self, models: Models, clock: Clock, rules: AppearanceRules | None = None) -> None:
        """Take the models, time and the limits."""
        self._models = models
        self._clock = clock
        self._rules = rules or AppearanceRules()
        self._slots = asyncio.Semaphore(self._rules.at_once)

    async def embed(self, kind: str, looks: Sequence[tuple[Any, Box]]) -> Embedded:
        """Give the mean of what the model sees in each cut-out; raises ``StageError``."""
        person = kind == "person"
        cards = PERSON_MODELS if person else PICTURE_MODELS
        adapter: type[Embedder | ImageText] = Embedder if person else ImageText
        threshold = None if person else self._rules.threshold
        async with self._slots:
            return await self._persistently(cards, adapter, lambda eye, cancel: _mean(eye, looks, threshold, cancel))

    async def faces(self, looks: Sequence[tuple[Any, Box]]) -> tuple[Embedded, ...]:
        """Give the face in each cut-out of a person that shows one; raises ``StageError``."""
        async with self._slots:
            found = await self._persistently(FACE_FINDERS, FaceFinder, lambda finder, c: _find_faces(finder, looks, c))
            if not found:
                return ()
            return await self._persistently(
                FACE_MODELS,
                FaceEmbedder,
                lambda reader, cancel: tuple(reader.read(frame, face, cancel=cancel) for frame, face in found),
            )

    async def _persistently[A: Adapter, T](
        self, cards: Sequence[str], kind: type[A], work: Callable[[A, Cancel], T]
    ) -> T:
        try:
            async with asyncio.timeout(self._rules.limit_s):
                for number in range(1, self._rules.tries):
                    try:
                        return await self._first(cards, kind, work)
                    except Transient as err:
                        delay_s = self._rules.backoff.delay_s(number)
                        await self._clock.sleep(max(delay_s, err.retry_after_s or 0.0))
                return await self._first(cards, kind, work)
        except TimeoutError as err:
            raise Transient(f"no answer within {self._rules.limit_s:g} s", code="timeout") from err

    async def _first[A: Adapter, T](self, cards: Sequence[str], kind: type[A], work: Callable[[A, Cancel], T]) -> T:
        refusals: list[str] = []
        for card in cards:
            try:
                return await self._models.use(card, kind, work, timeout_s=self._rules.limit_s)
            except NotSwitchedOn as err:
                refusals.append(err.reason)
        raise Unavailable("; ".join(refusals), code="off")


def _mean(eye: _Eye, looks: Sequence[tuple[Any, Box]], threshold: float | None, cancel: Cancel) -> Embedded:
    seen = [eye.embed(_cut(picture, box), cancel=cancel) for picture, box in looks]
    if not seen:
        raise Permanent("there is no picture of the subject", code="no_picture")
    mean = np.mean([one.values for one in seen], axis=0, dtype=np.float64)
    length = float(np.linalg.norm(mean))
    vector: NDArray[np.float32] = (mean / max(length, 1e-9)).astype(np.float32)
    same_above = eye.same_above if threshold is None else threshold
    return Embedded(model_id=seen[0].model_id, vector=vector, same_above=same_above)


def _cut(picture: Any, box: Box, *, margin: float = 0.0) -> Frame:
    try:
        return cut_box(RgbFrame.of(picture), box, margin=margin)
    except InvalidBoundingBoxError as err:
        raise Permanent(f"the box lies outside the picture: {err}", code="bad_box") from err


def _find_faces(finder: FaceFinder, looks: Sequence[tuple[Any, Box]], cancel: Cancel) -> list[tuple[Frame, Any]]:
    """A cut-out that shows two faces is left out: nobody knows whose is whose."""
    found = []
    for picture, box in looks:
        frame = _cut(picture, box, margin=_FACE_MARGIN)
        faces = finder.find(frame, cancel=cancel)
        if len(faces) == 1 and faces[0].landmarks:
            found.append((frame, faces[0]))
    return found
