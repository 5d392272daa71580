"""Paths of pictures for ids that begin as no real id does."""

from pathlib import Path

from home_sentry_engine.media.paths import MediaPaths


class Paths(MediaPaths):
    """Takes the ids of the household, which may begin with a dash or an underscore."""

    def thumbnail(self, owner_id: str) -> Path:
        return super().thumbnail(owner_id.strip("-_"))

    def video_thumbnail(self, owner_id: str) -> Path:
        return super().video_thumbnail(owner_id.strip("-_"))
