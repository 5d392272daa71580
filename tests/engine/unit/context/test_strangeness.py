"""How strange a frame is to what was learned."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest

from home_sentry_engine.context.strangeness import LEARN_FRAMES, Memory, anomaly_of, learned


def unit(seed: int, noise: float = 0.0, size: int = 64) -> np.ndarray:
    random = np.random.default_rng(seed)
    vector = np.ones(size) / np.sqrt(size) + noise * random.normal(size=size) / np.sqrt(size)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def of_frames(count: int, noise: float = 0.1) -> Memory:
    memory = learned(None, unit(0, noise))
    for seed in range(1, count):
        memory = learned(memory, unit(seed, noise))
    return memory


def score(memory: Memory, vector: np.ndarray) -> float:
    found = anomaly_of(memory, vector)
    assert found is not None
    return found


def test_nothing_is_strange_to_a_camera_that_saw_nothing():
    assert anomaly_of(None, unit(0)) is None


@pytest.mark.parametrize("count", range(1, LEARN_FRAMES))
def test_nothing_is_strange_before_ten_frames_were_learned(count):
    assert anomaly_of(of_frames(count), -unit(0)) is None


def test_usual_frames_are_not_strange_and_others_are():
    memory = of_frames(40)
    usual = [score(memory, unit(seed, 0.1)) for seed in range(100, 160)]
    assert np.median(usual) < 0.3
    assert score(memory, unit(7, 5.0)) > 0.95
    assert score(memory, memory.vector) == 0.0


def test_a_new_view_is_absorbed_slowly():
    memory, new = of_frames(40), unit(7, 5.0)
    scores = []
    for _ in range(600):
        scores.append(score(memory, new))
        memory = learned(memory, new)
    assert scores[20] > 0.9
    assert scores[-1] < 0.3


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 10)), min_size=1, max_size=40))
def test_scores_stay_between_nought_and_one(frames):
    memory = None
    for seed, noise in frames:
        found = anomaly_of(memory, unit(seed, noise))
        assert found is None or 0.0 <= found <= 1.0
        memory = learned(memory, unit(seed, noise))
        assert np.linalg.norm(memory.vector) == pytest.approx(1.0, abs=1e-5)
        assert memory.spread >= 0.0
