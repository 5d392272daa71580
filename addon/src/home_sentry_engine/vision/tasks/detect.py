"""Detect: pictures in, objects out, with any graph of the known contracts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
import time
from typing import Final

import numpy as np

from home_sentry_engine.domain.detection import FrameDetections
from home_sentry_engine.domain.labels import canonical_label
from home_sentry_engine.vision.catalog import Card, ImageInput
from home_sentry_engine.vision.session import Cancel, TensorInfo

from .boxes import BoxRules, Candidates, Selection, select
from .decoders import Contract, Geometry, contract_of, decode
from .errors import MalformedOutput, UnsupportedGraph
from .graph import Array, Graph
from .pictures import Frame, Prepared, prepare

_SIZE_INPUT_DTYPES: Final[Mapping[str, type[np.generic]]] = {
    "int64": np.int64,
    "int32": np.int32,
    "float32": np.float32,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectPlan:
    """How to feed one graph: its contract, input size, how many pictures at once (None = any number), its labels."""

    model_id: str
    contract: Contract
    image: ImageInput
    size: tuple[int, int]
    fixed_batch: int | None
    labels: tuple[str, ...]
    inputs: tuple[TensorInfo, ...]
    output_order: tuple[str, ...]
    quirks: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def adapt(self, rules: BoxRules) -> BoxRules:
        """Give the rules as the card wants them: a lower ``same_class_iou``, no parts for ``whole_boxes``."""
        overlap = float(self.quirks.get("same_class_iou", rules.same_class_iou))
        open_framed = frozenset[str]() if self.quirks.get("whole_boxes") else rules.open_framed
        return replace(rules, same_class_iou=min(overlap, rules.same_class_iou), open_framed=open_framed)


def plan_for(card: Card, graph: Graph) -> DetectPlan:
    """Match a card with the graph that was loaded; raises ``UnsupportedGraph`` where they differ."""
    if card.image is None or not card.labels:
        raise UnsupportedGraph(f"the card {card.id} describes no detector", code="unsupported_graph")
    contract = contract_of(graph.inputs, graph.outputs)
    if contract != card.contract:
        raise UnsupportedGraph(
            f"{card.id} should be {card.contract} but its graph is {contract}", code="unsupported_graph"
        )
    pixels = graph.inputs[0]
    if len(pixels.shape) != 4 or pixels.shape[1] not in {3, None} or pixels.dtype != "float32":
        raise UnsupportedGraph(
            f"the input {pixels.name} of {card.id} is {pixels.dtype} {list(pixels.shape)}, not float32 [N,3,H,W]",
            code="unsupported_graph",
        )
    return DetectPlan(
        model_id=card.id,
        contract=contract,
        image=card.image,
        size=(pixels.shape[3] or card.image.width, pixels.shape[2] or card.image.height),
        fixed_batch=pixels.shape[0],
        labels=tuple(canonical_label(name) for name in card.labels),
        inputs=tuple(graph.inputs),
        output_order=tuple(info.name for info in graph.outputs),
        quirks=card.quirks,
    )


def feeds_of(plan: DetectPlan, prepared: Prepared, originals: Sequence[tuple[int, int]]) -> dict[str, Array]:
    """Give the input tensors by name; contract A also wants the original (width, height) of each picture."""
    feeds: dict[str, Array] = {plan.inputs[0].name: prepared.tensor}
    if plan.contract is Contract.A:
        size_input = plan.inputs[1]
        dtype = _SIZE_INPUT_DTYPES.get(size_input.dtype)
        if dtype is None:
            raise UnsupportedGraph(f"{size_input.name} is {size_input.dtype}, not an integer", code="unsupported_graph")
        feeds[size_input.name] = np.asarray(originals, dtype)
    return feeds


def candidates_of(plan: DetectPlan, outputs: Sequence[Array], geometry: Geometry) -> list[Candidates]:
    """Decode a batch and check that every class has a label; raises ``MalformedOutput``."""
    named = dict(zip(plan.output_order, outputs, strict=True))
    found = decode(plan.contract, named, plan.output_order, geometry)
    for candidates in found:
        classes = candidates.classes
        if classes.size and not 0 <= int(classes.min()) <= int(classes.max()) < len(plan.labels):
            raise MalformedOutput(
                f"{plan.model_id} names class {int(classes.max())} and has {len(plan.labels)} labels",
                code="label_mismatch",
            )
    return found


def detect(
    plan: DetectPlan, graph: Graph, frames: Sequence[Frame], rules: BoxRules, *, cancel: Cancel | None = None
) -> tuple[FrameDetections, ...]:
    """Look at frames, as many at once as the graph takes; blocks.

    Raises ``StageError``; a failure is never an empty result.
    """
    rules = plan.adapt(rules)
    step = plan.fixed_batch or max(1, len(frames))
    results: list[FrameDetections] = []
    for start in range(0, len(frames), step):
        results.extend(_look(plan, graph, frames[start : start + step], rules, cancel))
    return tuple(results)


def _look(
    plan: DetectPlan, graph: Graph, frames: Sequence[Frame], rules: BoxRules, cancel: Cancel | None
) -> list[FrameDetections]:
    originals = tuple((frame.width, frame.height) for frame in frames)
    padded = [*frames, *[frames[-1]] * ((plan.fixed_batch or len(frames)) - len(frames))]
    prepared = prepare(padded, plan.image, size=plan.size)
    feeds = feeds_of(plan, prepared, [(frame.width, frame.height) for frame in padded])
    began = time.perf_counter()
    outputs = graph.run(feeds, cancel)
    spent_ms = (time.perf_counter() - began) * 1000.0 / len(frames)
    geometry = Geometry(
        originals=tuple((frame.width, frame.height) for frame in padded),
        input_size=plan.size,
        ratios=prepared.ratios,
    )
    found = candidates_of(plan, outputs, geometry)
    return [
        _result(plan, frame, select(candidates, plan.labels, rules, original), spent_ms)
        for frame, candidates, original in zip(frames, found, originals, strict=False)
    ]


def _result(plan: DetectPlan, frame: Frame, selection: Selection, spent_ms: float) -> FrameDetections:
    return FrameDetections(
        detections=selection.detections,
        image_width=frame.width,
        image_height=frame.height,
        model_id=plan.model_id,
        inference_ms=spent_ms,
        offset_s=frame.offset_s,
        dropped=selection.dropped,
        uncertain=selection.uncertain,
    )
