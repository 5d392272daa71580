"""The door to ONNX Runtime: ``ort`` is the module, or None where no extra brought it."""

from typing import Any

ort: Any
try:
    import onnxruntime

    ort = onnxruntime
except ImportError:
    ort = None
