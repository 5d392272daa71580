"""Vectors as bytes: little-endian float16 of length 1."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

type Vector = NDArray[np.float32]

_HALF: Final = np.dtype("<f2")


def to_half(vector: Vector) -> bytes:
    """Give a vector as little-endian float16, scaled to length 1 so that it fits."""
    plain = np.asarray(vector, dtype=np.float32)
    length = float(np.linalg.norm(plain.astype(np.float64)))
    return (plain / length if length > 0 else plain).astype(_HALF).tobytes()


def from_half(data: bytes) -> Vector:
    """Give the vector of little-endian float16."""
    return np.frombuffer(data, dtype=_HALF).astype(np.float32)
