import cv2
import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.faces import FaceFinder, decode_ultraface, decode_yunet
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.suppress import strongest
from tests.engine.unit.vision.graphs import fixed_graph
from tests.engine.unit.vision.loading import real, tiny

SIZE = (64, 32)
SHAPES = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}


def yunet_outputs(seed: int = 0) -> dict[str, np.ndarray]:
    numbers = np.random.default_rng(seed)
    return {
        f"{part}_{stride}": numbers.uniform(-0.2, 1.2, (1, 64 * 32 // stride**2, width)).astype(np.float32)
        for part, width in SHAPES.items()
        for stride in (8, 16, 32)
    }


def test_yunet_equals_the_formula_cell_by_cell():
    outputs = yunet_outputs()
    raw = decode_yunet(outputs, SIZE)
    index = 0
    for stride in (8, 16, 32):
        for row in range(32 // stride):
            for column in range(64 // stride):
                cell = row * (64 // stride) + column
                cls, obj = (float(np.clip(outputs[f"{part}_{stride}"][0, cell, 0], 0, 1)) for part in ("cls", "obj"))
                assert raw.scores[index] == pytest.approx((cls * obj) ** 0.5)
                dx, dy, dw, dh = (float(value) for value in outputs[f"bbox_{stride}"][0, cell])
                wide, high = np.exp(dw) * stride, np.exp(dh) * stride
                x, y = (column + dx) * stride, (row + dy) * stride
                assert raw.boxes[index] == pytest.approx((x - wide / 2, y - high / 2, x + wide / 2, y + high / 2))
                points = outputs[f"kps_{stride}"][0, cell].reshape(5, 2)
                assert raw.landmarks[index] == pytest.approx((points + np.array([column, row])) * stride)
                index += 1
    assert index == len(raw.scores)


def test_yunet_of_another_size_is_malformed():
    with pytest.raises(MalformedOutput, match="cls_8 has the shape"):
        decode_yunet(yunet_outputs(), (640, 640))


def test_ultraface_scales_to_the_input():
    scores = np.array([[[0.9, 0.1], [0.2, 0.8]]], np.float32)
    boxes = np.array([[[0, 0, 1, 1], [0.25, 0.5, 0.5, 1.0]]], np.float32)
    raw = decode_ultraface({"scores": scores, "boxes": boxes}, (320, 240))
    assert raw.scores == pytest.approx([0.1, 0.8])
    assert raw.boxes[1] == pytest.approx((80, 120, 160, 240))


def test_a_tiny_ultraface_finds_its_face(tmp_path):
    scores = np.array([[[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]]], np.float32)
    boxes = np.array([[[0, 0, 1, 1], [0.25, 0.5, 0.5, 1.0], [0.26, 0.5, 0.5, 1.0]]], np.float32)
    path = fixed_graph(
        tmp_path / "u.onnx", {"input": ("float32", [1, 3, 240, 320])}, {"scores": scores, "boxes": boxes}
    )
    (face,) = FaceFinder(tiny("ultraface-320", path)).find(RgbFrame.of(draw_canary(200, 100)))
    assert (face.box.x, face.box.y, face.box.right, face.box.bottom) == (50, 50, 100, 100)
    assert face.landmarks == ()


def test_a_foreign_graph_is_refused(tmp_path):
    path = fixed_graph(tmp_path / "x.onnx", {"input": ("float32", [1, 3, 8, 8])}, {"boxes": np.zeros(3, np.float32)})
    with pytest.raises(UnsupportedGraph, match="lacks the outputs cls_8"):
        FaceFinder(tiny("yunet", path))
    with pytest.raises(UnsupportedGraph, match="speaks movenet, this task yunet, ultraface"):
        FaceFinder(tiny("movenet-lightning", path))


def test_no_number_is_no_answer(tmp_path):
    outputs = yunet_outputs()
    outputs["obj_8"][0, 3] = np.nan
    path = fixed_graph(tmp_path / "n.onnx", {"input": ("float32", [1, 3, 32, 64])}, outputs)
    finder = FaceFinder(tiny("yunet", path))
    with pytest.raises(MalformedOutput, match="obj_8 holds values that are no numbers"):
        finder.canary(RgbFrame.of(draw_canary()))


def test_suppression_keeps_the_strongest_of_each_heap():
    boxes = np.array([(0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60), (0, 0, 10, 10)], float)
    assert strongest(boxes, np.array([0.5, 0.9, 0.3, 0.1]), iou=0.5).tolist() == [1, 2]
    assert strongest(np.zeros((0, 4)), np.zeros(0), iou=0.5).tolist() == []
    assert strongest(np.zeros((3, 4)), np.ones(3), iou=0.5, limit=2).tolist() == [0, 1]


class TestReal:
    """Our own decoding beside OpenCV's of the same file."""

    @pytest.mark.parametrize(
        "name", ["frigate_docs/attribute-example-face.jpg", "misc/supervision_1.jpg", "coco_val2017/000000001000.jpg"]
    )
    def test_our_decoding_equals_opencvs(self, model_mirror, test_media, name):
        file = model_mirror / "face_detection_yunet_2023mar.onnx"
        with Image.open(test_media / "images" / name) as opened:
            picture = np.asarray(opened.convert("RGB").resize((640, 640)))
        theirs = cv2.FaceDetectorYN.create(str(file), "", (640, 640), 0.6, 0.3, 5000)
        rows: np.ndarray | None = theirs.detect(np.ascontiguousarray(picture[:, :, ::-1]))[1]
        ours = FaceFinder(real("yunet", model_mirror)).find(RgbFrame.of(picture))
        rows = np.zeros((0, 15)) if rows is None else rows[np.argsort(-rows[:, 14])]
        assert len(rows) == len(ours)
        for row, face in zip(rows, ours, strict=True):
            assert face.confidence == pytest.approx(row[14], abs=1e-3)
            x, y, wide, high = row[:4]
            assert (face.box.x, face.box.y) == pytest.approx((max(0, x), max(0, y)), abs=1)
            assert (face.box.right, face.box.bottom) == pytest.approx((min(640, x + wide), min(640, y + high)), abs=1.5)
            assert np.array(face.landmarks).ravel() == pytest.approx(row[4:14], abs=0.5)

    def test_a_face_is_where_it_is_in_a_picture_of_another_size(self, model_mirror, test_media):
        with Image.open(test_media / "images/frigate_docs/attribute-example-face.jpg") as opened:
            whole = opened.convert("RGB")
        finder = FaceFinder(real("yunet", model_mirror))
        (small,) = finder.find(RgbFrame.of(np.asarray(whole)))
        (large,) = finder.find(RgbFrame.of(np.asarray(whole.resize((whole.width * 2, whole.height * 2)))))
        assert (large.box.x, large.box.bottom) == pytest.approx((small.box.x * 2, small.box.bottom * 2), abs=6)
        assert len(small.landmarks) == 5

    def test_nobody_is_in_an_empty_picture(self, model_mirror):
        assert FaceFinder(real("yunet", model_mirror)).find(RgbFrame.of(draw_canary(640, 480))) == ()
