"""Benchmark ``quality``: how right the models are, by the engine's tasks and by plain scripts over the same graphs."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.box import Box, intersection_over_union
from home_sentry_engine.domain.clock import Clock
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.models import ModelRules
from home_sentry_engine.vision.session import Cancel, Session
from home_sentry_engine.vision.tasks.crops import cut, cut_box
from home_sentry_engine.vision.tasks.embeddings import Embedder, Embedding
from home_sentry_engine.vision.tasks.faces import Face, FaceFinder
from home_sentry_engine.vision.tasks.pictures import Frame
from home_sentry_engine.vision.tasks.plate_text import PlateText, normalise_plate, read_plate
from home_sentry_engine.vision.tasks.plates import Plate, PlateFinder, straightened
from home_sentry_engine.vision.tasks.pose import Pose, PoseFinder
from home_sentry_engine.vision.tasks.text import TextLine, TextReader
from home_sentry_engine.vision.zoo import Zoo

from . import bare, quality_association, quality_detect
from .figures import Figure
from .labelled import (
    PersonPicture,
    clip_frames,
    coco_pictures,
    counted_windows,
    key_frames,
    person_pictures,
    plate_pictures,
    voc_pictures,
)
from .quality_association import Embed, Shown

_DETECT: Final = "deimv2-femto"
_POSE, _FACE, _PLATE, _TEXT = "movenet-lightning-dequant", "yunet", "lpd-yunet", "pp-ocr"
_REIDENTIFY: Final = ("osnet-x0-25", "reid-retail-0288")
_SEEN: Final = 2
_FEWEST_JOINTS, _SMALLEST_PX = 6, 40.0
_MARGIN: Final = 0.1
_FACE_JOINTS: Final = slice(0, 3)
_CLIP_STEP_S, _CLIP_FRAMES = 0.2, 160
_STEPS_APART: Final = 3
_STEPS_KEPT: Final = 5
_SAME_PLACE_IOU, _ELSEWHERE_IOU, _SMALLEST_PERSON_PX = 0.5, 0.05, 45
_PERSON_CONFIDENCE: Final = 0.4

type Where = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityBench:
    """All figures of one run."""

    figures: tuple[Figure, ...]

    @property
    def passed(self) -> bool:
        """Whether no figure falls behind the plain script's."""
        return all(figure.kept for figure in self.figures)

    def document(self) -> dict[str, Any]:
        """Give the result as JSON values."""
        return {"bench": "quality", "figures": [asdict(figure) for figure in self.figures], "passed": self.passed}

    def rows(self) -> list[tuple[str, str, str]]:
        """Give the table: what, engine, bare."""
        return [
            (f"{figure.what} (n = {figure.n})", f"{figure.engine:.3f}", f"bare {figure.bare:.3f}")
            for figure in self.figures
        ]


