import numpy as np
import pytest

from home_sentry_engine.domain.labels import COCO_80
from home_sentry_engine.vision.session import TensorInfo
from home_sentry_engine.vision.tasks.decoders import Contract, Geometry, contract_of, decode
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from tests.engine.unit.vision.graphs import logits_for

IMAGE = (768, 576)
COCO_91_DOG, DOG, CAR = 18, 16, 2
FOUND = [(DOG, 0.9, (0.1, 0.2, 0.5, 0.6)), (CAR, 0.7, (0.6, 0.1, 0.9, 0.3)), (CAR, 0.2, (0.0, 0.0, 0.1, 0.1))]


def info(name: str, *shape: int | None) -> TensorInfo:
    return TensorInfo(name=name, dtype="float32", shape=shape)


def geometry(*, count: int = 1, size: int = 64, ratio: float = 1.0) -> Geometry:
    return Geometry(originals=(IMAGE,) * count, input_size=(size, size), ratios=(ratio,) * count)


def run(contract: Contract, outputs: dict[str, np.ndarray], where: Geometry | None = None):
    return decode(contract, outputs, list(outputs), where or geometry())


def as_a(found) -> dict[str, np.ndarray]:
    scale = np.array([*IMAGE, *IMAGE], np.float32)
    return {
        "labels": np.array([[kind for kind, _, _ in found]], np.int64),
        "boxes": np.array([[box for _, _, box in found]], np.float32) * scale,
        "scores": np.array([[score for _, score, _ in found]], np.float32),
    }


def as_b(found) -> dict[str, np.ndarray]:
    logits, boxes = logits_for(found, 80)
    return {"logits": logits[np.newaxis], "pred_boxes": boxes[np.newaxis]}


class TestRecognition:
    images, sizes = info("images", None, 3, 64, 64), TensorInfo(name="s", dtype="int64", shape=(None, 2))

    def test_contracts_are_told_apart_by_their_outputs(self):
        three = [info("labels", None, 300), info("boxes", None, 300, 4), info("scores", None, 300)]
        assert contract_of([self.images, self.sizes], three) is Contract.A
        assert (
            contract_of([self.images], [info("logits", None, 300, 80), info("pred_boxes", None, 300, 4)]) is Contract.B
        )
        assert contract_of([self.images], [info("dets", None, 300, 4), info("labels", None, 300, 91)]) is Contract.C
        assert contract_of([self.images], [info("output", 1, 3549, 85)]) is Contract.D

    @pytest.mark.parametrize(
        "outputs",
        [
            [info("output0", 1, 84, 8400)],
            [info("dets", None, 300, 4)],
            [info("loc", 4385, 14), info("conf", 4385, 2), info("iou", 4385, 1)],
            [],
        ],
    )
    def test_anything_else_is_refused_by_name(self, outputs):
        with pytest.raises(UnsupportedGraph, match="no detector has the outputs") as caught:
            contract_of([self.images], outputs)
        assert all(one.name in str(caught.value) for one in outputs)


