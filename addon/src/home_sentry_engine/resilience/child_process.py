"""What children of the engine have in common: an environment without its secrets, and pipes that are closed."""

from asyncio.subprocess import Process
import os
from pathlib import Path
from typing import Final

_IMPORTED_FROM: Final = Path(__file__).resolve().parents[2]


def child_environment() -> dict[str, str]:
    """Give the engine's environment without its settings and secrets, and with the way to this package."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HOME_SENTRY_")}
    paths = [str(_IMPORTED_FROM), *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(paths)}


def close_pipes(child: Process) -> None:
    """Close the pipes of a child that has ended: its transport keeps them, and asyncio offers no public way."""
    child._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
