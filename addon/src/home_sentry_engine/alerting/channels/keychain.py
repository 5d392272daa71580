"""What channels need and nobody may read: a file of the data folder that its owner alone can open."""

from collections.abc import Callable, Mapping
import json
from pathlib import Path
import threading
from typing import Any, Final
from urllib.parse import urlsplit

from home_sentry_engine.domain.errors import HomeSentryError
from home_sentry_engine.resilience.private_file import write_private

FILE: Final = "channels.secret"
_MODE: Final = 0o600


class UnusableKeychain(HomeSentryError, OSError):
    """The file cannot be read or written; the message says why without its content."""


class Keychain:
    """Secrets by channel id; all calls block for a moment. ``learn`` hears each, so that no log shows it."""

    def __init__(self, folder: Path, learn: Callable[[str], None]) -> None:
        """Take the data folder; the file is made with the first secret."""
        self._file = folder / FILE
        self._learn = learn
        self._lock = threading.Lock()

    def of(self, channel_id: str) -> dict[str, Any]:
        """Give the secrets of a channel, none for one that has none here; raises ``UnusableKeychain``."""
        with self._lock:
            found = self._read().get(channel_id, {})
        self._teach(found)
        return dict(found)

    def put(self, channel_id: str, given: Mapping[str, Any]) -> None:
        """Keep these as the only secrets of a channel; raises ``UnusableKeychain``."""
        self._teach(given)
        with self._lock:
            kept = self._read()
            kept[channel_id] = dict(given)
            self._write(kept)

    def drop(self, channel_id: str) -> None:
        """Forget a channel; raises ``UnusableKeychain``."""
        with self._lock:
            kept = self._read()
            if kept.pop(channel_id, None) is not None:
                self._write(kept)

    def _teach(self, given: Mapping[str, Any]) -> None:
        for name, value in given.items():
            if not isinstance(value, str):
                continue
            self._learn(value)
            if name == "url":
                parts = urlsplit(value)
                for part in (parts.path.strip("/"), parts.query, parts.password or "", parts.username or ""):
                    self._learn(part)

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            if self._file.stat().st_mode & 0o077:
                self._file.chmod(_MODE)
            kept = json.loads(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as err:
            raise UnusableKeychain(f"'{FILE}' in the data folder cannot be read: {type(err).__name__}") from err
        if not isinstance(kept, dict) or not all(isinstance(one, dict) for one in kept.values()):
            raise UnusableKeychain(f"'{FILE}' in the data folder is damaged; delete it and set up the channels again")
        return kept

    def _write(self, kept: Mapping[str, Mapping[str, Any]]) -> None:
        try:
            write_private(self._file, json.dumps(kept).encode())
        except OSError as err:
            raise UnusableKeychain(f"'{FILE}' in the data folder cannot be written: {err.strerror}") from err
