"""Embeddings: what something looks like, as a vector that only its own model can compare."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.vision.session import Cancel

from .errors import MalformedOutput, UnsupportedGraph
from .graph import Array, Loaded, first
from .inputs import input_size, look
from .pictures import Frame

_SHORTEST: Final = 1e-6


class MixedEmbeddings(HomeSentryError, TypeError):
    """Vectors of different models were about to be compared, which would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Embedding:
    """A vector of length 1, float32, and the model that it belongs to."""

    model_id: str
    values: NDArray[np.float32]

    def similarity(self, other: Embedding) -> float:
        """Give the cosine, -1..1; raises ``MixedEmbeddings`` for another model's vector."""
        if self.model_id != other.model_id or self.values.shape != other.values.shape:
            raise MixedEmbeddings(
                f"{self.model_id} with {self.values.size} values and {other.model_id} with {other.values.size} "
                "cannot be compared"
            )
        return float(np.dot(self.values, other.values))


def unit(vector: Array, model_id: str, dimension: int | None = None) -> Embedding:
    """Bring a vector to length 1; raises ``MalformedOutput`` for one without length, or of another dimension."""
    if dimension is not None and vector.size != dimension:
        raise MalformedOutput(f"{model_id} gave {vector.size} values instead of {dimension}", code="malformed_output")
    values = vector.astype(np.float64).ravel()
    length = float(np.linalg.norm(values))
    if length < _SHORTEST:
        raise MalformedOutput(f"{model_id} gave an empty vector", code="malformed_output")
    return Embedding(model_id=model_id, values=(values / length).astype(np.float32))


class Embedder:
    """Turns a cut-out into a vector; ``same_above`` is the model's own threshold for "the same"."""

    def __init__(self, loaded: Loaded, contract: str = "embedding") -> None:
        """Match card and graph; raises ``UnsupportedGraph``."""
        loaded.contract(contract)
        self._graph, self._image, self.model_id = loaded.graph(), loaded.image, loaded.card.id
        self._size = input_size(self._graph, self._image)
        self.same_above = loaded.number("same_above", 1.0)
        self.dimension = int(loaded.number("dimension", 0))
        shape = self._graph.outputs[0].shape
        if shape and shape[-1] not in {None, self.dimension}:
            raise UnsupportedGraph(
                f"{self.model_id} gives {shape[-1]} values, its card says {self.dimension}", code="label_mismatch"
            )

    def canary(self, frame: Frame) -> None:
        """Look once; raises ``StageError``."""
        self.embed(frame)

    def embed(self, frame: Frame, *, cancel: Cancel | None = None) -> Embedding:
        """Look at one cut-out; blocks, raises ``StageError``."""
        value = first(look(self._graph, frame, self._image, size=self._size, cancel=cancel))
        return unit(value, self.model_id, self.dimension)
