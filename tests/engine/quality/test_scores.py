"""The product's average precision beside the tests' own, which was written apart from it."""

from hypothesis import given
from hypothesis import strategies as st
import pytest

from home_sentry_engine.domain.box import Box
from home_sentry_engine.operations.bench import scoring
from tests.engine.quality import scoring as reference

LABELS = ("person", "dog")
SCORES = [round(0.01 * step, 2) for step in range(1, 100)]
boxes = st.builds(Box, x=st.integers(0, 30), y=st.integers(0, 30), width=st.integers(1, 30), height=st.integers(1, 30))
truths = st.lists(
    st.builds(scoring.Truth, label=st.sampled_from(LABELS), box=boxes, difficult=st.booleans()), max_size=5
)


@st.composite
def scenes(draw):
    pictures = draw(st.lists(truths, min_size=1, max_size=4))
    # no two guesses are equally sure: then their order would be free
    left = draw(st.permutations(SCORES))
    guesses = []
    for seen in pictures:
        near = st.sampled_from([one.box for one in seen]) if seen else boxes
        drawn = draw(st.lists(st.tuples(st.sampled_from(LABELS), st.one_of(near, boxes)), max_size=6))
        guesses.append([scoring.Guess(label=label, confidence=left.pop(), box=box) for label, box in drawn])
    return guesses, pictures


@given(scenes())
def test_it_agrees_with_the_reference(scene):
    guesses, pictures = scene
    theirs_guessed = [
        [reference.Guess(label=one.label, score=one.confidence, corners=_corners(one.box)) for one in picture]
        for picture in guesses
    ]
    theirs_true = [
        [reference.Truth(label=one.label, corners=_corners(one.box), difficult=one.difficult) for one in picture]
        for picture in pictures
    ]
    found = {one.label: one.precision for one in scoring.scores(guesses, pictures, LABELS)}
    expected = {label: reference.average_precision(theirs_guessed, theirs_true, label) for label in LABELS}
    assert found == pytest.approx({label: value for label, value in expected.items() if value is not None})


def test_what_the_truth_does_not_hold_has_no_score():
    with pytest.raises(ValueError, match="holds no dog"):
        scoring.average_precision([[]], [[]], "dog")
    with pytest.raises(ValueError, match="none of these"):
        scoring.mean_score(())


def _corners(box: Box) -> tuple[float, float, float, float]:
    return (box.x, box.y, box.right, box.bottom)
