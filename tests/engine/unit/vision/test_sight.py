"""The tasks of Florence-2 put to a vision-language model in words."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.app.enriching import stand_ins
from home_sentry_engine.domain.box import Box
from home_sentry_engine.domain.errors import Unavailable
from home_sentry_engine.pipeline.enrich import cards
from home_sentry_engine.vision.services import NoBoxes, ServedSight, served
from home_sentry_engine.vision.services.sight import Told
from home_sentry_engine.vision.tasks.florence import FlorenceTask
from home_sentry_engine.vision.tasks.pictures import RgbFrame

FRAME = RgbFrame.of(np.zeros((200, 400, 3), np.uint8))
PLACED = (FlorenceTask.OD, FlorenceTask.DENSE_REGION_CAPTION, FlorenceTask.OCR_WITH_REGION)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2000, 2000) | st.floats(allow_nan=True) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["text", "box", "x"]), inner),
    max_leaves=12,
)


def sight(answer):
    asked = []

    def ask(frame, question, schema, most_tokens):
        asked.append((question, schema, most_tokens))
        return Told(answer=answer, model_id="eyes")

    return ServedSight(ask), asked


@pytest.mark.parametrize(
    "task", [FlorenceTask.CAPTION, FlorenceTask.DETAILED_CAPTION, FlorenceTask.MORE_DETAILED_CAPTION, FlorenceTask.OCR]
)
def test_what_is_told_in_words(task):
    model, asked = sight({"text": "A man at a gate."})
    found = model.ask(task, FRAME)
    assert (found.text, found.dropped, found.task, found.model_id) == ("A man at a gate.", 0, task, "eyes")
    assert asked[0][1]["required"] == ["text"]


def test_each_task_is_another_question():
    questions = set()
    for task in FlorenceTask:
        model, asked = sight({"text": "x", "found": []})
        model.ask(task, FRAME)
        questions.add(asked[0][0])
    assert len(questions) == len(FlorenceTask)


def test_a_free_question_is_put_as_it_stands():
    model, asked = sight({"text": "yes"})
    assert model.answer_question("Is the gate open?", FRAME).text == "yes"
    assert asked[0][0].startswith("Is the gate open?\n")


def test_an_answer_without_words_is_no_answer():
    sight({"text": "A gate."})[0].canary(FRAME)
    for nothing in ({}, {"text": 3}, {"text": None}):
        model, _ = sight(nothing)
        for ask in (model.canary, lambda frame, model=model: model.ask(FlorenceTask.CAPTION, frame)):
            with pytest.raises(Unavailable):
                ask(FRAME)
    assert sight({"text": ""})[0].ask(FlorenceTask.OCR, FRAME).dropped == 1


@pytest.mark.parametrize("task", PLACED)
def test_places_are_boxes_in_pixels(task):
    found = sight({"found": [{"text": " a  gate ", "box": [250, 100, 500, 1000]}]})[0].ask(task, FRAME)
    (region,) = found.regions
    assert (region.text, region.box) == ("a gate", Box(x=100, y=20, width=100, height=180))
    assert found.model_id == "eyes"
    assert sight({"found": []})[0].ask(task, FRAME).regions == ()


NO_BOXES = (
    [5, 5, 5, 5], [600, 100, 300, 900], [0, 0, 1000, 1000], [0, 0, 5000, 10], [-1, 0, 5, 5], [1, 2, 3], ["a"] * 4,
    [True] * 4, None, [0.0, 0.0, float("nan"), 9],
)  # fmt: skip


@pytest.mark.parametrize("box", NO_BOXES)
def test_places_that_are_no_boxes_are_unavailable_with_the_reason(box):
    with pytest.raises(NoBoxes, match="no boxes"):
        sight({"found": [{"text": "gate", "box": box}]})[0].ask(FlorenceTask.OD, FRAME)
    good = {"text": "man", "box": [10, 10, 90, 90]}
    found = sight({"found": [{"text": "gate", "box": box}, good, good]})[0].ask(FlorenceTask.OD, FRAME)
    assert ([one.text for one in found.regions], found.dropped) == (["man"], 2)


@given(JSON)
def test_no_answer_does_more_than_being_refused(value):
    for answer in ({"found": value}, {"text": value}, {"answer": value}):
        model, _ = sight(answer)
        for task in FlorenceTask:
            try:
                found = model.ask(task, FRAME)
            except Unavailable:
                continue
            assert all(region.text and region.box.right <= 400 for region in found.regions)
        assert model.confirms("knife", FRAME) in {True, False, None}


def test_who_confirms_says_yes_no_or_nothing():
    said = {word: sight({"answer": word})[0].confirms("knife", FRAME) for word in ("yes", " No", "unsure", "perhaps")}
    assert said == {"yes": True, " No": False, "unsure": None, "perhaps": None}
    assert sight({})[0].confirms("knife", FRAME) is None


def test_who_stands_for_florence():
    both = {served.FLORENCE, served.SIGHT}
    assert stand_ins(both)[cards.CAPTIONS] == served.FLORENCE
    assert stand_ins(both, by_sight=True)[cards.CAPTIONS] == served.SIGHT
    assert cards.CAPTIONS not in stand_ins({served.SIGHT})
