"""The engine's own copies of stills, for intake."""

from pathlib import Path

from home_sentry_engine.domain.files import FileFacts
from home_sentry_engine.media.paths import MediaPaths, remove, write_atomic


class StillCopies:
    """``ingest.intake.Copies`` below the data folder."""

    def __init__(self, paths: MediaPaths) -> None:
        """Take the places of files."""
        self._paths = paths

    def store(self, media_id: str, camera_id: str, facts: FileFacts, data: bytes) -> Path:
        """Write a file whole or not at all."""
        place = self._paths.still(camera_id, media_id, facts.captured.at, facts.file_type)
        write_atomic(place, data)
        return place

    def discard(self, path: Path) -> None:
        """Delete a copy that nobody needs."""
        remove(path)
