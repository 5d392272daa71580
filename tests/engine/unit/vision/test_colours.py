"""Colour names by pixels."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.vision.tasks.colours import colour_of, has_colours
from home_sentry_engine.vision.tasks.pictures import RgbFrame


def filled(*rgb: int) -> np.ndarray:
    return np.full((80, 120, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [
        ((190, 20, 25), "red"),
        ((20, 60, 180), "blue"),
        ((30, 140, 50), "green"),
        ((230, 200, 30), "yellow"),
        ((245, 245, 245), "white"),
        ((120, 122, 125), "grey"),
        ((15, 15, 18), "black"),
        ((28, 32, 52), "black"),
    ],
)
def test_plain_surfaces_have_their_name(rgb, name):
    found = colour_of(RgbFrame.of(filled(*rgb)))
    assert found is not None
    assert (found.name, found.share) == (name, 1.0)


def test_a_thing_of_many_colours_has_none():
    stripes = np.concatenate([filled(190, 20, 25), filled(20, 60, 180), filled(30, 140, 50)] * 5, axis=1)
    assert colour_of(RgbFrame.of(stripes)) is None


def test_infrared_and_darkness_show_no_colours():
    grey = np.random.default_rng(1).integers(0, 255, (80, 120, 1), np.uint8).repeat(3, axis=2)
    assert not has_colours(grey)
    assert not has_colours(filled(20, 5, 30))
    assert has_colours(filled(190, 20, 25))


@given(st.integers(1, 40), st.integers(1, 40), st.tuples(*[st.integers(0, 255)] * 3))
def test_any_size_and_colour_has_one_name_at_most(height, width, rgb):
    found = colour_of(RgbFrame.of(np.full((height, width, 3), rgb, np.uint8)))
    assert found is not None
    assert found.share == 1.0
