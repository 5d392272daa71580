"""Static INT8: a copy of a graph whose convolutions compute in eight bits, with ranges measured on pictures.

Weights get one scale per channel, activations one per tensor, clipped where the mean squared error is least. The last
convolutions before an output stay in float32, and so do those whose tensors lose most (signal to quantisation noise).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
import tempfile
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .errors import RuntimeMissing, SessionFailed
from .providers import choose_provider
from .runtime import Array, open_session

_OPSET: Final = 17
_SAMPLES: Final = 4096
_LEVELS: Final = 255
_CLIPS: Final = tuple(1.0 - 0.05 * step for step in range(19))
_HEAVY: Final = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
_TINY: Final = 1e-12
_GRAPH, _READY = "graph.onnx", "ready.onnx"

type Feeds = Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Range of a tensor that eight bits cover, and how much of its signal survives, in decibels."""

    low: float
    high: float
    decibels: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A graph made ready with the measured spans of its tensors, and one picture that it can be run with.

    ``convolutions`` are the nodes that may become INT8, those that lose most first.
    """

    graph: Any
    convolutions: tuple[str, ...]
    spans: Mapping[str, Span]
    example: Feeds


def calibrate(source: Path, pictures: Iterable[Feeds]) -> Calibration:
    """Measure the ranges of a graph's convolutions; blocks for as long as the graph takes for all pictures.

    Raises ``RuntimeMissing`` without the extra ``quantize``, ``SessionFailed`` for a graph that cannot become INT8.
    """
    tool = _tool()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tool.prepare(str(source), str(folder / _READY), skip_symbolic_shape=True)
        graph = tool.onnx.load(str(folder / _READY))
        if graph.opset_import[0].version < _OPSET:
            graph = tool.convert_version(graph, _OPSET)
        reads = _convolutions(graph)
        if not reads:
            raise SessionFailed(f"{source.name} has no convolution that could be INT8", code="no_convolution")
        tensors = sorted({tensor for pair in reads.values() for tensor in pair})
        tool.onnx.save(_open(tool, graph, tensors), str(folder / _GRAPH))
        spans, example = _measured(folder / _GRAPH, tensors, pictures)
    worst_first = sorted(reads, key=lambda name: min(spans[tensor].decibels for tensor in reads[name]))
    return Calibration(graph=graph, convolutions=tuple(worst_first), spans=spans, example=example)


def write_int8(calibration: Calibration, target: Path, *, keep_float: int) -> int:
    """Write the INT8 graph, leaving the ``keep_float`` worst convolutions as they are; gives how many became INT8."""
    tool = _tool()
    chosen = calibration.convolutions[keep_float:]
    ranges = {
        name: [{"rmin": np.float32(span.low), "rmax": np.float32(span.high)}]
        for name, span in calibration.spans.items()
    }
    with tempfile.TemporaryDirectory() as place:
        ready = Path(place, _READY)
        tool.onnx.save(calibration.graph, str(ready))
        tool.quantize(
            str(ready),
            str(target),
            _once(tool, calibration.example),
            quant_format=tool.qdq,
            activation_type=tool.unsigned,
            weight_type=tool.signed,
            per_channel=True,
            nodes_to_quantize=list(chosen),
            op_types_to_quantize=["Conv"],
            extra_options={"TensorQuantOverrides": ranges},
        )
    return len(chosen)


def span_of(values: NDArray[np.float32]) -> Span:
    """Choose the range of least mean squared error for 256 levels; zero always lies in it."""
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    power = float((values.astype(np.float64) ** 2).mean())
    errors = [(_error(values, low * clip, high * clip), clip) for clip in _CLIPS]
    error, clip = min(errors)
    return Span(low=low * clip, high=high * clip, decibels=10.0 * float(np.log10((power + _TINY) / (error + _TINY))))


def _error(values: NDArray[np.float32], low: float, high: float) -> float:
    step = max((high - low) / _LEVELS, _TINY)
    levels = np.clip(np.round((values - low) / step), 0, _LEVELS)
    return float(((levels * step + low - values) ** 2).mean())


def _convolutions(graph: Any) -> dict[str, tuple[str, str]]:
    """Give the convolutions by name with the tensors that they read and write, without the last before an output."""
    makers = {output: node for node in graph.graph.node for output in node.output}
    last: set[str] = set()
    seen: set[str] = set()
    waiting = [output.name for output in graph.graph.output]
    while waiting:
        name = waiting.pop()
        node = makers.get(name)
        if node is None or name in seen:
            continue
        seen.add(name)
        if node.op_type in _HEAVY:
            last.add(node.name)
        else:
            waiting.extend(node.input)
    return {
        node.name: (node.input[0], node.output[0])
        for node in graph.graph.node
        if node.op_type == "Conv" and node.name not in last
    }


def _open(tool: SimpleNamespace, graph: Any, tensors: Iterable[str]) -> Any:
    """Give a copy of the graph that also answers with these tensors."""
    opened = tool.onnx.ModelProto()
    opened.CopyFrom(graph)
    known = {info.name for info in (*opened.graph.output, *opened.graph.input)}
    opened.graph.output.extend(
        tool.onnx.helper.make_tensor_value_info(name, tool.onnx.TensorProto.FLOAT, None)
        for name in tensors
        if name not in known
    )
    return opened


def _measured(path: Path, tensors: Iterable[str], pictures: Iterable[Feeds]) -> tuple[dict[str, Span], Feeds]:
    session = open_session(path, choice=choose_provider("cpu", ("cpu",)))
    random = np.random.default_rng(0)
    found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in tensors}
    example: Feeds | None = None
    for feeds in pictures:
        example = example or feeds
        named = {**feeds, **dict(zip(session.output_names, session.run(feeds), strict=True))}
        for name, samples in found.items():
            values = named[name].ravel()
            few = random.choice(values, min(_SAMPLES, values.size), replace=False)
            samples.append(np.append(few, (values.min(), values.max())).astype(np.float32))
    if example is None:
        raise SessionFailed("there are no pictures to measure ranges with", code="no_pictures")
    return {name: span_of(np.concatenate(samples)) for name, samples in found.items()}, example


def _once(tool: SimpleNamespace, feeds: Feeds) -> Any:
    """Give a reader with one picture: every range that counts is set already."""
    waiting: list[Feeds] = [feeds]

    class Once(tool.reader):  # type: ignore[misc, name-defined]
        def get_next(self) -> Feeds | None:
            return waiting.pop() if waiting else None

    return Once()


def _tool() -> SimpleNamespace:
    try:
        onnx = import_module("onnx")
        converter = import_module("onnx.version_converter")
        quantization = import_module("onnxruntime.quantization")
        shapes = import_module("onnxruntime.quantization.shape_inference")
    except ImportError as err:
        raise RuntimeMissing(
            f"{err.name or 'a library'} is not installed: install the engine with the extra quantize",
            code="runtime_missing",
        ) from err
    return SimpleNamespace(
        onnx=onnx,
        convert_version=converter.convert_version,
        prepare=shapes.quant_pre_process,
        quantize=quantization.quantize_static,
        reader=quantization.CalibrationDataReader,
        qdq=quantization.QuantFormat.QDQ,
        unsigned=quantization.QuantType.QUInt8,
        signed=quantization.QuantType.QInt8,
    )
