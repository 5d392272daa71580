"""Plain English for counts, lists and durations."""

from collections.abc import Sequence
from typing import Final

_PLURALS: Final = {"person": "people", "bus": "buses", "sheep": "sheep", "knife": "knives", "sandwich": "sandwiches"}


def counted(label: str, count: int) -> str:
    """Say ``1 person``, ``2 people``, ``3 dogs``."""
    return f"{count} {label if count == 1 else _PLURALS.get(label, f'{label}s')}"


def listed(words: Sequence[str]) -> str:
    """Say ``a``, ``a and b``, ``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def duration(seconds: float) -> str:
    """Say ``40 s`` or, from two minutes on, ``3 min``."""
    return f"{round(seconds)} s" if seconds < 120 else f"{round(seconds / 60)} min"
