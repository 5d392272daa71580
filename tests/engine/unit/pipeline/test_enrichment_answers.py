"""What the answers of models that are off by default become, from the question to rules and prompt."""

from collections.abc import Mapping

import numpy as np
import pytest

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.enrichment import Outcome
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.pipeline.enrich.legs import legs_of
from home_sentry_engine.vision.tasks.classify import Ranked
from home_sentry_engine.vision.tasks.damage import Damage
from home_sentry_engine.vision.tasks.depth import DepthMap
from home_sentry_engine.vision.tasks.segments import Segments
from tests.engine.unit.pipeline.views import scene_of, seen, shot, views_of
from tests.fakes.clock import START
from tests.fakes.models import Plates, Ranks, Reader, Shelf

PERSON, CAR = seen("person"), seen("car", 300, width=240, height=120)


class Fits:
    """A model of pictures and sentences: of each set of sentences one label fits, by this share."""

    def __init__(self, share: float, *labels: str) -> None:
        self.share, self.labels = share, labels

    def embed(self, frame, *, cancel=None):
        return frame

    def rank_embedding(self, seen_before, sentences: Mapping[str, str], *, cancel=None):
        best = next(label for label in self.labels if label in sentences)
        return Ranked(scores=((best, self.share),), model_id="fake")

    def rank(self, frame, sentences, *, cancel=None):
        return self.rank_embedding(frame, sentences)


async def asked(shelf: Shelf, *found, **legs):
    result = await Enrichment(shelf)(views_of(shot(START, found), **legs))
    return result, {one.about: one for one in result.attempts}, legs_of(result)


async def test_clothes_are_told_and_a_uniform_is_a_courier():
    fits = Fits(0.8, "delivery uniform", "brown", "clear")
    result, steps, legs = await asked(Shelf(siglip2_base=fits), PERSON)
    assert steps["clothing"].model_id == "siglip2-base"
    assert legs["clothing"] == [{"subject": 1, "type": "delivery uniform", "colour": "brown", "confidence": 0.8}]
    assert legs["attributes"] == {"service_worker": True, "courier": True}
    assert legs["weather"] == {
        "condition": "clear", "visibility": "good visibility", "confidence": 0.8, "source": "siglip2-base"
    }  # fmt: skip
    (clothing,) = (one for one in result.findings if one.about == "clothing")
    assert (clothing.value["is_service_uniform"], clothing.value["is_suspicious"]) == (True, False)


async def test_clothes_that_are_not_clear_are_no_finding_against_a_uniform():
    result, _, legs = await asked(Shelf(siglip2_base=Fits(0.3, "delivery uniform", "brown", "clear")), PERSON)
    (clothing,) = (one for one in result.findings if one.about == "clothing")
    assert clothing.value == {"type": "unclear", "colour": "brown"}
    assert "courier" not in (legs["attributes"] if isinstance(legs["attributes"], dict) else {})


@pytest.mark.parametrize(("head", "confidence"), [({"hat": 0.06, "scarf": 0.04}, 0.6), ({"face": 0.1}, 0.0)])
async def test_a_covered_face_reaches_the_rules(head, confidence):
    class Divides:
        def divide(self, frame, *, cancel=None):
            labels = ("background", "bag", "face", "hat", "scarf", "upper clothes")
            shares = {"background": 0.5, "bag": 0.1, "upper clothes": 0.3, **head}
            return Segments(classes=np.zeros((1, 1), np.uint8), labels=labels, shares=shares)

    _, _, legs = await asked(Shelf(segformer_b2_clothes=Divides()), PERSON)
    (worn,) = legs["clothing"]
    assert "upper clothes" in worn["items"]
    assert worn["bag"] is True
    assert legs["covered_face"] == {"confidence": confidence}
    factors = {factor.id for factor in Judge().rule(scene_of(shot(START, [PERSON]), **legs)).factors}
    assert ("covered_face" in factors) is (confidence > 0)


async def test_types_of_vehicles_are_told_where_they_are_sure():
    _, steps, legs = await asked(Shelf(vehicle_type_resnet50=Ranks(("work van", 0.7), ("car", 0.3))), CAR)
    assert legs["vehicle"] == [{"subject": 1, "type": "work van", "is_commercial": True}]
    assert steps["vehicle_type"].model_id == "vehicle-type-resnet50"
    _, steps, legs = await asked(Shelf(siglip2_base=Fits(0.9, "pickup truck", "clear")), CAR)
    assert legs["vehicle"] == [{"subject": 1, "type": "pickup truck", "is_commercial": False}]
    _, steps, _ = await asked(Shelf(vehicle_type_resnet50=Ranks(("work van", 0.4), ("car", 0.3))), CAR)
    assert (steps["vehicle_type"].outcome, steps["vehicle_type"].looks) == (Outcome.RAN, 1)


async def test_damage_lies_in_the_whole_picture_and_counts():
    class Broken:
        def find(self, frame, *, confidence=0.4, cancel=None):
            box = Box(x=30, y=20, width=50, height=30)
            labels = ("glass shatter", "lamp broken")
            return tuple(Damage(label=label, confidence=0.8, box=box, mask_share=0.1) for label in labels)

    result, _, legs = await asked(Shelf(vehicle_damage_yolo11x=Broken()), CAR)
    box = next(one.box for one in result.findings if one.about == "damage")
    assert box is not None
    assert abs(box.x - (300 - round(0.08 * 240) + 30)) <= 1
    assert [row["high_security"] for row in legs["damage"]] == [True, True]
    rule = Judge().rule(scene_of(shot(START, [CAR]), **legs))
    assert "vehicle_damage" in {factor.id for factor in rule.factors}


async def test_things_in_the_same_picture_are_told_apart_by_their_distance():
    class Slope:
        def measure(self, frame, *, cancel=None):
            nearness = np.tile(np.linspace(0, 1, frame.width, dtype=np.float32), (frame.height, 1))
            return DepthMap(nearness=nearness, width=frame.width, height=frame.height)

    _, _, legs = await asked(Shelf(depth_anything_v2_small=Slope()), PERSON, CAR)
    assert [(row["subject"], row["proximity"]) for row in legs["depth"]] == [(1, "far"), (2, "near")]


async def test_a_reader_of_plates_is_asked_before_the_reader_of_all_text():
    shelf = Shelf(lpd_yunet=Plates(), fast_plate_ocr_xs=Reader("AB 123 C"), pp_ocr=Reader("ZZ 999 Z"))
    result, _, legs = await asked(shelf, CAR)
    assert [row["text"] for row in legs["plates"]] == ["AB123C"]
    (plate,) = (one for one in result.findings if one.about == "plates")
    assert (plate.model_id, plate.value["reader"]) == ("lpd-yunet", "fast-plate-ocr-xs")
