"""Cameras that settings name and nobody knows: misspelt, or yet to come."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from home_sentry_engine.settings import Settings

_SHOWN: Final = 20
_ANY: Final = "*"


def stray_cameras(settings: Settings, known: Iterable[str]) -> tuple[str, ...]:
    """Say of each setting which of its cameras are not among the known ids; nothing while no camera is known."""
    ids = sorted(known)
    if not ids:
        return ()
    named = {
        "camera_confidence": settings.detect.camera_confidence,
        "box_rules": settings.detect.box_rules,
        "depth_scales": settings.enrichment.depth_scales,
    }
    listed = ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")
    return tuple(
        f"{setting} names {_all(strange, ids)}, which no camera is called yet; known: {listed}"
        for setting, cameras in named.items()
        if (strange := sorted(set(cameras) - {_ANY} - set(ids)))
    )


def _all(strange: list[str], ids: list[str]) -> str:
    return ", ".join(
        f"'{name}' (nearest: '{near[0]}')" if (near := get_close_matches(name, ids, n=1)) else f"'{name}'"
        for name in strange
    )
