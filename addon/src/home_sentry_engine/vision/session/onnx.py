"""The door to ONNX Runtime: ``ort`` is the module, or None where no extra brought it."""

from typing import Any

from home_sentry_engine.domain.lazy import lazy

ort: Any
try:
    ort = lazy("onnxruntime")
except ModuleNotFoundError:
    ort = None
