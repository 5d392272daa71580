"""What other programs may ask this engine's models about one picture, in the words of an enrichment server.

Each answer is a JSON object. Boxes and points lie in pixels of the picture that was sent, also where a box limits the
question to a part of it.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
import time
from typing import Any, Final

import cv2
import numpy as np

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.domain.enrichment import Outcome
from home_sentry_engine.domain.errors import Permanent, StageError
from home_sentry_engine.vision.models import Adapter, NotSwitchedOn
from home_sentry_engine.vision.session import Cancel
from home_sentry_engine.vision.tasks.action import SENTENCES, ClipAction
from home_sentry_engine.vision.tasks.classify import Classifier, Ranked, pet_of, vehicle_type_of
from home_sentry_engine.vision.tasks.crops import Crop, cut_box
from home_sentry_engine.vision.tasks.depth import DepthGauge, DepthMap, DepthOf, proximity
from home_sentry_engine.vision.tasks.embeddings import Embedder
from home_sentry_engine.vision.tasks.faces import FaceFinder
from home_sentry_engine.vision.tasks.pictures import Frame, RgbFrame
from home_sentry_engine.vision.tasks.plates import PlateFinder
from home_sentry_engine.vision.tasks.pose import POINTS, PoseFinder
from home_sentry_engine.vision.tasks.posture import stance_of
from home_sentry_engine.vision.tasks.segments import Segmenter, clothing_of
from home_sentry_engine.vision.tasks.sentences import VEHICLES, fashion_by_sentences
from home_sentry_engine.vision.tasks.text import TextLine, TextReader
from home_sentry_engine.vision.tasks.zero_shot import ImageText

from . import cards
from .desk import Desk, EnrichmentRules, Models, Notes

_MARGIN: Final = 0.08
_DEPTH_LEVELS: Final = 65_535
PERSONS: Final = ("osnet-x0-25", "reid-retail-0288", "reid-retail-0287", "reid-retail-0248")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerQuestion:
    """One question about a picture, or the pictures of one person; ``box`` limits it to a part.

    ``options`` refine it: ``model_id`` names the card that has to answer, others belong to single questions.
    """

    about: str
    frames: tuple[RgbFrame, ...]
    box: Box | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def crop(self) -> Crop:
        """The part of the first picture that is asked about; raises ``Permanent`` for a box outside of it."""
        frame = self.frames[0]
        box = self.box or Box(x=0, y=0, width=frame.width, height=frame.height)
        try:
            return cut_box(frame, box, margin=_MARGIN if self.box is not None else 0.0)
        except InvalidBoundingBoxError as err:
            raise Permanent(f"the box does not fit the picture: {err}", code="bad_box") from err


class PeerDesk:
    """Answers with this engine's own models, ``at_once`` questions at the same time; nothing is stored."""

    def __init__(self, models: Models, *, at_once: int = 2, deadline_s: float = 45.0) -> None:
        """Take the models and what one answer may take."""
        self._models = models
        self._at_once = asyncio.Semaphore(at_once)
        self._deadline_s = deadline_s

    async def answer(self, question: PeerQuestion) -> dict[str, Any]:
        """Give the answer with ``model_id`` and ``inference_time_ms``.

        Raises ``NotSwitchedOn`` where no model may answer, or another ``StageError``; never tells that nothing was
        found where nobody looked.
        """
        notes, began = Notes(about=question.about), time.perf_counter()
        desk = Desk(self._models, self._at_once, EnrichmentRules(deadline_s=self._deadline_s))
        async with asyncio.timeout(self._deadline_s):
            found = await _ANSWERS[question.about](_Asking(desk=desk, notes=notes, question=question))
        spent_ms = round((time.perf_counter() - began) * 1000.0, 1)
        return {**found, "model_id": notes.model_id, "inference_time_ms": spent_ms}

    async def outcome(self, question: PeerQuestion) -> dict[str, Any]:
        """Give the answer with its ``outcome``, or why there is none; never raises for what a model does."""
        try:
            return {"outcome": Outcome.RAN.value, **await self.answer(question)}
        except NotSwitchedOn as err:
            return {"outcome": Outcome.SKIPPED.value, "reason": err.reason}
        except StageError as err:
            return {"outcome": Outcome.UNAVAILABLE.value, "reason": err.reason}
        except TimeoutError:
            return {"outcome": Outcome.UNAVAILABLE.value, "reason": f"no answer within {self._deadline_s:g} s"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asking:
    desk: Desk
    notes: Notes
    question: PeerQuestion

    async def use[A: Adapter, T](self, known: Sequence[str], kind: type[A], work: Callable[[A, Cancel], T]) -> T:
        wanted = self.question.options.get("model_id")
        if wanted is not None and wanted not in known:
            raise NotSwitchedOn(f"{wanted} does not answer questions about {self.question.about}", code="off")
        return await self.desk.use(self.notes, known if wanted is None else (wanted,), kind, work)


async def _pose(asking: _Asking) -> dict[str, Any]:
    crop, least = asking.question.crop, float(asking.question.options.get("min_confidence", 0.0))
    pose = await asking.use(cards.POSES, PoseFinder, lambda model, cancel: model.find(crop, cancel=cancel))
    moved, stance = pose.moved(crop.left, crop.top), stance_of(pose)
    points = zip(POINTS, moved.points, strict=True)
    return {
        "keypoints": [
            {"name": name.replace(" ", "_"), "x": point.x, "y": point.y, "confidence": point.confidence}
            for name, point in points
            if point.confidence >= least
        ],
        "posture": stance.posture.value,
        "alerts": [alert.value for alert in stance.alerts],
        "confidence": stance.confidence,
    }


async def _vehicle(asking: _Asking) -> dict[str, Any]:
    crop = asking.question.crop

    def by_sentences(model: ImageText, cancel: Cancel) -> Ranked:
        return model.rank(crop, VEHICLES, cancel=cancel)

    try:
        ranked = await asking.use(cards.VEHICLE_TYPE, Classifier, lambda model, c: model.rank(crop, cancel=c))
    except NotSwitchedOn:
        ranked = await asking.use(cards.SENTENCES, ImageText, by_sentences)
    found = vehicle_type_of(ranked)
    if found is None:
        return {"vehicle_type": None, "all_scores": _shares(ranked)}
    return {
        "vehicle_type": found.label,
        "confidence": found.confidence,
        "is_commercial": found.is_commercial,
        "all_scores": _shares(ranked),
    }


async def _pet(asking: _Asking) -> dict[str, Any]:
    crop = asking.question.crop
    ranked = await asking.use(cards.PETS, Classifier, lambda model, cancel: model.rank(crop, cancel=cancel))
    pet = pet_of(ranked)
    told: dict[str, Any] = {"pet_type": pet.species, "confidence": pet.confidence, "all_scores": _shares(ranked)}
    # below its limit nobody knows whose animal it is, which is no "no"
    return told | ({"is_household_pet": True} if pet.household else {})


async def _clothing(asking: _Asking) -> dict[str, Any]:
    crop = asking.question.crop
    worn = await asking.use(
        cards.FASHION, ImageText, lambda model, cancel: fashion_by_sentences(model, crop, cancel=cancel)
    )
    return {
        "clothing_type": worn.garment.label,
        "confidence": worn.garment.confidence,
        "color": worn.colour,
        "is_service_uniform": worn.is_service_uniform,
        "is_suspicious": worn.hides_face,
        "all_scores": _shares(worn.garment),
    }


async def _segments(asking: _Asking) -> dict[str, Any]:
    crop = asking.question.crop
    found = await asking.use(
        cards.CLOTHES, Segmenter, lambda model, cancel: clothing_of(model.divide(crop, cancel=cancel))
    )
    told: dict[str, Any] = {"clothing_items": list(found.items), "has_bag": found.has_bag}
    return told if found.face_covered is None else told | {"has_face_covered": found.face_covered}


async def _depth(asking: _Asking) -> dict[str, Any]:
    depth = await _measured(asking)
    levels = np.rint(depth.nearness * _DEPTH_LEVELS).astype(np.uint16)
    done, data = cv2.imencode(".png", levels)
    if not done:
        raise Permanent("the depth map could not be encoded", code="bad_picture")
    return {"depth_map_base64": base64.b64encode(np.asarray(data).tobytes()).decode("ascii")}


async def _distance(asking: _Asking) -> dict[str, Any]:
    how = DepthOf(asking.question.options.get("method", DepthOf.MEDIAN.value))
    box, depth = asking.question.box, await _measured(asking)
    if box is None:
        raise Permanent("the distance of a thing needs its box", code="bad_box")
    nearness = depth.at(box, how)
    return {"nearness": round(nearness, 3), "proximity": proximity(nearness), "method": how.value}


async def _measured(asking: _Asking) -> DepthMap:
    frame = asking.question.frames[0]
    return await asking.use(cards.DEPTH, DepthGauge, lambda model, cancel: model.measure(frame, cancel=cancel))


async def _action(asking: _Asking) -> dict[str, Any]:
    labels = asking.question.options.get("labels")
    sentences = {said: said for said in labels} if labels else SENTENCES
    frames: Sequence[Frame] = asking.question.frames
    ranked = await asking.use(
        cards.CLIP_ACTION, ClipAction, lambda model, cancel: model.rank(frames, sentences, cancel=cancel)
    )
    return {"action": ranked.label, "confidence": ranked.confidence, "all_scores": _shares(ranked)}


async def _faces(asking: _Asking) -> dict[str, Any]:
    crop = asking.question.crop
    found = await asking.use(cards.FACES, FaceFinder, lambda model, cancel: model.find(crop, cancel=cancel))
    return {
        "faces": [
            {
                "bbox": _corners(crop.outside(face.box)),
                "confidence": face.confidence,
                "landmarks": _moved(face.landmarks, crop),
            }
            for face in found
        ]
    }


async def _plates(asking: _Asking) -> dict[str, Any]:
    crop = asking.question.crop
    found = await asking.use(cards.PLATES, PlateFinder, lambda model, cancel: model.find(crop, cancel=cancel))
    return {
        "plates": [
            {
                "bbox": _corners(crop.outside(plate.box)),
                "confidence": plate.confidence,
                "corners": _moved(plate.corners, crop) if plate.corners is not None else None,
            }
            for plate in found
        ]
    }


async def _texts(asking: _Asking) -> dict[str, Any]:
    crop = asking.question.crop
    if asking.question.options.get("line"):
        line = await asking.use(cards.TEXT, TextReader, lambda model, c: model.read_line(crop.pixels, cancel=c))
        return {"line": _line(line)}
    found = await asking.use(cards.TEXT, TextReader, lambda model, cancel: model.read(crop, cancel=cancel))
    return {"regions": [{**_line(one.line), "corners": _moved(one.corners, crop)} for one in found]}


async def _embedding(asking: _Asking) -> dict[str, Any]:
    crop = asking.question.crop

    def look(model: Embedder, cancel: Cancel) -> tuple[list[float], float]:
        return model.embed(crop, cancel=cancel).values.tolist(), model.same_above

    values, same_above = await asking.use(PERSONS, Embedder, look)
    return {"embedding": values, "same_above": same_above}


def _shares(ranked: Ranked) -> dict[str, float]:
    return dict(ranked.scores)


def _corners(box: Box) -> list[int]:
    return [box.x, box.y, box.right, box.bottom]


def _moved(points: Sequence[tuple[float, float]], crop: Crop) -> list[list[float]]:
    return [[x + crop.left, y + crop.top] for x, y in points]


def _line(line: TextLine) -> dict[str, Any]:
    return {"text": line.text, "confidence": line.confidence}


_ANSWERS: Final[Mapping[str, Callable[[_Asking], Awaitable[dict[str, Any]]]]] = {
    "pose": _pose,
    "vehicle_type": _vehicle,
    "pets": _pet,
    "clothing": _clothing,
    "clothes_segments": _segments,
    "depth": _depth,
    "distance": _distance,
    "action": _action,
    "faces": _faces,
    "plates": _plates,
    "texts": _texts,
    "embedding": _embedding,
}
ABOUT: Final[Mapping[str, tuple[str, ...]]] = {
    "person": ("pose", "clothing", "clothes_segments", "faces", "embedding"),
    "vehicle": ("vehicle_type", "plates", "texts"),
    "animal": ("pets",),
}
