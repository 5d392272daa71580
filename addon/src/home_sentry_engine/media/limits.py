"""What a picture or clip may demand before anyone decodes it."""

from collections.abc import Callable
from dataclasses import dataclass


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a single file.

    ``thread_work`` is the number of pixels times scans up to which a decode may run in a thread; beyond it the decode
    is first tried in a child process that gets ``child_cpu_s`` of processor time and ``child_bytes`` of memory.
    One pass over 36 million pixels costs about 30 ms, even when the scan carries nothing. Once ``halted`` says
    so a clip is let go with ``Halted``: the engine ends.
    """

    min_image_bytes: int = 1024
    min_video_bytes: int = 1024
    max_image_bytes: int = 50 * 1024 * 1024
    max_video_bytes: int = 2 * 1024 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_side: int = 16_384
    max_scans: int = 20
    thread_work: int = 100_000_000
    child_cpu_s: int = 8
    child_bytes: int = 1024 * 1024 * 1024
    timeout_s: float = 30.0
    halted: Callable[[], bool] = _never
