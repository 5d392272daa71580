"""Prompts as files that a person may read: one per model for what holds, one per version for the history.

The database is the truth: several engines share it, a change is one transaction with its version, and it is backed up.
The files follow it and are never read.
"""

import json
from pathlib import Path
from typing import Final

from home_sentry_engine.contract import PromptConfig, PromptVersion, to_plain
from home_sentry_engine.media.paths import write_atomic

FOLDER: Final = "prompts"


class PromptFiles:
    """Writes below the data folder; every call blocks and may raise ``OSError``."""

    def __init__(self, data: Path) -> None:
        """Take the data folder."""
        self._folder = data / FOLDER

    def keep(self, version: PromptVersion) -> None:
        """Write a version unless it lies there already: versions never change."""
        place = self._folder / version.model.value / f"v{version.version:04}.json"
        if not place.exists():
            _write(place, to_plain(version))

    def show(self, config: PromptConfig) -> None:
        """Write what holds, where the file says something else."""
        place = self._folder / f"{config.model.value}.json"
        _write(place, to_plain(config))


def _write(place: Path, plain: object) -> None:
    body = (json.dumps(plain, indent=2, ensure_ascii=False) + "\n").encode()
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists() or place.read_bytes() != body:
        write_atomic(place, body)
