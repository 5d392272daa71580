"""Sessions: ONNX Runtime behind one door; knows graphs, providers and memory, and no model by name."""

from .errors import (
    BudgetExceeded,
    InferenceFailed,
    InferenceTimeout,
    MemoryExhausted,
    OutOfMemory,
    RuntimeMissing,
    SessionFailed,
)
from .gate import AcceleratorGate
from .memory import host_free_bytes, host_total_bytes
from .pool import PoolEntry, Rank, Room, SessionPool, SessionSpec
from .providers import ProviderChoice, available_providers, choose_provider, has_accelerator, load_library
from .quantize import Calibration, calibrate, write_int8
from .runner import Runner
from .runtime import Cancel, Session, TensorInfo, open_session

__all__ = [
    "AcceleratorGate",
    "BudgetExceeded",
    "Calibration",
    "Cancel",
    "InferenceFailed",
    "InferenceTimeout",
    "MemoryExhausted",
    "OutOfMemory",
    "PoolEntry",
    "ProviderChoice",
    "Rank",
    "Room",
    "Runner",
    "RuntimeMissing",
    "Session",
    "SessionFailed",
    "SessionPool",
    "SessionSpec",
    "TensorInfo",
    "available_providers",
    "calibrate",
    "choose_provider",
    "has_accelerator",
    "host_free_bytes",
    "host_total_bytes",
    "load_library",
    "open_session",
    "write_int8",
]
