"""Prompts: versions, files, what takes effect, trials that keep nothing, and trials on many events."""

import asyncio
import json

import pytest

from home_sentry_engine.api.prompt_ports import Change, Trial
from home_sentry_engine.api.triage_ports import Opinion
from home_sentry_engine.app.prompt_desk import PromptDesk, Trying
from home_sentry_engine.app.prompting import MODELS, ActivePrompts
from home_sentry_engine.app.shadow import ShadowDesk
from home_sentry_engine.app.triage import TriageDesk
from home_sentry_engine.contract import (
    AnalysisState,
    FeedbackKind,
    PromptChange,
    PromptModel,
    RiskLevel,
    ShadowState,
)
from home_sentry_engine.contract.errors import Conflict, NotFound, Unprocessable
from home_sentry_engine.language.assessor import LanguageAssessor
from home_sentry_engine.language.wording import SHIPPED
from home_sentry_engine.operations.prompt_files import PromptFiles
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.settings import LanguageSettings
from home_sentry_engine.storage.repositories.prompts import HistoryQuery, Prompts
from tests.fakes.clock import FakeClock
from tests.fakes.household import household
from tests.fakes.language import FakeBackend, answer
from tests.fakes.patience import pass_until

NEMOTRON, CLIP, WORLD = PromptModel.NEMOTRON, PromptModel.XCLIP, PromptModel.YOLO_WORLD
ANN = Change(author="ann", note="cats")
CATS = {"instructions": "We have a cat."}


class House:
    def __init__(self, home, mind, backend, folder):
        self.home, self.mind, self.backend, self.folder = home, mind, backend, folder
        self.active = ActivePrompts(home.database, Prompts(), EnrichmentRules(), home.clock)
        self.shadow = ShadowDesk(home.database, home.clock, home._ids)
        trying = Trying(trials=home.pipeline.trials, shadow=self.shadow)
        self.desk = PromptDesk(home.database, self.active, PromptFiles(folder), trying, home.clock)
        mind.wording = self.active.wording

    async def event(self):
        await self.home.deliver(("person", 0.9))
        await self.home.pass_time(400)
        return (await self.home.events())[-1]

    async def say(self, event_id, kind):
        triage = TriageDesk(self.home.database, self.home.tables, self.home.clock, lambda: None)
        await triage.say(event_id, Opinion(kind=kind))


@pytest.fixture
async def house(tmp_path):
    backend, clock = FakeBackend(answer(risk_score=40)), FakeClock()
    mind = LanguageAssessor(backend, settings=LanguageSettings(min_rule_score=0), clock=clock)
    async with household(tmp_path, clock=clock, mind=mind, senses={"minds": {NEMOTRON: mind}}) as home:
        yield House(home, mind, backend, tmp_path)


async def test_before_any_change_everything_is_as_shipped(house):
    for config in await house.desk.all():
        assert (config.version, config.shipped, config.author) == (0, True, None)
        assert house.active.check(config.model, config.content) == config.content
    assert house.active.wording() == SHIPPED
    assert (await house.desk.export()).prompts == {}


async def test_a_change_is_a_version_with_author_and_time_and_takes_effect(house):
    written = await house.desk.write(NEMOTRON, CATS, ANN)
    assert (written.version, written.author, written.note, written.shipped) == (1, "ann", "cats", False)
    assert written.content["instructions"] == "We have a cat."
    assert written.content["task"] == SHIPPED.task
    event = await house.event()
    assert event.prompt_version.endswith(".v1")
    assert "We have a cat." in house.backend.questions[-1].messages[0].content


async def test_restoring_and_going_back_make_new_versions_and_keep_the_history(house):
    await house.desk.write(NEMOTRON, CATS, ANN)
    await house.desk.write(NEMOTRON, {"temperature": 0.9}, Change())
    restored = await house.desk.restore(NEMOTRON, 1, Change(author="bob"))
    assert (restored.version, restored.content["instructions"], restored.author) == (3, "We have a cat.", "bob")
    shipped = await house.desk.reset(NEMOTRON, ANN)
    assert (shipped.version, shipped.shipped, shipped.content["instructions"]) == (4, True, "")
    assert house.active.wording() == SHIPPED
    page = await house.desk.history(HistoryQuery(model=NEMOTRON))
    told = [(one.version, one.change, one.source) for one in page.items]
    assert told == [
        (4, PromptChange.RESET, None),
        (3, PromptChange.RESTORED, 1),
        (2, PromptChange.WRITTEN, None),
        (1, PromptChange.WRITTEN, None),
    ]
    with pytest.raises(NotFound):
        await house.desk.restore(NEMOTRON, 9, Change())


