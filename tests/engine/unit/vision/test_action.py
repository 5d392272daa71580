import numpy as np
import pytest

from home_sentry_engine.domain.errors import Permanent
from home_sentry_engine.vision.catalog import load_catalogue
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.action import SENTENCES, ClipAction, SkeletonAction, skeleton_clip
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.pose import Point, Pose
from tests.engine.unit.vision.graphs import fixed_graph
from tests.engine.unit.vision.loading import tiny
from tests.engine.unit.vision.words import tokenizer

FRAME = RgbFrame.of(draw_canary(60, 100))
LABELS = load_catalogue().get("stgcn-ntu60").labels
CLIP: dict[str, tuple[str, list[int | str]]] = {"keypoint": ("float32", [1, 2, 100, 17, 3])}
VIDEO: dict[str, tuple[str, list[int | str]]] = {
    "pixel_values": ("float32", [1, 8, 3, 224, 224]),
    "input_ids": ("int64", ["n", 77]),
    "attention_mask": ("int64", ["n", 77]),
}


def pose(shift: float, *, scale: float = 1.0, unseen: int | None = None) -> Pose:
    return Pose(
        points=tuple(
            Point(x=scale * (at % 4 * 10 + shift), y=scale * at * 10, confidence=0.0 if at == unseen else 0.9)
            for at in range(17)
        ),
        model_id="drawn",
    )


def test_a_clip_is_centred_scaled_and_spread_over_time():
    clip = skeleton_clip([pose(float(at)) for at in range(5)], frames=9, persons=2)
    assert clip.shape == (1, 2, 9, 17, 3)
    assert not clip[0, 1].any()
    # x runs from 0 to 34, y from 0 to 160: the larger side is 1
    for frame, source in zip(range(9), (0, 0, 1, 2, 2, 2, 3, 4, 4), strict=True):
        assert clip[0, 0, frame, 5] == pytest.approx(((10 + source - 17) / 160, (50 - 80) / 160, 0.9), abs=1e-6)
    larger = skeleton_clip([pose(float(at), scale=3) for at in range(5)], frames=9, persons=2)
    assert larger == pytest.approx(clip, abs=1e-6)


def test_unseen_joints_say_nothing():
    clip = skeleton_clip([pose(0, unseen=16)] * 3, frames=3, persons=1)
    assert clip[0, 0, :, 16].tolist() == [[0, 0, 0]] * 3


def test_two_frames_are_no_action(tmp_path):
    with pytest.raises(Permanent, match="needs 3 frames of a person, here are 2"):
        skeleton_clip([pose(0)] * 2, frames=9, persons=1)


def test_a_tiny_skeleton_model(tmp_path):
    logits = np.zeros((1, 60), np.float32)
    logits[0, LABELS.index("falling down")] = 5
    model = SkeletonAction(tiny("stgcn-ntu60", fixed_graph(tmp_path / "s.onnx", CLIP, {"cls": logits})))
    model.canary(FRAME)
    assert model.rank([pose(0)] * 4).label == "falling down"
    other = fixed_graph(tmp_path / "o.onnx", CLIP, {"cls": np.zeros((1, 120), np.float32)})
    with pytest.raises(UnsupportedGraph, match="has 60 labels and its graph 120 classes"):
        SkeletonAction(tiny("stgcn-ntu60", other))


def test_a_tiny_clip_model(tmp_path):
    words = tokenizer(tmp_path / "t.json", ["a", "person"])
    logits = np.zeros((1, len(SENTENCES)), np.float32)
    logits[0, list(SENTENCES).index("running away")] = 9
    model = ClipAction(
        tiny("xclip-base", fixed_graph(tmp_path / "x.onnx", VIDEO, {"logits_per_video": logits}), {"tokenizer": words})
    )
    assert model.rank([FRAME] * 12).label == "running away"
    with pytest.raises(Permanent, match="needs 3 frames, here are 2"):
        model.rank([FRAME] * 2)
    with pytest.raises(MalformedOutput, match=f"{len(SENTENCES)} classes for 1 labels"):
        model.rank([FRAME] * 3, {"one": "a person"})
    other = fixed_graph(tmp_path / "y.onnx", VIDEO, {"logits_per_text": logits})
    with pytest.raises(MalformedOutput, match="no logits_per_video"):
        ClipAction(tiny("xclip-base", other, {"tokenizer": words})).canary(FRAME)
