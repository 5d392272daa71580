"""The labelled scenario set: every story lands in its band, benign ones stay low."""

import pytest

from home_sentry_engine.contract import RiskLevel
from home_sentry_engine.domain.risk import Bands, severity
from home_sentry_engine.judgement.judge import Judge
from tests.fakes.scenes import load_scenes, scene_of

SCENES = load_scenes()


def test_the_set_is_large_and_varied():
    assert len(SCENES) >= 40
    assert len({scene["id"] for scene in SCENES}) == len(SCENES)
    stories = {scene["story"] for scene in SCENES}
    assert stories >= {"resident", "courier", "passer_by", "lingering", "handles", "break_in", "pet", "traffic"}


def test_nine_of_ten_scenes_land_in_their_band():
    judge = Judge()
    scores = {scene["id"]: judge.rule(scene_of(scene)).score for scene in SCENES}
    outside = {
        scene["id"]: scores[scene["id"]]
        for scene in SCENES
        if not scene["band"][0] <= scores[scene["id"]] <= scene["band"][1]
    }
    assert len(outside) <= len(SCENES) * 0.10, outside


def test_benign_scenes_hardly_ever_reach_medium():
    judge, bands = Judge(), Bands()
    benign = [scene for scene in SCENES if scene["benign"]]
    raised = [
        scene["id"]
        for scene in benign
        if severity(bands.level_of(judge.rule(scene_of(scene)).score)) >= severity(RiskLevel.MEDIUM)
    ]
    assert len(benign) >= 15
    assert len(raised) <= len(benign) * 0.05, raised


@pytest.mark.parametrize("data", SCENES, ids=[scene["id"] for scene in SCENES])
def test_factors_sum_to_the_score_within_the_allowed_range(data):
    verdict = Judge().rule(scene_of(data))
    assert sum(factor.points for factor in verdict.factors) == verdict.score
    assert verdict.allowed.clamp(verdict.score) == verdict.score
    assert 0 <= verdict.score <= 100
    assert verdict.summary
