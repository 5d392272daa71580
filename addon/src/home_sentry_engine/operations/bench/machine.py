"""What a figure was measured on."""

from dataclasses import dataclass
from importlib import metadata
import os
from pathlib import Path
import platform
from typing import Final

import psutil

from home_sentry_engine import __version__

_LIBRARIES: Final = (
    "onnxruntime",
    "onnxruntime-gpu",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "simplejpeg",
    "av",
    "sqlalchemy",
    "aiosqlite",
    "asyncpg",
    "redis",
    "aiohttp",
    "llama-cpp-python",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineFacts:
    """Hardware, versions and how busy the machine was at the start (processes that wanted a core, over one minute)."""

    engine: str
    python: str
    system: str
    processor: str
    cores: int
    memory_gb: float
    load_1min: float
    versions: dict[str, str]


def machine_facts() -> MachineFacts:
    """Describe this machine."""
    return MachineFacts(
        engine=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
        load_1min=round(os.getloadavg()[0], 2),
        versions={name: version for name in _LIBRARIES if (version := _version(name))},
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