async def test_files_follow_the_database_and_are_made_again(house):
    await house.desk.write(NEMOTRON, CATS, ANN)
    folder = house.folder / "prompts"
    kept = json.loads((folder / "nemotron" / "v0001.json").read_text())
    assert (kept["author"], kept["change"]) == ("ann", "written")
    assert json.loads((folder / "nemotron.json").read_text())["version"] == 1
    assert {path.stem for path in folder.glob("*.json")} == {model.value for model in MODELS}
    (folder / "nemotron" / "v0001.json").unlink()
    (folder / "nemotron.json").write_text("{}")
    await house.desk.sync()
    assert json.loads((folder / "nemotron" / "v0001.json").read_text()) == kept
    assert json.loads((folder / "nemotron.json").read_text())["content"]["instructions"] == "We have a cat."


async def test_a_folder_that_cannot_be_written_costs_no_change(house, caplog):
    (house.folder / "prompts").write_text("in the way")
    assert (await house.desk.write(NEMOTRON, CATS, ANN)).version == 1
    assert "could not be written" in caplog.text


@pytest.mark.parametrize(
    ("model", "content", "field"),
    [
        (NEMOTRON, {"instructions": "<|im_start|>"}, "instructions"),
        (PromptModel.FLORENCE2, {"tasks": ["sing"]}, "tasks[0]"),
        (PromptModel.FLORENCE2, {"questions": ["?"]}, "questions[0]"),
        (WORLD, {"words": ["knife", "gun", "weapon"]}, "words"),
        (WORLD, {"words": ["knife", "gun", "weapon", "crowbar", "knife"]}, "words[4]"),
        (WORLD, {"confidence": 0.9}, "confidence"),
        (CLIP, {"sentences": [{"label": "walking by", "sentence": "a person walks"}] * 2}, "sentences[1].label"),
        (CLIP, {"sentences": [{"label": "a", "sentence": "a person"}, {"label": "bb"}]}, "sentences[0].label"),
        (PromptModel.FASHION_CLIP, {"service": ["pyjamas"]}, "service"),
        (PromptModel.FASHION_CLIP, {"colours": "red"}, "colours"),
    ],
)
async def test_a_wrong_content_is_refused_with_its_field_and_changes_nothing(house, model, content, field):
    with pytest.raises(Unprocessable) as caught:
        await house.desk.write(model, content, ANN)
    assert caught.value.details["field"] == field
    assert (await house.desk.one(model)).version == 0


async def test_what_models_of_pictures_are_asked_changes_and_the_rest_stays(house):
    words = ["knife", "gun", "weapon", "crowbar", "ladder"]
    await house.desk.write(WORLD, {"words": words, "confidence": 0.3}, ANN)
    rules = house.active.under(EnrichmentRules(deadline_s=3))
    assert (rules.names, rules.names_confidence, rules.deadline_s) == (tuple(words), 0.3, 3)
    assert rules.actions == EnrichmentRules().actions
    fresh = ActivePrompts(house.home.database, Prompts(), EnrichmentRules(), house.home.clock)
    await fresh.read()
    assert fresh.under(EnrichmentRules()).names == tuple(words)


async def test_another_engine_hears_of_a_change_and_drops_what_it_cannot_read(house):
    other = ActivePrompts(house.home.database, Prompts(), EnrichmentRules(), house.home.clock)
    await other.read()
    following = asyncio.create_task(other.run())
    try:
        await house.desk.write(NEMOTRON, CATS, ANN)
        await pass_until(house.home.clock, lambda: other.wording().version == 1)
        assert other.wording().instructions == "We have a cat."
    finally:
        following.cancel()


async def test_an_export_comes_back_by_an_import_that_shows_first_what_it_changes(house):
    await house.desk.write(NEMOTRON, CATS, ANN)
    document = await house.desk.export()
    assert set(document.prompts) == {"nemotron"}
    await house.desk.reset(NEMOTRON, ANN)
    preview = await house.desk.take(document.prompts, ANN, apply=False)
    (shown,) = preview.items
    assert not preview.applied
    assert [(one.name, one.lines) for one in shown.changed] == [("instructions", ("+We have a cat.",))]
    assert (await house.desk.one(NEMOTRON)).shipped
    assert (await house.desk.take(document.prompts, ANN, apply=True)).applied
    config = await house.desk.one(NEMOTRON)
    assert (config.version, config.content["instructions"]) == (3, "We have a cat.")
    again = await house.desk.take(document.prompts, ANN, apply=True)
    assert again.items[0].same
    assert (await house.desk.one(NEMOTRON)).version == 3


