"""A thing that stays where it is, and news of a view that does not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

type Place = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """A thing at its place (x, y, width, height as fractions of the picture); ``missed`` looks since ``missed_at``.

    ``patches`` are small grey pictures of the place by light, ``held_at`` is when pixels said last that it is there.
    """

    label: str
    place: Place
    first_at: datetime
    last_at: datetime
    missed: int = 0
    missed_at: datetime | None = None
    patches: tuple[tuple[str, bytes], ...] = ()
    held_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shown:
    """What one picture shows: its ``light``, and ``patch`` gives a place of it as small grey pixels of one size."""

    light: str
    patch: Callable[[Place], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptView:
    """A usual view to be kept: the light it belongs to, an encoded picture, what was learned as JSON values."""

    light: str
    picture: bytes
    state: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptMemory:
    """What an image model learned of a view so far, and how strange this picture was to it, 0..1, None at first."""

    light: str
    model_id: str
    learned: int
    vector: bytes
    spread: float
    anomaly: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewNews:
    """What one picture says about its camera's view: a lasting ``change`` of a kind, or that it is ``over``.

    ``similarity`` is how much it is like the usual view, -1..1, by pictures that ``scaler`` made; None without one.
    ``shown`` is None where the picture is no newer than others.
    """

    change: str | None = None
    over: bool = False
    similarity: float | None = None
    scaler: str | None = None
    keep: KeptView | None = None
    memory: KeptMemory | None = None
    shown: Shown | None = None
