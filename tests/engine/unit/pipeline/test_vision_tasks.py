"""Tasks of a vision-language model: each is done where its flag is set, and nowhere else."""

import pytest

from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.enrichment import QUESTIONS, USUAL_VISION_TASKS, VISION_TASKS, Outcome
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.domain.messages import Absent
from home_sentry_engine.judgement.judge import Judge
from home_sentry_engine.language.sections import lines_of
from home_sentry_engine.pipeline.enrich.desk import EnrichmentRules
from home_sentry_engine.pipeline.enrich.enrichment import BRANCHES, Enrichment, branches_of
from home_sentry_engine.pipeline.enrich.legs import legs_of
from home_sentry_engine.vision.tasks.florence import FlorenceAnswer, FlorenceTask, Region
from tests.engine.unit.pipeline.views import scene_of, seen, shot, views_of
from tests.fakes.clock import START
from tests.fakes.models import Shelf

VISIT = shot(START, [seen("person")])
LEFT, RIGHT = Box(x=1, y=2, width=30, height=40), Box(x=300, y=200, width=60, height=80)
CAPTIONS = {FlorenceTask.CAPTION, FlorenceTask.DETAILED_CAPTION}
ON_THE_PICTURE = sorted(set(VISION_TASKS) - USUAL_VISION_TASKS)


class Talker:
    """A vision-language model that does every task and keeps what it was asked."""

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent
        self.asked: list[FlorenceTask | str] = []

    def ask(self, task, frame, *, cancel=None):
        self.asked.append(task)
        if self.silent:
            return FlorenceAnswer(task=task, dropped=1)
        if task is FlorenceTask.OD:
            return FlorenceAnswer(task=task, regions=(Region(text="gate", box=LEFT), Region(text="man", box=RIGHT)))
        if task is FlorenceTask.DENSE_REGION_CAPTION:
            return FlorenceAnswer(task=task, regions=(Region(text="a woman at a gate", box=RIGHT),))
        if task is FlorenceTask.OCR_WITH_REGION:
            return FlorenceAnswer(task=task, regions=(Region(text="ACME", box=LEFT),))
        return FlorenceAnswer(task=task, text="NO PARKING" if task is FlorenceTask.OCR else "A man at a gate.")

    def answer_question(self, question, frame, *, cancel=None):
        self.asked.append(question)
        said = {"Is the gate open?": "yes", "Who is it?": "unanswerable"}.get(question, "")
        return FlorenceAnswer(task=FlorenceTask.CAPTION, text=said, dropped=0 if said else 1)


async def asked(model, tasks, *questions: str, visit=VISIT):
    rules = EnrichmentRules(vision_tasks=frozenset(tasks), vision_questions=questions)
    result = await Enrichment(Shelf(florence_2_base_ft=model), rules)(views_of(visit))
    return result, {one.about: one for one in result.attempts}, legs_of(result)


def test_the_flags_are_the_tasks_and_free_questions():
    assert set(VISION_TASKS) == {task.name.lower() for task in FlorenceTask} | {"vqa"}


def test_nothing_is_asked_beyond_the_usual_until_somebody_wants_it():
    names = [step.about for branch in branches_of(EnrichmentRules()) for step in branch]
    assert names == [step.about for branch in BRANCHES for step in branch] == list(QUESTIONS)


@pytest.mark.parametrize("flag", VISION_TASKS)
async def test_each_flag_is_one_task_and_no_other(flag):
    model = Talker()
    result, steps, _ = await asked(model, {flag}, "Is the gate open?")
    expected = "Is the gate open?" if flag == "vqa" else FlorenceTask[flag.upper()]
    assert model.asked == [expected]
    about = "caption" if flag in USUAL_VISION_TASKS else flag
    assert steps[about].outcome is Outcome.RAN
    assert {one.about for one in result.findings} == {about}
    assert {one.model_id for one in result.findings} == {"florence-2-base-ft"}
    assert set(steps) == {*QUESTIONS, about}


async def test_without_a_flag_nothing_is_asked_and_nothing_is_said_to_be_absent():
    model = Talker()
    _, steps, legs = await asked(model, ())
    assert model.asked == []
    assert (steps["caption"].outcome, steps["caption"].reason) == (Outcome.SKIPPED, "it is switched off")
    assert legs["caption"] == legs["scene"] == Absent(reason="it is switched off")
    assert not {"scene_in_detail", "answers_about_the_picture", "text_in_the_scene", "parts_of_the_scene"} & set(legs)


async def test_what_half_a_description_leaves_out_is_named():
    _, _, legs = await asked(Talker(), {"caption"})
    assert legs["scene"] == Absent(reason="descriptions of the scene are switched off")
    _, _, legs = await asked(Talker(), {"detailed_caption"})
    assert legs["caption"] == Absent(reason="descriptions of persons and vehicles are switched off")
    dog = shot(START, [seen("dog")])
    _, steps, _ = await asked(Talker(), {"caption"}, visit=dog)
    assert steps["caption"].outcome is Outcome.SKIPPED


async def test_all_that_is_said_reaches_the_record_and_the_prompt_and_weighs_nothing():
    result, _, legs = await asked(Talker(), VISION_TASKS, "Is the gate open?", "Who is it?")
    assert legs["scene_in_detail"] == {"text": "A person at a gate."}
    assert legs["answers_about_the_picture"] == [{"question": "Is the gate open?", "answer": "yes"}]
    assert legs["text_in_the_scene"] == [{"scene_text": "NO PARKING"}, {"scene_text": "ACME"}]
    assert legs["parts_of_the_scene"] == [{"label": "gate"}, {"label": "person"}, {"caption": "a person at a gate"}]
    places = [(one.about, one.box) for one in result.findings if one.box is not None]
    assert places == [
        ("ocr_with_region", LEFT), ("od", LEFT), ("od", RIGHT), ("dense_region_caption", RIGHT)
    ]  # fmt: skip
    scene = scene_of(VISIT, **legs)
    rule = Judge().rule(scene)
    told = "\n".join(line.text for line in lines_of(scene, rule))
    assert all(part in told for part in ("Is the gate open?", "NO PARKING", "ACME", "A person at a gate."))
    assert rule.score == Judge().rule(scene_of(VISIT)).score


@pytest.mark.parametrize("flag", ON_THE_PICTURE)
async def test_what_was_no_answer_is_counted_and_no_negative_finding(flag):
    _, steps, legs = await asked(Talker(silent=True), {flag}, "Nothing?")
    assert steps[flag].reason == "1 answers held raw task tokens or said nothing and were dropped"
    (leg,) = (one for name, one in legs.items() if "scene_" in name or "_scene" in name or "picture" in name)
    assert leg == Absent(reason=steps[flag].reason)


@pytest.mark.parametrize("flag", ON_THE_PICTURE)
async def test_a_model_that_is_away_is_named_for_each_task(flag):
    _, steps, _ = await asked(Unavailable("the file is broken"), {flag}, "Is the gate open?")
    assert (steps[flag].outcome, steps[flag].reason) == (Outcome.UNAVAILABLE, "the file is broken")
