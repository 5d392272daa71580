from dataclasses import replace

import numpy as np
import pytest

from home_sentry_engine.domain.labels import COCO_80
from home_sentry_engine.vision.catalog import Card, ImageInput, Source, Task
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.session import ProviderChoice, Session, open_session
from home_sentry_engine.vision.tasks.boxes import BoxRules
from home_sentry_engine.vision.tasks.detect import detect, plan_for
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from tests.engine.unit.vision.graphs import constant_graph, contract_a, logits_for

DOG, CAR = COCO_80.index("dog"), COCO_80.index("car")
FOUND = [(DOG, 0.9, (0.1, 0.2, 0.5, 0.6)), (CAR, 0.7, (0.6, 0.1, 0.9, 0.3))]
FRAMES = [RgbFrame.of(draw_canary(200, 100)), RgbFrame.of(draw_canary(100, 300), offset_s=4.0)]


def card(contract: str, **more) -> Card:
    return Card(
        id="test",
        name="Test",
        task=Task.DETECT,
        contract=contract,
        licence="MIT",
        source=Source(host="none", repository="a/b", revision="r"),
        files=(),
        image=ImageInput(width=32, height=32),
        **{"label_set": "coco80", **more},
    )


def opened(path) -> Session:
    return open_session(path, choice=ProviderChoice(wanted=("cpu",), reason="test"))


def boxes_of(results) -> list[list[tuple[str, tuple[int, int, int, int]]]]:
    return [
        [(one.label, (one.box.x, one.box.y, one.box.right, one.box.bottom)) for one in frame.detections]
        for frame in results
    ]


WANTED = [
    [("dog", (20, 20, 100, 60)), ("car", (120, 10, 180, 30))],
    [("dog", (10, 60, 50, 180)), ("car", (60, 30, 90, 90))],
]


@pytest.mark.parametrize("batch", [None, 1, 4])
def test_contract_a(tmp_path, batch):
    session = opened(contract_a(tmp_path / "a.onnx", FOUND, batch=batch))
    results = detect(plan_for(card("labels_boxes_scores"), session), session, FRAMES, BoxRules())
    assert boxes_of(results) == WANTED
    assert [(one.image_width, one.image_height, one.offset_s) for one in results] == [(200, 100, None), (100, 300, 4.0)]
    assert all(one.model_id == "test" and one.inference_ms > 0 for one in results)


@pytest.mark.parametrize("side", [None, 32])
def test_contract_b(tmp_path, side):
    logits, boxes = logits_for(FOUND, 80)
    path = constant_graph(
        tmp_path / "b.onnx", {"logits": logits, "pred_boxes": boxes}, side=side, image_name="pixel_values"
    )
    session = opened(path)
    assert boxes_of(detect(plan_for(card("logits_boxes"), session), session, FRAMES, BoxRules())) == WANTED


def test_contract_c(tmp_path):
    logits, boxes = logits_for([(18, 0.9, FOUND[0][2]), (3, 0.7, FOUND[1][2])], 91)
    session = opened(constant_graph(tmp_path / "c.onnx", {"dets": boxes, "labels": logits}, image_name="input"))
    plan = plan_for(card("boxes_logits_91", label_set="coco91"), session)
    assert boxes_of(detect(plan, session, FRAMES, BoxRules())) == WANTED


def test_contract_c_never_reports_an_index_without_a_name(tmp_path):
    logits, boxes = logits_for([(12, 0.9, FOUND[0][2])], 91)
    session = opened(constant_graph(tmp_path / "c.onnx", {"dets": boxes, "labels": logits}))
    plan = plan_for(card("boxes_logits_91", label_set="coco91"), session)
    (result,) = detect(plan, session, FRAMES[:1], BoxRules())
    assert result.detections == ()
    assert ("class", 1) in result.dropped


def test_contract_d_joins_more_because_its_head_repeats_itself(tmp_path):
    output = np.zeros((21, 85), np.float32)
    for cell, shift in ((0, 0.0), (1, -0.4)):
        output[cell, :5] = (1.5 + shift, 1.5, np.log(2.0), np.log(2.0), 0.9)
        output[cell, 5 + DOG] = 0.9 - cell / 10
    session = opened(constant_graph(tmp_path / "d.onnx", {"output": output}, batch=1))
    plain = plan_for(card("yolox"), session)
    assert len(detect(plain, session, FRAMES[:1], BoxRules())[0].detections) == 2
    plan = plan_for(card("yolox", quirks={"same_class_iou": 0.45}), session)
    assert len(detect(plan, session, FRAMES[:1], BoxRules())[0].detections) == 1


def test_no_frames_no_results(tmp_path):
    session = opened(contract_a(tmp_path / "a.onnx", FOUND))
    assert detect(plan_for(card("labels_boxes_scores"), session), session, [], BoxRules()) == ()


def test_a_graph_of_another_contract_than_the_card_says_is_refused(tmp_path):
    session = opened(contract_a(tmp_path / "a.onnx", FOUND))
    with pytest.raises(UnsupportedGraph, match="test should be yolox but its graph is labels_boxes_scores"):
        plan_for(card("yolox"), session)


def test_an_unknown_graph_is_refused_by_its_outputs(tmp_path):
    session = opened(constant_graph(tmp_path / "x.onnx", {"output0": np.zeros((84, 100), np.float32)}))
    with pytest.raises(UnsupportedGraph, match="output0"):
        plan_for(card("yolox"), session)


def test_a_card_without_a_picture_is_no_detector(tmp_path):
    session = opened(contract_a(tmp_path / "a.onnx", FOUND))
    with pytest.raises(UnsupportedGraph, match="describes no detector"):
        plan_for(replace(card("labels_boxes_scores"), image=None), session)


def test_a_class_without_a_label_is_an_error(tmp_path):
    session = opened(contract_a(tmp_path / "a.onnx", [(91, 0.9, (0.0, 0.0, 1.0, 1.0))]))
    with pytest.raises(MalformedOutput, match="names class 91 and has 80 labels"):
        detect(plan_for(card("labels_boxes_scores"), session), session, FRAMES, BoxRules())


def test_nan_is_an_error(tmp_path):
    session = opened(contract_a(tmp_path / "a.onnx", [(DOG, float("nan"), (0.0, 0.0, 1.0, 1.0))]))
    with pytest.raises(MalformedOutput, match="scores"):
        detect(plan_for(card("labels_boxes_scores"), session), session, FRAMES, BoxRules())
