"""What becomes of visits whose pictures a vision-language model has seen: rejected ones stay low, floors hold."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from home_sentry_engine.contract import (
    AnalysisReason,
    AnalysisState,
    RiskLevel,
    VisualVerdict,
    Zone,
    ZoneType,
)
from home_sentry_engine.domain.messages import ModelFailure, ModelVerdict, RuleVerdict, Scene
from home_sentry_engine.domain.risk import Bands
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.http import JsonClient
from home_sentry_engine.language.backends.openai import OpenAICompatible
from home_sentry_engine.language.seeing import SeeingModel
from home_sentry_engine.language.vision import InTurn, VisionAssessor
from home_sentry_engine.pipeline.stills import VisitStills
from home_sentry_engine.settings import LanguageSettings
from tests.engine.unit.judgement.test_visual import SEEN
from tests.fakes.clock import FakeClock
from tests.fakes.household import Household, household
from tests.fakes.language import FakeBackend, answer
from tests.fakes.scenes import load_scenes, scene_of
from tests.fakes.seeing import SeeingServer, seeing_server, seen

NIGHT = datetime(2026, 6, 2, 23, 40, tzinfo=UTC)
SCENES = {scene["id"]: scene for scene in load_scenes()}
PORCH = Zone(
    id="porch", name="Porch", type=ZoneType.ENTRY_POINT, points=((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
)


class Night:
    """A picture in which nothing is but the dark."""

    async def whole(self, media: Any, offset_s: float | None) -> Any:
        return np.random.default_rng(3).integers(0, 40, (480, 640, 3)).astype(np.uint8)


class Late:
    """An assessor that is made when the house stands."""

    inner: Any = None

    async def assess(self, scene: Scene, rule: RuleVerdict) -> ModelVerdict | ModelFailure:
        told: ModelVerdict | ModelFailure = await self.inner.assess(scene, rule)
        return told


@asynccontextmanager
async def house(data: Path, server: SeeingServer, text: Any = None) -> AsyncIterator[tuple[Household, SeeingModel]]:
    clock, mind = FakeClock(NIGHT), Late()
    client = JsonClient(server.url, api_key=None, connect_timeout_s=2)
    backend = OpenAICompatible(client, model="eyes", window_tokens=8192, prefix="/v1")
    settings = LanguageSettings(tries=1)
    model = SeeingModel(backend, settings=settings, clock=clock, chance=Random(2).random)
    async with household(data, clock=clock, senses={"assessor": mind}, time_zone="UTC") as home:
        show = VisitStills(home.store, Night(), longest_px=320)
        sighted = VisionAssessor(model, show, settings=settings, stills=4, clock=clock)
        mind.inner = InTurn(sighted, text) if text is not None else sighted
        try:
            yield home, model
        finally:
            await model.aclose()


async def a_visit(home: Household):
    for _ in range(6):
        await home.deliver(("person", 0.72))
        await home.work()
        home.clock.tick(6)
    await home.pass_time(120, step=15)
    return (await home.events())[-1]


async def test_a_shrub_at_night_that_was_taken_for_a_person(tmp_path):
    async with seeing_server() as server:
        server.reply = lambda _body, _pictures: seen(
            verdict="rejected", risk_score=22, confidence=93, summary="A shrub moves in the wind."
        )
        async with house(tmp_path, server) as (home, _):
            event = await a_visit(home)
    assert event.rule_score >= 30
    assert (event.risk_score, event.risk_level, event.visual_verdict) == (22, RiskLevel.LOW, VisualVerdict.REJECTED)
    assert (event.analysis_state, event.summary) == (AnalysisState.VLM, "A shrub moves in the wind.")
    assert 1 <= len(server.scenes[-1]) <= 4


async def test_on_private_ground_at_night_the_floor_stays_above_the_rejection(tmp_path):
    async with seeing_server() as server:
        server.reply = lambda _body, _pictures: seen(verdict="rejected", risk_score=5, confidence=93)
        async with house(tmp_path, server) as (home, _):
            await home.deliver(("person", 0.5))
            await home.database.write(lambda conn: home.tables.zones.replace(conn, "door", (PORCH,)))
            event = await a_visit(home)
    assert (event.floor, event.ceiling, event.risk_score) == (30, 29, 30)
    assert (event.risk_level, event.visual_verdict) == (RiskLevel.MEDIUM, VisualVerdict.REJECTED)


async def test_without_sight_the_language_model_judges_and_says_so(tmp_path):
    text = LanguageAssessor(FakeBackend(answer(risk_score=33)), settings=LanguageSettings(), clock=FakeClock())
    async with seeing_server(sees=False) as server, house(tmp_path, server, text) as (home, model):
        event = await a_visit(home)
        assert model.blind
    assert (event.analysis_state, event.risk_score, event.visual_verdict) == (AnalysisState.LLM, 33, None)
    assert (event.analysis_detail or "").startswith("the vision model gave no verdict (model_missing: ")
    assert server.scenes == []


async def test_without_any_model_the_rule_score_stays_with_the_reason(tmp_path):
    async with seeing_server(projector=False) as server, house(tmp_path, server) as (home, _):
        event = await a_visit(home)
    assert (event.analysis_state, event.analysis_reason) == (AnalysisState.RULES, AnalysisReason.MODEL_MISSING)
    assert event.risk_score == event.rule_score


@pytest.mark.parametrize("name", SCENES)
def test_a_rejection_lowers_everything_but_what_the_evidence_holds_up(name):
    rule = Judge().rule(scene_of(SCENES[name]))
    verdict = Judge().fuse(rule, SEEN)
    assert verdict.score == max(min(29, rule.allowed.ceiling), rule.allowed.floor)
    level = Bands().level_of(verdict.score)
    if SCENES[name]["story"] == "break_in":
        assert level in {RiskLevel.HIGH, RiskLevel.CRITICAL}, "no model talks an intrusion away"
    if rule.allowed.floor <= 29:
        assert level is RiskLevel.LOW


def test_somebody_inside_while_armed_away_is_told_whatever_the_vision_model_says():
    rule = Judge().rule(scene_of(SCENES["breakin_inside_away"]))
    verdict = Judge().fuse(rule, SEEN)
    assert (verdict.score, verdict.state) == (60, AnalysisState.VLM)
    assert (verdict.rule.allowed.floor, verdict.rule.allowed.ceiling) == (60, 29)
    assert verdict.rule.allowed.floor_reason == "a person inside while armed away"
