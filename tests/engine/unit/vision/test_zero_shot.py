import numpy as np
from onnx import TensorProto, helper, numpy_helper
import pytest

from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.embeddings import MixedEmbeddings, unit
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.open_vocabulary import NamedFinder, decode_named, token_columns
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.sentences import GARMENTS, WEATHER, fashion_by_sentences, weather_by_sentences
from home_sentry_engine.vision.tasks.tokens import Words
from home_sentry_engine.vision.tasks.zero_shot import ImageText
from tests.engine.unit.vision.graphs import fixed_graph, save_graph
from tests.engine.unit.vision.loading import tiny
from tests.engine.unit.vision.words import tokenizer

FRAME = RgbFrame.of(draw_canary(200, 100))
WORDS = sorted({word for text in (*WEATHER.values(), *GARMENTS.values()) for word in text.replace(",", " ").split()})
TABLE = np.random.default_rng(7).normal(0, 1, (len(WORDS) + 4, 768)).astype(np.float32)


def eye(path, vector: np.ndarray, name: str = "pooler_output"):
    return fixed_graph(path, {"pixel_values": ("float32", ["b", 3, 224, 224])}, {name: vector[np.newaxis]})


def text_graph(path, name: str = "pooler_output"):
    """A graph that really reads: the mean of a vector per word."""
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "t"])
    out = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 768])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows"], [name], axes=[1], keepdims=0),
    ]
    return save_graph(path, nodes, [ids], [out], [numpy_helper.from_array(TABLE, "table")])


def vector_of(text: str, length: int = 64) -> np.ndarray:
    """What the text graph gives, computed from the words themselves; the pad is token 0 where the file names none."""
    ids = [WORDS.index(word) + 4 if word in WORDS else 3 for word in text.replace(",", " , ").split()]
    return TABLE[(ids + [0] * length)[:length]].mean(axis=0)


@pytest.fixture
def words(tmp_path):
    return tokenizer(tmp_path / "tokenizer.json", WORDS)


def model(tmp_path, words, vector: np.ndarray, **changes) -> ImageText:
    graphs = {"vision": eye(tmp_path / "v.onnx", vector), "text": text_graph(tmp_path / "t.onnx")}
    return ImageText(tiny("siglip2-base", graphs, {"tokenizer": words}, **changes))


def test_the_sentence_that_was_meant_fits_best(tmp_path, words):
    ranked = model(tmp_path, words, vector_of(WEATHER["snow"])).rank(FRAME, WEATHER)
    assert (ranked.label, ranked.model_id) == ("snow", "siglip2-base")
    fits = {name: float(np.dot(unit(vector_of(text), "m").values, unit(vector_of(WEATHER["snow"]), "m").values)) * 100
            for name, text in WEATHER.items()}  # fmt: skip
    total = sum(np.exp(fit - max(fits.values())) for fit in fits.values())
    assert ranked.confidence == pytest.approx(1 / total, rel=1e-3)
    assert weather_by_sentences(model(tmp_path, words, vector_of(WEATHER["rain"])), FRAME).condition == "rain"


def test_clothes_come_from_one_look(tmp_path, words):
    fashion = fashion_by_sentences(model(tmp_path, words, vector_of(GARMENTS["postal uniform"])), FRAME)
    assert (fashion.garment.label, fashion.is_service_uniform, fashion.hides_face) == ("postal uniform", True, False)
    masked = fashion_by_sentences(model(tmp_path, words, vector_of(GARMENTS["face mask or balaclava"])), FRAME)
    assert masked.hides_face


def test_a_picture_of_another_model_is_not_compared(tmp_path, words):
    with pytest.raises(MixedEmbeddings):
        model(tmp_path, words, vector_of("snow")).rank_embedding(unit(np.ones(768), "clip-vit-l-14"), WEATHER)


def test_another_dimension_or_no_embedding_is_refused(tmp_path, words):
    with pytest.raises(MalformedOutput, match="gave 512 values instead of 768"):
        model(tmp_path, words, np.ones(512, np.float32)).embed(FRAME)
    graphs = {
        "vision": eye(tmp_path / "x.onnx", TABLE[0], "last_hidden_state"),
        "text": text_graph(tmp_path / "t.onnx"),
    }
    with pytest.raises(UnsupportedGraph, match="none of image_embeds, pooler_output"):
        ImageText(tiny("siglip2-base", graphs, {"tokenizer": words}))


