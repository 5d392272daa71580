"""Faces turned upright and put into numbers, by a tiny graph of the real model's shape."""

from dataclasses import replace
from pathlib import Path
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import pytest
from skimage import data
from skimage.transform import SimilarityTransform

from home_sentry_engine.app.appearances import AppearanceRules, ModelAppearances
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.clock import SystemClock
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.settings import DetectSettings, ModelSettings
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.face_embeddings import (
    PLACES,
    SIDE,
    FaceEmbedder,
    similarity_transform,
    upright,
)
from home_sentry_engine.vision.tasks.faces import Face
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.zoo import Zoo
from tests.engine.unit.vision.loading import tiny

FILE = "face_recognition_sface_2021dec.onnx"


def pooling_graph(path: Path, values: int = 128) -> Path:
    """A graph that gives the means of the picture's patches: alike pictures give alike vectors."""
    nodes = [
        helper.make_node("AveragePool", ["data"], ["patches"], kernel_shape=[14, 14], strides=[14, 14]),
        helper.make_node("Flatten", ["patches"], ["flat"]),
        helper.make_node("Sub", ["flat", "middle"], ["centred"]),
        helper.make_node("Slice", ["centred", "from", "to", "axis"], ["fc1"]),
    ]
    constants = [
        numpy_helper.from_array(np.array(120, np.float32), "middle"),
        numpy_helper.from_array(np.array([0], np.int64), "from"),
        numpy_helper.from_array(np.array([values], np.int64), "to"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    given = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    made = helper.make_tensor_value_info("fc1", TensorProto.FLOAT, [1, values])
    graph = helper.make_graph(nodes, "test", [given], [made], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def face_at(angle: float, scale: float, shift: tuple[float, float]) -> Face:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (PLACES @ turn.T) * scale + shift
    return Face(
        box=Box(x=0, y=0, width=10, height=10), confidence=0.9, landmarks=tuple((float(x), float(y)) for x, y in points)
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_turn_is_that_of_the_reference(seed):
    random = np.random.default_rng(seed)
    points = PLACES * random.uniform(0.3, 3) + random.normal(scale=6, size=PLACES.shape) + random.uniform(-50, 200, 2)
    wanted = SimilarityTransform.from_estimate(points, PLACES).params[:2]
    assert similarity_transform(points) == pytest.approx(wanted, abs=1e-6)


def test_landmarks_in_one_place_and_none_at_all_are_refused():
    with pytest.raises(MalformedOutput, match="all lie in one place"):
        similarity_transform(np.ones((5, 2)))
    frame = RgbFrame.of(draw_canary())
    with pytest.raises(MalformedOutput, match="five landmarks"):
        upright(frame, Face(box=Box(x=0, y=0, width=5, height=5), confidence=1.0))


def test_a_turned_face_gives_the_same_cut_out_as_an_upright_one():
    random = np.random.default_rng(1)
    coarse = random.integers(0, 255, (14, 14, 3)).astype(np.uint8)
    smooth = np.asarray(RgbFrame.of(np.kron(coarse, np.ones((8, 8, 1), np.uint8))).pixels)
    plain = upright(RgbFrame.of(smooth), face_at(0.0, 1.0, (0.0, 0.0)))
    assert np.abs(plain.astype(int) - smooth).max() == 0
    # the same picture a quarter turned, and its landmarks with it
    turned = np.rot90(smooth).copy()
    points = tuple((y, SIDE - 1 - x) for x, y in face_at(0.0, 1.0, (0.0, 0.0)).landmarks)
    again = upright(RgbFrame.of(turned), replace(face_at(0.0, 1.0, (0.0, 0.0)), landmarks=points))
    assert np.abs(again.astype(int) - smooth)[4:-4, 4:-4].mean() < 6


def test_a_graph_of_another_length_is_refused(tmp_path):
    with pytest.raises(UnsupportedGraph, match="gives 64 values, its card says 128"):
        FaceEmbedder(tiny("sface", pooling_graph(tmp_path / FILE, 64)))


@pytest.fixture
def mirror(tmp_path, model_mirror) -> Path:
    folder = tmp_path / "mirror"
    folder.mkdir()
    shutil.copy(model_mirror / "face_detection_yunet_2023mar.onnx", folder)
    return folder


def zoo_of(tmp_path: Path, mirror: Path) -> Zoo:
    models = ModelSettings(folder=tmp_path / "models", mirror=str(mirror), offline=True)
    return Zoo(DetectSettings(), models, SystemClock())


async def test_a_real_face_is_found_and_recognised_and_a_garden_shows_none(tmp_path, mirror):
    pooling_graph(mirror / FILE)
    person = np.ascontiguousarray(data.astronaut())
    brighter = np.clip(person.astype(int) + 12, 0, 255).astype(np.uint8)
    whole = Box(x=80, y=0, width=300, height=500)
    async with zoo_of(tmp_path, mirror) as zoo:
        eyes = ModelAppearances(zoo.models, SystemClock(), AppearanceRules(tries=1))
        one, other = await eyes.faces([(person, whole), (brighter, whole)])
        none = await eyes.faces([(np.ascontiguousarray(data.coffee()), Box(x=0, y=0, width=300, height=300))])
    assert none == ()
    assert one.model_id == "sface"
    assert one.vector.shape == (128,)
    assert float(one.vector @ other.vector) > one.same_above


async def test_without_the_file_of_the_model_faces_are_unavailable(tmp_path, mirror):
    async with zoo_of(tmp_path, mirror) as zoo:
        eyes = ModelAppearances(zoo.models, SystemClock(), AppearanceRules(tries=1))
        with pytest.raises(Unavailable, match="SFace is not here"):
            await eyes.faces([(np.ascontiguousarray(data.astronaut()), Box(x=80, y=0, width=300, height=500))])
