"""Python, memory, processor and clock."""

import ctypes
from datetime import UTC, datetime
import os
from pathlib import Path
import platform
import sys
from typing import Final

import psutil

from home_sentry_engine.settings import Settings

from .findings import Finding, fail, ok, warn

_PYTHON_FLOOR: Final = (3, 14, 2)
_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_CGROUP_USED: Final = Path("/sys/fs/cgroup/memory.current")
_MEMORY_FAIL_BYTES: Final = 350_000_000
_MEMORY_WARN_BYTES: Final = 1_000_000_000
_FIRST_RELEASE: Final = datetime(2026, 11, 1, tzinfo=UTC)
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 512


async def look(settings: Settings) -> tuple[Finding, ...]:
    """Look at the machine itself."""
    return python(sys.version_info[:3]), memory(free_memory_bytes()), processor(), clock(settings)


def python(version: tuple[int, int, int]) -> Finding:
    """Judge the version of Python."""
    shown = ".".join(map(str, version))
    if version < _PYTHON_FLOOR:
        floor = ".".join(map(str, _PYTHON_FLOOR))
        return fail("python", f"Python {shown} is too old", f"use Python {floor} or newer; scripts/setup brings one")
    return ok("python", f"Python {shown} on {platform.system()} {platform.release()}, {platform.machine()}")


def memory(free_bytes: int) -> Finding:
    """Judge free memory; the engine with its small detector needs up to 350 MB."""
    text = f"{free_bytes / 1e9:.1f} GB of memory free"
    if free_bytes < _MEMORY_FAIL_BYTES:
        return fail("memory", text, "free some memory: the engine needs at least 0.35 GB", free_bytes=free_bytes)
    if free_bytes < _MEMORY_WARN_BYTES:
        return warn("memory", text, "switch the language model off (llm: false)", free_bytes=free_bytes)
    return ok("memory", text, free_bytes=free_bytes)


def free_memory_bytes() -> int:
    """Give what this process may still take: of the machine, or of its container if that is less."""
    free: int = psutil.virtual_memory().available
    try:
        limit = int(_CGROUP_LIMIT.read_text(encoding="ascii"))
        return min(free, limit - int(_CGROUP_USED.read_text(encoding="ascii")))
    except OSError, ValueError:
        return free


def processor() -> Finding:
    """Tell how many cores there are for us."""
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        return warn("processor", "1 processor core", "pictures wait while a model computes; give it 2 cores", cores=1)
    return ok("processor", f"{cores} processor cores", cores=cores)


def clock(settings: Settings) -> Finding:
    """Judge the clock: hours of the day weigh in every score."""
    now = datetime.now(UTC)
    local = now.astimezone(settings.time_zone)
    text = f"{local:%Y-%m-%d %H:%M} in {settings.time_zone.key}"
    if now < _FIRST_RELEASE:
        return fail("clock", f"{text}, which is in the past", "set the clock; use a time server (NTP)")
    if _is_unsynchronised():
        return warn("clock", f"{text}, not held by a time server", "switch NTP on (timedatectl set-ntp true)")
    return ok("clock", text)


def _is_unsynchronised() -> bool:
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        # modes = 0 at the start of struct timex only reads
        return bool(libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)) == _TIME_ERROR)
    except AttributeError, OSError:
        return False
