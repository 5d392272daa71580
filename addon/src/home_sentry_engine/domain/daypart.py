"""Day and night at home, by the clock on the wall."""

from datetime import datetime
from typing import Final

NIGHT_FROM_H: Final = 22
NIGHT_UNTIL_H: Final = 6


def is_night(local: datetime) -> bool:
    """Tell whether a moment in the home's time zone lies between 22 and 6 o'clock."""
    return local.hour >= NIGHT_FROM_H or local.hour < NIGHT_UNTIL_H
