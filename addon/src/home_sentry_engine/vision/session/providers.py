"""Which execution providers this machine has, and which one a session asks for."""

from collections.abc import Collection, Mapping
import ctypes
from dataclasses import dataclass, replace
import importlib
from importlib.machinery import PathFinder
import importlib.util
import logging
from pathlib import Path
from typing import Any, Final, Self

from .onnx import ort

_LOGGER = logging.getLogger(__name__)
CPU: Final = "cpu"
_NAMES: Final[Mapping[str, str]] = {
    "tensorrt": "TensorrtExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    CPU: "CPUExecutionProvider",
}
_OPENVINO_PLUGIN: Final = "onnxruntime_ep_openvino"
_OPENVINO_REGISTRATION: Final = "home_sentry_openvino"
_AUTO_ORDER: Final = ("cuda", "openvino", CPU)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderChoice:
    """What a session asks for: short names, best first, always ending in ``cpu``, and why.

    TensorRT keeps the engines that it builds in the folder ``cache``.
    """

    wanted: tuple[str, ...]
    reason: str
    cache: Path | None = None

    def without(self, names: Collection[str], why: str) -> Self:
        """Give the choice less these providers, unchanged where none of them is wanted."""
        left = tuple(name for name in self.wanted if name not in names)
        if left == self.wanted:
            return self
        return replace(self, wanted=left, reason=f"{left[0]} instead of {self.wanted[0]}: {why}")


def load_library() -> None:
    """Load ONNX Runtime now, for who measures what comes after; without it nothing happens."""
    if ort is not None:
        ort.get_available_providers()


def available_providers() -> tuple[str, ...]:
    """Give the short names of the providers whose library and device are both here; empty without ONNX Runtime."""
    if ort is None:
        return ()
    if not _has_accelerator_parts():
        # ONNX Runtime takes a tenth of the memory of an idle engine, which need not hold it to know this
        return (CPU,)
    built_in = set(ort.get_available_providers())
    found: list[str] = []
    if _cuda_devices():
        found += [name for name in ("tensorrt", "cuda") if _NAMES[name] in built_in]
    if _NAMES["openvino"] in built_in or openvino_devices():
        found.append("openvino")
    return (*found, CPU)


def has_accelerator(available: tuple[str, ...]) -> bool:
    """Tell whether a GPU provider is among them."""
    return "cuda" in available or "tensorrt" in available


def choose_provider(wanted: str, available: tuple[str, ...]) -> ProviderChoice:
    """Choose for ``auto`` or a named provider; what is missing falls back to the processor and says so.

    TensorRT is taken only by name: it builds an engine for minutes at the first load.
    """
    if wanted == "auto":
        best = next((name for name in _AUTO_ORDER if name in available), CPU)
        reason = f"{best} is the best of: {', '.join(available) or 'none'}" if best != CPU else "no accelerator is here"
        return ProviderChoice(wanted=_chain(best), reason=reason)
    if wanted in available:
        return ProviderChoice(wanted=_chain(wanted), reason=f"{wanted} was asked for")
    return ProviderChoice(
        wanted=(CPU,), reason=f"{wanted} was asked for but is not here: {_missing_reason(wanted)}; using the processor"
    )


def apply_providers(options: Any, choice: ProviderChoice) -> list[str | tuple[str, dict[str, str]]]:
    """Give the provider list for a session; an OpenVINO plug-in is entered into ``options`` instead."""
    plugin = openvino_devices() if "openvino" in choice.wanted else []
    if plugin:
        options.add_provider_for_devices(plugin[:1], {})
        return []
    if has_accelerator(choice.wanted) and hasattr(ort, "preload_dlls"):
        ort.preload_dlls()
    return [_configured(name, choice.cache) for name in choice.wanted]


def short_name(provider: str) -> str:
    """Give the short name of ONNX Runtime's provider name."""
    return next((short for short, name in _NAMES.items() if name == provider), provider)


def openvino_devices() -> list[Any]:
    """Give the devices of the OpenVINO plug-in; empty when it is not installed or knows no device here."""
    if ort is None:
        return []
    try:
        plugin = importlib.import_module(_OPENVINO_PLUGIN)
    except ImportError:
        return []
    try:
        ort.register_execution_provider_library(_OPENVINO_REGISTRATION, plugin.get_library_path())
    except Exception as err:  # noqa: BLE001 - ONNX Runtime raises its own unnamed types, also for "registered already"
        _LOGGER.debug("OpenVINO plug-in: %s", err)
    return [device for device in ort.get_ep_devices() if device.ep_name.startswith(_NAMES["openvino"])]


def _chain(best: str) -> tuple[str, ...]:
    if best == "tensorrt":
        return (best, "cuda", CPU)
    return (best, CPU) if best != CPU else (CPU,)


def _configured(name: str, cache: Path | None) -> str | tuple[str, dict[str, str]]:
    if name == "cuda":
        return _NAMES[name], {"cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested"}
    if name == "tensorrt":
        kept = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": str(cache)} if cache is not None else {}
        return _NAMES[name], {"trt_fp16_enable": "1", **kept}
    return _NAMES[name]


def _missing_reason(name: str) -> str:
    if ort is None:
        return "ONNX Runtime is not installed"
    built_in = set(ort.get_available_providers())
    if name in {"cuda", "tensorrt"} and _NAMES[name] in built_in:
        return "no NVIDIA driver or device answers"
    if name == "openvino":
        return "the OpenVINO plug-in is not installed or finds no device"
    return "this build of ONNX Runtime does not carry it"


def _has_accelerator_parts() -> bool:
    if _cuda_devices() or importlib.util.find_spec(_OPENVINO_PLUGIN) is not None:
        return True
    runtime = PathFinder.find_spec("onnxruntime")
    folders = () if runtime is None else runtime.submodule_search_locations or ()
    return any(next(Path(folder, "capi").glob("*openvino*"), None) for folder in folders)


def _cuda_devices() -> int:
    """Ask the driver itself, so that a GPU build on a machine without GPU is no GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value
