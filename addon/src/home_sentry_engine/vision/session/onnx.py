"""The door to ONNX Runtime: ``ort`` is the module, or None where no extra brought it.

Its wheels report use to their maker from 1.31 on, and ``disable_telemetry_events`` comes too late to keep that from
happening; the environment variable is read when the library is loaded.
"""

import os
from typing import Any

from home_sentry_engine.domain.lazy import lazy

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

ort: Any
try:
    ort = lazy("onnxruntime")
except ModuleNotFoundError:
    ort = None
