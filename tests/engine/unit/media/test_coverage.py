from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.media.coverage import Stirring, covering

ROWS, COLUMNS = 18, 32


def _blocks(*places):
    blocks = np.zeros((ROWS, COLUMNS), np.bool_)
    for top, left, side in places:
        blocks[top : top + side, left : left + side] = True
    return blocks


def _moments(frames):
    return [Stirring(offset_s=number * 0.25, blocks=_blocks(*places)) for number, places in enumerate(frames)]


def test_nothing_gives_nothing():
    assert covering([], 3) == []


def test_who_comes_for_a_moment_is_shown_beside_who_stays():
    stays = [(2, 1 + number // 8, 4) for number in range(48)]
    frames = [[place] for place in stays]
    for number in (9, 10, 11):
        frames[number].append((12, 24, 3))
    for number in (30, 31):
        frames[number].append((13, 14, 2))
    taken = covering(_moments(frames), 3)
    assert {9, 10, 11} & set(taken)
    assert {30, 31} & set(taken)


def test_what_walks_is_one_thing_and_is_shown_where_it_is_large():
    frames = [[(8, 1 + number, 2 + (number == 7) * 3)] for number in range(16)]
    assert covering(_moments(frames), 1) == [7]


def test_the_sharper_of_equal_moments_is_taken():
    blocks = _blocks((4, 4, 4))
    moments = [Stirring(offset_s=float(number), blocks=blocks, sharp=0.5 + 0.5 * (number == 3)) for number in range(6)]
    assert covering(moments, 1) == [3]


def test_without_anything_new_they_keep_apart():
    frames = [[(6, 10, 5)] for _ in range(41)]
    taken = sorted(covering(_moments(frames), 4))
    assert min(np.diff(taken)) >= 8
    assert taken[-1] - taken[0] >= 24


@pytest.mark.parametrize("count", [1, 3, 50])
def test_pictures_of_two_sizes_are_compared_with_none(count):
    moments = [*_moments([[(1, 1, 3)]] * 4), Stirring(offset_s=2.0, blocks=np.ones((9, 16), np.bool_))]
    assert len(covering(moments, count)) == min(count, 5)


@settings(max_examples=60, deadline=None)
@given(
    frames=st.lists(
        st.lists(st.tuples(st.integers(0, 14), st.integers(0, 28), st.integers(1, 4)), max_size=4),
        min_size=1,
        max_size=30,
    ),
    count=st.integers(1, 12),
)
def test_as_many_as_asked_for_and_none_twice(frames, count):
    taken = covering(_moments(frames), count)
    assert len(taken) == len(set(taken)) == min(count, len(frames))
    assert all(0 <= index < len(frames) for index in taken)
