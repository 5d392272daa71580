"""What a subject looks like to one model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedded:
    """A vector of length 1, float32; ``same_above`` is the cosine from which two of this model's are one subject."""

    model_id: str
    vector: NDArray[np.float32]
    same_above: float
