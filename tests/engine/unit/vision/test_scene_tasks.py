"""Segments, depth and classes: one answer for a whole picture."""

import cv2
import numpy as np
from PIL import Image
import pytest

from home_sentry_engine.domain.box import Box
from home_sentry_engine.vision.catalog import Layout, load_catalogue
from home_sentry_engine.vision.eyes import draw_canary
from home_sentry_engine.vision.tasks.classify import (
    Classifier,
    Ranked,
    pet_of,
    rank,
    vehicle_type_of,
    violence_of,
    weather_of,
)
from home_sentry_engine.vision.tasks.depth import DepthGauge, DepthOf, DepthScale, decode_depth, proximity
from home_sentry_engine.vision.tasks.errors import MalformedOutput, UnsupportedGraph
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from home_sentry_engine.vision.tasks.segments import Segmenter, Segments, clothing_of, decode_segments
from tests.engine.quality.labelled import voc
from tests.engine.unit.vision.graphs import fixed_graph
from tests.engine.unit.vision.loading import real, tiny

FRAME = RgbFrame.of(draw_canary(200, 100))
PIXELS: dict[str, tuple[str, list[int | str]]] = {"pixel_values": ("float32", ["b", 3, 224, 224])}
CLOTHES = load_catalogue().get("segformer-b2-clothes").labels


