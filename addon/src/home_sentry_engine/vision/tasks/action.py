"""Action: what one person does over several frames, from the joints of a pose model or from pictures and sentences.

Skeletons as pyskl feeds ST-GCN++ for COCO joints; X-CLIP as transformers exports it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.vision.session import Cancel

from .classify import Ranked, rank
from .errors import MalformedOutput
from .graph import Array, Loaded, answer, expect_labels
from .inputs import fit
from .pictures import Frame
from .pose import Point, Pose
from .tokens import Words

FEWEST_FRAMES: Final = 3
SENTENCES: Final = {
    "walking by": "a person walking by",
    "loitering": "a person standing around and waiting",
    "approaching door": "a person walking up to a door",
    "running away": "a person running away",
    "delivering": "a person putting down a package",
    "climbing": "a person climbing over a fence",
    "trying door": "a person pulling at a door handle",
    "forcing door": "a person forcing a door open with a tool",
    "looking into window": "a person peering through a window into a house",
    "hiding": "a person hiding behind a wall",
}
_CANARY_POSES: Final = 4


def skeleton_clip(poses: Sequence[Pose], *, frames: int, persons: int) -> NDArray[np.float32]:
    """Give [1, persons, frames, 17, 3] of (x, y, confidence), centred and scaled by the person's own size.

    Frames are taken at even steps over the whole time. Raises ``Permanent`` for fewer than three poses.
    """
    if len(poses) < FEWEST_FRAMES:
        raise Permanent(f"an action needs {FEWEST_FRAMES} frames of a person, here are {len(poses)}", code="too_short")
    joints = np.asarray([[(one.x, one.y, one.confidence) for one in pose.points] for pose in poses], np.float64)
    seen = joints[:, :, 2] > 0
    if seen.any():
        lowest, highest = joints[seen][:, :2].min(axis=0), joints[seen][:, :2].max(axis=0)
        size = max(1e-6, float((highest - lowest).max()))
        joints[:, :, :2] = np.where(seen[:, :, np.newaxis], (joints[:, :, :2] - (lowest + highest) / 2) / size, 0)
    steps = np.linspace(0, len(poses) - 1, frames).round().astype(int)
    clip = np.zeros((1, persons, frames, joints.shape[1], 3), np.float32)
    clip[0, 0] = joints[steps]
    return clip


class SkeletonAction:
    """Ranks actions for the poses of one person."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        loaded.contract("skeleton_action")
        self._graph, self._card = loaded.graph(), loaded.card
        self._frames, self._persons = int(loaded.number("frames", 100)), int(loaded.number("persons", 2))
        shape = self._graph.outputs[0].shape
        expect_labels(loaded, shape[-1] if shape else 0)

    def canary(self, frame: Frame) -> None:
        """Judge a person who stands still; raises ``StageError``."""
        points = tuple(Point(x=frame.width / 2, y=float(10 * at), confidence=1.0) for at in range(17))
        self.rank([Pose(points=points, model_id="drawn")] * _CANARY_POSES)

    def rank(self, poses: Sequence[Pose], *, cancel: Cancel | None = None) -> Ranked:
        """Rank the actions of a person over at least three poses; blocks, raises ``StageError``."""
        clip = skeleton_clip(poses, frames=self._frames, persons=self._persons)
        value = next(iter(answer(self._graph, {self._graph.inputs[0].name: clip}, cancel).values()))
        return rank(value, self._card.labels, self._card.id)


class ClipAction:
    """Ranks sentences for a short clip."""

    def __init__(self, loaded: Loaded) -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        loaded.contract("clip_action")
        self._graph, self._image, self._model_id = loaded.graph(), loaded.image, loaded.card.id
        self._frames = int(loaded.number("frames", 8))
        self._words = Words(loaded.path("tokenizer"), length=int(loaded.number("context_tokens", 77)))

    def canary(self, frame: Frame) -> None:
        """Judge a still clip; raises ``StageError``."""
        self.rank([frame] * FEWEST_FRAMES)

    def rank(
        self, frames: Sequence[Frame], sentences: Mapping[str, str] = SENTENCES, *, cancel: Cancel | None = None
    ) -> Ranked:
        """Rank sentences for at least three cut-outs of one person; blocks, raises ``StageError``."""
        if len(frames) < FEWEST_FRAMES:
            raise Permanent(f"an action needs {FEWEST_FRAMES} frames, here are {len(frames)}", code="too_short")
        steps = np.linspace(0, len(frames) - 1, self._frames).round().astype(int)
        clip = np.stack([fit(frames[step], self._image).tensor[0] for step in steps])[np.newaxis]
        ids, mask = self._words.encode(list(sentences.values()))
        given: dict[str, Array] = {"pixel_values": clip, "input_ids": ids, "attention_mask": mask}
        feeds = {info.name: given[info.name] for info in self._graph.inputs if info.name in given}
        value = answer(self._graph, feeds, cancel).get("logits_per_video")
        if value is None:
            raise MalformedOutput(f"{self._model_id} gives no logits_per_video", code="malformed_output")
        return rank(value, tuple(sentences), self._model_id)
