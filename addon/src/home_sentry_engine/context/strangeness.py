"""How strange a frame is: its distance from what an image model usually sees at this camera."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEARN_FRAMES: Final = 10
_PACE: Final = 0.05
_SLOW: Final = 0.01
_STRANGE: Final = 0.8
_LEAST_SPREAD: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """The mean of ``learned`` vectors, of length 1, and their usual distance from it (1 - cosine)."""

    learned: int
    vector: NDArray[np.float32]
    spread: float


def anomaly_of(memory: Memory | None, vector: NDArray[np.float32]) -> float | None:
    """Give how strange a vector of length 1 is, 0..1; None until ten frames were learned.

    Frames as far away as usual get 0, those twice as far 0.63, and so on with falling growth.
    """
    if memory is None or memory.learned < LEARN_FRAMES:
        return None
    beyond = _distance(memory, vector) - memory.spread
    return float(-np.expm1(-max(0.0, beyond) / max(memory.spread, _LEAST_SPREAD)))


def learned(memory: Memory | None, vector: NDArray[np.float32]) -> Memory:
    """Take a frame into the memory; a strange one moves it slowly, so that a new view is absorbed in the end."""
    if memory is None:
        return Memory(learned=1, vector=vector, spread=0.0)
    strange = (anomaly_of(memory, vector) or 0.0) >= _STRANGE
    pace = _SLOW if strange else max(_PACE, 1.0 / (memory.learned + 1))
    mean = memory.vector + pace * (vector - memory.vector)
    spread = memory.spread + pace * (_distance(memory, vector) - memory.spread)
    length = max(float(np.linalg.norm(mean)), 1e-9)
    return Memory(learned=memory.learned + 1, vector=(mean / length).astype(np.float32), spread=spread)


def _distance(memory: Memory, vector: NDArray[np.float32]) -> float:
    return max(0.0, 1.0 - float(np.dot(memory.vector, vector)))