async def bench_quality(models: ModelSettings, clock: Clock, *, media: Path) -> QualityBench:
    """Measure on the labelled pictures and clips of ``media``.

    Raises ``StageError`` where a model cannot be had, ``NoLabels`` where pictures are missing.
    """
    pictures = await asyncio.to_thread(person_pictures, media)
    plates = await asyncio.to_thread(plate_pictures, media)
    clip = await asyncio.to_thread(lambda: clip_frames(media, every_s=_CLIP_STEP_S, most=_CLIP_FRAMES))
    labelled = await asyncio.to_thread(lambda: {"VOC": voc_pictures(media), "COCO": coco_pictures(pictures)})
    windows = await asyncio.to_thread(counted_windows, media)
    keys = await asyncio.to_thread(key_frames, media)
    rules = ModelRules(switched_on=frozenset({_POSE, _FACE, _PLATE, _TEXT, *_REIDENTIFY}), provider="cpu")
    detect = DetectSettings(detector=_DETECT, provider="cpu")
    async with Zoo(detect, models, clock, rules=rules) as zoo:
        side = _Side(zoo=zoo)
        await zoo.prepare()
        plain = await side.bare(_DETECT)
        figures: list[Figure] = []
        for name, ones in labelled.items():
            figures += await quality_detect.detection(zoo, plain, ones, name)
        figures += await quality_detect.small_persons(zoo, labelled["COCO"])
        figures += await quality_detect.association(zoo, windows)
        figures += [*await side.pose(pictures), *await side.faces(pictures), *await side.plates(plates)]
        pairs = await side.pairs(clip)
        for model_id in _REIDENTIFY:
            again = await side.reidentify(model_id, clip, pairs)
            figures += again
        # half way between what the last of them gives for the same and for different persons
        figures += await side.links(keys, clip, pairs, border=(again[0].engine + again[1].engine) / 2)
    return QualityBench(figures=tuple(figures))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Boxes by frame, and pairs of (frame, box) that show the same and different persons."""

    boxes: tuple[tuple[Box, ...], ...]
    same: tuple[tuple[Where, Where], ...]
    different: tuple[tuple[Where, Where], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    zoo: Zoo

    async def pose(self, pictures: Sequence[PersonPicture]) -> list[Figure]:
        session = await self.bare(_POSE)
        ours: list[float] = []
        theirs: list[float] = []
        for picture in pictures:
            for person in picture.persons:
                seen = person.joints[:, 2] == _SEEN
                left, top, right, bottom = person.corners
                if seen.sum() < _FEWEST_JOINTS or min(right - left, bottom - top) < _SMALLEST_PX:
                    continue
                crop = cut(picture.frame, person.corners, margin=_MARGIN)
                pose = (await self._pose(crop)).moved(crop.left, crop.top)
                found = np.asarray([(point.x, point.y) for point in pose.points])
                corners = (crop.box.x, crop.box.y, crop.box.right, crop.box.bottom)
                plain = await asyncio.to_thread(bare.pose, session, picture.frame, corners)
                size = ((right - left) * (bottom - top)) ** 0.5
                ours += (np.linalg.norm(found - person.joints[:, :2], axis=1)[seen] / size).tolist()
                theirs += (np.linalg.norm(plain - person.joints[:, :2], axis=1)[seen] / size).tolist()
        return [
            Figure(what=f"pose: {name} error of a joint over the root of the person's area", engine=over(ours),
                   bare=over(theirs), n=len(ours), more_is_better=False)
            for name, over in (("mean", fmean), ("median", median))
        ]  # fmt: skip

    async def faces(self, pictures: Sequence[PersonPicture]) -> list[Figure]:
        model = (await self.zoo.store.fetch(self.zoo.catalogue.get(_FACE))).main
        noses = found_ours = found_theirs = boxes_ours = boxes_theirs = 0
        for picture in pictures:
            seen = [one.joints[0, :2] for one in picture.persons if (one.joints[_FACE_JOINTS, 2] == _SEEN).all()]
            ours = [(one.box.x, one.box.y, one.box.right, one.box.bottom) for one in await self._faces(picture.frame)]
            theirs = await asyncio.to_thread(bare.faces, model, picture.frame)
            noses += len(seen)
            boxes_ours, boxes_theirs = boxes_ours + len(ours), boxes_theirs + len(theirs)
            found_ours += sum(any(_holds(box, nose) for box in ours) for nose in seen)
            found_theirs += sum(any(_holds(box, nose) for box in theirs) for nose in seen)
        share = "faces: share of labelled noses with both eyes that lie in a face"
        return [
            Figure(what=share, engine=found_ours / noses, bare=found_theirs / noses, n=noses),
            Figure(what="faces: boxes in all pictures", engine=boxes_ours, bare=boxes_theirs, n=len(pictures)),
        ]

    async def plates(self, pictures: Mapping[str, Frame]) -> list[Figure]:
        session = await self.bare(_PLATE)
        found: list[bool] = []
        plain: list[bool] = []
        ours: list[float] = []
        theirs: list[float] = []
        for truth, frame in pictures.items():
            plates = await self._plates(frame)
            found.append(bool(plates))
            plain.append(await asyncio.to_thread(bare.has_plate, session, frame))
            if plates:
                text, line = await self._texts(frame, plates[0])
                ours.append(character_accuracy(text.text, truth))
                theirs.append(character_accuracy(normalise_plate(line.text), truth))
        count = len(pictures)
        return [
            Figure(
                what="plates: pictures whose plate is found",
                engine=sum(found) / count,
                bare=sum(plain) / count,
                n=count,
            ),
            Figure(what="plate text: characters right", engine=sum(ours) / count, bare=sum(theirs) / count, n=count),
        ]

    async def pairs(self, clip: Sequence[Frame]) -> Pairs:
        return pairs_of(await self._persons(clip))

    async def reidentify(self, model_id: str, clip: Sequence[Frame], pairs: Pairs) -> list[Figure]:
        session = await self.bare(model_id)
        ours: dict[Where, Embedding] = {}
        theirs: dict[Where, NDArray[np.float32]] = {}
        for where in sorted({one for pair in (*pairs.same, *pairs.different) for one in pair}):
            frame, box = clip[where[0]], pairs.boxes[where[0]][where[1]]
            ours[where] = await self._embed(model_id, cut_box(frame, box))
            corners = (box.x, box.y, box.right, box.bottom)
            theirs[where] = await asyncio.to_thread(bare.embedding, session, frame, corners)
        engine = _separation(pairs, lambda a, b: ours[a].similarity(ours[b]))
        plain = _separation(pairs, lambda a, b: float(np.dot(theirs[a], theirs[b])))
        names = ("same person, mean cosine", "different persons, mean cosine", "separation")
        counts = (len(pairs.same), len(pairs.different), len(pairs.same))
        return [
            Figure(what=f"{model_id}: {name}", engine=mine, bare=other, n=count, more_is_better=name != names[1])
            for name, mine, other, count in zip(names, engine, plain, counts, strict=True)
        ]

    async def links(self, keys: Sequence[Frame], clip: Sequence[Frame], pairs: Pairs, *, border: float) -> list[Figure]:
        eyes, judge = (self._seen_by(model_id) for model_id in _REIDENTIFY)
        chained = pairs_of(pairs.boxes, apart=_STEPS_KEPT).same
        steady = [Shown.of(clip[index], pairs.boxes[index]) for index in range(0, len(clip), _STEPS_KEPT)]

        def where(at: Where) -> quality_association.Where:
            return clip[at[0]].offset_s or 0.0, pairs.boxes[at[0]][at[1]]

        same = [(where(one), where(other)) for one, other in chained]
        seen = [Shown.of(frame, boxes) for frame, boxes in zip(keys, await self._persons(keys), strict=True)]
        return [
            *await quality_association.links(seen, eyes=eyes, judge=judge, border=border),
            *await quality_association.kept(steady, same, eyes=eyes),
        ]

    def _seen_by(self, model_id: str) -> Embed:
        async def embed(frame: Frame, box: Box) -> NDArray[np.float32]:
            return (await self._embed(model_id, cut_box(frame, box))).values

        return embed

    async def _persons(self, frames: Sequence[Frame]) -> tuple[tuple[Box, ...], ...]:
        seen = await self.zoo.detector.detect(frames, confidence=_PERSON_CONFIDENCE)
        return tuple(
            tuple(
                one.box for one in frame.detections if one.label == "person" and one.box.height >= _SMALLEST_PERSON_PX
            )
            for frame in seen
        )

    async def _pose(self, crop: Frame) -> Pose:
        return await self.zoo.models.use(_POSE, PoseFinder, lambda finder, cancel: finder.find(crop, cancel=cancel))

    async def _faces(self, frame: Frame) -> tuple[Face, ...]:
        return await self.zoo.models.use(_FACE, FaceFinder, lambda finder, cancel: finder.find(frame, cancel=cancel))

    async def _plates(self, frame: Frame) -> tuple[Plate, ...]:
        return await self.zoo.models.use(_PLATE, PlateFinder, lambda finder, cancel: finder.find(frame, cancel=cancel))

    async def _embed(self, model_id: str, crop: Frame) -> Embedding:
        return await self.zoo.models.use(model_id, Embedder, lambda one, cancel: one.embed(crop, cancel=cancel))

    async def _texts(self, frame: Frame, plate: Plate) -> tuple[PlateText, TextLine]:
        """Read a plate as the engine does, and its straightened box as one line, which is the graph's bare output."""
        box = plate.box
        corners = plate.corners or ((box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom))

        def read(reader: TextReader, cancel: Cancel) -> tuple[PlateText, TextLine]:
            line = reader.read_line(straightened(frame, corners), cancel=cancel)
            return read_plate(reader, frame, plate, cancel=cancel), line

        return await self.zoo.models.use(_TEXT, TextReader, read)

    async def bare(self, model_id: str) -> Session:
        model = await self.zoo.store.fetch(self.zoo.catalogue.get(model_id))
        return await asyncio.to_thread(bare.opened, model.main)


