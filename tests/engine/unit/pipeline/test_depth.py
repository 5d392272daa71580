"""How far things are: words for everybody, metres where somebody measured the camera's picture."""

import numpy as np
import pytest

from home_sentry_engine.app.enriching import rules_of
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.sections import lines_of
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.enrich.enrichment import Enrichment
from home_sentry_engine.pipeline.enrich.legs import legs_of
from home_sentry_engine.settings import load_settings
from home_sentry_engine.vision.tasks.depth import DepthMap, DepthOf, DepthScale
from home_sentry_engine.vision.tasks.pictures import RgbFrame
from tests.engine.unit.pipeline.views import SIZE, scene_of, seen, shot, views_of
from tests.fakes.clock import START
from tests.fakes.models import Shelf

VISIT = shot(START, [seen("person", 0, width=160), seen("car", 480, width=160)])
SCALE = DepthScale(nearest_m=2.0, farthest_m=20.0)


class Slope:
    """Depth that falls from the left edge of every picture to the right one."""

    def measure(self, frame, *, cancel=None):
        nearness = np.tile(np.linspace(1, 0, frame.width, dtype=np.float32) ** 4, (frame.height, 1))
        return DepthMap(nearness=nearness, width=frame.width, height=frame.height)


async def legs(gauge=None, **rules):
    result = await Enrichment(Shelf(depth_anything_v2_small=gauge or Slope()), EnrichmentRules(**rules))(
        views_of(VISIT)
    )
    return legs_of(result)


async def test_a_measured_camera_tells_metres_and_what_is_nearer_is_fewer():
    person, car = (await legs(depth_scales={"door": SCALE}))["depth"]
    assert (person["proximity"], car["proximity"]) == ("near", "far")
    assert person["distance_m"] == pytest.approx(SCALE.distance_m(person["nearness"]), abs=0.1)
    assert SCALE.nearest_m < person["distance_m"] < car["distance_m"] <= SCALE.farthest_m


async def test_a_camera_that_nobody_measured_tells_no_metres():
    for scales in ({}, {"garden": SCALE}):
        rows = (await legs(depth_scales=scales))["depth"]
        assert [set(row) for row in rows] == [{"subject", "nearness", "proximity"}] * 2


@pytest.mark.parametrize("part", DepthOf)
async def test_the_part_that_speaks_for_a_box_is_chosen(part):
    person, _ = (await legs(depth_of=part))["depth"]
    box = VISIT.detections[0].box
    seen_by = {one: Slope().measure(RgbFrame.of(np.zeros((*SIZE[::-1], 3), np.uint8))).at(box, one) for one in DepthOf}
    assert person["nearness"] == pytest.approx(seen_by[part], abs=0.006)
    assert seen_by[DepthOf.MIN] > seen_by[DepthOf.MEAN] + 0.1 > seen_by[DepthOf.MEDIAN] + 0.1


async def test_metres_are_told_to_the_model_and_weigh_nothing_by_themselves():
    found = await legs(depth_scales={"door": SCALE})
    scene = scene_of(VISIT, depth=found["depth"])
    rule = Judge().rule(scene)
    assert any('"distance_m"' in line.text for line in lines_of(scene, rule) if line.key == "depth")
    assert rule.score == Judge().rule(scene_of(VISIT)).score


def test_the_settings_reach_the_questions(tmp_path):
    usual = rules_of(load_settings(data=tmp_path), None)
    assert (usual.depth_scales, usual.depth_of) == ({}, DepthOf.MEDIAN)
    assert usual.vision_tasks == {"caption", "detailed_caption"}
    wanted = {
        "depth_scales": {"door": {"nearest_m": 2, "farthest_m": 20}},
        "depth_of": "min",
        "vision_tasks": "vqa",
        "vision_questions": "Is the gate open?",
    }
    rules = rules_of(load_settings(data=tmp_path, overrides=wanted), None)
    assert (rules.scale_of("door"), rules.scale_of("garden"), rules.depth_of) == (SCALE, None, DepthOf.MIN)
    assert rules.vision_tasks == {"vqa"}
    assert rules.vision_questions == ("Is the gate open?",)


async def test_without_the_model_there_are_no_metres_either():
    found = await legs(Unavailable("no room"), depth_scales={"door": SCALE})
    assert found["depth"] == Absent(reason="no room")


@pytest.mark.parametrize(("nearest", "farthest"), [(2.0, 2.0), (3.0, 2.0), (0.0, 5.0)])
def test_a_scale_without_extent_is_refused(nearest, farthest):
    with pytest.raises(ValueError, match="nearer than the farthest"):
        DepthScale(nearest_m=nearest, farthest_m=farthest)