class TestAgreement:
    def test_a_and_b_mean_the_same(self):
        (a,), (b,) = run(Contract.A, as_a(FOUND)), run(Contract.B, as_b(FOUND))
        strong = b.scores > 0.1
        assert b.classes[strong].tolist() == a.classes.tolist()
        assert b.scores[strong] == pytest.approx(a.scores, abs=1e-6)
        assert b.boxes[strong] == pytest.approx(a.boxes, abs=1e-3)

    def test_b_keeps_a_query_under_every_class_that_scores(self):
        outputs = as_b(FOUND)
        outputs["logits"][0, 1, 7] = 0.0
        (found,) = run(Contract.B, outputs)
        assert [COCO_80[kind] for kind in found.classes[:3]] == ["dog", "car", "truck"]
        assert found.boxes[1] == pytest.approx(found.boxes[2])

    def test_b_matches_a_plain_loop(self):
        random = np.random.default_rng(7)
        logits = random.normal(-3, 2, (2, 300, 80)).astype(np.float32)
        boxes = random.uniform(0.1, 0.9, (2, 300, 4)).astype(np.float32)
        found = run(Contract.B, {"logits": logits, "pred_boxes": boxes}, geometry(count=2))
        for index in range(2):
            pairs = [
                (1 / (1 + np.exp(-float(logits[index, query, kind]))), query, kind)
                for query in range(300)
                for kind in range(80)
            ]
            best = sorted(pairs, reverse=True)[:300]
            assert found[index].scores == pytest.approx([score for score, _, _ in best], abs=1e-9)
            _, query, kind = best[0]
            cx, cy, wide, high = (float(value) for value in boxes[index, query])
            assert found[index].classes[0] == kind
            assert found[index].boxes[0] == pytest.approx(
                [
                    (cx - wide / 2) * IMAGE[0],
                    (cy - high / 2) * IMAGE[1],
                    (cx + wide / 2) * IMAGE[0],
                    (cy + high / 2) * IMAGE[1],
                ],
                rel=1e-6,
            )

    def test_c_takes_boxes_and_logits_by_position(self):
        logits, boxes = logits_for([(COCO_91_DOG, 0.9, (0.1, 0.2, 0.5, 0.6))], 91)
        (found,) = run(Contract.C, {"dets": boxes[np.newaxis], "labels": logits[np.newaxis]})
        assert found.classes[0] == COCO_91_DOG
        assert found.boxes[0] == pytest.approx([76.8, 115.2, 384, 345.6], abs=1e-3)

    def test_d_reads_the_grid_of_strides(self):
        output = np.full((1, 64 + 16 + 4, 85), -9.0, np.float32)
        output[0, :, 4:] = 0.0
        # cell (row 1, column 2) of stride 16 lies behind the 64 cells of stride 8
        output[0, 64 + 1 * 4 + 2, :] = 0.0
        output[0, 64 + 1 * 4 + 2, :5] = (0.5, 0.25, np.log(2.0), np.log(1.0), 0.8)
        output[0, 64 + 1 * 4 + 2, 5 + DOG] = 0.9
        (found,) = run(Contract.D, {"output": output}, geometry(ratio=0.5))
        assert found.classes[0] == DOG
        assert found.scores[0] == pytest.approx(0.72)
        centre, half = np.array([2.5, 1.25]) * 16, np.array([16, 8])
        assert found.boxes[0] == pytest.approx(np.array([centre - half, centre + half]).ravel() / 0.5, rel=1e-5)


class TestMalformed:
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    @pytest.mark.parametrize("name", ["boxes", "scores"])
    def test_no_numbers_are_an_error_and_never_an_empty_list(self, name, value):
        outputs = as_a(FOUND)
        outputs[name].ravel()[0] = value
        with pytest.raises(MalformedOutput, match=f"{name} holds values that are no numbers"):
            run(Contract.A, outputs)

    def test_nan_logits(self):
        outputs = as_b(FOUND)
        outputs["logits"][0, 0, 0] = np.nan
        with pytest.raises(MalformedOutput, match="logits holds"):
            run(Contract.B, outputs)

    def test_scores_outside_their_range(self):
        outputs = as_a([(DOG, 3.0, (0, 0, 1, 1))])
        with pytest.raises(MalformedOutput, match="scores reach"):
            run(Contract.A, outputs)

    def test_shapes_that_do_not_match(self):
        outputs = as_a(FOUND)
        outputs["labels"] = outputs["labels"][:, :1]
        with pytest.raises(MalformedOutput, match="do not match"):
            run(Contract.A, outputs)

    def test_fewer_answers_than_pictures(self):
        with pytest.raises(MalformedOutput, match="for 2 pictures"):
            run(Contract.A, as_a(FOUND), geometry(count=2))

    def test_a_grid_of_another_size(self):
        with pytest.raises(MalformedOutput, match="84 cells"):
            run(Contract.D, {"output": np.zeros((1, 83, 85), np.float32)})