def test_clip_pads_with_its_own_token(tmp_path, words):
    graphs = {
        "vision": eye(tmp_path / "v.onnx", TABLE[5], "image_embeds"),
        "text": text_graph(tmp_path / "t.onnx", "text_embeds"),
    }
    quirks = {"dimension": 768, "context_tokens": 77, "pad_id": 2}
    clip = ImageText(tiny("clip-vit-l-14", graphs, {"tokenizer": words}, quirks=quirks))
    ids = [WORDS.index(word) + 4 for word in ("a", "photo")]
    wanted = unit(TABLE[ids + [2] * 75].mean(axis=0), "clip-vit-l-14")
    assert clip.read("a photo").similarity(wanted) == pytest.approx(1, abs=1e-5)


def test_a_file_that_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UnsupportedGraph, match=r"bad\.json is no tokenizer"):
        Words(tmp_path / "bad.json")


class TestOpenVocabulary:
    NAMES = ("knife", "package")

    def owl(self, path, logits: np.ndarray, boxes: np.ndarray):
        inputs: dict[str, tuple[str, list[int | str]]] = {
            "input_ids": ("int64", ["q", 16]),
            "pixel_values": ("float32", ["b", 3, 960, 960]),
            "attention_mask": ("int64", ["q", 16]),
        }
        return fixed_graph(path, inputs, {"logits": logits, "pred_boxes": boxes})

    def test_scores_belong_to_names_and_boxes_to_the_picture(self, tmp_path):
        logits = np.array([[[-5, 2], [-5, 1], [3, -5], [-5, -5]]], np.float32)
        boxes = np.array(
            [[(0.5, 0.25, 0.2, 0.1), (0.5, 0.25, 0.2, 0.1), (0.1, 0.1, 0.1, 0.1), (0, 0, 0, 0)]], np.float32
        )
        path = self.owl(tmp_path / "o.onnx", logits, boxes)
        finder = NamedFinder(tiny("owlv2-base", path, {"tokenizer": tokenizer(tmp_path / "t.json", self.NAMES)}))
        found = finder.find(FRAME, self.NAMES)
        assert [one.label for one in found] == ["knife", "package"]
        assert found[0].confidence == pytest.approx(1 / (1 + np.exp(-3)))
        # the square of 960 holds 200 x 100 pixels at 4.8: (0.4..0.6, 0.2..0.3) of it is 80..120, 40..60
        assert (found[1].box.x, found[1].box.y, found[1].box.right, found[1].box.bottom) == (80, 40, 120, 60)
        assert finder.find(FRAME, self.NAMES, confidence=0.99) == ()

    def test_grounding_reads_a_name_from_its_tokens(self, tmp_path):
        inputs: dict[str, tuple[str, list[int | str]]] = {
            "pixel_values": ("float32", ["b", 3, 800, 800]),
            "input_ids": ("int64", ["b", "t"]),
            "token_type_ids": ("int64", ["b", "t"]),
            "attention_mask": ("int64", ["b", "t"]),
            "pixel_mask": ("int64", ["b", 800, 800]),
        }
        # tokens: knife . package .
        logits = np.full((1, 2, 256), -9, np.float32)
        logits[0, 0, 2], logits[0, 1, 1] = 2, 5
        boxes = np.array([[(0.5, 0.5, 0.5, 0.5), (0.2, 0.2, 0.1, 0.1)]], np.float32)
        path = fixed_graph(tmp_path / "g.onnx", inputs, {"logits": logits, "pred_boxes": boxes})
        words = tokenizer(tmp_path / "t.json", [*self.NAMES, "."])
        (found,) = NamedFinder(tiny("grounding-dino-tiny", path, {"tokenizer": words})).find(FRAME, self.NAMES)
        assert found.label == "package"
        assert (found.box.x, found.box.y, found.box.right, found.box.bottom) == (50, 25, 150, 75)

    def test_names_of_several_tokens(self):
        # "hand gun. knife." as four tokens and its points
        spans = [(0, 4), (5, 8), (8, 9), (10, 15), (15, 16), (0, 0)]
        assert token_columns(spans, ("hand gun", "knife")) == [[0, 1], [3]]

    def test_the_best_token_of_a_name_counts(self):
        logits = np.array([[[1.0, 3.0, -2.0]]])
        boxes, scores = decode_named(logits, np.array([[[0.5, 0.5, 1, 1]]]), [[0, 1], [2], []], (10, 20))
        assert boxes.tolist() == [[0, 0, 10, 20]]
        assert scores[0] == pytest.approx((1 / (1 + np.exp(-3)), 1 / (1 + np.exp(2)), 0))

    def test_boxes_that_do_not_match_are_malformed(self):
        with pytest.raises(MalformedOutput, match="pred_boxes has the shape"):
            decode_named(np.zeros((1, 3, 2)), np.zeros((1, 2, 4)), [[0]], (8, 8))
