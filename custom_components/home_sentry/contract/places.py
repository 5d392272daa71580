"""Places and habits of a camera: zones, and what is usual there."""

from dataclasses import dataclass
from datetime import datetime

from .vocabulary import ZoneAnchor, ZoneType


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A part of a camera's picture; ``points`` are the corners as fractions 0..1 of width and height.

    Where zones overlap the highest ``priority`` (0..100) decides. Objects of the classes in ``required_for`` (``*``
    means all) are reported only from such zones. ``private`` None follows from the type, ``inside`` says that the zone
    lies indoors. Staying longer than ``loitering_s`` is noted; in videos an object counts after ``inertia`` frames.
    ``line`` is a threshold of two points: from its left to its right side, seen along it, is inwards.
    """

    id: str
    name: str
    type: ZoneType
    points: tuple[tuple[float, float], ...]
    enabled: bool = True
    priority: int = 0
    colour: str = "#3B82F6"
    anchor: ZoneAnchor = ZoneAnchor.BOTTOM_CENTRE
    private: bool | None = None
    inside: bool = False
    loitering_s: float | None = None
    inertia: int = 3
    required_for: tuple[str, ...] = ()
    line: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneList:
    """All zones of one camera, the highest priority first."""

    camera_id: str
    zones: tuple[Zone, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """A part of a camera's picture that nobody shall see; ``points`` as fractions of the picture.

    ``modes`` are the arm modes of the home in which it holds, as Home Assistant calls them; none means always.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    modes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskList:
    """All privacy masks of one camera; ``changed_at`` is when they were drawn, None where there never were any.

    ``to_remask`` is how many files that were stored before wait until the masks are burned into them.
    """

    camera_id: str
    masks: tuple[Mask, ...]
    changed_at: datetime | None = None
    to_remask: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """What is usual for one class in one hour of the day; ``mean`` is per day, ``state`` ready or learning."""

    label: str
    weekend: bool
    hour: int
    days: int
    mean: float
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What is usual at one camera; ``since`` is the first day that counts, None before anything was counted."""

    camera_id: str
    since: str | None
    window_days: int
    min_days: int
    habits: tuple[Habit, ...]
