"""Lasting changes of what a camera shows."""

from dataclasses import dataclass
from datetime import datetime

from .vocabulary import SceneChangeKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneChange:
    """A lasting change of a view; it stands until it is over or a person has acknowledged it.

    A change of kind ``unknown`` is no tampering: something new stands there and becomes part of the usual view.
    ``similarity`` is what the picture that told it scored against the usual view, -1..1; scores of different ``scaler``
    do not compare.
    """

    id: int
    camera_id: str
    kind: SceneChangeKind
    at: datetime
    media_id: str | None = None
    over_at: datetime | None = None
    acknowledged_at: datetime | None = None
    similarity: float | None = None
    scaler: str | None = None

    @property
    def stands(self) -> bool:
        """Tell whether the view is still another one and nobody said that this is right."""
        return self.over_at is None and self.acknowledged_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneChangeList:
    """Changes of views, the newest first."""

    items: tuple[SceneChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneReset:
    """How many usual views were forgotten; each is learned anew from the next picture."""

    forgotten: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneBaseline:
    """The picture that is a camera's usual view from now on; ``light`` is ``day`` or ``infrared``."""

    camera_id: str
    light: str
    media_id: str
    at: datetime