def pairs_of(boxes: tuple[tuple[Box, ...], ...], *, apart: int = _STEPS_APART) -> Pairs:
    """Pair boxes ``apart`` frames from each other that much overlap links step by step, with nobody else near.

    Different persons are two boxes of one such frame that do not touch.
    """
    links = [_links(now, after) for now, after in pairwise(boxes)]
    same: list[tuple[Where, Where]] = []
    different: list[tuple[Where, Where]] = []
    for at in range(0, len(boxes) - apart, apart):
        for number, box in enumerate(boxes[at]):
            last: int | None = number
            for step in range(apart):
                last = links[at + step].get(last) if last is not None else None
            if last is not None:
                same.append(((at, number), (at + apart, last)))
            different += [
                ((at, number), (at, other))
                for other in range(number + 1, len(boxes[at]))
                if intersection_over_union(box, boxes[at][other]) < _ELSEWHERE_IOU
            ]
    return Pairs(boxes=boxes, same=tuple(same), different=tuple(different))


def _links(now: tuple[Box, ...], after: tuple[Box, ...]) -> dict[int, int]:
    found: dict[int, int] = {}
    for number, box in enumerate(now):
        overlaps = [intersection_over_union(box, other) for other in after]
        near = [other for other, overlap in enumerate(overlaps) if overlap >= _SAME_PLACE_IOU]
        if len(near) == 1 and sum(overlap > _ELSEWHERE_IOU for overlap in overlaps) == 1:
            found[number] = near[0]
    return found


def character_accuracy(read: str, truth: str) -> float:
    """Give 1 minus the edit distance over the length of the truth, at least 0."""
    before = list(range(len(truth) + 1))
    for row, sign in enumerate(read, start=1):
        now = [row]
        for column, wanted in enumerate(truth, start=1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (sign != wanted)))
        before = now
    return max(0.0, 1.0 - before[-1] / len(truth))


def _separation(pairs: Pairs, cosine: Callable[[Where, Where], float]) -> tuple[float, float, float]:
    same = fmean(cosine(a, b) for a, b in pairs.same)
    different = fmean(cosine(a, b) for a, b in pairs.different)
    return same, different, same - different


def _holds(box: tuple[float, float, float, float], point: np.ndarray[Any, Any]) -> bool:
    return bool(box[0] <= point[0] <= box[2] and box[1] <= point[1] <= box[3])
