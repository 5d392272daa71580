import numpy as np
import pytest

from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.damage import DamageFinder, decode_masks
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from tests.engine.unit.vision.graphs import fixed_graph
from tests.engine.unit.vision.loading import tiny

FRAME = RgbFrame.of(draw_canary(200, 100))
INPUT: dict[str, tuple[str, list[int | str]]] = {"images": ("float32", [1, 3, 640, 640])}


def rows(*found: tuple[tuple[float, float, float, float], int, float]) -> np.ndarray:
    value = np.zeros((1, 4 + 6 + 2, 5), np.float32)
    for at, (box, kind, score) in enumerate(found):
        value[0, :4, at], value[0, 4 + kind, at], value[0, 10, at] = box, score, 1
    return value


def prototypes() -> np.ndarray:
    value = np.full((1, 2, 160, 160), -9, np.float32)
    value[0, 0, 60:100] = 9
    return value


GLASS = ((320, 320, 160, 160), 2, 0.9)
SAME = ((322, 320, 160, 160), 2, 0.8)
DENT = ((322, 320, 160, 160), 1, 0.7)


def test_masks_end_at_their_boxes():
    raw = decode_masks(rows(GLASS, SAME, DENT), prototypes(), (640, 640), confidence=0.4, same_box=0.7)
    assert raw.classes.tolist() == [2, 1]
    assert raw.boxes[0].tolist() == [240, 240, 400, 400]
    wanted = np.zeros((160, 160))
    wanted[60:100, 60:100] = 1 / (1 + np.exp(-9))
    assert raw.masks[0] == pytest.approx(wanted)
    with pytest.raises(MalformedOutput, match="prototypes has the shape"):
        decode_masks(rows(), np.zeros((2, 160, 160)), (640, 640), confidence=0.4, same_box=0.7)


def test_a_tiny_model_finds_broken_glass(tmp_path):
    path = fixed_graph(tmp_path / "d.onnx", INPUT, {"output0": rows(GLASS, DENT), "output1": prototypes()})
    glass, dent = DamageFinder(tiny("vehicle-damage-yolo11x", path)).find(FRAME)
    assert (glass.label, glass.high_security, dent.label, dent.high_security) == ("glass shatter", True, "dent", False)
    # 200 x 100 becomes 640 x 320 with 160 rows of padding: x / 3.2, (y - 160) / 3.2
    assert (glass.box.x, glass.box.y, glass.box.right, glass.box.bottom) == (75, 25, 125, 75)
    assert glass.mask_share == pytest.approx(160 * 160 / (640 * 320))


def test_other_heads_are_refused(tmp_path):
    path = fixed_graph(tmp_path / "d.onnx", INPUT, {"output0": rows()})
    with pytest.raises(UnsupportedGraph, match="no rows with prototypes"):
        DamageFinder(tiny("vehicle-damage-yolo11x", path))
    path = fixed_graph(
        tmp_path / "e.onnx", INPUT, {"output0": np.zeros((1, 9, 5), np.float32), "output1": prototypes()}
    )
    with pytest.raises(UnsupportedGraph, match="has 6 labels and its graph 3 classes"):
        DamageFinder(tiny("vehicle-damage-yolo11x", path))
