"""Open vocabulary: boxes for things that are named in words.

Sources: OWLv2 (Minderer et al. 2023) and Grounding DINO (Liu et al. 2023) as transformers exports them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from home_sentry_engine.domain.box import Box, InvalidBoundingBoxError
from home_sentry_engine.vision.session import Cancel

from .graph import Array, Loaded, answer, expect_outputs, shaped, sigmoid
from .inputs import fit, size_of
from .pictures import Frame
from .suppress import strongest
from .tokens import Words

PROMPTS: Final = ("knife", "gun", "weapon", "package", "box", "backpack", "suitcase", "crowbar", "flashlight")
_LOWEST: Final = {"owl": 0.2, "grounding_dino": 0.35}
_SAME_BOX: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A thing that was asked for and found, in original pixels."""

    label: str
    confidence: float
    box: Box


def decode_named(
    logits: Array, boxes: Array, columns: Sequence[Sequence[int]], size: tuple[int, int]
) -> tuple[Array, Array]:
    """Give (boxes [K,4] xyxy in input pixels, scores [K, names]) from logits [1,K,C] and cxcywh boxes [1,K,4].

    ``columns`` lists the columns of the logits that stand for each name. Raises ``MalformedOutput``.
    """
    values = sigmoid(shaped("logits", logits, 1, None, None)[0])
    centre = shaped("pred_boxes", boxes, 1, len(values), 4)[0].astype(np.float64)
    half = centre[:, 2:] / 2
    corners = np.concatenate([centre[:, :2] - half, centre[:, :2] + half], axis=1) * (*size, *size)
    scores = [values[:, list(one)].max(axis=1) if len(one) else np.zeros(len(values)) for one in columns]
    return corners, np.stack(scores, axis=1)


def token_columns(spans: Sequence[tuple[int, int]], names: Sequence[str]) -> list[list[int]]:
    """Give the tokens of each name in the text ``knife. gun.`` whose tokens stand at ``spans``."""
    found: list[list[int]] = []
    start = 0
    for name in names:
        end = start + len(name)
        found.append([at for at, (left, right) in enumerate(spans) if left >= start and right <= end and right > left])
        start = end + len(". ")
    return found


class NamedFinder:
    """Finds things by their names."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        self._contract = loaded.contract("owl", "grounding_dino")
        self._graph, self._image = loaded.graph(), loaded.image
        self._pixels = next((one for one in self._graph.inputs if one.name == "pixel_values"), self._graph.inputs[0])
        self._size = size_of(self._pixels, self._image)
        length = int(loaded.number("context_tokens", 16)) if self._contract == "owl" else 0
        self._words = Words(loaded.path("tokenizer"), length=length)
        expect_outputs(loaded, self._graph, ("logits", "pred_boxes"))

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.find(frame, ("box", "person"))

    def find(
        self, frame: Frame, names: Sequence[str] = PROMPTS, *, confidence: float | None = None,
        cancel: Cancel | None = None,
    ) -> tuple[Named, ...]:  # fmt: skip
        """Look for things by name, most confident first; None = the model's usual confidence.

        Blocks, raises ``StageError``.
        """
        lowest = _LOWEST[self._contract] if confidence is None else confidence
        fitted = fit(frame, self._image, size=self._size, dtype=self._pixels.dtype)
        feeds, columns = self._asked(names)
        feeds[self._pixels.name] = fitted.tensor
        wanted = {info.name for info in self._graph.inputs}
        named = answer(self._graph, {name: value for name, value in feeds.items() if name in wanted}, cancel)
        boxes, scores = decode_named(named["logits"], named["pred_boxes"], columns, self._size)
        best, which = scores.max(axis=1), scores.argmax(axis=1)
        sure = np.flatnonzero(best >= lowest)
        kept = sure[strongest(boxes[sure], best[sure], iou=_SAME_BOX)]
        found: list[Named] = []
        for index, corners in zip(kept, fitted.back_boxes(boxes[kept]), strict=True):
            left, top, right, bottom = (float(value) for value in corners)
            try:
                box = Box.from_corners((left, top, right, bottom), image=(frame.width, frame.height))
            except InvalidBoundingBoxError:
                continue
            found.append(Named(label=names[which[index]], confidence=float(best[index]), box=box))
        return tuple(found)

    def _asked(self, names: Sequence[str]) -> tuple[dict[str, Array], list[list[int]]]:
        if self._contract == "owl":
            ids, mask = self._words.encode([f"a photo of a {name}" for name in names])
            return {"input_ids": ids, "attention_mask": mask}, [[index] for index in range(len(names))]
        ids, spans = self._words.spans(". ".join(name.lower() for name in names) + ".")
        width, height = self._size
        feeds: dict[str, Array] = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
            "pixel_mask": np.ones((1, height, width), np.int64),
        }
        return feeds, token_columns(spans, [name.lower() for name in names])
