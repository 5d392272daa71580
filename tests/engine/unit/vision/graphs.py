"""Tiny real graphs with the shapes of real detectors: they answer what the test says, for any number of pictures."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 32
_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def constant_graph(
    path: Path,
    answers: Mapping[str, np.ndarray],
    *,
    side: int | None = SIDE,
    batch: int | None = None,
    with_sizes: bool = False,
    image_name: str = "images",
) -> Path:
    """Write a graph that gives ``answers`` (without batch axis) once per picture.

    ``with_sizes`` adds contract A's second input, and an answer called ``boxes`` is multiplied by (W, H, W, H).
    """
    nodes = [
        helper.make_node("ReduceMean", [image_name], ["mean"], axes=[1, 2, 3], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["none"]),
    ]
    constants = [numpy_helper.from_array(np.zeros((), np.float32), "zero")]
    image = helper.make_tensor_value_info(image_name, TensorProto.FLOAT, [batch or "N", 3, side or "H", side or "W"])
    inputs = [image]
    if with_sizes:
        inputs.append(helper.make_tensor_value_info("orig_target_sizes", TensorProto.INT64, [batch or "N", 2]))
        nodes += [
            helper.make_node("Cast", ["orig_target_sizes"], ["sizes"], to=TensorProto.FLOAT),
            helper.make_node("Concat", ["sizes", "sizes"], ["scale"], axis=1),
            helper.make_node("Unsqueeze", ["scale", "one"], ["scales"]),
        ]
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "one"))
    outputs = []
    for name, answer in answers.items():
        shape = [-1, *[1] * answer.ndim]
        constants += [
            numpy_helper.from_array(answer[np.newaxis], f"{name}_value"),
            numpy_helper.from_array(np.array(shape, np.int64), f"{name}_shape"),
        ]
        scaled = with_sizes and name == "boxes"
        nodes += [
            helper.make_node("Reshape", ["none", f"{name}_shape"], [f"{name}_none"]),
            helper.make_node("Cast", [f"{name}_none"], [f"{name}_typed"], to=_TYPES[answer.dtype]),
            helper.make_node("Add", [f"{name}_value", f"{name}_typed"], [f"{name}_plain" if scaled else name]),
        ]
        if scaled:
            nodes.append(helper.make_node("Mul", [f"{name}_plain", "scales"], [name]))
        outputs.append(helper.make_tensor_value_info(name, _TYPES[answer.dtype], [batch or "N", *answer.shape]))
    graph = helper.make_graph(nodes, "test", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def hungry_graph(path: Path, image: list[int], answer: tuple[str, list[int]]) -> Path:
    """Write a graph that loads and whose first run asks for 4 PB, which no machine has."""
    name, shape = answer
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["most"], keepdims=0),
        helper.make_node("Expand", ["most", "huge"], ["all"]),
        helper.make_node("ReduceMax", ["all"], ["one"], keepdims=0),
        helper.make_node("Expand", ["one", "shape"], [name]),
    ]
    constants = [
        numpy_helper.from_array(np.array([1000] * 5, np.int64), "huge"),
        numpy_helper.from_array(np.array(shape, np.int64), "shape"),
    ]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, image)]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
    graph = helper.make_graph(nodes, "hungry", inputs, outputs, constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), str(path))
    return path


def contract_a(path: Path, found: list[tuple[int, float, tuple[float, float, float, float]]], **options) -> Path:
    """Write the official export: (class, score, normalised xyxy) per box."""
    return constant_graph(
        path,
        {
            "labels": np.array([kind for kind, _, _ in found], np.int64),
            "boxes": np.array([box for _, _, box in found], np.float32).reshape(-1, 4),
            "scores": np.array([score for _, score, _ in found], np.float32),
        },
        with_sizes=True,
        **options,
    )


def logits_for(found: list[tuple[int, float, tuple[float, float, float, float]]], classes: int) -> tuple:
    """Give (logits [Q,classes], boxes [Q,4] cxcywh) that mean the same as contract A's answer."""
    logits = np.full((len(found), classes), -20.0, np.float32)
    boxes = np.zeros((len(found), 4), np.float32)
    for index, (kind, score, (left, top, right, bottom)) in enumerate(found):
        logits[index, kind] = np.log(score / (1 - score))
        boxes[index] = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
    return logits, boxes


def fixed_graph(
    path: Path, inputs: Mapping[str, tuple[str, list[int | str]]], answers: Mapping[str, np.ndarray], **metadata: str
) -> Path:
    """Write a graph with inputs of (dtype, shape) that gives ``answers`` as they are, whatever comes in."""
    given = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape)
        for name, (dtype, shape) in inputs.items()
    ]
    nodes = [helper.make_node("Identity", [f"{name}_value"], [name]) for name in answers]
    constants = [numpy_helper.from_array(answer, f"{name}_value") for name, answer in answers.items()]
    outputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(answer.dtype), answer.shape)
        for name, answer in answers.items()
    ]
    return save_graph(path, nodes, given, outputs, constants, **metadata)


def save_graph(path: Path, nodes, inputs, outputs, constants=(), **metadata: str) -> Path:
    """Check and write a graph."""
    graph = helper.make_graph(list(nodes), "test", list(inputs), list(outputs), list(constants))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path
