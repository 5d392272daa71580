import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.plates import PlateFinder, decode_lpd, ordered_quad, straightened
from tests.engine.unit.vision.graphs import fixed_graph
from tests.engine.unit.vision.loading import real, tiny

SIZES = ((10, 16, 24), (32, 48), (64, 96), (128, 192, 256))
FRAME = RgbFrame.of(draw_canary(200, 100))


def priors(width: int, height: int) -> list[tuple[float, float, float, float]]:
    """The anchors as opencv_zoo's own script lists them, one by one."""
    found = []
    rows, columns = (height + 1) // 2 // 2, (width + 1) // 2 // 2
    for sizes, stride in zip(SIZES, (8, 16, 32, 64), strict=True):
        rows, columns = rows // 2, columns // 2
        for row in range(rows):
            for column in range(columns):
                found += [
                    ((column + 0.5) * stride / width, (row + 0.5) * stride / height, size / width, size / height)
                    for size in sizes
                ]
    return found


def test_lpd_equals_the_formula_prior_by_prior():
    anchors = priors(320, 240)
    assert len(anchors) == 4385
    numbers = np.random.default_rng(1)
    loc = numbers.normal(0, 1, (4385, 14)).astype(np.float32)
    conf, iou = (numbers.uniform(0, 1.1, (4385, width)).astype(np.float32) for width in (2, 1))
    raw = decode_lpd({"loc": loc, "conf": conf, "iou": iou}, (320, 240))
    assert raw.quads is not None
    for index in (0, 1, 2, 999, 3600, 4199, 4200, 4384):
        x, y, wide, high = anchors[index]
        quad = [
            ((x + loc[index, at] * 0.1 * wide) * 320, (y + loc[index, at + 1] * 0.1 * high) * 240)
            for at in (4, 6, 10, 12)
        ]
        assert raw.quads[index] == pytest.approx(np.array(quad), abs=1e-4)
        wanted = (min(conf[index, 1], 1) * min(iou[index, 0], 1)) ** 0.5
        assert raw.scores[index] == pytest.approx(wanted)
        left, top = np.min(quad, axis=0)
        assert raw.boxes[index, :2] == pytest.approx((left, top), abs=1e-4)


def test_lpd_of_another_size_is_malformed():
    outputs = {"loc": np.zeros((10, 14)), "conf": np.zeros((10, 2)), "iou": np.zeros((10, 1))}
    with pytest.raises(MalformedOutput, match="loc has the shape"):
        decode_lpd(outputs, (320, 240))


@pytest.mark.parametrize("rows", [[], [[0, 112, 112, 272, 272, 0, 0.9], [0, 112, 112, 270, 272, 0, 0.8]]])
def test_an_end_to_end_graph_is_undone_to_the_picture(tmp_path, rows):
    answer = np.array(rows, np.float32).reshape(-1, 7)
    path = fixed_graph(tmp_path / "p.onnx", {"images": ("float32", [1, 3, 384, 384])}, {"output": answer})
    found = PlateFinder(tiny("yolov9-t-384-plates", path)).find(FRAME)
    # 200 x 100 becomes 384 x 192 with 96 rows of padding above: x / 1.92, (y - 96) / 1.92
    assert [(one.box.x, one.box.y, one.box.right, one.box.bottom) for one in found] == [(58, 8, 142, 92)] * bool(rows)
    assert all(one.corners is None for one in found)


def test_a_graph_with_two_outputs_is_no_end_to_end_one(tmp_path):
    answers = {name: np.zeros((0, 7), np.float32) for name in ("a", "b")}
    path = fixed_graph(tmp_path / "p.onnx", {"images": ("float32", [1, 3, 384, 384])}, answers)
    with pytest.raises(UnsupportedGraph, match="more than one output"):
        PlateFinder(tiny("yolov9-t-384-plates", path))


def test_corners_go_round_from_the_top_left():
    points = np.array([(90, 42), (10, 10), (12, 40), (88, 12)], float)
    assert ordered_quad(points) == ((10, 10), (88, 12), (90, 42), (12, 40))


def test_a_slanted_plate_is_straightened():
    picture = np.zeros((100, 200, 3), np.uint8)
    for column in range(40, 141):
        picture[20 + (column - 40) // 5 : 40 + (column - 40) // 5, column] = 255
    plate = straightened(RgbFrame.of(picture), ((40, 20), (140, 40), (140, 59), (40, 39)))
    assert plate.shape[1] == pytest.approx(102, abs=1)
    assert plate.mean() > 240


class TestReal:
    @pytest.mark.parametrize("name", ["lpd_sample_1.jpg", "lpd_sample_2.jpeg"])
    def test_a_plate_is_found_light_on_dark_and_dark_on_light(self, model_mirror, test_media, name):
        with Image.open(test_media / "images/plates" / name) as opened:
            frame = RgbFrame.of(np.asarray(opened.convert("RGB")))
        found = PlateFinder(real("lpd-yunet", model_mirror)).find(frame)
        assert found
        assert found[0].confidence >= 0.8
        assert found[0].corners is not None
        assert 1.2 < found[0].box.width / found[0].box.height < 8

    def test_no_plate_no_box(self, model_mirror):
        assert PlateFinder(real("lpd-yunet", model_mirror)).find(FRAME) == ()
