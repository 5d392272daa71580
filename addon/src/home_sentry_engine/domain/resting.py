"""A thing that stays where it is."""

from dataclasses import dataclass
from datetime import datetime

type Place = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resting:
    """A thing at its place (x, y, width, height as fractions of the picture); ``missed`` looks since ``missed_at``."""

    label: str
    place: Place
    first_at: datetime
    last_at: datetime
    missed: int = 0
    missed_at: datetime | None = None
