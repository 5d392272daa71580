"""One engine per data folder."""

import fcntl
import os
from pathlib import Path
from typing import Self

from home_sentry_engine.domain.errors import HomeSentryError


class DataFolderError(HomeSentryError, OSError):
    """The data folder cannot be used; the message says why."""


class DataFolder:
    """Context manager that makes the data folder and holds its lock for the life of the process."""

    def __init__(self, path: Path) -> None:
        """Take the folder; nothing is touched yet."""
        self.path = path
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Make and lock the folder; raises ``DataFolderError``."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._descriptor = os.open(self.path / "engine.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # it tells where this engine listens, not where an earlier one did
            os.ftruncate(self._descriptor, 0)
        except BlockingIOError as err:
            self._close()
            raise DataFolderError(f"another engine works in the data folder {self.path}") from err
        except OSError as err:
            self._close()
            raise DataFolderError(f"the data folder {self.path} cannot be used: {err.strerror}") from err
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the lock."""
        self._close()

    def _close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
