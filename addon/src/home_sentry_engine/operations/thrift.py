"""Keeps small what the C library holds for the engine: few heaps for its many threads, nothing left of the start."""

import ctypes
import gc
from typing import Final

_ARENA_MAX: Final = -8
_HEAPS: Final = 2


def share_heaps() -> bool:
    """Let threads share two heaps, not eight per core; call before they start. False without glibc."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, _HEAPS))
    except OSError, AttributeError:
        return False


def give_back() -> bool:
    """Return what the start alone needed, and leave what stays out of collections. False without glibc."""
    gc.collect()
    gc.freeze()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except OSError, AttributeError:
        return False
    return True