class TestSegments:
    def test_the_best_class_of_the_enlarged_maps_wins(self):
        logits = np.random.default_rng(5).normal(0, 1, (1, 4, 6, 8)).astype(np.float32)
        found = decode_segments(logits, ("a", "b", "c", "d"), (32, 24), Layout.NCHW)
        wanted = np.stack([cv2.resize(plane, (32, 24), interpolation=cv2.INTER_LINEAR) for plane in logits[0]])
        assert np.array_equal(found.classes, wanted.argmax(axis=0))
        assert sum(found.shares.values()) == pytest.approx(1)
        for index, label in enumerate("abcd"):
            assert found.shares.get(label, 0) == pytest.approx(np.mean(wanted.argmax(axis=0) == index))
        assert found.mask("b").sum() == (wanted.argmax(axis=0) == 1).sum()

    def test_axes_may_end_in_the_classes(self):
        logits = np.random.default_rng(6).normal(0, 1, (1, 6, 8, 3)).astype(np.float32)
        last = decode_segments(logits, ("a", "b", "c"), (8, 6), Layout.NHWC)
        first = decode_segments(logits.transpose(0, 3, 1, 2), ("a", "b", "c"), (8, 6), Layout.NCHW)
        assert np.array_equal(last.classes, first.classes)

    def test_other_classes_than_labels_are_told(self, tmp_path):
        with pytest.raises(MalformedOutput, match="3 classes and 2 labels"):
            decode_segments(np.zeros((1, 3, 2, 2), np.float32), ("a", "b"), (2, 2), Layout.NCHW)
        path = fixed_graph(
            tmp_path / "s.onnx",
            {"pixel_values": ("float32", ["b", 3, 512, 512])},
            {"logits": np.zeros((1, 20, 8, 8), np.float32)},
        )
        with pytest.raises(UnsupportedGraph, match="has 18 labels and its graph 20 classes"):
            Segmenter(tiny("segformer-b2-clothes", path))

    def test_a_tiny_clothes_model_dresses_a_person(self, tmp_path):
        logits = np.full((1, 18, 8, 8), -5, np.float32)
        for row, label in ((0, "hair"), (1, "face"), (2, "upper clothes"), (4, "pants"), (7, "left shoe"), (6, "bag")):
            logits[0, CLOTHES.index(label), row] = 5 + row / 10
        path = fixed_graph(tmp_path / "s.onnx", {"pixel_values": ("float32", ["b", 3, 512, 512])}, {"logits": logits})
        clothing = clothing_of(Segmenter(tiny("segformer-b2-clothes", path)).divide(FRAME))
        assert set(clothing.items) == {"upper clothes", "pants", "shoes"}
        assert (clothing.has_bag, clothing.face_covered) == (True, False)

    @pytest.mark.parametrize(
        ("shares", "covered"),
        [
            ({"background": 0.5, "upper clothes": 0.5}, None),
            ({"background": 0.9, "hat": 0.06, "scarf": 0.04}, True),
            ({"background": 0.9, "hair": 0.05, "face": 0.05}, False),
            ({"background": 0.995, "hat": 0.005}, None),
            ({"background": 0.9, "hair": 0.1}, None),
            ({"background": 0.9, "hair": 0.06, "sunglasses": 0.04}, True),
        ],
    )
    def test_a_covered_face_needs_a_visible_head(self, shares, covered):
        segments = Segments(classes=np.zeros((1, 1), np.uint8), labels=CLOTHES, shares=shares)
        assert clothing_of(segments).face_covered is covered

    def test_a_real_model_sees_the_bus(self, model_mirror, test_media):
        segmenter = Segmenter(real("deeplab-v3-voc", model_mirror))
        with Image.open(test_media / "images/misc/darknet_dog.jpg") as opened:
            found = segmenter.divide(RgbFrame.of(np.asarray(opened.convert("RGB"))))
        assert found.classes.shape == (257, 257)
        assert found.shares["dog"] > 0.05
        dog = np.argwhere(found.mask("dog")).mean(axis=0) / 257
        # the dog sits at the lower left of that picture: x 129..309 of 768, y 214..542 of 576
        assert dog == pytest.approx((0.66, 0.29), abs=0.1)

    @pytest.mark.parametrize("name", ["misc/darknet_dog.jpg", "misc/darknet_person.jpg", "misc/3dogs.jpg"])
    def test_a_real_model_equals_its_bare_graph(self, model_mirror, test_media, name):
        with Image.open(test_media / "images" / name) as opened:
            picture = opened.convert("RGB")
        loaded = real("deeplab-v3-voc", model_mirror)
        small = np.asarray(picture.resize((257, 257), Image.Resampling.BILINEAR), np.float32)
        graph = loaded.graph()
        (bare,) = graph.run({graph.inputs[0].name: (small / 127.5 - 1.0)[np.newaxis]})
        ours = Segmenter(loaded).divide(RgbFrame.of(np.asarray(picture)))
        assert (ours.classes == bare[0].argmax(axis=-1)).mean() > 0.99
        assert 0.02 < 1 - ours.shares["background"] < 0.3

    def test_a_real_model_finds_what_people_labelled(self, model_mirror, test_media):
        segmenter, right = Segmenter(real("deeplab-v3-voc", model_mirror)), 0
        pictures = voc(test_media)[:20]
        for labelled in pictures:
            with Image.open(labelled.file) as opened:
                found = segmenter.divide(RgbFrame.of(np.asarray(opened.convert("RGB"))))
            things = {label: share for label, share in found.shares.items() if label != "background"}
            best = max(things, key=lambda label: things[label], default=None)
            right += best in {truth.label for truth in labelled.truths}
        assert right >= 18


