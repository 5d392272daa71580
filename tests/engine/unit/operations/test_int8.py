"""An INT8 variant of a real detector, made from real pictures and then used like any other model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import pytest

from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.operations.int8 import CannotQuantize, Wish, make_int8
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.catalog import Catalogue, load_catalogue, parse_cards
from home_sentry_engine.vision.catalog.writing import card_text
from home_sentry_engine.vision.session import SessionFailed, calibrate, choose_provider, open_session, write_int8
from home_sentry_engine.vision.session.quantize import span_of
from home_sentry_engine.vision.zoo import Zoo

CPU = choose_provider("cpu", ("cpu",))


def convolutions(path: Path, *, outlier: float = 1.0) -> Path:
    """Three convolutions in a row; the second gives one channel that is ``outlier`` times as large."""
    random = np.random.default_rng(0)
    nodes, weights = [], []
    for number, (wide, deep) in enumerate(((3, 8), (8, 8), (8, 2))):
        values = random.normal(0, 0.2, (deep, wide, 3, 3)).astype(np.float32)
        if number == 1:
            values[0] *= outlier
        weights.append(numpy_helper.from_array(values, f"w{number}"))
        nodes.append(
            helper.make_node("Conv", [f"x{number}", f"w{number}"], [f"x{number + 1}"], f"conv{number}", pads=[1] * 4)
        )
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, [1, 3, 16, 16])],
        [helper.make_tensor_value_info("x3", TensorProto.FLOAT, [1, 2, 16, 16])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def pictures(count: int = 8) -> list[dict[str, np.ndarray]]:
    random = np.random.default_rng(1)
    return [{"x0": random.random((1, 3, 16, 16), dtype=np.float32)} for _ in range(count)]


def test_an_int8_graph_answers_nearly_as_its_float32_graph(tmp_path):
    plain = convolutions(tmp_path / "plain.onnx")
    feeds = pictures()
    calibration = calibrate(plain, feeds)
    # the last convolution before an output stays as it is
    assert sorted(calibration.convolutions) == ["conv0", "conv1"]
    assert write_int8(calibration, tmp_path / "int8.onnx", keep_float=0) == 2
    kinds = [node.op_type for node in onnx.load(str(tmp_path / "int8.onnx")).graph.node]
    assert kinds.count("QuantizeLinear") >= 2
    (expected,) = open_session(plain, choice=CPU).run(feeds[0])
    (found,) = open_session(tmp_path / "int8.onnx", choice=CPU).run(feeds[0])
    assert not np.array_equal(found, expected)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_what_loses_most_stays_in_float32_first(tmp_path):
    calibration = calibrate(convolutions(tmp_path / "plain.onnx", outlier=200.0), pictures())
    assert calibration.convolutions[0] == "conv1"
    assert write_int8(calibration, tmp_path / "int8.onnx", keep_float=1) == 1


def test_a_graph_without_convolutions_is_refused(tmp_path):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], "relu")],
        "none",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(tmp_path / "n"))
    with pytest.raises(SessionFailed, match="no convolution"):
        calibrate(tmp_path / "n", [])
    with pytest.raises(SessionFailed, match="no pictures"):
        calibrate(convolutions(tmp_path / "plain.onnx"), [])


def test_a_range_is_clipped_where_the_error_is_least():
    values = np.append(np.random.default_rng(0).normal(0, 1, 100_000), 100.0).astype(np.float32)
    span = span_of(values)
    assert span.low <= 0.0 < span.high < 100.0
    whole = span_of(np.linspace(-1, 3, 1000, dtype=np.float32))
    assert (whole.low, whole.high) == (-1.0, 3.0)
    assert span_of(np.zeros(8, np.float32)).decibels == 0.0


@pytest.fixture
def card():
    return load_catalogue().get("deimv2-atto")


def test_a_card_survives_being_written(card):
    for one in load_catalogue():
        assert parse_cards(card_text(one)) == (one,)
    own = replace(card, note='a "quoted" note', own_labels=("a", "b"), label_set="none", variant_of="x")
    assert parse_cards(card_text(own)) == (own,)


@pytest.mark.full
async def test_a_variant_from_real_pictures_is_a_model_like_any_other(model_mirror, test_media, tmp_path, card):
    said: list[str] = []
    wish = Wish(pictures=test_media / "images" / "coco_val2017", most_loss=0.2, force=True)
    made = make_int8(card, model_mirror / card.files[0].name, tmp_path, wish, said.append)
    assert made.kept
    assert made.chosen.int8_convolutions >= made.convolutions // 2
    assert made.calibrated_on > made.judged_on >= 10
    assert made.chosen.loss < 0.2
    assert len(said) == len(made.attempts) + 1
    models = ModelSettings(folder=tmp_path, mirror=str(model_mirror), offline=True)
    async with Zoo(DetectSettings(detector=made.card.id, provider="cpu"), models, SystemClock()) as zoo:
        status = await zoo.prepare()
        assert (status.model_id, status.origin, status.state) == ("deimv2-atto-int8-own", "local", "healthy")
        assert status.licence == card.licence


def test_pictures_without_objects_and_other_models_are_refused(model_mirror, test_media, tmp_path, card):
    file = model_mirror / card.files[0].name
    with pytest.raises(CannotQuantize, match="at least 10 pictures"):
        make_int8(card, file, tmp_path, Wish(pictures=tmp_path))
    with pytest.raises(CannotQuantize, match="no float32 detector"):
        make_int8(load_catalogue().get("yunet"), file, tmp_path, Wish(pictures=tmp_path))


def test_cards_of_our_own_are_read_and_damaged_ones_left_out(tmp_path, card, caplog):
    own = replace(
        card, id="mine", files=(replace(card.files[0], name="mine.onnx"),), source=replace(card.source, host="local")
    )
    thief = replace(own, source=replace(card.source, host="huggingface"), id="thief")
    for name, text in {
        "mine": card_text(own),
        "broken": "[[card]]\nid = 1",
        "thief": card_text(replace(thief, files=(replace(card.files[0], name="thief.onnx"),))),
        "twin": card_text(replace(own, id="deimv2-atto")),
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "card.toml").write_text(text)
    found = load_catalogue(tmp_path)
    assert isinstance(found, Catalogue)
    assert {one.id for one in found} - {one.id for one in load_catalogue()} == {"mine"}
    assert "broken/card.toml is left out" in caplog.text
    assert "deimv2-atto" in caplog.text
