"""The demo's own folder, which is emptied at each start unless it is to be kept."""

from dataclasses import dataclass
from pathlib import Path
import shutil
from typing import Final

from .errors import DemoError

_MARK: Final = ".home-sentry-demo"
_SCRATCH: Final = ("engine", "home-assistant", "logs")


@dataclass(frozen=True, slots=True)
class Folders:
    """Rooms below one folder; models stay between runs."""

    root: Path

    @property
    def engine(self) -> Path:
        """Data folder of the engine."""
        return self.root / "engine"

    @property
    def models(self) -> Path:
        """Model files."""
        return self.root / "models"

    @property
    def home_assistant(self) -> Path:
        """Configuration folder of Home Assistant."""
        return self.root / "home-assistant"

    @property
    def logs(self) -> Path:
        """What both programs write."""
        return self.root / "logs"


def open_folders(root: Path, *, keep: bool) -> Folders:
    """Make the folder ready; raises ``DemoError`` rather than delete what the demo did not make."""
    mark = root / _MARK
    if root.exists() and not root.is_dir():
        raise DemoError(f"{root} is no folder")
    if root.is_dir() and any(root.iterdir()) and not mark.exists():
        raise DemoError(f"{root} holds other things; give the demo an empty folder with --data")
    root.mkdir(parents=True, exist_ok=True)
    mark.touch()
    if not keep:
        for name in _SCRATCH:
            shutil.rmtree(root / name, ignore_errors=True)
    return Folders(root)