async def test_an_import_with_one_fault_changes_nothing(house):
    wrong = {"nemotron": CATS, "xclip": {"sentences": []}, "gpt": {}}
    told = await house.desk.take(wrong, ANN, apply=True)
    assert not told.applied
    assert [one.wrong for one in told.items] == [None, "sentences", "gpt"]
    assert (await house.desk.one(NEMOTRON)).version == 0


async def test_a_trial_gives_both_verdicts_and_keeps_nothing(house):
    event = await house.event()
    house.backend.steps = [answer(risk_score=90)]
    test = await house.desk.test(NEMOTRON, Trial(event_id=event.event_id, content=CATS))
    assert (test.before.score, test.before.state) == (event.risk_score, AnalysisState.LLM)
    assert test.after.score > test.before.score
    assert test.level_changed
    assert "We have a cat." in test.prompt
    assert (await house.home.events())[-1] == event
    stored = await house.home.database.read(lambda conn: house.home.tables.assessments.of_event(conn, event.event_id))
    assert {one.model_score for one in stored} == {40}
    assert (await house.desk.one(NEMOTRON)).version == 0


async def test_a_trial_of_an_unknown_event_or_of_one_without_evidence(house):
    assert await house.desk.test(NEMOTRON, Trial(event_id="nobody")) is None
    event = await house.event()
    house.backend.steps = [answer(risk_score=70)]
    by_version = await house.desk.write(NEMOTRON, CATS, ANN)
    test = await house.desk.test(NEMOTRON, Trial(event_id=event.event_id, version=by_version.version))
    assert test.version == 1
    with pytest.raises(NotFound):
        await house.desk.test(NEMOTRON, Trial(event_id=event.event_id, version=7))


async def test_a_prompt_cannot_lift_the_floor_away(house):
    event = await house.event()
    house.backend.steps = [answer(risk_score=0)]
    test = await house.desk.test(NEMOTRON, Trial(event_id=event.event_id, content={"instructions": "All is well."}))
    assert test.after.score >= test.floor


async def test_events_with_feedback_are_judged_in_other_words_in_the_background(house):
    first = await house.event()
    second = await house.event()
    third = await house.event()
    await house.say(first.event_id, FeedbackKind.MISSED)
    await house.say(second.event_id, FeedbackKind.FALSE_POSITIVE)
    await house.say(third.event_id, FeedbackKind.CORRECT)
    house.backend.steps = [answer(risk_score=90)]
    run = await house.desk.shadow(NEMOTRON, CATS, 50)
    assert (run.state, run.events) == (ShadowState.RUNNING, 3)
    with pytest.raises(Conflict):
        await house.desk.shadow(NEMOTRON, CATS, 50)
    await house.shadow.finished()
    done = await house.desk.shadow_run(run.run_id)
    assert (done.state, done.judged, done.failed) == (ShadowState.DONE, 3, {})
    assert done.before.incidents == done.after.incidents == 1
    assert (done.before.missed_alarms, done.before.false_alarms) == (1, 0)
    assert (done.after.missed_alarms, done.after.false_alarms) == (0, 2)
    assert {one.event_id for one in done.changes} == {first.event_id, second.event_id, third.event_id}
    assert {one.after for one in done.changes} <= {RiskLevel.HIGH, RiskLevel.CRITICAL}
    assert done.seconds_each >= 0


async def test_what_got_no_verdict_is_counted_by_reason_and_compares_nothing(house):
    event = await house.event()
    await house.say(event.event_id, FeedbackKind.MISSED)
    house.backend.steps = ["rubbish"]
    run = await house.desk.shadow(NEMOTRON, CATS, 50)
    await house.shadow.finished()
    done = await house.desk.shadow_run(run.run_id)
    assert (done.judged, done.failed, done.changes, done.seconds_each) == (0, {"bad_output": 1}, (), None)
    assert done.after.incidents == 0


async def test_a_trial_that_the_engine_did_not_live_to_see_is_interrupted(house):
    event = await house.event()
    await house.say(event.event_id, FeedbackKind.MISSED)
    house.shadow.busy = lambda: True
    run = await house.desk.shadow(NEMOTRON, CATS, 1)
    await house.shadow.aclose()
    assert (await house.desk.shadow_run(run.run_id)).state is ShadowState.INTERRUPTED


async def test_nobody_tries_what_cannot_be_used(house):
    with pytest.raises(Unprocessable):
        await house.desk.shadow(NEMOTRON, {"task": 1}, 5)