class TestDepth:
    MAP = np.linspace(0, 10, 100, dtype=np.float32).reshape(1, 10, 10)

    def test_larger_is_nearer_and_scaled_to_the_picture(self):
        depth = decode_depth(self.MAP, larger_is_closer=True, frame=(200, 100))
        low, high = np.percentile(self.MAP, [2, 98])
        assert depth.nearness == pytest.approx(np.clip((self.MAP[0] - low) / (high - low), 0, 1), abs=1e-6)
        turned = decode_depth(self.MAP, larger_is_closer=False, frame=(200, 100))
        assert turned.nearness == pytest.approx(1 - depth.nearness, abs=1e-6)

    def test_a_box_speaks_by_its_part(self):
        depth = decode_depth(self.MAP, larger_is_closer=True, frame=(200, 100))
        box = Box(x=40, y=20, width=100, height=60)
        part = depth.nearness[2:8, 2:7]
        assert depth.at(box, DepthOf.CENTRE) == pytest.approx(part[3, 2])
        assert depth.at(box, DepthOf.MEAN) == pytest.approx(part.mean())
        assert depth.at(box) == pytest.approx(np.median(part))
        assert depth.at(box, DepthOf.MIN) == pytest.approx(part.max())
        assert 0 <= depth.at(Box(x=199, y=99, width=1, height=1)) <= 1

    def test_a_flat_scene_has_no_near_and_far(self):
        depth = decode_depth(np.ones((1, 4, 4), np.float32), larger_is_closer=True, frame=(8, 8))
        assert np.all(depth.nearness == 0.5)

    def test_words_and_metres(self):
        assert [proximity(value) for value in (1.0, 0.6, 0.3, 0.1)] == ["very near", "near", "at a distance", "far"]
        scale = DepthScale(nearest_m=2.0, farthest_m=20.0)
        assert (scale.distance_m(1.0), scale.distance_m(0.0)) == pytest.approx((2.0, 20.0))
        assert scale.distance_m(0.5) == pytest.approx(1 / ((0.5 + 0.05) / 2))

    def test_a_tiny_model_puts_the_lower_half_nearer(self, tmp_path):
        value = np.zeros((1, 518, 518), np.float32)
        value[0, 259:] = 7
        path = fixed_graph(
            tmp_path / "d.onnx", {"pixel_values": ("float32", ["b", 3, "h", "w"])}, {"predicted_depth": value}
        )
        depth = DepthGauge(tiny("depth-anything-v2-small", path)).measure(FRAME)
        near, far = Box(x=10, y=60, width=50, height=30), Box(x=10, y=5, width=50, height=30)
        assert depth.at(near) > depth.at(far)


class TestClassify:
    def test_shares_are_a_softmax(self):
        logits = np.array([[1.0, -2.0, 3.0]])
        raised = [np.exp(value) for value in (1.0, -2.0, 3.0)]
        ranked = rank(logits, ("a", "b", "c"), "m")
        assert [label for label, _ in ranked.scores] == ["c", "a", "b"]
        assert ranked.share("a") == pytest.approx(raised[0] / sum(raised))
        assert (ranked.label, ranked.share("z")) == ("c", 0.0)
        assert sum(share for _, share in ranked.scores) == pytest.approx(1)
        with pytest.raises(MalformedOutput, match="m gives 3 classes for 2 labels"):
            rank(logits, ("a", "b"), "m")

    def test_a_tiny_model_and_one_with_other_labels(self, tmp_path):
        path = fixed_graph(tmp_path / "w.onnx", PIXELS, {"logits": np.array([[0, 1, 4, 2, 3]], np.float32)})
        weather = weather_of(Classifier(tiny("weather-siglip2", path)).rank(FRAME))
        assert (weather.condition, weather.visibility) == ("rain", "reduced visibility")
        assert weather.model_id == "weather-siglip2"
        with pytest.raises(UnsupportedGraph, match="has 2 labels and its graph 5 classes"):
            Classifier(tiny("violence-vit", path))

    def test_violence_needs_two(self):
        ranked = Ranked(scores=(("violent", 0.9), ("calm", 0.1)), model_id="m")
        assert violence_of(ranked, persons=1) is None
        found = violence_of(ranked, persons=2)
        assert found is not None
        assert (found.is_violent, found.violent, found.calm) == (True, 0.9, 0.1)

    @pytest.mark.parametrize(("share", "household"), [(0.85, True), (0.84, False)])
    def test_a_pet_is_a_sure_cat_or_dog(self, share, household):
        pet = pet_of(Ranked(scores=(("dog", share), ("cat", 1 - share)), model_id="m"))
        assert (pet.species, pet.household) == ("dog", household)

    def test_what_is_no_vehicle_is_left_out(self):
        scores = (
            ("background", 0.4),
            ("work van", 0.3),
            ("car", 0.2),
            ("pedestrian", 0.06),
            ("bus", 0.03),
            ("bicycle", 0.01),
        )
        found = vehicle_type_of(Ranked(scores=scores, model_id="m"))
        assert found is not None
        assert (found.label, found.is_commercial, len(found.top)) == ("work van", True, 3)
        assert vehicle_type_of(Ranked(scores=(("background", 1.0),), model_id="m")) is None
        car = vehicle_type_of(Ranked(scores=(("car", 1.0),), model_id="m"))
        assert car is not None
        assert not car.is_commercial
