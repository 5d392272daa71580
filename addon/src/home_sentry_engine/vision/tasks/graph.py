"""What tasks need of a loaded model: its graphs by role, and answers that are checked to be numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from home_sentry_engine.vision.catalog import Card, ImageInput
from home_sentry_engine.vision.session import Cancel, TensorInfo

from .errors import MalformedOutput, UnsupportedGraph

type Array = np.ndarray[Any, Any]

MAIN = "main"


class Graph(Protocol):
    """A loaded graph, as far as tasks need it."""

    @property
    def inputs(self) -> Sequence[TensorInfo]:
        """Inputs in graph order."""
        ...

    @property
    def outputs(self) -> Sequence[TensorInfo]:
        """Outputs in graph order."""
        ...

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the file says about itself."""
        ...

    def run(self, feeds: Mapping[str, Array], cancel: Cancel | None = None) -> list[Array]:
        """Compute all outputs."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One card with its graphs in memory and its other files on disk, both by the role that the card gives them."""

    card: Card
    graphs: Mapping[str, Graph]
    paths: Mapping[str, Path] = field(default_factory=dict)

    @property
    def image(self) -> ImageInput:
        """How the model wants its pictures; raises ``UnsupportedGraph`` where the card does not say."""
        if self.card.image is None:
            raise UnsupportedGraph(f"the card {self.card.id} does not say how pictures go in", code="unsupported_graph")
        return self.card.image

    def graph(self, role: str = MAIN) -> Graph:
        """Give the graph of a role; raises ``UnsupportedGraph``."""
        try:
            return self.graphs[role]
        except KeyError:
            raise UnsupportedGraph(
                f"the model {self.card.id} has no graph {role!r}", code="unsupported_graph"
            ) from None

    def path(self, role: str) -> Path:
        """Give the file of a role; raises ``UnsupportedGraph``."""
        try:
            return self.paths[role]
        except KeyError:
            raise UnsupportedGraph(f"the model {self.card.id} has no file {role!r}", code="unsupported_graph") from None

    def contract(self, *known: str) -> str:
        """Give the card's contract; raises ``UnsupportedGraph`` for one that the task does not know."""
        if self.card.contract not in known:
            raise UnsupportedGraph(
                f"{self.card.id} speaks {self.card.contract}, this task {', '.join(known)}", code="unsupported_graph"
            )
        return self.card.contract

    def number(self, quirk: str, otherwise: float) -> float:
        """Give a number from the card's quirks."""
        return float(self.card.quirks.get(quirk, otherwise))


def expect_outputs(loaded: Loaded, graph: Graph, wanted: Sequence[str]) -> None:
    """Raise ``UnsupportedGraph`` unless the graph gives all these outputs."""
    have = [info.name for info in graph.outputs]
    missing = [name for name in wanted if name not in have]
    if missing:
        raise UnsupportedGraph(
            f"{loaded.card.id} lacks the outputs {', '.join(missing)}; it gives {', '.join(have)}",
            code="unsupported_graph",
        )


def expect_labels(loaded: Loaded, count: int | None) -> None:
    """Raise ``UnsupportedGraph`` unless the card names as many classes as the graph has (None = the graph is free)."""
    if count is not None and count != len(loaded.card.labels):
        raise UnsupportedGraph(
            f"{loaded.card.id} has {len(loaded.card.labels)} labels and its graph {count} classes",
            code="label_mismatch",
        )


def answer(graph: Graph, feeds: Mapping[str, Array], cancel: Cancel | None = None) -> dict[str, Array]:
    """Run and give the outputs by name; raises ``MalformedOutput`` for values that are no numbers."""
    outputs = graph.run(feeds, cancel)
    named = {info.name: np.asarray(value) for info, value in zip(graph.outputs, outputs, strict=True)}
    for name, value in named.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise MalformedOutput(f"{name} holds values that are no numbers", code="malformed_output")
    return named


def first(named: Mapping[str, Array]) -> Array:
    """Give the value of a graph's first output."""
    return next(iter(named.values()))


def shaped(name: str, value: Array, *shape: int | None) -> Array:
    """Give the value if it has the shape (None = any size); raises ``MalformedOutput``."""
    same = value.ndim == len(shape) and all(want in {None, have} for want, have in zip(shape, value.shape, strict=True))
    if not same:
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise MalformedOutput(
            f"{name} has the shape {list(value.shape)} instead of [{wanted}]", code="malformed_output"
        )
    return value


def softmax(logits: Array) -> Array:
    """Turn logits into shares along the last axis, float64."""
    values = logits.astype(np.float64)
    raised = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True))


def sigmoid(logits: Array) -> Array:
    """Turn logits into 0..1, each by itself, float64."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -88.0, 88.0))))
