"""Why a model does not run.

::

    StageError
    ├── Unavailable
    │   ├── RuntimeMissing (ImportError)   ONNX Runtime is not installed
    │   ├── SessionFailed (RuntimeError)   the file is no graph that can be loaded
    │   ├── OutOfMemory (MemoryError)      the machine gave no memory while loading it
    │   └── BudgetExceeded (MemoryError)   it does not fit: "needs X MB, free Y MB"
    └── Transient
        ├── InferenceTimeout (TimeoutError)
        └── InferenceFailed (RuntimeError)
            └── MemoryExhausted (MemoryError)  the device gave no memory while computing
"""

from home_sentry_engine.domain.errors import Transient, Unavailable


class RuntimeMissing(Unavailable, ImportError):
    """ONNX Runtime is not installed; the sentence names the extra that brings it."""


class SessionFailed(Unavailable, RuntimeError):
    """The model cannot be loaded."""


class OutOfMemory(Unavailable, MemoryError):
    """The machine had no memory left for the model; what runs already goes on."""


class BudgetExceeded(Unavailable, MemoryError):
    """The model does not fit into the memory that sessions may take; it was not attempted."""


class InferenceTimeout(Transient, TimeoutError):
    """One call took longer than its deadline and was told to stop."""


class InferenceFailed(Transient, RuntimeError):
    """The runtime gave an error while computing."""


class MemoryExhausted(InferenceFailed, MemoryError):
    """The device had no memory left for this computation; others may have to be unloaded first."""
