"""One loaded graph."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
import threading
from typing import Any, Final

import numpy as np
import psutil

from .errors import InferenceFailed, MemoryExhausted, OutOfMemory, RuntimeMissing, SessionFailed
from .onnx import ort
from .providers import ProviderChoice, apply_providers, short_name

type Array = np.ndarray[Any, Any]

_DTYPES: Final[Mapping[str, str]] = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(bool)": "bool",
}
_QUIET: Final = 3
_NO_MEMORY: Final = (
    "bad_alloc",
    "failed to allocate memory",
    "out of memory",
    "alloc_failed",
    "cudaerrormemoryallocation",
    "is smaller than requested bytes",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """An input or output of a graph; a dimension is a number where it is fixed, None where it is free."""

    name: str
    dtype: str
    shape: tuple[int | None, ...]


class Cancel:
    """Tells a running call to stop at the next node of its graph; thread-safe."""

    def __init__(self) -> None:
        """Start without a wish to stop."""
        self._options: Any = None
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._hears: Callable[[], None] | None = None

    @property
    def cancelled(self) -> bool:
        """Whether the call should stop."""
        return self._event.is_set()

    @property
    def run_options(self) -> Any:
        """ONNX Runtime's handle of the call, made when it is asked for: not every detector runs in it."""
        with self._lock:
            if self._options is None and ort is not None:
                self._options = ort.RunOptions()
                self._options.terminate = self.cancelled
            return self._options

    def cancel(self) -> None:
        """Stop the call."""
        with self._lock:
            self._event.set()
            if self._options is not None:
                self._options.terminate = True
            if self._hears is not None:
                self._hears()

    @contextmanager
    def heard(self, hears: Callable[[], None]) -> Iterator[None]:
        """Call this, which must be quick, from another thread if the call is told to stop meanwhile or was before."""
        with self._lock:
            self._hears = hears
            if self.cancelled:
                hears()
        try:
            yield
        finally:
            with self._lock:
                self._hears = None


class Session:
    """A graph in memory, ready to run from any thread.

    ``provider`` is what was really obtained and ``provider_reason`` why; ``memory_bytes`` is how much the process's
    resident memory grew while it was loaded.
    """

    def __init__(self, raw: Any, *, choice: ProviderChoice, memory_bytes: int) -> None:
        """Wrap an ``onnxruntime.InferenceSession``."""
        self._raw = raw
        self.inputs = tuple(_info(node) for node in raw.get_inputs())
        self.outputs = tuple(_info(node) for node in raw.get_outputs())
        self.metadata: Mapping[str, str] = dict(raw.get_modelmeta().custom_metadata_map)
        self.memory_bytes = memory_bytes
        self.provider = short_name(raw.get_providers()[0])
        self.provider_reason = choice.reason
        if self.provider != choice.wanted[0]:
            self.provider_reason = f"{choice.wanted[0]} was wanted ({choice.reason}) but ONNX Runtime could not load it"

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs in graph order."""
        return tuple(info.name for info in self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs in graph order."""
        return tuple(info.name for info in self.outputs)

    def run(self, feeds: Mapping[str, Array], cancel: Cancel | None = None) -> list[Array]:
        """Compute all outputs in graph order; blocks. Raises ``InferenceFailed``, ``MemoryExhausted``."""
        try:
            outputs: list[Array] = self._raw.run(None, dict(feeds), cancel.run_options if cancel else None)
        except Exception as err:
            why = f"the model could not compute: {_first_line(err)}"
            if _no_memory(err):
                raise MemoryExhausted(why, code="out_of_memory") from err
            raise InferenceFailed(why, code="inference_failed") from err
        return outputs


def open_session(path: Path, *, choice: ProviderChoice, threads: int = 0) -> Session:
    """Load a graph; blocks. ``threads`` 0 = one per core.

    Raises ``RuntimeMissing``, ``OutOfMemory`` or ``SessionFailed``.
    """
    if ort is None:
        raise RuntimeMissing(
            "ONNX Runtime is not installed: install the engine with one of the extras cpu, cuda, openvino",
            code="runtime_missing",
        )
    ort.disable_telemetry_events()
    options = ort.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = threads
    before = psutil.Process().memory_info().rss
    try:
        providers = apply_providers(options, choice)
        raw = ort.InferenceSession(str(path), sess_options=options, **({"providers": providers} if providers else {}))
    except Exception as err:
        why = _first_line(err).replace(str(path), path.name)
        if _no_memory(err):
            raise OutOfMemory(
                f"the machine had no memory left to load {path.name} ({path.stat().st_size / 1e6:.0f} MB)",
                code="out_of_memory",
            ) from err
        raise SessionFailed(f"{path.name} cannot be loaded: {why}", code="session_failed") from err
    return Session(raw, choice=choice, memory_bytes=max(0, psutil.Process().memory_info().rss - before))


def runtime_version() -> str | None:
    """Give the version of ONNX Runtime, None without it."""
    return None if ort is None else str(ort.__version__)


def _info(node: Any) -> TensorInfo:
    shape: Sequence[object] = node.shape or ()
    return TensorInfo(
        name=node.name,
        dtype=_DTYPES.get(node.type, node.type),
        shape=tuple(size if isinstance(size, int) and size >= 0 else None for size in shape),
    )


def _no_memory(err: Exception) -> bool:
    return isinstance(err, MemoryError) or any(word in str(err).casefold() for word in _NO_MEMORY)


def _first_line(err: Exception) -> str:
    return next(iter(str(err).splitlines()), type(err).__name__)[:300]
