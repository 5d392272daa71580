import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.embeddings import Embedder, Embedding, MixedEmbeddings, unit
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from tests.engine.unit.vision.graphs import fixed_graph
from tests.engine.unit.vision.loading import real, tiny

FRAME = RgbFrame.of(draw_canary(128, 256))


def test_a_vector_has_length_one():
    values = np.array([3, 4], np.float32)
    made = unit(values, "a")
    assert made.values.tolist() == pytest.approx([0.6, 0.8])
    assert made.values.dtype == np.float32
    assert made.similarity(unit(-values, "a")) == pytest.approx(-1)
    with pytest.raises(MalformedOutput, match="gave an empty vector"):
        unit(np.zeros(4), "a")


def test_vectors_of_different_models_are_never_compared():
    one, other = (Embedding(model_id=name, values=np.ones(4, np.float32)) for name in ("a", "b"))
    with pytest.raises(MixedEmbeddings, match="a with 4 values and b with 4 cannot be compared"):
        one.similarity(other)
    with pytest.raises(MixedEmbeddings):
        one.similarity(Embedding(model_id="a", values=np.ones(5, np.float32)))


def test_another_dimension_than_the_card_says_is_refused(tmp_path):
    path = fixed_graph(
        tmp_path / "e.onnx", {"images": ("float32", ["b", 3, 256, 128])}, {"output": np.ones((1, 256), np.float32)}
    )
    with pytest.raises(UnsupportedGraph, match="gives 256 values, its card says 512"):
        Embedder(tiny("osnet-x0-25", path))


@pytest.mark.parametrize(("model_id", "size"), [("osnet-x0-25", 512), ("reid-retail-0288", 256)])
def test_real_models_equal_their_bare_graph(model_mirror, test_media, model_id, size):
    loaded = real(model_id, model_mirror)
    with Image.open(test_media / "images/misc/darknet_person.jpg") as opened:
        picture = opened.convert("RGB").crop((190, 95, 280, 385))
    small = np.asarray(picture.resize((128, 256), Image.Resampling.BILINEAR), np.float32)
    if model_id == "osnet-x0-25":
        tensor = ((small / 255 - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)).transpose(2, 0, 1).astype(np.float32)
    else:
        tensor = small[:, :, ::-1]
    graph = loaded.graph()
    (bare,) = graph.run({graph.inputs[0].name: np.ascontiguousarray(tensor[np.newaxis])})
    embedder = Embedder(loaded)
    ours = embedder.embed(RgbFrame.of(np.asarray(picture)))
    assert ours.values.shape == (size,)
    assert float(np.dot(ours.values, bare.ravel() / np.linalg.norm(bare))) == pytest.approx(1, abs=1e-4)
    assert ours.model_id == model_id
    assert ours.similarity(ours) == pytest.approx(1, abs=1e-5)
    assert ours.similarity(embedder.embed(FRAME)) < embedder.same_above


def test_two_real_models_do_not_mix(model_mirror):
    one, other = (Embedder(real(name, model_mirror)).embed(FRAME) for name in ("osnet-x0-25", "reid-retail-0288"))
    with pytest.raises(MixedEmbeddings):
        one.similarity(other)
