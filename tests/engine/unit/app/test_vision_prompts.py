"""The prompt of the model that sees: its own words, versions and trials, over a real server that looks."""

from random import Random

import numpy as np
import pytest

from home_sentry_engine.api.prompt_ports import Change, Trial
from home_sentry_engine.api.triage_ports import Opinion
from home_sentry_engine.app.prompt_desk import PromptDesk, Trying
from home_sentry_engine.app.prompting import ActivePrompts, Judges
from home_sentry_engine.app.shadow import ShadowDesk
from home_sentry_engine.app.sighted import judging_by
from home_sentry_engine.app.triage import TriageDesk
from home_sentry_engine.contract import AnalysisReason, AnalysisState, FeedbackKind, PromptModel, ShadowState
from home_sentry_engine.contract.errors import Unprocessable
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.backends.http import JsonClient
from home_sentry_engine.language.backends.openai import OpenAICompatible
from home_sentry_engine.language.seeing import SeeingModel
from home_sentry_engine.language.stills import Still, Stills
from home_sentry_engine.language.vision import VisionAssessor
from home_sentry_engine.language.wording import SHIPPED, SHIPPED_SEEING
from home_sentry_engine.operations.prompt_files import PromptFiles
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.stills import picture_of
from home_sentry_engine.settings import LanguageSettings
from home_sentry_engine.storage.repositories.prompts import Prompts
from tests.fakes.clock import START, FakeClock
from tests.fakes.household import household
from tests.fakes.language import FakeBackend, answer
from tests.fakes.seeing import seeing_server, seen

NEMOTRON, VISION = PromptModel.NEMOTRON, PromptModel.VISION
ANN = Change(author="ann")
STATUE = {"instructions": "There is a statue beside the door.", "temperature": 0.7, "max_tokens": 300}
LIMITS = LanguageSettings(min_rule_score=0, tries=1)


async def show(_scene, _most):
    pixels = np.full((120, 160, 3), 90, np.uint8)
    picture = picture_of(pixels, Box(x=0, y=0, width=160, height=120), 160)
    return Stills(stills=(Still(media_id="m0", at=START, picture=picture),), trouble=None)


class House:
    def __init__(self, home, server, judges, folder):
        self.home, self.server, self.judges = home, server, judges
        self.active = ActivePrompts(home.database, Prompts(), EnrichmentRules(), home.clock)
        self.shadow = ShadowDesk(home.database, home.clock, home._ids)
        trying = Trying(trials=home.pipeline.trials, shadow=self.shadow)
        self.desk = PromptDesk(home.database, self.active, PromptFiles(folder), trying, home.clock)
        self.active.lead(judges)

    async def event(self):
        await self.home.deliver(("person", 0.9))
        await self.home.pass_time(400)
        return (await self.home.events())[-1]

    @property
    def told(self):
        """What the system said in the last question about a scene."""
        return self.server.bodies[-1]["messages"][0]["content"]


@pytest.fixture
async def house(tmp_path):
    clock, backend = FakeClock(), FakeBackend(answer(risk_score=40))
    async with seeing_server(reply=lambda _body, _pictures: seen(risk_score=35)) as server:
        client = JsonClient(server.url, api_key=None, connect_timeout_s=60)
        remote = OpenAICompatible(client, model="eyes", window_tokens=8192, prefix="/v1")
        model = SeeingModel(remote, settings=LIMITS, clock=clock, chance=Random(4).random)
        text = LanguageAssessor(backend, settings=LIMITS, clock=clock)
        judges: Judges = {
            NEMOTRON: text,
            VISION: VisionAssessor(model, show, settings=LIMITS, stills=2, clock=clock),
        }
        judge = judging_by(judges, text)
        async with household(tmp_path, clock=clock, mind=judge, senses={"minds": judges}) as home:
            yield House(home, server, judges, tmp_path)
        await model.aclose()


async def test_words_for_who_sees_are_a_version_and_leave_the_other_prompt_alone(house):
    assert (await house.desk.one(VISION)).content["task"] == SHIPPED_SEEING.task
    usual = await house.event()
    assert usual.analysis_state is AnalysisState.VLM
    written = await house.desk.write(VISION, STATUE, ANN)
    assert (written.version, written.shipped) == (1, False)
    changed = await house.event()
    assert usual.prompt_version.startswith("sight-")
    assert changed.prompt_version.endswith(".v1")
    assert changed.prompt_version.startswith("sight-")
    assert "a statue beside the door" in house.told
    assert "First look at the pictures" in house.told
    assert (house.server.bodies[-1]["temperature"], house.server.bodies[-1]["max_tokens"]) == (0.7, 300)
    assert house.active.wording() == SHIPPED
    assert set((await house.desk.export()).prompts) == {"vision"}
    assert (await house.desk.reset(VISION, ANN)).content["instructions"] == ""
    assert (await house.event()).prompt_version == usual.prompt_version


async def test_a_wrong_wording_is_refused_with_its_field(house):
    with pytest.raises(Unprocessable) as caught:
        await house.desk.write(VISION, {"task": "short"}, ANN)
    assert caught.value.details["field"] == "task"
    assert (await house.desk.one(VISION)).version == 0


async def test_a_trial_shows_the_pictures_again_and_keeps_nothing(house):
    event = await house.event()
    house.server.reply = lambda _body, _pictures: seen(risk_score=90)
    test = await house.desk.test(VISION, Trial(event_id=event.event_id, content=STATUE))
    assert (test.model, test.after.state, test.after.model_score) == (VISION, AnalysisState.VLM, 90)
    assert "a statue beside the door" in test.prompt
    assert (await house.home.events())[-1] == event
    assert (await house.desk.one(VISION)).version == 0
    house.server.status = 503
    away = await house.desk.test(VISION, Trial(event_id=event.event_id, content=STATUE))
    assert (away.after.state, away.after.reason) == (AnalysisState.RULES, AnalysisReason.UNREACHABLE)


async def test_labelled_events_are_looked_at_again_in_other_words(house):
    event = await house.event()
    triage = TriageDesk(house.home.database, house.home.tables, house.home.clock, lambda: None)
    await triage.say(event.event_id, Opinion(kind=FeedbackKind.MISSED))
    house.server.reply = lambda _body, _pictures: seen(risk_score=90)
    run = await house.desk.shadow(VISION, STATUE, 5)
    await house.shadow.finished()
    done = await house.desk.shadow_run(run.run_id)
    assert (done.state, done.model, done.judged, done.failed) == (ShadowState.DONE, VISION, 1, {})
    assert done.after.missed_alarms == 0


async def test_without_a_model_that_sees_its_prompt_is_kept_and_not_tried(house):
    event = await house.event()
    del house.judges[VISION]
    assert (await house.desk.write(VISION, STATUE, ANN)).version == 1
    with pytest.raises(Unavailable, match="no vision model judges"):
        await house.desk.test(VISION, Trial(event_id=event.event_id))
